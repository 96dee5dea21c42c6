package publishing

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
)

// town is an institution with a desk, two platforms and two people, whose jobs
// the test does itself, one by one.
type town struct {
	t         *testing.T
	db        *db.DB
	desk      *Desk
	pool      *jobs.Pool
	clock     *clock
	inst      institution.Institution
	profile   institution.Profile
	open      *platform // can be read, posts are keyed: like Bluesky
	closed    *platform // cannot be read: like Telegram
	channels  map[channel.Platform]channel.Channel
	writer    context.Context
	approver  context.Context
	platforms []*platform
}

func newTown(t *testing.T, d *db.DB) *town {
	t.Helper()
	ctx := t.Context()
	w := &town{t: t, db: d, clock: &clock{at: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC)}, channels: map[channel.Platform]channel.Channel{},
		open: newPlatform(channel.Bluesky, true, true), closed: newPlatform(channel.Telegram, false, false)}
	w.platforms = []*platform{w.open, w.closed}
	box := secret.Fresh()
	store, err := blob.NewDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	board := channel.NewSwitchboard(d, box, w.clock.now, w.open, w.closed)
	r := jobs.NewRegistry(d)
	w.desk = NewDesk(Options{DB: d, Channels: board, Blobs: store, Pictures: blob.NewProcessor(0), Clock: w.clock.now,
		Log: slog.New(slog.DiscardHandler), Workers: 16, Address: func(institution.Institution) string { return "https://cesate.example.it" }}, r)
	pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler), Deliveries: 16})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Stop(context.Background()) })
	w.desk.Use(pool)
	w.pool = pool
	err = d.InTx(ctx, func(tx *db.Tx) error {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.clock.now()); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune", FourEyes: true}, w.clock.now()); err != nil {
			return err
		}
		for _, p := range w.platforms {
			a, err := p.Connect(ctx, nil)
			if err != nil {
				return err
			}
			c, err := channel.Save(ctx, tx, box, channel.Channel{InstitutionID: w.inst.ID, ProfileID: w.profile.ID, Platform: p.name}, a, w.clock.now())
			if err != nil {
				return err
			}
			w.channels[p.name] = c
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.writer = w.as("writer", people.Writer)
	w.approver = w.as("approver", people.Approver)
	return w
}

func (w *town) as(id string, roles ...people.Role) context.Context {
	return people.With(w.t.Context(), people.Actor{PersonID: id, Name: id, InstitutionID: w.inst.ID, Roles: roles})
}

func (w *town) content() Content {
	return Content{ProfileID: w.profile.ID, Title: "Orari estivi", Body: "La biblioteca apre alle **9**.", Tags: []string{"biblioteca"}}
}

// must ends the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// approved writes, submits and approves a message.
func (w *town) approved(c Content) Message {
	w.t.Helper()
	ok := must[Message](w.t)
	m := ok(w.desk.Create(w.writer, w.inst.ID, c))
	m = ok(w.desk.Submit(w.writer, w.inst.ID, m.ID))
	return ok(w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash))
}

// out publishes a fresh message now; its deliveries wait.
func (w *town) out() Message {
	w.t.Helper()
	return must[Message](w.t)(w.desk.PublishNow(w.writer, w.inst.ID, w.approved(w.content()).ID, ""))
}

// on is the delivery of a message to a platform.
func (w *town) on(m Message, p *platform) Delivery {
	w.t.Helper()
	for _, del := range w.deliveries(m) {
		if del.ChannelID == w.channels[p.name].ID {
			return del
		}
	}
	w.t.Fatalf("no delivery to %s", p.name)
	return Delivery{}
}

func (w *town) deliveries(m Message) (all []Delivery) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		all, err = Deliveries(w.t.Context(), tx, w.inst.ID, m.ID)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *town) message(id string) (m Message) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		m, err = find(w.t.Context(), tx, w.inst.ID, id)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return m
}

// work does the deliveries of a message until nothing is open, moving the clock
// past every wait.
func (w *town) work(m Message) {
	w.t.Helper()
	for range 60 {
		open := false
		for _, del := range w.deliveries(m) {
			if !del.Open() {
				continue
			}
			open = true
			if err := w.desk.workDeliver(w.t.Context(), deliver{w.inst.ID, del.ID}); err != nil {
				w.t.Fatal(err)
			}
		}
		if !open {
			return
		}
		w.clock.forward(30 * time.Second)
	}
}

// die makes a worker vanish between claiming a delivery and whatever it did: its
// lease stays until it runs out.
func (w *town) die() { w.clock.forward(w.desk.lease + time.Second) }

// tasks lists what waits for a person's hand.
func (w *town) tasks() (all []Task) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		all, err = Tasks(w.t.Context(), tx, w.inst.ID)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}
