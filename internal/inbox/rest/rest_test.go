package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/api/apitest"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/rest"
	"codeberg.org/arengo/arengo/internal/insight"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
)

// ledger writes down what it was asked to carry.
type ledger struct{ carried, recarried, takenBack []string }

func (l *ledger) Carry(_ context.Context, _ *db.Tx, _, _, id, _ string, _ int64, _ time.Time) error {
	l.carried = append(l.carried, id)
	return nil
}

func (l *ledger) Recarry(_ context.Context, _ *db.Tx, _, id string, _ int64, _ time.Time) error {
	l.recarried = append(l.recarried, id)
	return nil
}

func (l *ledger) TakeBack(_ context.Context, _ *db.Tx, _, id string, _ time.Time) error {
	l.takenBack = append(l.takenBack, id)
	return nil
}

// town has an inbox, its API, and programs of people with roles.
type town struct {
	*testing.T
	db      *db.DB
	i       institution.Institution
	profile institution.Profile
	office  institution.Office
	channel string
	inbox   *inbox.Inbox
	ledger  *ledger
	handler http.Handler
	now     time.Time
	n       int
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *town) clock() time.Time { return w.now }

func newTown(t *testing.T, d *db.DB) *town {
	t.Helper()
	w := &town{T: t, db: d, ledger: &ledger{}, now: time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC), channel: db.NewID()}
	ctx := t.Context()
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.i.ID, Name: "Comune"}, w.now); err != nil {
			return err
		}
		if w.office, err = institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: w.i.ID, Name: "Strade"}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, handle, state, created_at) VALUES ($1, $2, $3, 'mastodon', 'Mastodon', '@comune@piazza.example', 'connected', 1)`,
			w.i.ID, w.channel, w.profile.ID)
		return err
	}))
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse("https://piazza.cesate.example")
	w.must(err)
	kit, err := web.New(web.Options{Bundle: bundle, Log: slog.New(slog.DiscardHandler), BaseURL: base, Now: w.clock})
	w.must(err)
	r := jobs.NewRegistry(d)
	w.inbox = inbox.New(inbox.Options{DB: d, Desk: w.ledger, Clock: w.clock, Log: slog.New(slog.DiscardHandler), Stance: insight.Stance,
		Channels: channel.NewSwitchboard(d, secret.Fresh(), w.clock, mastodon.New(fetch.New(fetch.Options{}))),
		Address:  func(institution.Institution) string { return base.String() }}, r)
	pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { pool.Stop(context.Background()) })
	w.inbox.Use(pool)
	mux := http.NewServeMux()
	k := api.New(api.Options{DB: d, Web: kit, Mux: mux, BaseURL: base, Version: "test", Authenticate: w.authenticate,
		Allow: func(context.Context, string, time.Time) (time.Duration, error) { return 0, nil }})
	rest.Register(k, rest.Options{DB: d, Inbox: w.inbox, Clock: w.clock,
		Due: func(_ context.Context, _ *db.Tx, _, _ string, from time.Time) (time.Time, error) {
			return from.Add(24 * time.Hour), nil
		},
		Rules: func(context.Context, *db.Tx, string) ([]string, error) { return []string{"1. Niente insulti."}, nil }})
	insight.Register(k)
	w.must(k.Mount())
	w.handler = institution.NewResolver(d, w.clock).Around(kit.Wrap(mux))
	return w
}

// authenticate takes the name of a role as its token.
func (w *town) authenticate(_ context.Context, token string, _ time.Time) (people.Actor, error) {
	for _, role := range people.Roles() {
		if string(role) == token {
			return people.Actor{PersonID: "person-" + token, TokenID: token, InstitutionID: w.i.ID, Roles: []people.Role{role}}, nil
		}
	}
	return people.Actor{}, fault.New(fault.Unsigned, "api.token.missing")
}

// as is a program of somebody with a role.
func (w *town) as(role people.Role) *apitest.Client { return apitest.New(w.T, w.handler, string(role)) }

// says lets a citizen say something, a minute after the last.
func (w *town) says(who, text string) (conversationID string) {
	w.Helper()
	w.n++
	w.now = w.now.Add(time.Minute)
	id := fmt.Sprint("said-", w.n)
	w.must(w.db.InTx(w.Context(), func(tx *db.Tx) error {
		if err := w.inbox.Hear(w.Context(), tx, w.i.ID, w.channel, []channel.Said{{Act: channel.Comments, ID: id, Text: text, Lang: "it", At: w.now,
			Author: channel.Author{ID: who, Name: who, Handle: "@" + who + "@piazza.example"}}}); err != nil {
			return err
		}
		return tx.QueryRow(w.Context(), `SELECT conversation_id FROM comment WHERE remote_id = $1`, id).Scan(&conversationID)
	}))
	return conversationID
}

// expect ends the test when an answer has another status.
func (w *town) expect(a apitest.Answer, status int) apitest.Answer {
	w.Helper()
	if a.Status != status {
		w.Fatalf("%d, want %d: %s", a.Status, status, a.Raw)
	}
	return a
}

// read decodes the members that a test looks at.
func (w *town) read(a apitest.Answer, out any) {
	w.Helper()
	w.must(json.Unmarshal(a.Raw, out))
}

type listed struct {
	Items []struct {
		ID, Subject, State string
		Waiting            bool
		DueAt              string `json:"due_at"`
	}
	Next string
}

func TestConversationsAreListedByPageAndFilter(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		reader := w.as(people.Reader)
		first, second, third := w.says("anna", "Il lampione di via Roma è rotto"), w.says("ugo", "Quando riapre la piscina?"), w.says("lia", "Grazie alla biblioteca")
		var got []string
		for cursor, pages := "", 0; ; pages++ {
			var page listed
			w.read(w.expect(reader.JSON("GET", "/conversations?limit=1&cursor="+cursor, nil), 200), &page)
			for _, c := range page.Items {
				got = append(got, c.ID)
			}
			if cursor = page.Next; cursor == "" || pages > 5 {
				break
			}
		}
		if want := []string{third, second, first}; strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("pages %v, want %v", got, want)
		}
		for query, want := range map[string]int{"text=lampioni": 1, "text=scuola": 0, "waiting=true": 3, "state=closed": 0, "visibility=private": 0, "office_id=-": 3,
			"platform=mastodon": 3, "platform=bluesky": 0, "overdue=true": 0, "sort=oldest&limit=2": 2, "sort=deadline": 0, "profile_id=" + w.profile.ID: 3} {
			var page listed
			w.read(w.expect(reader.JSON("GET", "/conversations?"+query, nil), 200), &page)
			if len(page.Items) != want {
				t.Errorf("%s: %d, want %d", query, len(page.Items), want)
			}
		}
		for _, bad := range []string{"cursor=x", "cursor=WyJhIiwiYiJd", "state=lost", "limit=0", "limit=1000", "sort=random"} {
			w.expect(reader.JSON("GET", "/conversations?"+bad, nil), 422)
		}
	})
}

func TestConversationIsAssignedNotedClosedAndOpened(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		writer := w.as(people.Writer)
		id := w.says("anna", "Il lampione di via Roma è rotto")
		path := "/conversations/" + id
		w.expect(writer.JSON("POST", path+"/assign", map[string]any{"office_id": w.office.ID}), 204)
		w.expect(writer.JSON("POST", path+"/notes", map[string]any{"text": "Chiamato l'elettricista"}), 201)
		w.expect(writer.JSON("POST", path+"/close", map[string]any{}), 204)
		w.expect(writer.JSON("POST", path+"/reopen", map[string]any{}), 204)
		var thread struct {
			State    string
			OfficeID string    `json:"office_id"`
			DueAt    time.Time `json:"due_at"`
			Entries  []struct {
				Kind    string
				Comment *struct{ ID, Text, Stance string }
				Note    *struct{ Text string }
				Event   *struct{ What string }
			}
			CanAnswer bool `json:"can_answer"`
		}
		w.read(w.expect(w.as(people.Reader).JSON("GET", path, nil), 200), &thread)
		kinds, comment := map[string]int{}, ""
		for _, e := range thread.Entries {
			kinds[e.Kind]++
			if e.Comment != nil {
				comment = e.Comment.ID
			}
		}
		if thread.State != "open" || thread.OfficeID != w.office.ID || !thread.DueAt.Equal(w.now.Add(24*time.Hour)) || !thread.CanAnswer || kinds["comment"] != 1 || kinds["note"] != 1 || kinds["event"] == 0 {
			t.Errorf("%+v %v", thread, kinds)
		}
		w.expect(writer.JSON("POST", path+"/assign", map[string]any{"person_id": "nobody"}), 422)
		w.expect(writer.JSON("POST", path+"/notes", map[string]any{"text": "  "}), 422)
		w.expect(writer.JSON("POST", path+"/notes", map[string]any{}), 422)
		w.expect(writer.JSON("POST", "/comments/"+comment+"/stance", map[string]any{"stance": "against"}), 204)
		w.expect(writer.JSON("POST", "/comments/"+comment+"/stance", map[string]any{"stance": "angry"}), 422)
		w.expect(writer.JSON("GET", "/conversations/nobody", nil), 404)
		w.expect(writer.JSON("POST", "/conversations/nobody/close", map[string]any{}), 404)
	})
}

func TestAnswerGoesItsWay(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		writer := w.as(people.Writer)
		path := "/conversations/" + w.says("anna", "Quando riapre la piscina?") + "/answers"
		made := w.expect(writer.JSON("POST", path, map[string]any{"text": "Il 2 giugno."}), 201)
		answer := "/answers/" + made.Field("id")
		w.expect(writer.JSON("PUT", answer, map[string]any{"rev": 1, "text": "Il 2 giugno alle 10."}), 200)
		w.expect(writer.JSON("PUT", answer, map[string]any{"rev": 1, "text": "Chissà."}), 409)
		w.expect(writer.JSON("POST", answer+"/send", map[string]any{}), 200)
		if len(w.ledger.carried) != 1 || w.ledger.carried[0] != made.Field("id") {
			t.Errorf("the ledger carries %v", w.ledger.carried)
		}
		sent := w.expect(w.as(people.Reader).JSON("GET", answer, nil), 200)
		if sent.Field("state") != "sent" || sent.Field("text") != "Il 2 giugno alle 10." {
			t.Errorf("%s", sent.Raw)
		}
		var all struct{ Items []struct{ ID, State string } }
		w.read(w.expect(writer.JSON("GET", path, nil), 200), &all)
		if len(all.Items) != 1 || all.Items[0].State != "sent" {
			t.Errorf("%+v", all)
		}
		w.expect(writer.JSON("POST", answer+"/withdraw", map[string]any{}), 200)
		if len(w.ledger.takenBack) != 1 {
			t.Errorf("taken back %v", w.ledger.takenBack)
		}
		w.expect(writer.JSON("POST", path, map[string]any{"text": strings.Repeat("x", 30_000)}), 422)
		w.expect(writer.JSON("GET", "/answers/nobody", nil), 404)
		w.expect(writer.JSON("GET", "/conversations/nobody/answers", nil), 404)
	})
}

func TestFourEyesOnAnswers(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE profile SET four_eyes_answers = TRUE`)
		return err
	}))
	writer, approver := w.as(people.Writer), w.as(people.Approver)
	path := "/conversations/" + w.says("anna", "Quando riapre la piscina?") + "/answers"
	made := w.expect(writer.JSON("POST", path, map[string]any{"text": "Il 2 giugno."}), 201)
	answer := "/answers/" + made.Field("id")
	w.expect(writer.JSON("POST", answer+"/send", map[string]any{}), 409)
	w.expect(writer.JSON("POST", answer+"/submit", map[string]any{}), 200)
	w.expect(writer.JSON("POST", answer+"/approve", map[string]any{"hash": made.Field("hash")}), 403)
	w.expect(approver.JSON("POST", answer+"/send-back", map[string]any{"reason": "Dire anche a che ora."}), 200)
	edited := w.expect(writer.JSON("PUT", answer, map[string]any{"rev": 1, "text": "Il 2 giugno alle 10."}), 200)
	w.expect(writer.JSON("POST", answer+"/submit", map[string]any{}), 200)
	w.expect(approver.JSON("POST", answer+"/approve", map[string]any{"hash": made.Field("hash")}), 409)
	w.expect(approver.JSON("POST", answer+"/approve", map[string]any{"hash": edited.Field("hash")}), 200)
	if len(w.ledger.carried) != 1 {
		t.Errorf("carried %v", w.ledger.carried)
	}
	w.expect(approver.JSON("POST", answer+"/correct", map[string]any{"rev": 1, "text": "Il 3 giugno."}), 409)
}

