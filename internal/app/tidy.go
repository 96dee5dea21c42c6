package app

import (
	"context"
	"errors"
	"slices"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/webmention"
	"codeberg.org/arengo/arengo/internal/channel/webpush"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/webhook"
)

// tidy is the hourly work of letting go of what is past its time.
type tidy struct{}

func (tidy) Kind() string { return "app.tidy" }

func (a *App) tidy(ctx context.Context, _ tidy) error {
	now := a.Clock()
	defer a.optimize(ctx)
	return errors.Join(
		retain.Work(ctx, a.DB, retention(a.Config.Keep, a.Inbox), now, a.Log),
		a.DB.InTx(ctx, func(tx *db.Tx) error { return a.Auth.Purge(ctx, tx, now) }))
}

// optimize renews the database's statistics. Without them it is slower, not wrong.
func (a *App) optimize(ctx context.Context) {
	if err := a.DB.Optimize(ctx); err != nil && ctx.Err() == nil {
		a.Log.WarnContext(ctx, "the database has no new statistics", "error", err)
	}
}

// Retention is the whole table of what is let go of, for the documents.
func Retention(keep config.Keep) []retain.Rule { return retention(keep, nil) }

// retention joins what each domain says; in does the work of the inbox.
func retention(keep config.Keep, in *inbox.Inbox) []retain.Rule {
	outcomes, drafts, history := retain.Days(keep.Outcomes), retain.Days(keep.Drafts), retain.Days(keep.History)
	return slices.Concat(
		publishing.Retention(drafts, history),
		newsletter.Retention(outcomes),
		in.Retention(drafts, history),
		office.Retention(),
		channel.Retention(),
		webpush.Retention(outcomes),
		webhook.Retention(),
		api.Retention(),
		[]retain.Rule{{Table: "rate_limit", Step: limit.Forget}},
		webmention.Retention(),
	)
}
