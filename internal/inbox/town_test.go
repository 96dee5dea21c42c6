package inbox

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/secret"
)

// town is an institution with an inbox, a profile and a channel whose platform is
// the test itself.
type town struct {
	t        testing.TB
	db       *db.DB
	inbox    *Inbox
	ledger   *ledger
	square   *square
	now      time.Time
	inst     institution.Institution
	profile  institution.Profile
	channel  channel.Channel
	office   institution.Office
	writer   context.Context
	approver context.Context

	begun []Conversation // what Opened was told
	words []Comment      // what Heard was told
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	ctx := t.Context()
	w := &town{t: t, db: d, now: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC), square: &square{answers: true, edits: true}}
	w.ledger = &ledger{town: w}
	box := secret.Fresh()
	r := jobs.NewRegistry(d)
	w.inbox = New(Options{DB: d, Channels: channel.NewSwitchboard(d, box, w.clock, w.square), Desk: w.ledger, Clock: w.clock, Log: slog.New(slog.DiscardHandler),
		Address: func(institution.Institution) string { return "https://cesate.example.it" },
		Stance: func(text, _, _ string) Stance {
			if len(text) > 0 && text[len(text)-1] == '?' {
				return Question
			}
			return ""
		},
		Opened: func(_ context.Context, _ *db.Tx, c Conversation, _ Comment) error {
			w.begun = append(w.begun, c)
			return nil
		},
		Heard: func(_ context.Context, _ *db.Tx, _ Conversation, c Comment) error {
			w.words = append(w.words, c)
			return nil
		},
	}, r)
	pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Stop(context.Background()) })
	w.inbox.Use(pool)
	w.tx(func(tx *db.Tx) error {
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune"}, w.now); err != nil {
			return err
		}
		if w.office, err = institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: w.inst.ID, Name: "Scuola"}); err != nil {
			return err
		}
		a, err := w.square.Connect(ctx, nil)
		if err != nil {
			return err
		}
		w.channel, err = channel.Save(ctx, tx, box, channel.Channel{InstitutionID: w.inst.ID, ProfileID: w.profile.ID, Platform: channel.Mastodon}, a, w.now)
		return err
	})
	w.writer = w.person("Wanda", people.Writer)
	w.approver = w.person("Adele", people.Approver)
	return w
}

func (w *town) clock() time.Time { return w.now }

func (w *town) pass(d time.Duration) { w.now = w.now.Add(d) }

func (w *town) tx(do func(*db.Tx) error) {
	w.t.Helper()
	if err := w.db.InTx(w.t.Context(), do); err != nil {
		w.t.Fatal(err)
	}
}

// person is a member of the institution who acts.
func (w *town) person(name string, role people.Role) context.Context {
	w.t.Helper()
	ctx := w.t.Context()
	var p people.Person
	w.tx(func(tx *db.Tx) (err error) {
		if p, err = people.Create(ctx, tx, people.Person{Name: name, Email: institution.Slug(name) + "@cesate.example.it"}, w.now); err != nil {
			return err
		}
		return people.SetRoles(ctx, tx, w.inst.ID, p.ID, []people.Role{role}, w.now)
	})
	return people.With(ctx, people.Actor{PersonID: p.ID, Name: name, InstitutionID: w.inst.ID, Roles: []people.Role{role}})
}

func personOf(ctx context.Context) string { a, _ := people.From(ctx); return a.PersonID }

// message puts a message of ours on the channel under a remote ID.
func (w *town) message(remoteID string) (id string) {
	w.t.Helper()
	ctx, id := w.t.Context(), db.NewID()
	w.tx(func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, out_rev, created_at, updated_at)
			VALUES ($1, $2, $3, '', 'out', 'Orari della mensa', 'school', '{}', 1, '', '', '', 1, 1, 1)`, w.inst.ID, id, w.profile.ID); err != nil {
			return err
		}
		return w.delivered(ctx, tx, "message", id, remoteID)
	})
	return id
}

func (w *town) delivered(ctx context.Context, tx *db.Tx, kind, id, remoteID string) error {
	delivery := db.NewID()
	if _, err := tx.Exec(ctx, `
		INSERT INTO delivery (institution_id, id, kind, message_id, channel_id, state, rev, out_rev, due_at, next_at, remote_id, out_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, 'out', 1, 1, $6, $6, $7, $6, $6, $6)`, w.inst.ID, delivery, kind, id, w.channel.ID, db.At(w.now), remoteID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES ($1, $2, $3, $4)`, w.inst.ID, w.channel.ID, remoteID, delivery)
	return err
}

// hear lets the channel hear all of it at once.
func (w *town) hear(said ...channel.Said) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error { return w.inbox.Hear(w.t.Context(), tx, w.inst.ID, w.channel.ID, said) })
}

// says is a comment of a citizen; at counts minutes.
func (w *town) says(who, id, parent, text string, at int) channel.Said {
	return channel.Said{Act: channel.Comments, ID: id, Parent: parent, Text: text, Author: citizen(who), Lang: "it", URL: "https://square.example/" + id, At: w.minute(at)}
}

func (w *town) minute(n int) time.Time {
	return time.Date(2026, 5, 4, 6, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
}

func citizen(name string) channel.Author {
	return channel.Author{ID: "https://square.example/users/" + name, Handle: "@" + name + "@square.example", Name: name}
}

func (w *town) list(f Filter) (rows []Row) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		rows, err = List(w.t.Context(), tx, w.inst.ID, f, w.now)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return rows
}

// only is the one conversation there is.
func (w *town) only() Thread {
	w.t.Helper()
	rows := w.list(Filter{})
	if len(rows) != 1 {
		w.t.Fatalf("%d conversations", len(rows))
	}
	return w.thread(rows[0].ID)
}

