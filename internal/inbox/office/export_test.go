package office

import (
	"context"

	"codeberg.org/arengo/arengo/internal/retain"
)

// Watch does the work of the watch at once.
func (o *Offices) Watch(ctx context.Context) error { return o.workWatch(ctx, watch{}) }

// MakeDraftFor does the work of making a request's draft.
func (o *Offices) MakeDraftFor(ctx context.Context, institutionID, requestID string) error {
	return o.workDraft(ctx, draftJob{institutionID, requestID})
}

// Tidy does the work of removing what has no use any more.
func (o *Offices) Tidy(ctx context.Context) error {
	return retain.Work(ctx, o.DB, Retention(), o.Clock(), nil)
}
