package channel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/secret"
)

// Switchboard knows the adapters and opens a stored channel for one of them.
type Switchboard struct {
	db       *db.DB
	box      *secret.Box
	clock    func() time.Time
	adapters map[Platform]Adapter
	order    []Platform
}

// NewSwitchboard returns a switchboard of the adapters, in the order in which a
// person is offered them.
func NewSwitchboard(d *db.DB, box *secret.Box, clock func() time.Time, adapters ...Adapter) *Switchboard {
	s := &Switchboard{db: d, box: box, clock: clock, adapters: map[Platform]Adapter{}}
	for _, a := range adapters {
		s.adapters[a.Platform()] = a
		s.order = append(s.order, a.Platform())
	}
	return s
}

// Platforms lists the platforms that can be connected.
func (s *Switchboard) Platforms() []Platform { return s.order }

// Connectable lists the platforms that a person connects. What only carries answers
// and asks for nothing comes to be when it is first needed (Ensure).
func (s *Switchboard) Connectable() []Platform {
	return slices.DeleteFunc(slices.Clone(s.order), func(p Platform) bool {
		a := s.adapters[p]
		return len(a.ConnectFields()) == 0 && a.Capabilities(Account{}).NoPosts
	})
}

// Adapter returns the adapter of a platform, or nil.
func (s *Switchboard) Adapter(p Platform) Adapter { return s.adapters[p] }

// Box seals what belongs to a channel.
func (s *Switchboard) Box() *secret.Box { return s.box }

// Open returns a channel's adapter and its account with the secret decrypted.
func (s *Switchboard) Open(c Channel) (Adapter, Account, error) {
	adapter := s.adapters[c.Platform]
	if adapter == nil {
		return nil, Account{}, fmt.Errorf("channel %s: no adapter for %q", c.ID, c.Platform)
	}
	a := s.account(c)
	var err error
	if a.Secret, err = c.Unseal(s.box); err != nil {
		return nil, a, err
	}
	caps := adapter.Capabilities(a)
	a.Keep = func(ctx context.Context, secret json.RawMessage) error {
		// The platform has ended the old one: whatever becomes of the call that changed
		// it, the new one must be kept.
		ctx = context.WithoutCancel(ctx)
		return s.db.InTx(ctx, func(tx *db.Tx) error {
			return keepSecret(ctx, tx, s.box, c.InstitutionID, c.ID, secret, c.ExpiresAt, s.clock())
		})
	}
	a.Take = func(ctx context.Context, n int) error { return s.take(ctx, c, "upload", caps.Pace.Upload, n) }
	return adapter, a, nil
}

// Squares returns a profile's channels to which its messages go: those connected
// now, but for those that only carry answers.
func (s *Switchboard) Squares(ctx context.Context, tx *db.Tx, institutionID, profileID string) ([]Channel, error) {
	all, err := OfProfile(ctx, tx, institutionID, profileID)
	return slices.DeleteFunc(all, func(c Channel) bool { return s.Capabilities(c).NoPosts }), err
}

// account is a channel as an adapter sees it, without its secret.
func (s *Switchboard) account(c Channel) Account {
	return Account{ID: c.ID, Server: c.Server, Handle: c.Handle, URL: c.URL, Limits: c.Limits, Options: c.Options, Expires: c.ExpiresAt}
}

// Capabilities says what a channel takes and does, without its secret.
func (s *Switchboard) Capabilities(c Channel) Capabilities {
	if a := s.adapters[c.Platform]; a != nil {
		return a.Capabilities(s.account(c))
	}
	return Capabilities{}
}