func (w *town) thread(id string) (t Thread) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) {
		t, err = w.inbox.Thread(w.t.Context(), tx, w.inst.ID, id, w.now)
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return t
}

func (t Thread) words() (out []*Word) {
	for _, e := range t.Entries {
		if e.Comment != nil {
			out = append(out, e.Comment)
		}
	}
	return out
}

func (t Thread) happened(what string) (n int) {
	for _, e := range t.Entries {
		if e.Event != nil && e.Event.What == what {
			n++
		}
	}
	return n
}

// ledger stands where publishing.Desk does, with its promises: a delivery is
// entered once, and the test says how it ends.
type ledger struct {
	town *town
	kept map[string]int64 // revision by answer
	back map[string]bool
}

func (l *ledger) Carry(ctx context.Context, tx *db.Tx, institutionID, kind, id, channelID string, rev int64, now time.Time) error {
	if _, err := l.town.inbox.Outgoing(ctx, tx, institutionID, id, rev); err != nil {
		return err
	}
	if l.kept == nil {
		l.kept, l.back = map[string]int64{}, map[string]bool{}
	}
	if _, twice := l.kept[id]; twice {
		return nil
	}
	l.kept[id] = rev
	_, err := tx.Exec(ctx, `
		INSERT INTO delivery (institution_id, id, kind, message_id, channel_id, state, rev, due_at, next_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $7, $7, $7)`, institutionID, db.NewID(), kind, id, channelID, rev, db.At(now))
	return err
}

func (l *ledger) Recarry(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64, now time.Time) error {
	l.kept[id] = rev
	_, err := tx.Exec(ctx, `UPDATE delivery SET rev = $3 WHERE institution_id = $1 AND message_id = $2`, institutionID, id, rev)
	return err
}

func (l *ledger) TakeBack(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error {
	l.back[id] = true
	_, err := tx.Exec(ctx, `UPDATE delivery SET withdraw = TRUE WHERE institution_id = $1 AND message_id = $2`, institutionID, id)
	return err
}

// ends lets the delivery of an answer end so, and tells the inbox.
func (w *town) ends(answerID string, state publishing.DeliveryState, remoteID string) {
	w.t.Helper()
	ctx := w.t.Context()
	w.tx(func(tx *db.Tx) error {
		del := publishing.Delivery{InstitutionID: w.inst.ID, Kind: AnAnswer, MessageID: answerID, ChannelID: w.channel.ID, State: state, OutAt: w.now}
		del.Remote.ID = remoteID
		err := tx.QueryRow(ctx, `UPDATE delivery SET state = $3, remote_id = $4, out_at = $5, out_rev = rev WHERE institution_id = $1 AND message_id = $2 RETURNING id, rev`,
			w.inst.ID, answerID, state, remoteID, db.At(w.now)).Scan(&del.ID, &del.Rev)
		if err != nil {
			return err
		}
		del.OutRev = del.Rev
		if state == publishing.Delivered {
			if _, err := tx.Exec(ctx, `INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
				w.inst.ID, w.channel.ID, remoteID, del.ID); err != nil {
				return err
			}
		}
		return w.inbox.Settled(ctx, tx, del)
	})
}

// square is a platform that does what the test says.
type square struct {
	answers, edits bool

	mu    sync.Mutex
	did   []string
	fails *channel.Error
}

func (s *square) Platform() channel.Platform { return channel.Mastodon }

func (s *square) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{Text: count.Graphemes(), MaxText: 100, Answers: s.answers, Edit: s.edits, Withdraw: true}
}

func (s *square) ConnectFields() []channel.ConnectField { return nil }

func (s *square) Connect(context.Context, map[string]string) (channel.Account, error) {
	return channel.Account{Handle: "@comune@square.example", URL: "https://square.example/@comune", Secret: json.RawMessage(`"s"`)}, nil
}

func (s *square) Test(context.Context, channel.Account) (channel.Health, error) {
	return channel.Health{}, nil
}

var errUnused = &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Detail: "the ledger of these tests makes no calls"}

func (s *square) Prepare(context.Context, channel.Account, channel.Post, channel.Progress, func(channel.Progress) error) (channel.Progress, error) {
	return nil, errUnused
}

func (s *square) Finalize(context.Context, channel.Account, channel.Post, channel.Progress) (channel.Remote, error) {
	return channel.Remote{}, errUnused
}

func (s *square) Find(context.Context, channel.Account, channel.Post, channel.Progress) (channel.Remote, bool, error) {
	return channel.Remote{}, false, errUnused
}

func (s *square) Edit(context.Context, channel.Account, channel.Post, channel.Remote) (channel.Remote, error) {
	return channel.Remote{}, errUnused
}

func (s *square) Withdraw(context.Context, channel.Account, channel.Remote) error { return errUnused }

func (s *square) act(what string, r channel.Reply) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.did = append(s.did, what+" "+r.ID)
	if s.fails != nil {
		return s.fails
	}
	return nil
}

func (s *square) Hide(_ context.Context, _ channel.Account, r channel.Reply) error {
	return s.act("hide", r)
}

func (s *square) Unhide(_ context.Context, _ channel.Account, r channel.Reply) error {
	return s.act("unhide", r)
}

func (s *square) Report(_ context.Context, _ channel.Account, r channel.Reply, _ string) error {
	return s.act("report", r)
}

var (
	_ channel.Adapter   = (*square)(nil)
	_ channel.Moderator = (*square)(nil)
	_ Ledger            = (*ledger)(nil)
)
