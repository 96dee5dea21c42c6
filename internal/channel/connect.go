package channel

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// Wish is a channel that a person wants to connect, or to connect again.
type Wish struct {
	InstitutionID, ProfileID string
	Platform                 Platform
	ChannelID                string // of the channel to connect again; empty for a new one
	Name                     string // as the officer calls it; empty: the account's handle
	Options                  Options
}

// Connect checks what a person typed against the platform and stores the account.
// Faults: Forbidden, Invalid with the wrong entry or when another channel of the
// institution has the account, Unavailable when the platform
// does not answer.
func (s *Switchboard) Connect(ctx context.Context, w Wish, typed map[string]string) (Channel, error) {
	adapter, err := s.wished(ctx, w)
	if err != nil {
		return Channel{}, err
	}
	var f fault.Fields
	for name := range typed {
		if !slices.ContainsFunc(adapter.ConnectFields(), func(c ConnectField) bool { return c.Name == name }) {
			f.Add(name, "channel.connect.entry", name)
		}
	}
	for _, field := range adapter.ConnectFields() {
		typed[field.Name] = strings.TrimSpace(typed[field.Name])
		if typed[field.Name] == "" {
			typed[field.Name] = field.Default
		}
		if typed[field.Name] == "" && !field.Optional {
			f.Add(field.Name, "channel.connect.missing")
		}
	}
	if err := f.Err(); err != nil {
		return Channel{}, err
	}
	account, err := connectAccount(ctx, adapter, w, typed)
	if err != nil {
		return Channel{}, connectFault(err)
	}
	return s.keep(ctx, w, adapter, account)
}

// connectAccount asks the adapter for the account, telling it whose when it must know.
func connectAccount(ctx context.Context, adapter Adapter, w Wish, typed map[string]string) (Account, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if resident, ok := adapter.(Resident); ok {
		return resident.ConnectFor(ctx, w, typed)
	}
	return adapter.Connect(ctx, typed)
}

// wished returns the adapter for a wish, if the person may and the profile exists.
func (s *Switchboard) wished(ctx context.Context, w Wish) (Adapter, error) {
	if _, err := people.Can(ctx, people.Configure, w.InstitutionID); err != nil {
		return nil, err
	}
	adapter := s.adapters[w.Platform]
	if adapter == nil {
		return nil, fault.InvalidField("platform", "channel.platform.unknown")
	}
	return adapter, s.db.Read(ctx, func(tx *db.Tx) error {
		_, err := institution.ProfileByID(ctx, tx, w.InstitutionID, w.ProfileID)
		return err
	})
}

// connectFault says in a person's words what an adapter found wrong.
func connectFault(err error) error {
	e := AsError(err)
	key := "channel.connect." + e.Code
	switch {
	case e.Field != "":
		return fault.InvalidField(e.Field, key).Because(err)
	case e.Class == Transient || e.Class == Unknown:
		return fault.New(fault.Unavailable, "channel.connect.unreachable").Because(err)
	}
	return fault.New(fault.Invalid, "channel.connect.refused").Because(err)
}

// keep stores a connected account, with the limits that its platform states.
func (s *Switchboard) keep(ctx context.Context, w Wish, adapter Adapter, a Account) (c Channel, err error) {
	now := s.clock()
	if len(adapter.ConnectFields()) == 0 && len(a.Names) == 0 {
		a.Names = []string{"profile " + w.ProfileID} // nothing is typed: each profile has one account
	}
	if len(a.Limits) == 0 {
		asking, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if h, err := adapter.Test(asking, a); err == nil {
			a.Limits = h.Limits
		}
	}
	return c, s.db.InTx(ctx, func(tx *db.Tx) error {
		c = Channel{InstitutionID: w.InstitutionID, ProfileID: w.ProfileID, Platform: w.Platform, Name: w.Name, Options: w.Options}
		action := "channel.connect"
		if w.ChannelID != "" {
			if c, err = ByID(ctx, tx, w.InstitutionID, w.ChannelID); err != nil {
				return err
			}
			// Where nothing is typed there is no other account to take for this one.
			if len(adapter.ConnectFields()) > 0 && c.Handle != "" && !strings.EqualFold(c.Handle, a.Handle) {
				return fault.InvalidField("account", "channel.connect.other", c.Handle, a.Handle)
			}
			if c.Platform != w.Platform || c.ProfileID != w.ProfileID {
				return fault.InvalidField("channel_id", "channel.connect.elsewhere", c.Name)
			}
			if w.Name != "" {
				c.Name = w.Name
			}
			if w.Options != (Options{}) {
				c.Options = w.Options
			}
			action = "channel.reconnect"
		}
		if c, err = Save(ctx, tx, s.box, c, a, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, w.InstitutionID, action, c.ID, map[string]any{"platform": c.Platform, "handle": c.Handle}, now)
	})
}

