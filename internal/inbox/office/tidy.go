package office

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// tidyEvery is how often what has no use any more is removed.
const tidyEvery = 24 * time.Hour

// keepLinks is how long a letter is remembered after its link expired: long enough
// to answer who was asked what in a year's report.
const keepLinks = 400 * 24 * time.Hour

// tidy is the work of removing what has no use any more.
type tidy struct{}

// Kind names the work.
func (tidy) Kind() string { return "office.tidy" }

// workTidy removes links that expired long ago, with the marks of the forms that came
// through them, and old reminders. What offices answered to requests stays.
func (o *Offices) workTidy(ctx context.Context, _ tidy) error {
	before := db.At(o.Clock().Add(-keepLinks))
	return o.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, q := range []string{
			`DELETE FROM office_answer WHERE request_id = '' AND at < $1`,
			`DELETE FROM office_link WHERE expires_at < $1`,
			`DELETE FROM office_alarm WHERE due_at < $1`,
		} {
			if _, err := tx.Exec(ctx, q, before); err != nil {
				return err
			}
		}
		return nil
	})
}
