package inbox

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// open is a square that takes posts, each key once.
type open struct {
	square
	mu    sync.Mutex
	posts map[string]channel.Post
}

func (o *open) Prepare(context.Context, channel.Account, channel.Post, channel.Progress, func(channel.Progress) error) (channel.Progress, error) {
	return nil, nil
}

func (o *open) Finalize(_ context.Context, _ channel.Account, p channel.Post, _ channel.Progress) (channel.Remote, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts[p.Key] = p
	return channel.Remote{ID: "post-" + p.Key, URL: "https://square.example/" + p.Key}, nil
}

func (o *open) Edit(_ context.Context, _ channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.posts[p.Key] = p
	return r, nil
}

func (o *open) Withdraw(_ context.Context, _ channel.Account, r channel.Remote) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.posts, r.ID[len("post-"):])
	return nil
}

func (o *open) shown() (texts []string, to *channel.Reply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.posts {
		texts, to = append(texts, p.Text), p.To
	}
	return texts, to
}

// TestAnswerTravelsThroughTheLedger has the real ledger and the real jobs bring an
// answer out, correct it and take it back.
func TestAnswerTravelsThroughTheLedger(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		ctx := t.Context()
		there := &open{square: square{answers: true, edits: true}, posts: map[string]channel.Post{}}
		box := secret.Fresh()
		board := channel.NewSwitchboard(d, box, time.Now, there)
		store, err := blob.NewDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r := jobs.NewRegistry(d)
		desk := publishing.NewDesk(publishing.Options{DB: d, Channels: board, Blobs: store, Pictures: blob.NewProcessor(0), Clock: time.Now,
			Log: slog.New(slog.DiscardHandler), Address: func(institution.Institution) string { return "https://cesate.example.it" }}, r)
		w.inbox = New(Options{DB: d, Channels: board, Desk: desk, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}, r)
		desk.Carries(AnAnswer, w.inbox)
		pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		desk.Use(pool)
		w.inbox.Use(pool)
		w.tx(func(tx *db.Tx) error {
			w.channel, err = channel.Save(ctx, tx, box, w.channel, channel.Account{Handle: w.channel.Handle, URL: w.channel.URL, Secret: json.RawMessage(`"s"`)}, time.Now())
			return err
		})
		if err := pool.Start(context.WithoutCancel(ctx)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pool.Stop(context.Background()) })
		notices := d.Listen(ctx)
		go d.RelayNotices(ctx)
		for listening := false; !listening; {
			w.tx(func(tx *db.Tx) error { return tx.Notify(ctx, "hello", w.inst.ID) })
			select {
			case <-notices:
				listening = true
			case <-time.After(20 * time.Millisecond): // PostgreSQL's listener is not there yet
			}
		}
		// until waits for what a job will do: every step of one is announced.
		until := func(what string, done func() bool) {
			t.Helper()
			limit, stop := context.WithTimeout(ctx, time.Minute)
			defer stop()
			for !done() {
				select {
				case <-notices:
				case <-limit.Done():
					t.Fatal("never ", what)
				}
			}
		}
		ok := must[Answer](t)
		w.hear(w.says("anna", "c1", "", "Quanto costa la mensa?", 1))
		a := ok(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: w.only().ID, Text: "Sei euro."}))
		ok(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		until("answered", func() bool { return !w.only().Waiting })
		if texts, to := there.shown(); len(texts) != 1 || texts[0] != "Sei euro." || to.ID != "c1" {
			t.Fatalf("%v %+v", texts, to)
		}
		remote := w.only().answers()[0].Delivery.Remote.ID
		w.hear(w.says("comune", remote, "c1", "Sei euro.", 3), w.says("anna", "c2", remote, "Grazie", 4))
		if c := w.only(); len(c.words()) != 2 || c.words()[1].Answers != a.ID {
			t.Fatalf("%d words", len(c.words()))
		}
		ok(w.inbox.Correct(w.writer, w.inst.ID, a.ID, 1, "Sette euro."))
		until("corrected", func() bool { texts, _ := there.shown(); return len(texts) == 1 && texts[0] == "Sette euro." })
		ok(w.inbox.Withdraw(w.writer, w.inst.ID, a.ID))
		until("withdrawn", func() bool { texts, _ := there.shown(); return len(texts) == 0 })
		if c := w.only(); !c.Waiting {
			t.Fatalf("%+v", c.Conversation)
		}
	})
}