// Reserve books the next moment at which the channel's pace lets a post go out:
// now, or later. Every booking gets a moment of its own, in order, whichever node
// asks.
func (s *Switchboard) Reserve(ctx context.Context, c Channel) (at time.Time, err error) {
	now := s.clock()
	r := s.Capabilities(c).Pace.Posts
	if r.N == 0 {
		return now, nil
	}
	gap := r.Per / time.Duration(r.N)
	var tat int64
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `
			INSERT INTO pace (institution_id, channel_id, what, tat) VALUES ($1, $2, 'post', CAST($3 AS BIGINT) + CAST($4 AS BIGINT))
			ON CONFLICT (institution_id, channel_id, what) DO UPDATE SET tat = (CASE WHEN pace.tat > $3 THEN pace.tat ELSE $3 END) + $4
			RETURNING tat`, c.InstitutionID, c.ID, db.At(now), gap.Microseconds()).Scan(&tat)
	})
	if at = db.When(tat).Add(-r.Per); at.Before(now) {
		at = now
	}
	return at, err
}

// take spends n units of a rate, by the generic cell rate algorithm (ITU-T
// I.371): one stored time per channel, correct for any number of nodes. Over the
// rate it changes nothing and returns a Transient error that says when to return.
func (s *Switchboard) take(ctx context.Context, c Channel, what string, r Rate, n int) error {
	if r.N == 0 {
		return nil
	}
	gap := r.Per / time.Duration(r.N)
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		now := s.clock()
		if _, err := tx.Exec(ctx, `
			INSERT INTO pace (institution_id, channel_id, what, tat) VALUES ($1, $2, $3, 0)
			ON CONFLICT (institution_id, channel_id, what) DO NOTHING`, c.InstitutionID, c.ID, what); err != nil {
			return err
		}
		changed, err := tx.Change(ctx, `
			UPDATE pace SET tat = (CASE WHEN tat > $4 THEN tat ELSE $4 END) + $5
			WHERE institution_id = $1 AND channel_id = $2 AND what = $3 AND tat + $5 <= $6`,
			c.InstitutionID, c.ID, what, db.At(now), gap.Microseconds()*int64(n), db.At(now.Add(r.Per)))
		if err != nil || changed == 1 {
			return err
		}
		var tat int64
		if err := tx.QueryRow(ctx, `SELECT tat FROM pace WHERE institution_id = $1 AND channel_id = $2 AND what = $3`,
			c.InstitutionID, c.ID, what).Scan(&tat); err != nil {
			return err
		}
		wait := db.When(tat).Add(gap * time.Duration(n)).Sub(now.Add(r.Per))
		return &Error{Class: Transient, Code: CodeTooMany, RetryAfter: max(wait, 50*time.Millisecond), Detail: "own pace"}
	})
}

// patience bounds a test, and what a person waits for while connecting: several
// requests, each of which has a bound of its own in package fetch.
const patience = time.Minute

// Check tests a channel, refreshing its token first when it is time, and
// records what it found.
func (s *Switchboard) Check(ctx context.Context, c Channel) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	adapter, account, err := s.Open(c)
	if err == nil && !c.RefreshAt.IsZero() && s.clock().After(c.RefreshAt) {
		account, err = s.refresh(ctx, adapter, c, account)
	}
	var h Health
	if err == nil {
		h, err = adapter.Test(ctx, account)
	}
	if err != nil && jobs.Stopping(ctx) {
		return err // we cut it: that says nothing of the channel
	}
	now := s.clock()
	lasting, done := jobs.Lasting(ctx)
	defer done()
	return s.db.InTx(lasting, func(tx *db.Tx) error {
		if err != nil {
			return Failed(lasting, tx, c, AsError(err), now)
		}
		return Healthy(lasting, tx, c, h, now)
	})
}

func (s *Switchboard) refresh(ctx context.Context, adapter Adapter, c Channel, a Account) (Account, error) {
	r, ok := adapter.(Refresher)
	if !ok {
		return a, nil
	}
	fresh, err := r.Refresh(ctx, a)
	if err != nil {
		return a, err
	}
	ctx = context.WithoutCancel(ctx) // the old token has ended: the new one must be kept
	now := s.clock()
	if !fresh.Expires.IsZero() && fresh.Expires.Before(now) {
		return a, &Error{Class: Transient, Code: CodeServer, Detail: "the new token has already ended"}
	}
	return fresh, s.db.InTx(ctx, func(tx *db.Tx) error {
		return keepSecret(ctx, tx, s.box, c.InstitutionID, c.ID, fresh.Secret, fresh.Expires, now)
	})
}
