package channel_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// named is an adapter whose accounts have the names that are typed.
type named struct {
	channel.Adapter
	fields []channel.ConnectField
	tells  []string // by Test
}

func (named) Platform() channel.Platform { return channel.Telegram }

func (n named) ConnectFields() []channel.ConnectField { return n.fields }

func (named) Connect(_ context.Context, typed map[string]string) (channel.Account, error) {
	a := channel.Account{Server: "https://api.example", Handle: typed["handle"], Secret: json.RawMessage(`{"token":"1:secret"}`), Limits: json.RawMessage(`{}`)}
	for _, key := range []string{"bot", "chat"} {
		if typed[key] != "" {
			a.Names = append(a.Names, key+" "+typed[key])
		}
	}
	return a, nil
}

func (n named) Test(context.Context, channel.Account) (channel.Health, error) {
	return channel.Health{Names: n.tells}, nil
}

func (named) Capabilities(channel.Account) channel.Capabilities { return channel.Capabilities{} }

// twoProfiles is an institution with two profiles, and who may connect channels.
func twoProfiles(t *testing.T, d *db.DB, a channel.Adapter) (s *channel.Switchboard, admin context.Context, wish func(profile int) channel.Wish) {
	t.Helper()
	now := time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)
	s = channel.NewSwitchboard(d, secret.Fresh(), func() time.Time { return now }, a)
	var inst institution.Institution
	var profiles []string
	if err := d.InTx(t.Context(), func(tx *db.Tx) (err error) {
		if inst, err = institution.Create(t.Context(), tx, institution.Institution{Name: "Cesate"}, now); err != nil {
			return err
		}
		for _, name := range []string{"Comune", "Biblioteca"} {
			p, err := institution.SaveProfile(t.Context(), tx, institution.Profile{InstitutionID: inst.ID, Name: name}, now)
			if err != nil {
				return err
			}
			profiles = append(profiles, p.ID)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	admin = people.With(t.Context(), people.Actor{PersonID: "a", InstitutionID: inst.ID, Roles: []people.Role{people.Administrator}})
	return s, admin, func(profile int) channel.Wish {
		return channel.Wish{InstitutionID: inst.ID, ProfileID: profiles[profile], Platform: channel.Telegram}
	}
}

func takenFault(err error) bool {
	return fault.Is(err, fault.Invalid) && fault.Of(err).Fields[0].Text.Key == "channel.connect.taken"
}

// typedFields are what a person types for a named account.
var typedFields = []channel.ConnectField{{Name: "handle", Optional: true}, {Name: "bot", Optional: true}, {Name: "chat", Optional: true}}

func TestOneAccountIsOneChannel(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s, admin, wish := twoProfiles(t, d, named{fields: typedFields, tells: []string{"bot 9"}})
		connect := func(profile int, again, bot, chat string) (channel.Channel, error) {
			w := wish(profile)
			w.ChannelID = again
			return s.Connect(admin, w, map[string]string{"handle": "@cesate", "bot": bot, "chat": chat})
		}
		first, err := connect(0, "", "1", "10")
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			profile   int
			bot, chat string
		}{
			"another profile": {1, "1", "10"}, "the same profile": {0, "1", "10"}, "its bot": {1, "1", "20"}, "its chat": {1, "2", "10"},
		} {
			if _, err := connect(c.profile, "", c.bot, c.chat); !takenFault(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := connect(0, first.ID, "1", "10"); err != nil {
			t.Errorf("the same channel, connected again: %v", err)
		}
		second, err := connect(1, "", "2", "20")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := connect(1, second.ID, "1", "10"); !takenFault(err) {
			t.Errorf("connected again with the other's account: %v", err)
		}
		if _, err := connect(1, "", "2", "20"); !takenFault(err) {
			t.Errorf("what was refused took the old names away: %v", err)
		}
		if err := s.Cut(admin, first.InstitutionID, first.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := connect(1, "", "1", "10"); err != nil {
			t.Errorf("after the other was disconnected: %v", err)
		}
		// The daily test tells a name of what was connected before names were kept.
		if err := s.Check(t.Context(), second); err != nil {
			t.Fatal(err)
		}
		if _, err := connect(0, "", "9", "90"); !takenFault(err) {
			t.Errorf("what the test told is not known: %v", err)
		}
	})
}

func TestAccountConnectedBeforeNamesWereKeptIsKnownByItsHandle(t *testing.T) {
	s, admin, wish := twoProfiles(t, testkit.SQLite(t), named{fields: typedFields})
	if _, err := s.Connect(admin, wish(0), map[string]string{"handle": "@Cesate"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Connect(admin, wish(1), map[string]string{"handle": "@cesate", "bot": "1"}); !takenFault(err) {
		t.Fatal(err)
	}
	if _, err := s.Connect(admin, wish(1), map[string]string{"handle": "@altro", "bot": "1"}); err != nil {
		t.Fatal(err)
	}
}

func TestWhereNothingIsTypedEachProfileHasOneAccount(t *testing.T) {
	s, admin, wish := twoProfiles(t, testkit.SQLite(t), named{})
	for profile := range 2 {
		if _, err := s.Connect(admin, wish(profile), map[string]string{}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Connect(admin, wish(profile), map[string]string{}); !takenFault(err) {
			t.Fatalf("a second one: %v", err)
		}
	}
}

func TestTwoWhoConnectOneAccountAtOnceGetOneChannel(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s, admin, wish := twoProfiles(t, d, named{fields: typedFields})
		for round := range 5 {
			var all sync.WaitGroup
			won := make(chan bool, 8)
			for i := range 8 {
				all.Go(func() {
					_, err := s.Connect(admin, wish(i%2), map[string]string{"handle": fmt.Sprintf("@%d-%d", round, i), "bot": fmt.Sprint(round)})
					if err != nil && !takenFault(err) && !fault.Is(err, fault.Unavailable) {
						t.Error(err)
					}
					if err == nil {
						won <- true
					}
				})
			}
			all.Wait()
			if len(won) != 1 {
				t.Fatalf("%d channels of one account", len(won))
			}
		}
	})
}
