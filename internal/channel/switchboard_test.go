package channel_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// paced is an adapter of which only the pace and the connection matter.
type paced struct {
	channel.Adapter
	pace channel.Pace
	test error
}

func (paced) Platform() channel.Platform { return channel.Telegram }

func (p paced) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{Pace: p.pace}
}

func (p paced) Test(context.Context, channel.Account) (channel.Health, error) {
	return channel.Health{Limits: json.RawMessage(`{"read":true}`)}, p.test
}

func connected(t *testing.T, d *db.DB, box *secret.Box, now time.Time) (c channel.Channel) {
	t.Helper()
	ctx := t.Context()
	err := d.InTx(ctx, func(tx *db.Tx) error {
		i, err := institution.Create(ctx, tx, institution.Institution{Name: "Cesate"}, now)
		if err != nil {
			return err
		}
		p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: i.ID, Name: "Comune"}, now)
		if err != nil {
			return err
		}
		c, err = channel.Save(ctx, tx, box, channel.Channel{InstitutionID: i.ID, ProfileID: p.ID, Platform: channel.Telegram},
			channel.Account{Handle: "@cesate", Secret: json.RawMessage(`{"token":"1:secret"}`), Expires: now.Add(90 * time.Minute)}, now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEveryPostGetsAMomentOfItsOwnWithinThePace(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
		box := secret.Fresh()
		c := connected(t, d, box, now)
		s := channel.NewSwitchboard(d, box, func() time.Time { return now }, paced{pace: channel.Pace{Posts: channel.Rate{N: 3, Per: 3 * time.Second}}})
		var mu sync.Mutex
		var at []time.Duration
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				slot, err := s.Reserve(t.Context(), c)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				at = append(at, slot.Sub(now))
				mu.Unlock()
			})
		}
		wg.Wait()
		slices.Sort(at)
		if want := []time.Duration{0, 0, 0, 1e9, 2e9, 3e9, 4e9, 5e9}; !slices.Equal(at, want) {
			t.Fatalf("got %v, want %v", at, want)
		}
	})
}

func TestUploadsBeyondThePaceAreToldWhenToReturn(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
		box := secret.Fresh()
		c := connected(t, d, box, now)
		s := channel.NewSwitchboard(d, box, func() time.Time { return now }, paced{pace: channel.Pace{Upload: channel.Rate{N: 30, Per: 30 * time.Minute}}})
		_, account, err := s.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := account.Take(t.Context(), 30); err != nil {
			t.Fatal(err)
		}
		e := channel.AsError(account.Take(t.Context(), 4))
		if e.Class != channel.Transient || e.RetryAfter != 4*time.Minute {
			t.Fatalf("got %v after %v", e, e.RetryAfter)
		}
		now = now.Add(4 * time.Minute)
		if err := account.Take(t.Context(), 4); err != nil {
			t.Fatalf("after the wait: %v", err)
		}
	})
}

func TestConnectionFailsLapsesAndHeals(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
		box := secret.Fresh()
		c := connected(t, d, box, now)
		for _, step := range []struct {
			found error
			want  channel.State
		}{
			{&channel.Error{Class: channel.Transient, Code: channel.CodeServer}, channel.Failing},
			{nil, channel.Connected},
			{&channel.Error{Class: channel.Refused, Code: channel.CodeMedia}, channel.Connected}, // about a post, not the connection
			{&channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn}, channel.Lapsed},
			{nil, channel.Lapsed}, // only a person connects it again
		} {
			s := channel.NewSwitchboard(d, box, func() time.Time { return now }, paced{test: step.found})
			if err := s.Check(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if err := d.Read(t.Context(), func(tx *db.Tx) (err error) { c, err = channel.ByID(t.Context(), tx, c.InstitutionID, c.ID); return err }); err != nil {
				t.Fatal(err)
			}
			if c.State != step.want {
				t.Errorf("after %v: %s, want %s", step.found, c.State, step.want)
			}
		}
		if string(c.Limits) != `{"read":true}` || !c.RefreshAt.Equal(now.Add(time.Hour)) {
			t.Errorf("limits %s, refresh at %v", c.Limits, c.RefreshAt)
		}
	})
}

func TestDisconnectErasesTheSecretForGood(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		now := time.Now()
		box := secret.Fresh()
		c := connected(t, d, box, now)
		ctx := t.Context()
		var secrets []string
		err := d.InTx(ctx, func(tx *db.Tx) (err error) {
			if secrets, err = db.All(ctx, tx, db.Col[string], `SELECT secret FROM channel`); err != nil {
				return err
			}
			if secrets[0] == "" || secrets[0] == `{"token":"1:secret"}` {
				t.Errorf("stored as %q", secrets[0])
			}
			if err := channel.Disconnect(ctx, tx, c.InstitutionID, c.ID); err != nil {
				return err
			}
			secrets, err = db.All(ctx, tx, db.Col[string], `SELECT secret FROM channel`)
			return err
		})
		if err != nil || secrets[0] != "" {
			t.Fatalf("after disconnecting: %q, %v", secrets, err)
		}
	})
}
