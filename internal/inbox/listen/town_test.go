package listen

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/secret"
)

// clock is the town's time, moved by the test.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.at }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.at = c.at.Add(d) }

// script is a platform that says what the test tells it to say.
type script struct {
	channel.Adapter
	listen  func(ctx context.Context, cursor string) (channel.Heard, error)
	recheck func(ids []string) ([]channel.Said, error)
}

func (s *script) Platform() channel.Platform                        { return channel.Telegram }
func (s *script) Capabilities(channel.Account) channel.Capabilities { return channel.Capabilities{} }
func (s *script) Listen(ctx context.Context, _ channel.Account, c json.RawMessage) (channel.Heard, error) {
	return s.listen(ctx, string(c))
}
func (s *script) Recheck(_ context.Context, _ channel.Account, ids []string) ([]channel.Said, error) {
	if s.recheck == nil {
		return nil, nil
	}
	return s.recheck(ids)
}

// town is an institution with two channels: an account on a simulated square, and
// one on a platform that follows a script.
type town struct {
	t        testing.TB
	db       *db.DB
	clock    *clock
	inst     institution.Institution
	profile  institution.Profile
	square   *square.Square
	server   *httptest.Server
	token    string
	script   *script
	poller   *Poller
	pool     *jobs.Pool
	mastodon channel.Channel
	scripted channel.Channel

	deaf func(said []channel.Said) error // what the inbox answers; nil: it keeps all
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{t: t, db: d, clock: &clock{at: time.Now().UTC().Truncate(time.Second)}, script: &script{}}
	w.script.listen = func(context.Context, string) (channel.Heard, error) {
		return channel.Heard{Cursor: json.RawMessage(`1`)}, nil
	}
	var err error
	if w.square, err = square.New(square.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.token, err = w.square.AddAccount("comune", "Comune di Cesate"); err != nil {
		t.Fatal(err)
	}
	w.server = httptest.NewServer(w.square.Handler())
	// What was sent on a kept connection may have arrived; here a server that is away
	// has received nothing.
	w.server.Config.SetKeepAlivesEnabled(false)
	t.Cleanup(w.server.Close)
	box := secret.Fresh()
	client := mastodon.New(fetch.New(fetch.Options{AllowLoopback: true}))
	channels := channel.NewSwitchboard(d, box, w.clock.now, client, w.script)
	r := jobs.NewRegistry(d)
	w.poller = New(Options{DB: d, Channels: channels, Hear: w.hear, Clock: w.clock.now, Log: slog.New(slog.DiscardHandler),
		Jitter: func(d time.Duration) time.Duration { return d }}, r)
	if w.pool, err = jobs.New(t.Context(), d, r, jobs.Options{Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.pool.Stop(context.Background()) })
	w.poller.Use(w.pool)
	account, err := client.Connect(t.Context(), map[string]string{"server": w.server.URL, "token": w.token})
	if err != nil {
		t.Fatal(err)
	}
	w.write(func(ctx context.Context, tx *db.Tx) (err error) {
		now := w.clock.now()
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, now); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune"}, now); err != nil {
			return err
		}
		c := channel.Channel{InstitutionID: w.inst.ID, ProfileID: w.profile.ID, Platform: channel.Mastodon}
		if w.mastodon, err = channel.Save(ctx, tx, box, c, account, now); err != nil {
			return err
		}
		c.Platform = channel.Telegram
		w.scripted, err = channel.Save(ctx, tx, box, c, channel.Account{Handle: "t.me/cesate", Secret: []byte(`{}`)}, now)
		return err
	})
	return w
}

func (w *town) write(do func(ctx context.Context, tx *db.Tx) error) {
	w.t.Helper()
	if err := w.db.InTx(w.t.Context(), func(tx *db.Tx) error { return do(w.t.Context(), tx) }); err != nil {
		w.t.Fatal(err)
	}
}

// hear keeps what is said like the inbox does: each thing once.
func (w *town) hear(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error {
	for _, s := range said {
		var err error
		switch s.Act {
		case channel.Comments:
			_, err = tx.Exec(ctx, `
				INSERT INTO comment (institution_id, id, conversation_id, channel_id, remote_id, author_id, text, said_at, received_at)
				VALUES ($1, $2, '', $3, $4, '', $5, $6, 0) ON CONFLICT (institution_id, channel_id, remote_id) DO NOTHING`,
				institutionID, db.NewID(), channelID, s.ID, s.Text, db.At(s.At))
		case channel.Edited:
			_, err = tx.Exec(ctx, `UPDATE comment SET text = $3, edited_at = 1 WHERE institution_id = $1 AND remote_id = $2`, institutionID, s.ID, s.Text)
		case channel.Deleted:
			_, err = tx.Exec(ctx, `UPDATE comment SET text = '', deleted_at = 1 WHERE institution_id = $1 AND remote_id = $2`, institutionID, s.ID)
		}
		if err != nil {
			return err
		}
	}
	if w.deaf != nil {
		return w.deaf(said) // after the rows: they must go with the transaction
	}
	return nil
}

// kept are the texts of a channel's comments, in order of time.
func (w *town) kept(c channel.Channel) (texts []string) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *db.Tx) (err error) {
		texts, err = db.All(ctx, tx, db.Col[string], `SELECT text FROM comment WHERE channel_id = $1 ORDER BY said_at, remote_id`, c.ID)
		return err
	})
	return texts
}

// turn does what a tick and a node's worker do for a channel.
func (w *town) turn(c channel.Channel) {
	w.t.Helper()
	if err := w.poller.tick(w.t.Context(), tick{}); err != nil {
		w.t.Fatal(err)
	}
	w.read(c)
}

func (w *town) read(c channel.Channel) {
	w.t.Helper()
	if err := w.poller.read(w.t.Context(), read{w.inst.ID, c.ID}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) state(c channel.Channel) (found SourceState) {
	w.t.Helper()
	w.write(func(ctx context.Context, tx *db.Tx) error {
		all, err := Sources(ctx, tx, w.inst.ID)
		for _, s := range all {
			if s.ChannelID == c.ID {
				found = s
			}
		}
		return err
	})
	if found.ChannelID == "" {
		w.t.Fatal("the channel is no source")
	}
	return found
}

func (w *town) says(text string) string {
	w.t.Helper()
	id, err := w.square.Say(square.Saying{By: "marisa", Text: "@comune " + text})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}