func TestWordsAreModerated(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		writer := w.as(people.Writer)
		id := w.says("ugo", "Siete degli incapaci")
		var comment, author string
		w.must(d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT id, author_id FROM comment WHERE conversation_id = $1`, id).Scan(&comment, &author)
		}))
		w.expect(writer.JSON("POST", "/comments/"+comment+"/hide", map[string]any{}), 422)
		hidden := w.expect(writer.JSON("POST", "/comments/"+comment+"/hide", map[string]any{"rule": "1. Niente insulti."}), 200)
		w.expect(writer.JSON("POST", "/comments/"+comment+"/hide", map[string]any{"rule": "1. Niente insulti."}), 409)
		w.expect(writer.JSON("POST", "/comments/"+comment+"/unhide", map[string]any{"reason": "Era una citazione."}), 200)
		w.expect(writer.JSON("POST", "/authors/"+author+"/block", map[string]any{"rule": "1. Niente insulti."}), 200)
		w.expect(writer.JSON("POST", "/authors/"+author+"/unblock", map[string]any{}), 200)
		w.expect(writer.JSON("POST", "/moderation/"+hidden.Field("id")+"/decide", map[string]any{"outcome": "upheld"}), 409)
		var log struct {
			Items []struct{ ID, Action, Rule, Text string }
			Next  string
		}
		w.read(w.expect(writer.JSON("GET", "/moderation?limit=3", nil), 200), &log)
		if len(log.Items) != 3 || log.Items[0].Action != "unblock" || log.Next == "" {
			t.Fatalf("%+v", log)
		}
		w.read(w.expect(writer.JSON("GET", "/moderation?limit=3&cursor="+log.Next, nil), 200), &log)
		if len(log.Items) != 1 || log.Items[0].Action != "hide" || log.Items[0].Text != "Siete degli incapaci" || log.Items[0].Rule != "1. Niente insulti." {
			t.Errorf("%+v", log)
		}
		w.expect(writer.JSON("GET", "/moderation/"+hidden.Field("id"), nil), 200)
		w.expect(writer.JSON("GET", "/moderation/nobody", nil), 404)
	})
}

func TestHouseAndConsentAreRead(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	reader := w.as(people.Reader)
	var offices struct{ Items []struct{ ID, Name string } }
	w.read(w.expect(reader.JSON("GET", "/offices", nil), 200), &offices)
	if len(offices.Items) != 1 || offices.Items[0].Name != "Strade" {
		t.Errorf("%+v", offices)
	}
	var policies struct{ Rules []string }
	w.read(w.expect(reader.JSON("GET", "/policies", nil), 200), &policies)
	if len(policies.Rules) != 1 {
		t.Errorf("%+v", policies)
	}
	w.expect(reader.JSON("GET", "/messages/nobody/consent", nil), 404)
}

// TestReadersOnlyRead: what changes something needs the role for it.
func TestReadersOnlyRead(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	id := w.says("anna", "Il lampione è rotto")
	for path, body := range map[string]map[string]any{
		"/conversations/" + id + "/close": {}, "/conversations/" + id + "/notes": {"text": "x"}, "/conversations/" + id + "/answers": {"text": "x"},
		"/conversations/" + id + "/assign": {}, "/comments/x/hide": {"rule": "x"}, "/answers/x/approve": {"hash": "x"}, "/authors/x/block": {"rule": "x"},
	} {
		w.expect(w.as(people.Reader).JSON("POST", path, body), 403)
		w.expect(apitest.New(t, w.handler, "").JSON("POST", path, body), 401)
	}
	w.expect(w.as(people.Reader).JSON("GET", "/moderation", nil), 403)
}
