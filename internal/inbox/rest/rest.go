package rest

import (
	"context"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// Options for the API of the inbox. All are required.
type Options struct {
	DB    *db.DB
	Inbox *inbox.Inbox
	Clock func() time.Time
	// Due is the moment by which an office must answer what arrived at from; zero
	// when it has no deadline.
	Due func(ctx context.Context, tx *db.Tx, institutionID, officeID string, from time.Time) (time.Time, error)
	// Rules are the numbered rules of the external policy.
	Rules func(ctx context.Context, tx *db.Tx, institutionID string) ([]string, error)
}

type routes struct{ Options }

// Register adds the routes of the inbox to the API.
func Register(k *api.Kit, o Options) {
	r := routes{o}
	k.Describe("answers", "What the institution answers: drafted, approved, sent to where it was asked.")
	k.Describe("conversations", "What citizens say on all squares, and who answers it until when.")
	k.Describe("moderation", "Comments hidden, refused or reported by a written rule, with the log and its appeals.")
	k.Describe("offices", "Who knows the answers.")
	r.conversations(k)
	r.acts(k)
	r.answers(k)
	r.moderation(k)
	r.house(k)
}

// here is the institution in which the caller acts.
func here(ctx context.Context) string {
	a, _ := people.From(ctx)
	return a.InstitutionID
}

// keeping makes what the caller is told part of the change itself: a request that
// is repeated because its answer was lost finds it, and does nothing again.
func keeping(ctx context.Context) context.Context {
	return inbox.Along(ctx, func(ctx context.Context, tx *db.Tx, a inbox.Answer) error { return api.Keep(ctx, tx, answerOf(a)) })
}

type byID struct {
	ID string `json:"-" path:"id"`
}

type listConversations struct {
	api.Page
	State     string `json:"-" query:"state" enum:"open,closed"`
	Waiting   bool   `json:"-" query:"waiting" doc:"Only those whose last word is the citizen's."`
	Overdue   bool   `json:"-" query:"overdue"`
	Who       string `json:"-" query:"visibility" enum:"public,private"`
	OfficeID  string `json:"-" query:"office_id" doc:"A minus sign: those that no office has."`
	PersonID  string `json:"-" query:"person_id"`
	ProfileID string `json:"-" query:"profile_id"`
	Platform  string `json:"-" query:"platform"`
	ChannelID string `json:"-" query:"channel_id"`
	MessageID string `json:"-" query:"message_id"`
	AuthorID  string `json:"-" query:"author_id"`
	Held      bool   `json:"-" query:"held" doc:"With a comment that waits for approval."`
	ToApprove bool   `json:"-" query:"to_approve" doc:"With an answer that waits for approval."`
	Unsent    bool   `json:"-" query:"unsent" doc:"With an answer that did not reach its channel."`
	Text      string `json:"-" query:"text" doc:"Every word of it was said, in any form of the word."`
	Sort      string `json:"-" query:"sort" enum:"newest,oldest,deadline"`
}

// filter is what a list asks for. Fault: Invalid for a cursor that is none of ours.
func (in listConversations) filter() (f inbox.Filter, err error) {
	f = inbox.Filter{State: inbox.State(in.State), Waiting: in.Waiting, Overdue: in.Overdue, Public: in.Who == "public", Private: in.Who == "private",
		OfficeID: in.OfficeID, PersonID: in.PersonID, ProfileID: in.ProfileID, Platform: channel.Platform(in.Platform), ChannelID: in.ChannelID, MessageID: in.MessageID,
		AuthorID: in.AuthorID, Held: in.Held, ToApprove: in.ToApprove, Unsent: in.Unsent, Text: in.Text, Sort: inbox.Sort(in.Sort), Limit: in.Limit + 1}
	f.Before.At, f.Before.ID, err = api.PlaceAt(in.Cursor)
	return f, err
}

func (r routes) conversations(k *api.Kit) {
	api.Register(k, api.Route[listConversations, api.List[row]]{
		Method: http.MethodGet, Path: "/conversations", Tag: "conversations", Action: people.See, Summary: "List conversations",
		Tx: func(ctx context.Context, tx *db.Tx, in listConversations) (out api.List[row], err error) {
			f, err := in.filter()
			if err != nil {
				return out, err
			}
			now := r.Clock()
			found, err := inbox.List(ctx, tx, here(ctx), f, now)
			if err != nil {
				return out, err
			}
			all := make([]row, len(found))
			for i, c := range found {
				all[i] = rowOf(c, f.Sort, now)
			}
			return api.Cut(all, in.Limit, func(last row) string { return api.CursorAt(last.after.At, last.after.ID) }), nil
		},
	})
	api.Register(k, api.Route[byID, thread]{
		Method: http.MethodGet, Path: "/conversations/{id}", Tag: "conversations", Action: people.See, Summary: "Read a conversation",
		Description: "With all that was said and done in it, in order.",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (thread, error) {
			now := r.Clock()
			t, err := r.Inbox.Thread(ctx, tx, here(ctx), in.ID, now)
			if err != nil {
				return thread{}, err
			}
			return threadOf(t, now), nil
		},
	})
}

type assignment struct {
	byID
	OfficeID string     `json:"office_id,omitempty" doc:"Empty: no office."`
	PersonID string     `json:"person_id,omitempty" doc:"Empty: nobody."`
	DueAt    *time.Time `json:"due_at,omitempty" doc:"Default: by the office's working hours."`
}

type writing struct {
	byID
	Text string `json:"text" required:"true"`
}

type stance struct {
	byID
	Stance string `json:"stance" required:"true" enum:"agree,against,neutral,question" example:"question"`
}

func (r routes) acts(k *api.Kit) {
	act := func(path, summary, description string, do func(ctx context.Context, institutionID string, ids []string) error) {
		api.Register(k, api.Route[byID, api.None]{
			Method: http.MethodPost, Path: "/conversations/{id}/" + path, Tag: "conversations", Action: people.Answer, Summary: summary, Description: description,
			Do: func(ctx context.Context, in byID) (api.None, error) {
				return api.None{}, do(ctx, here(ctx), []string{in.ID})
			},
		})
	}
	act("close", "Close a conversation", "A new word of the citizen opens it again.", r.Inbox.Close)
	act("reopen", "Open a conversation again", "", r.Inbox.Reopen)
	api.Register(k, api.Route[assignment, api.None]{
		Method: http.MethodPost, Path: "/conversations/{id}/assign", Tag: "conversations", Action: people.Answer, Summary: "Give a conversation to an office or a person",
		Do: func(ctx context.Context, in assignment) (api.None, error) {
			to := inbox.To{OfficeID: in.OfficeID, PersonID: in.PersonID}
			if in.DueAt != nil {
				to.DueAt = *in.DueAt
			} else if in.OfficeID != "" {
				if err := r.DB.Read(ctx, func(tx *db.Tx) (err error) {
					to.DueAt, err = r.Due(ctx, tx, here(ctx), in.OfficeID, r.Clock())
					return err
				}); err != nil {
					return api.None{}, err
				}
			}
			return api.None{}, r.Inbox.Assign(ctx, here(ctx), []string{in.ID}, to)
		},
	})
	api.Register(k, api.Route[writing, note]{
		Method: http.MethodPost, Path: "/conversations/{id}/notes", Tag: "conversations", Action: people.Answer, Status: http.StatusCreated,
		Summary: "Write a note", Description: "Among ourselves: citizens never see it.",
		Tx: func(ctx context.Context, tx *db.Tx, in writing) (note, error) {
			a, err := people.Here(ctx, people.Answer)
			if err != nil {
				return note{}, err
			}
			n, err := r.Inbox.NoteTx(ctx, tx, a.InstitutionID, inbox.Note{ConversationID: in.ID, PersonID: a.PersonID, Signed: a.Name, Text: in.Text}, r.Clock())
			return noteOf(n), err
		},
	})
	api.Register(k, api.Route[stance, api.None]{
		Method: http.MethodPost, Path: "/comments/{id}/stance", Tag: "conversations", ID: "setCommentStance", Action: people.Answer, Summary: "Say what a comment says of what it answers",
		Description: "What a person says is kept; no rule changes it.",
		Do: func(ctx context.Context, in stance) (api.None, error) {
			return api.None{}, r.Inbox.SetStance(ctx, here(ctx), in.ID, inbox.Stance(in.Stance))
		},
	})
}

type officeList struct {
	Items []office `json:"items"`
}

type office struct {
	ID    string `json:"id"`
	Slug  string `json:"slug"`
	Name  string `json:"name"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
}

type policyList struct {
	Rules []string `json:"rules" doc:"Numbered: what a moderation names."`
}

func (r routes) house(k *api.Kit) {
	api.Register(k, api.Route[api.None, officeList]{
		Method: http.MethodGet, Path: "/offices", Tag: "offices", Action: people.See, Summary: "List the offices",
		Tx: func(ctx context.Context, tx *db.Tx, _ api.None) (out officeList, err error) {
			all, err := institution.Offices(ctx, tx, here(ctx))
			for _, o := range all {
				out.Items = append(out.Items, office{o.ID, o.Slug, o.Name, o.Email, o.Phone})
			}
			return out, err
		},
	})
	api.Register(k, api.Route[api.None, policyList]{
		Method: http.MethodGet, Path: "/policies", Tag: "moderation", Action: people.See, Summary: "Read the rules of taking part",
		Description: "The numbered rules of the external policy, as they are now.",
		Tx: func(ctx context.Context, tx *db.Tx, _ api.None) (out policyList, err error) {
			out.Rules, err = r.Rules(ctx, tx, here(ctx))
			return out, err
		},
	})
}
