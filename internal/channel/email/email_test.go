package email_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/email"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
)

// mailbox keeps what a subscriber receives.
type mailbox struct {
	mu      sync.Mutex
	letters []mail.Letter
}

func (m *mailbox) Send(_ context.Context, l mail.Letter) mail.Result {
	if _, err := l.Bytes(nil); err != nil {
		return mail.Result{Outcome: mail.Refused, Err: err}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, l)
	return mail.Result{Outcome: mail.Sent, Code: 250}
}

func (m *mailbox) Close() error { return nil }

// house is a newsletter with one immediate subscriber.
type house struct {
	db      *db.DB
	list    *newsletter.List
	box     *mailbox
	channel string
}

func newHouse(t *testing.T, d *db.DB) *house {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h := &house{db: d, box: &mailbox{}, channel: db.NewID()}
	must(d.InTx(ctx, func(tx *db.Tx) error {
		i, err := institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, time.Now())
		if err != nil {
			return err
		}
		p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: i.ID, Name: "Comune"}, time.Now())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, $2, $3, 'email', 'E-mail', 'connected', 1)`, i.ID, h.channel, p.ID); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, confirmed_at, changed_at) VALUES ($1, $2, 'anna@example.org', 'it', 'immediate', 'active', 1, 1)`, i.ID, db.NewID())
		return err
	}))
	bundle, err := i18n.Load()
	must(err)
	base, err := url.Parse("https://piazza.cesate.example")
	must(err)
	kit, err := web.New(web.Options{Bundle: bundle, Log: slog.New(slog.DiscardHandler), BaseURL: base})
	must(err)
	r := jobs.NewRegistry(d)
	h.list, err = newsletter.New(newsletter.Options{DB: d, Kit: kit, Bundle: bundle, Box: secret.Fresh(), Sender: h.box, Clock: time.Now, From: "newsletter@cesate.example",
		Address: func(institution.Institution) string { return base.String() }}, r)
	must(err)
	pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	must(err)
	t.Cleanup(func() { pool.Stop(ctx) })
	h.list.Use(pool)
	return h
}

// posts lets the letters that wait go out, and reads the subscriber's mailbox.
func (h *house) posts(t testing.TB) (all []channeltest.Seen) {
	t.Helper()
	if err := h.list.SendDue(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, l := range h.box.letters {
		left, _, _ := strings.Cut(l.MessageID, "@")
		_, issue, _ := strings.Cut(left, ".")
		seen := channeltest.Seen{ID: issue, Text: l.Text}
		doc, err := html.Parse(strings.NewReader(l.HTML))
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			at := map[string]string{}
			for _, a := range n.Attr {
				at[a.Key] = a.Val
			}
			switch {
			case n.Data == "img":
				seen.Media = append(seen.Media, channeltest.SeenMedia{Alt: at["alt"]})
			case n.Data == "a" && strings.Contains(at["href"], "/posta/"):
				seen.Media = append(seen.Media, channeltest.SeenMedia{Alt: n.FirstChild.Data, Video: true})
			}
		}
		all = append(all, seen)
	}
	return all
}

func TestAdapterKeepsTheContract(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		h := newHouse(t, testkit.SQLite(t))
		return channeltest.Subject{
			Adapter: email.New(h.list), Account: channel.Account{ID: h.channel}, Posts: h.posts,
			Gate:     channeltest.NewGate(http.NotFoundHandler(), nil),
			SameText: func(sent, seen string) bool { return strings.Contains(seen, sent) },
			Near:     "the peer is the newsletter of the same database",
			Cannot: map[channeltest.Case]string{
				channeltest.ConnectWrong: "nothing is typed to connect",
				channeltest.EditMedia:    "a letter that was sent cannot be changed",
				channeltest.EditGone:     "a letter that was sent cannot be changed",
			},
		}
	})
}

// TestHandOverThatBreaksIsFoundOrProvenAbsent stands for the suite's crashes: the
// handing over is one transaction, which happened or did not.
func TestHandOverThatBreaksIsFoundOrProvenAbsent(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d)
		a, account := email.New(h.list), channel.Account{ID: h.channel}
		p := channel.Post{Key: db.NewID(), Title: "Avviso", Text: "Testo.", Link: "https://piazza.cesate.example/m/avviso", Lang: "it"}
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.Finalize(cut, account, p, nil)
		if e := channel.AsError(err); err == nil || e.Class != channel.Unknown {
			t.Fatalf("a transaction that broke off: %v", err)
		}
		if _, found, err := a.Find(t.Context(), account, p, nil); found || err != nil {
			t.Fatalf("found %v, %v", found, err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := a.Finalize(t.Context(), account, p, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(h.posts(t)); n != 1 {
			t.Errorf("%d letters of one message", n)
		}
		if r, found, err := a.Find(t.Context(), account, p, nil); !found || err != nil || r.URL != p.Link {
			t.Errorf("%+v %v %v", r, found, err)
		}
	})
}

func TestChannelThatIsGoneTakesNothing(t *testing.T) {
	h := newHouse(t, testkit.SQLite(t))
	a := email.New(h.list)
	_, err := a.Finalize(t.Context(), channel.Account{ID: "gone"}, channel.Post{Key: "k", Title: "Avviso", Text: "Testo."}, nil)
	var e *channel.Error
	if !errors.As(err, &e) || e.Class != channel.Refused || e.Code != channel.CodeNotFound {
		t.Errorf("%v", err)
	}
}
