package api

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

const (
	keyHeader = "Idempotency-Key"
	maxKey    = 200 // characters

	// lease is how long an attempt is believed to be under way. After it, one
	// that has not answered is dead, or too late: see Keep.
	lease = 2 * time.Minute

	// remember is how long an answer is kept for repetitions.
	remember = 48 * time.Hour
)

// attempt is one try of a request with a key.
type attempt struct {
	op             operation
	institution    string
	token, key, id string
	print          string
	now            time.Time
	kept           bool // Keep was called
}

type attemptKey struct{}

// run does the call, or returns the answer that its key already has.
func (k *Kit) run(ctx context.Context, o operation, c call, key string, actor people.Actor) (answer, error) {
	if key == "" || o.method == "GET" {
		return k.plain(ctx, o, c)
	}
	if err := checkKey(key); err != nil {
		return answer{}, err
	}
	t := &attempt{
		op: o, institution: actor.InstitutionID, token: actor.TokenID, key: key,
		id: db.NewID(), print: c.fingerprint, now: k.o.Web.Now(),
	}
	if c.tx != nil {
		return k.atomic(ctx, t, c)
	}
	return k.leased(ctx, t, c)
}

func checkKey(key string) error {
	if len(key) > maxKey {
		return fault.InvalidField(keyHeader, "api.key.form", maxKey)
	}
	for _, c := range key {
		if c <= ' ' || c > '~' {
			return fault.InvalidField(keyHeader, "api.key.form", maxKey)
		}
	}
	return nil
}

func (k *Kit) plain(ctx context.Context, o operation, c call) (answer, error) {
	if c.do != nil {
		out, err := c.do(ctx)
		if err != nil {
			return answer{}, err
		}
		return newAnswer(o, out)
	}
	var a answer
	err := k.o.DB.InTx(ctx, func(tx *db.Tx) error {
		out, err := c.tx(ctx, tx)
		if err == nil {
			a, err = newAnswer(o, out)
		}
		return err
	})
	return a, err
}

// atomic runs a Tx route: claim, effect and answer are one transaction. Another
// request with the key waits for it at the claim.
func (k *Kit) atomic(ctx context.Context, t *attempt, c call) (a answer, err error) {
	err = k.o.DB.InTx(ctx, func(tx *db.Tx) error {
		first, err := t.claim(ctx, tx)
		if err != nil {
			return err
		}
		if !first {
			a, err = t.recorded(ctx, tx)
			return err
		}
		out, err := c.tx(ctx, tx)
		if err != nil {
			return err
		}
		if a, err = newAnswer(t.op, out); err != nil {
			return err
		}
		return t.record(ctx, tx, a)
	})
	return a, err
}

// leased runs a Do route, which makes its own transactions.
func (k *Kit) leased(ctx context.Context, t *attempt, c call) (a answer, err error) {
	var first bool
	err = k.o.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		if first, err = t.claim(ctx, tx); err != nil || first {
			return err
		}
		if a, err = t.recorded(ctx, tx); !errors.Is(err, errLost) || !t.op.keeps {
			return err
		}
		first = true
		return t.takeOver(ctx, tx)
	})
	if err != nil || !first {
		return a, err
	}
	out, err := c.do(context.WithValue(ctx, attemptKey{}, t))
	// The caller may have left: the record is made all the same.
	ctx = context.WithoutCancel(ctx)
	if err != nil {
		return answer{}, errors.Join(err, k.o.DB.InTx(ctx, func(tx *db.Tx) error { return t.release(ctx, tx, err) }))
	}
	if a, err = newAnswer(t.op, out); err != nil || t.kept {
		return a, err
	}
	return a, k.o.DB.InTx(ctx, func(tx *db.Tx) error { return t.record(ctx, tx, a) })
}

// Keep records the answer out to a request in tx, the transaction that has the
// request's effect, so that both exist or neither. It does nothing for a request
// without a key. Fault: Conflict when the attempt was too slow and another one
// has taken over; then tx must be rolled back.
func Keep(ctx context.Context, tx *db.Tx, out any) error {
	t, ok := ctx.Value(attemptKey{}).(*attempt)
	if !ok {
		return nil
	}
	a, err := newAnswer(t.op, out)
	if err != nil {
		return err
	}
	t.kept = true
	return t.record(ctx, tx, a)
}

// errLost is about an attempt that ended without an answer.
var errLost = fault.Clash("api.key.lost")

// claim writes down that the attempt begins; first is false when the key has
// been used before.
func (t *attempt) claim(ctx context.Context, tx *db.Tx) (first bool, err error) {
	n, err := tx.Change(ctx, `
		INSERT INTO api_answer (institution_id, token_id, key, fingerprint, attempt, lease_until, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (institution_id, token_id, key) DO NOTHING`,
		t.institution, t.token, t.key, t.print, t.id, db.At(t.now.Add(lease)), db.At(t.now))
	return n == 1, err
}

// recorded returns the answer of an earlier attempt. Faults: Conflict when the
// request is not the same one, is still under way, or was lost (errLost).
func (t *attempt) recorded(ctx context.Context, tx *db.Tx) (a answer, err error) {
	var print, body string
	var until int64
	err = tx.QueryRow(ctx, `
		SELECT fingerprint, status, body, lease_until FROM api_answer
		WHERE institution_id = $1 AND token_id = $2 AND key = $3`, t.institution, t.token, t.key).Scan(&print, &a.status, &body, &until)
	a.body, a.replayed = []byte(body), true
	switch {
	case errors.Is(err, db.ErrNone):
		// The first attempt has just failed and changed nothing.
		return a, fault.Clash("api.key.running")
	case err != nil:
		return a, err
	case print != t.print:
		return a, fault.Clash("api.key.other")
	case a.status != 0:
		return a, nil
	case t.now.Before(db.When(until)):
		return a, fault.Clash("api.key.running")
	}
	return a, errLost
}

func (t *attempt) takeOver(ctx context.Context, tx *db.Tx) error {
	n, err := tx.Change(ctx, `
		UPDATE api_answer SET attempt = $4, lease_until = $5
		WHERE institution_id = $1 AND token_id = $2 AND key = $3 AND status = 0 AND lease_until <= $6`,
		t.institution, t.token, t.key, t.id, db.At(t.now.Add(lease)), db.At(t.now))
	if err == nil && n == 0 {
		err = fault.Clash("api.key.running")
	}
	return err
}

func (t *attempt) record(ctx context.Context, tx *db.Tx, a answer) error {
	n, err := tx.Change(ctx, `
		UPDATE api_answer SET status = $5, body = $6
		WHERE institution_id = $1 AND token_id = $2 AND key = $3 AND attempt = $4 AND status = 0`,
		t.institution, t.token, t.key, t.id, a.status, string(a.body))
	if err == nil && n == 0 {
		err = fault.Clash("api.key.running")
	}
	return err
}

// release ends an attempt that failed. A fault of the caller changed nothing, so
// the key is free again; after any other failure nobody knows, and the lease
// ends at once so that the repetition is told so.
func (t *attempt) release(ctx context.Context, tx *db.Tx, because error) error {
	q := `DELETE FROM api_answer WHERE institution_id = $1 AND token_id = $2 AND key = $3 AND attempt = $4 AND status = 0`
	if kind := fault.Of(because).Kind; kind == fault.Internal || kind == fault.Unavailable {
		q = `UPDATE api_answer SET lease_until = 0 WHERE institution_id = $1 AND token_id = $2 AND key = $3 AND attempt = $4 AND status = 0`
	}
	_, err := tx.Exec(ctx, q, t.institution, t.token, t.key, t.id)
	return err
}
