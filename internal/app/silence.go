package app

import (
	"context"
	"errors"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// lostFor is how long the desk says that work was given up.
const lostFor = 24 * time.Hour

// warning is what everybody at the desk must know beside a freeze: that a square
// says nothing, with what waits for it; and whoever looks after the installation,
// that its clock jumped, or that something could not be done at all. nil when all is well.
func (a *App) warning(ctx context.Context, tx *db.Tx, r *http.Request, institutionID string, who auth.Identity) (*layout.Banner, error) {
	t := a.Web.Printer(r)
	if by := a.clock.within(time.Since(a.began), time.Hour); by != 0 && who.May(people.Staff) {
		return &layout.Banner{Kind: layout.Warning, Text: t.T("nav.clock", by.Round(time.Second).String()), Link: layout.Link{Label: t.T("nav.clock.open"), URL: "/redazione/consegne"}}, nil
	}
	if who.May(people.Configure) {
		lost, err := jobs.Lost(ctx, tx, a.Clock().Add(-lostFor))
		if err != nil {
			return nil, err
		}
		if len(lost) > 0 {
			return &layout.Banner{Kind: layout.Warning, Text: t.T("nav.given_up", lost[0].Times, t.DateTime(lost[0].Last), lost[0].Kind, lost[0].Reason)}, nil
		}
	}
	var name string
	var since int64
	var waiting int
	err := tx.QueryRow(ctx, `
		SELECT c.name, c.failing_since, (SELECT count(*) FROM delivery d
			WHERE d.institution_id = c.institution_id AND d.state IN ('waiting', 'attempting') AND d.channel_id = c.id)
		FROM channel c
		WHERE c.institution_id = $1 AND c.state = 'failing' AND c.error_code IN ('timeout', 'unreachable')
		ORDER BY c.failing_since LIMIT 1`, institutionID).Scan(&name, &since, &waiting)
	if errors.Is(err, db.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &layout.Banner{Kind: layout.Warning, Text: t.T("nav.silent", name, t.DateTime(db.When(since)), waiting),
		Link: layout.Link{Label: t.T("nav.silent.open"), URL: "/redazione/consegne"}}, nil
}
