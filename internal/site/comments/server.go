package comments

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
)

// How long a registration on a server is kept without being used, and how long a
// server that gave none is left alone.
const (
	serverLife = 90 * 24 * time.Hour
	serverRest = 10 * time.Minute
)

func serverPurpose(institutionID, host, redirect string) string {
	return "site.comment.server/" + institutionID + "/" + host + " " + redirect
}

// registration is what Arengo is on a server. It is kept, so that a server is asked
// once; a server that gave none is not asked again for a while. Faults: Invalid on the
// field "address", TooMany, Unavailable.
func (c *Comments) registration(ctx context.Context, i institution.Institution, host, redirect string) (app []byte, err error) {
	now := c.o.Clock()
	unreachable := fault.InvalidField("address", "comments.address.unreachable", host)
	var sealed string
	err = c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		var last int64
		err := tx.QueryRow(ctx, `SELECT sealed, tried_at FROM comment_server WHERE institution_id = $1 AND host = $2 AND redirect = $3`, i.ID, host, redirect).Scan(&sealed, &last)
		switch {
		case err == nil && sealed != "":
			_, err = tx.Exec(ctx, `UPDATE comment_server SET used_at = $4 WHERE institution_id = $1 AND host = $2 AND redirect = $3 AND used_at < $5`,
				i.ID, host, redirect, db.At(now), db.At(now.Add(-time.Hour)))
			return err
		case err == nil && now.Sub(db.When(last)) < serverRest:
			return unreachable
		case err != nil && !errors.Is(err, db.ErrNone):
			return err
		}
		if err := c.allow(ctx, tx, now, limit.CommentHost.Of(host), limit.CommentServersTried.Of("")); err != nil {
			return err
		}
		return tried(ctx, tx, i.ID, host, redirect, now)
	})
	if err != nil {
		return nil, err
	}
	if sealed != "" {
		text, err := c.o.Box.Open(serverPurpose(i.ID, host, redirect), sealed)
		return []byte(text), err
	}
	calling, done, err := c.calling(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if app, err = c.o.Fediverse.Register(calling, host, redirect); err != nil {
		return nil, unreachable.Because(err)
	}
	return app, c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE comment_server SET sealed = $4 WHERE institution_id = $1 AND host = $2 AND redirect = $3`, i.ID, host, redirect, c.o.Box.Seal(serverPurpose(i.ID, host, redirect), string(app)))
		return err
	})
}

// tried writes down that a server is asked now. Fault: TooMany when there is no room
// for one more.
func tried(ctx context.Context, tx *db.Tx, institutionID, host, redirect string, now time.Time) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM comment_server WHERE institution_id = $1 AND NOT (host = $2 AND redirect = $3)`, institutionID, host, redirect).Scan(&n); err != nil {
		return err
	}
	if n >= limit.CommentServers.N() {
		return fault.New(fault.TooMany, "comments.too_many")
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO comment_server (institution_id, host, redirect, tried_at, used_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (institution_id, host, redirect) DO UPDATE SET tried_at = excluded.tried_at, used_at = excluded.used_at`, institutionID, host, redirect, db.At(now))
	return err
}

// doubt forgets a registration with which a sign-in failed, unless it is new: the
// server may have forgotten it first.
func (c *Comments) doubt(ctx context.Context, institutionID, host, redirect string) {
	// Nothing depends on it: a registration that stays is doubted again.
	_ = c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM comment_server WHERE institution_id = $1 AND host = $2 AND redirect = $3 AND tried_at < $4`, institutionID, host, redirect, db.At(c.o.Clock().Add(-24*time.Hour)))
		return err
	})
}

// tidyServers forgets the servers from which nobody came for long, and those that
// gave no registration.
func tidyServers(ctx context.Context, tx *db.Tx, now time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM comment_server WHERE used_at < $1 OR sealed = '' AND tried_at < $2`, db.At(now.Add(-serverLife)), db.At(now.Add(-serverRest)))
	return err
}
