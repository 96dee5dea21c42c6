package rest

import (
	"context"
	"net/http"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
)

type answerList struct {
	Items []answer `json:"items"`
}

type newAnswer struct {
	byID
	CommentID string `json:"comment_id,omitempty" doc:"What is answered; default: the citizen's last word."`
	Text      string `json:"text" required:"true" example:"Sì, il sabato fino alle 13."`
	Lang      string `json:"lang,omitempty" doc:"BCP 47; default: that of the comment." example:"it"`
	Private   bool   `json:"private,omitempty" doc:"Always true where what is answered was private."`
}

type editAnswer struct {
	byID
	Rev     int64  `json:"rev" required:"true" doc:"The revision you read; 409 when somebody saved since." example:"1"`
	Text    string `json:"text" required:"true"`
	Lang    string `json:"lang,omitempty"`
	Private bool   `json:"private,omitempty"`
}

type approval struct {
	byID
	Hash string `json:"hash" required:"true" doc:"Of the text that was read."`
}

type sendBack struct {
	byID
	Reason string `json:"reason" required:"true" example:"Manca l'orario."`
}

type correction struct {
	byID
	Rev  int64  `json:"rev" required:"true" doc:"The revision you read; 409 when somebody saved since."`
	Text string `json:"text" required:"true"`
}

// step is one on an answer's way.
type step[In any] struct {
	path, summary, description string
	action                     people.Action
	do                         func(ctx context.Context, institutionID string, in In) (inbox.Answer, error)
}

func walk[In any](k *api.Kit, s step[In]) {
	api.Register(k, api.Route[In, answer]{
		Method: http.MethodPost, Path: "/answers/{id}/" + s.path, Tag: "answers", Action: s.action, Summary: s.summary, Description: s.description, Keeps: true,
		Do: func(ctx context.Context, in In) (answer, error) {
			a, err := s.do(keeping(ctx), here(ctx), in)
			return answerOf(a), err
		},
	})
}

func (r routes) answers(k *api.Kit) {
	api.Register(k, api.Route[byID, answerList]{
		Method: http.MethodGet, Path: "/conversations/{id}/answers", Tag: "answers", Action: people.See, Summary: "List the answers of a conversation",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (out answerList, err error) {
			if _, err := inbox.Find(ctx, tx, here(ctx), in.ID); err != nil {
				return out, err
			}
			all, err := inbox.Answers(ctx, tx, here(ctx), in.ID)
			for _, a := range all {
				out.Items = append(out.Items, answerOf(a))
			}
			return out, err
		},
	})
	api.Register(k, api.Route[newAnswer, answer]{
		Method: http.MethodPost, Path: "/conversations/{id}/answers", Tag: "answers", Action: people.Answer, Status: http.StatusCreated, Summary: "Draft an answer", Keeps: true,
		Do: func(ctx context.Context, in newAnswer) (answer, error) {
			a, err := r.Inbox.Draft(keeping(ctx), here(ctx), inbox.AnswerDraft{ConversationID: in.ID, CommentID: in.CommentID, Text: in.Text, Lang: in.Lang, Private: in.Private})
			return answerOf(a), err
		},
	})
	api.Register(k, api.Route[byID, answer]{
		Method: http.MethodGet, Path: "/answers/{id}", Tag: "answers", Action: people.See, Summary: "Read an answer",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (answer, error) {
			a, err := inbox.AnswerByID(ctx, tx, here(ctx), in.ID)
			return answerOf(a), err
		},
	})
	api.Register(k, api.Route[editAnswer, answer]{
		Method: http.MethodPut, Path: "/answers/{id}", Tag: "answers", Action: people.Answer, Summary: "Edit an answer", Description: "An edit takes back a submission.", Keeps: true,
		Do: func(ctx context.Context, in editAnswer) (answer, error) {
			a, err := r.Inbox.Draft(keeping(ctx), here(ctx), inbox.AnswerDraft{ID: in.ID, Text: in.Text, Lang: in.Lang, Private: in.Private, Rev: in.Rev})
			return answerOf(a), err
		},
	})
	walk(k, step[byID]{"submit", "Ask for approval", "", people.Answer,
		func(ctx context.Context, inst string, in byID) (inbox.Answer, error) {
			return r.Inbox.Submit(ctx, inst, in.ID)
		}})
	walk(k, step[approval]{"approve", "Approve and send", "The approver is not the author. 409 when the text is no longer what was read.", people.Approve,
		func(ctx context.Context, inst string, in approval) (inbox.Answer, error) {
			return r.Inbox.Approve(ctx, inst, in.ID, in.Hash)
		}})
	walk(k, step[sendBack]{"send-back", "Send back with a reason", "", people.Approve,
		func(ctx context.Context, inst string, in sendBack) (inbox.Answer, error) {
			return r.Inbox.SendBack(ctx, inst, in.ID, in.Reason)
		}})
	walk(k, step[byID]{"send", "Send", "Where it was asked, once. 409 where the profile wants four eyes.", people.Answer,
		func(ctx context.Context, inst string, in byID) (inbox.Answer, error) {
			return r.Inbox.Send(ctx, inst, in.ID)
		}})
	walk(k, step[correction]{"correct", "Correct an answer that was sent", "Where the channel lets a copy be changed.", people.Answer,
		func(ctx context.Context, inst string, in correction) (inbox.Answer, error) {
			return r.Inbox.Correct(ctx, inst, in.ID, in.Rev, in.Text)
		}})
	walk(k, step[byID]{"withdraw", "Withdraw", "A draft is dropped; a copy is taken back where the channel lets us.", people.Answer,
		func(ctx context.Context, inst string, in byID) (inbox.Answer, error) {
			return r.Inbox.Withdraw(ctx, inst, in.ID)
		}})
}
