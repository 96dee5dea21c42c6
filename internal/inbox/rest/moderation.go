package rest

import (
	"context"
	"net/http"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
)

type breach struct {
	byID
	Rule   string `json:"rule" required:"true" doc:"Of the external policy, which was broken."`
	Reason string `json:"reason,omitempty"`
}

type hiding struct {
	breach
	Warning string `json:"warning,omitempty" doc:"What the author is told, as an answer."`
}

type ending struct {
	byID
	Reason string `json:"reason,omitempty"`
}

type decision struct {
	byID
	Outcome string `json:"outcome" required:"true" enum:"upheld,overturned"`
}

type listModeration struct{ api.Page }

// moderates is an act of moderation at a path.
type moderates[In any] struct {
	path, summary, description string
	do                         func(ctx context.Context, institutionID string, in In) (inbox.Moderation, error)
}

func judge[In any](k *api.Kit, m moderates[In]) {
	api.Register(k, api.Route[In, moderation]{
		Method: http.MethodPost, Path: m.path, Tag: "moderation", Action: people.Moderate, Summary: m.summary, Description: m.description,
		Do: func(ctx context.Context, in In) (moderation, error) {
			l, err := m.do(ctx, here(ctx), in)
			return moderationOf(l), err
		},
	})
}

func (r routes) moderation(k *api.Kit) {
	api.Register(k, api.Route[listModeration, api.List[moderation]]{
		Method: http.MethodGet, Path: "/moderation", Tag: "moderation", ID: "listModeration", Action: people.Moderate, Summary: "List the moderation log, newest first",
		Tx: func(ctx context.Context, tx *db.Tx, in listModeration) (out api.List[moderation], err error) {
			at, err := api.Place(in.Cursor, 1)
			if err != nil {
				return out, err
			}
			found, err := inbox.ModerationLog(ctx, tx, here(ctx), at[0], in.Limit+1)
			if err != nil {
				return out, err
			}
			all := make([]moderation, len(found))
			for i, m := range found {
				all[i] = moderationOf(m)
			}
			return api.Cut(all, in.Limit, func(last moderation) string { return api.Cursor(last.ID) }), nil
		},
	})
	api.Register(k, api.Route[byID, moderation]{
		Method: http.MethodGet, Path: "/moderation/{id}", Tag: "moderation", Action: people.Moderate, Summary: "Read an entry of the moderation log",
		Tx: func(ctx context.Context, tx *db.Tx, in byID) (moderation, error) {
			m, err := inbox.ModerationByID(ctx, tx, here(ctx), in.ID)
			return moderationOf(m), err
		},
	})
	api.Register(k, api.Route[byID, api.None]{
		Method: http.MethodPost, Path: "/comments/{id}/release", Tag: "moderation", Action: people.Moderate, Summary: "Let others see a comment that waits",
		Do: func(ctx context.Context, in byID) (api.None, error) {
			return api.None{}, r.Inbox.Release(ctx, here(ctx), in.ID)
		},
	})
	judge(k, moderates[breach]{"/comments/{id}/refuse", "Refuse a comment that waits", "",
		func(ctx context.Context, inst string, in breach) (inbox.Moderation, error) {
			return r.Inbox.Refuse(ctx, inst, in.ID, in.Rule, in.Reason)
		}})
	judge(k, moderates[hiding]{"/comments/{id}/hide", "Hide a comment", "Here and, where the platform lets us, there.",
		func(ctx context.Context, inst string, in hiding) (inbox.Moderation, error) {
			return r.Inbox.Hide(ctx, inst, in.ID, in.Rule, in.Reason, in.Warning)
		}})
	judge(k, moderates[ending]{"/comments/{id}/unhide", "Show a hidden comment again", "",
		func(ctx context.Context, inst string, in ending) (inbox.Moderation, error) {
			return r.Inbox.Unhide(ctx, inst, in.ID, in.Reason)
		}})
	judge(k, moderates[breach]{"/comments/{id}/report", "Report a comment to its platform", "",
		func(ctx context.Context, inst string, in breach) (inbox.Moderation, error) {
			return r.Inbox.Report(ctx, inst, in.ID, in.Rule, in.Reason)
		}})
	judge(k, moderates[breach]{"/authors/{id}/block", "Block an author", "What a blocked author says is not kept.",
		func(ctx context.Context, inst string, in breach) (inbox.Moderation, error) {
			return r.Inbox.Block(ctx, inst, in.ID, in.Rule, in.Reason)
		}})
	judge(k, moderates[ending]{"/authors/{id}/unblock", "Hear an author again", "",
		func(ctx context.Context, inst string, in ending) (inbox.Moderation, error) {
			return r.Inbox.Unblock(ctx, inst, in.ID, in.Reason)
		}})
	judge(k, moderates[decision]{"/moderation/{id}/decide", "Decide an appeal", "By somebody else than who moderated, where there is one.",
		func(ctx context.Context, inst string, in decision) (inbox.Moderation, error) {
			return r.Inbox.Decide(ctx, inst, in.ID, inbox.Outcome(in.Outcome))
		}})
}
