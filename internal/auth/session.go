package auth

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/scs/v2"

	"codeberg.org/arengo/arengo/internal/db"
)

// The values of a session.
const (
	personKey  = "auth.person"  // who is signed in
	agentKey   = "auth.agent"   // browser family, for the list of sessions
	networkKey = "auth.network" // prefix of the address, for the list
	placeKey   = "auth.place"   // institution on whose site it was begun
	provedKey  = "auth.proved"  // µs: when the person last proved who they are
	pendingKey = "auth.pending" // whose password was right, while the code is awaited
	pendingAt  = "auth.pending_at"
)

var _ scs.CtxStore = (*Sessions)(nil)

// Sessions keeps the sessions of the kit of pages in the database. The token it
// gets is hashed already (see web.Kit).
type Sessions struct {
	db  *db.DB
	now func() time.Time
}

// NewSessions returns a store with a clock.
func NewSessions(d *db.DB, now func() time.Time) *Sessions { return &Sessions{d, now} }

// FindCtx returns a session that is neither expired nor revoked.
func (s *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		var text string
		err := tx.QueryRow(ctx, `SELECT data FROM session WHERE token_hash = $1 AND revoked_at = 0 AND expires_at > $2`,
			token, db.At(s.now())).Scan(&text)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		if err == nil {
			data, err = base64.StdEncoding.DecodeString(text)
		}
		found = err == nil
		return err
	})
	return data, found, err
}

// CommitCtx writes a session down. A revoked one stays revoked, whatever a
// request that began before still wants to write.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	_, values, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return fmt.Errorf("commit session: %w", err)
	}
	text := func(key string) string { v, _ := values[key].(string); return v }
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO session (token_hash, person_id, institution_id, agent, network, data, created_at, seen_at, expires_at)
			VALUES ($1, $2, $8, $3, $4, $5, $6, $6, $7)
			ON CONFLICT (token_hash) DO UPDATE SET person_id = excluded.person_id, institution_id = excluded.institution_id, agent = excluded.agent, network = excluded.network,
				data = excluded.data, seen_at = excluded.seen_at, expires_at = excluded.expires_at
				WHERE session.revoked_at = 0`,
			token, text(personKey), text(agentKey), text(networkKey), base64.StdEncoding.EncodeToString(data), db.At(s.now()), db.At(expiry), text(placeKey))
		return err
	})
}

// DeleteCtx ends a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE session SET revoked_at = $2, data = '' WHERE token_hash = $1 AND revoked_at = 0`, token, db.At(s.now()))
		return err
	})
}

// Find is FindCtx for callers without a context.
func (s *Sessions) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx for callers without a context.
func (s *Sessions) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx for callers without a context.
func (s *Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// Session is an open session as its person sees it.
type Session struct {
	ID        string // hash of the token: it opens nothing
	Agent     string
	Network   string
	CreatedAt time.Time
	SeenAt    time.Time
}

// openSessions lists a person's sessions, the last used first.
func openSessions(ctx context.Context, tx *db.Tx, personID string, now time.Time) ([]Session, error) {
	return db.All(ctx, tx, func(s db.Scanner) (o Session, err error) {
		var created, seen int64
		err = s.Scan(&o.ID, &o.Agent, &o.Network, &created, &seen)
		o.CreatedAt, o.SeenAt = db.When(created), db.When(seen)
		return o, err
	}, `
		SELECT token_hash, agent, network, created_at, seen_at FROM session
		WHERE person_id = $1 AND revoked_at = 0 AND expires_at > $2 ORDER BY seen_at DESC, token_hash LIMIT 100`, personID, db.At(now))
}

// endSessions ends a person's sessions but the one to keep ("" keeps none), or
// only the given one.
func endSessions(ctx context.Context, tx *db.Tx, personID, only, keep string, now time.Time) (int64, error) {
	return tx.Change(ctx, `
		UPDATE session SET revoked_at = $2, data = ''
		WHERE person_id = $1 AND revoked_at = 0 AND ($3 = '' OR token_hash = $3) AND token_hash <> $4`, personID, db.At(now), only, keep)
}

// sessionID is what scs passes to the store for a token (HashTokenInStore).
func sessionID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
