package inbox

import (
	"context"

	"codeberg.org/arengo/arengo/internal/db"
)

// MaxMenu is where CountWaiting stops: as many as that, or more.
const MaxMenu = 100

// CountWaiting counts the conversations that wait for a word of ours, up to
// MaxMenu: it stands beside the menu on every page of the desk.
func CountWaiting(ctx context.Context, tx *db.Tx, institutionID string) (n int, err error) {
	err = tx.QueryRow(ctx, `
		SELECT count(*) FROM (SELECT 1 FROM conversation WHERE institution_id = $1 AND state = 'open' AND waiting LIMIT $2) AS some`,
		institutionID, MaxMenu).Scan(&n)
	return n, err
}