// Begin starts a sign-in on the platform (OAuth) and returns the address to send
// the person to. redirect is where the platform sends the person back.
func (s *Switchboard) Begin(ctx context.Context, w Wish, typed map[string]string, redirect string) (address string, err error) {
	adapter, err := s.wished(ctx, w)
	if err != nil {
		return "", err
	}
	authorizer, ok := adapter.(Authorizer)
	if !ok {
		return "", fault.InvalidField("platform", "channel.platform.unknown")
	}
	state := rand.Text()
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	address, pending, err := authorizer.Authorize(asking, typed, redirect, state)
	if err != nil {
		return "", connectFault(err)
	}
	actor, _ := people.From(ctx)
	sealed := s.box.Seal("channel.pending/"+state, string(pending))
	return address, s.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO channel_pending (institution_id, state, platform, profile_id, channel_id, person_id, pending, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			w.InstitutionID, state, w.Platform, w.ProfileID, w.ChannelID, actor.PersonID, sealed, db.At(s.clock()))
		return err
	})
}

// pendingLife is how long a person may take to sign in on the platform.
const pendingLife = 15 * time.Minute

// Complete ends a sign-in that Begin started: state and code came back with the
// same person. Each state serves once. Fault: Conflict when it is not known.
func (s *Switchboard) Complete(ctx context.Context, institutionID, state, code, redirect string) (Channel, error) {
	actor, err := people.Can(ctx, people.Configure, institutionID)
	if err != nil {
		return Channel{}, err
	}
	w := Wish{InstitutionID: institutionID}
	var sealed string
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM channel_pending WHERE institution_id = $1 AND created_at < $2`,
			institutionID, db.At(s.clock().Add(-pendingLife))); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `
			DELETE FROM channel_pending WHERE institution_id = $1 AND state = $2 AND person_id = $3
			RETURNING platform, profile_id, channel_id, pending`, institutionID, state, actor.PersonID).
			Scan(&w.Platform, &w.ProfileID, &w.ChannelID, &sealed)
		if errors.Is(err, db.ErrNone) {
			return fault.Clash("channel.connect.expired")
		}
		return err
	})
	if err != nil {
		return Channel{}, err
	}
	pending, err := s.box.Open("channel.pending/"+state, sealed)
	if err != nil {
		return Channel{}, fault.Clash("channel.connect.expired").Because(err)
	}
	adapter, ok := s.adapters[w.Platform].(Authorizer)
	if !ok {
		return Channel{}, fault.Clash("channel.connect.expired")
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	account, err := adapter.Redeem(asking, []byte(pending), redirect, code)
	if err != nil {
		return Channel{}, connectFault(err)
	}
	return s.keep(ctx, w, s.adapters[w.Platform], account)
}

// Cut disconnects a channel: the secret is erased, nothing more goes out.
func (s *Switchboard) Cut(ctx context.Context, institutionID, id string) error {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := Disconnect(ctx, tx, institutionID, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "channel.disconnect", id, nil, s.clock())
	})
}

// TestNow tests a channel because a person asks.
func (s *Switchboard) TestNow(ctx context.Context, institutionID, id string) (c Channel, err error) {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return c, err
	}
	read := func() error {
		return s.db.Read(ctx, func(tx *db.Tx) error { c, err = ByID(ctx, tx, institutionID, id); return err })
	}
	if err := read(); err != nil {
		return c, err
	}
	if !c.State.Usable() {
		return c, fault.Clash("channel.state.connect_again")
	}
	if err := s.Check(ctx, c); err != nil {
		return c, err
	}
	return c, read()
}
