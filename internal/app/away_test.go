package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestNodesThatStartTogetherOnAnEmptyDatabaseAllServe(t *testing.T) {
	c := settings(t, db.Postgres)
	first := make([]*app.App, 3)
	var wg sync.WaitGroup
	for i := range first {
		wg.Go(func() {
			own := c
			own.Data = filepath.Join(t.TempDir(), "data") // a node on another machine
			own.MasterKey = filepath.Join(c.Data, "secret.key")
			a, err := app.Open(context.Background(), own, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Errorf("node %d: %v", i, err)
				return
			}
			first[i] = a
		})
	}
	wg.Wait()
	for _, a := range first {
		if a != nil {
			shut(t, a)
		}
	}
}

// asked is what a reader, an officer's program and the monitor get.
func asked(w *town) map[string]*httptest.ResponseRecorder {
	all := map[string]*httptest.ResponseRecorder{}
	for what, r := range map[string]*http.Request{
		"page":   httptest.NewRequest(http.MethodGet, "http://cesate.localhost:8080/", nil),
		"search": httptest.NewRequest(http.MethodGet, "http://cesate.localhost:8080/cerca?q=piazza", nil),
		"api":    httptest.NewRequest(http.MethodGet, "http://cesate.localhost:8080/api/v1/messages", nil),
		"write":  httptest.NewRequest(http.MethodPost, "http://cesate.localhost:8080/api/v1/messages", strings.NewReader(fmt.Sprintf(`{"profile_id":%q,"title":"Prova","body":"Testo"}`, w.profile.ID))),
	} {
		if what == "api" || what == "write" {
			r.Header.Set("Authorization", "Bearer "+w.writer.Token)
			r.Header.Set("Content-Type", "application/json")
		} else {
			r.Header.Set("Accept", "text/html")
			r.Header.Set("Accept-Language", "it")
		}
		rec := httptest.NewRecorder()
		w.app.Handler().ServeHTTP(rec, r)
		all[what] = rec
	}
	return all
}

// sorry checks that each answer is 503 with when to come back and words for people.
func sorry(t *testing.T, all map[string]*httptest.ResponseRecorder, words ...string) {
	t.Helper()
	for what, rec := range all {
		body := rec.Body.String()
		said := false
		for _, w := range words {
			said = said || strings.Contains(body, w)
		}
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || !said {
			t.Errorf("%s: %d, Retry-After %q, %.600s", what, rec.Code, rec.Header().Get("Retry-After"), body)
		}
	}
}

func TestLostDatabaseIsSaidAndWorkResumes(t *testing.T) {
	t.Parallel()
	server := testkit.Postgres(t)
	c := settings(t, db.SQLite)
	c.Database = server.Address
	w := newTown(t, c)
	w.connect(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := w.app.Start(ctx); err != nil {
		t.Fatal(err)
	}
	await(t, "ready", func() bool { return get(w, "/readyz").Code == http.StatusOK })
	server.Stop()
	for range 2 { // with the connections that were cut, and without any
		sorry(t, asked(w), "L'archivio non risponde", "L&#39;archivio non risponde", "The database does not answer")
	}
	await(t, "not ready without a database", func() bool {
		r := get(w, "/readyz")
		return r.Code == http.StatusServiceUnavailable && r.Header().Get("Retry-After") != ""
	})
	server.Start()
	await(t, "answers again", func() bool { return get(w, "/").Code == http.StatusOK })
	message := w.writer.JSON(http.MethodPost, "/messages", map[string]any{"profile_id": w.profile.ID, "title": "Dopo il guasto", "body": "Si riprende."})
	path := "/messages/" + message.Field("id")
	message = w.writer.JSON(http.MethodPost, path+"/submit", map[string]any{})
	w.approver.JSON(http.MethodPost, path+"/approve", map[string]any{"hash": message.Field("hash")})
	w.writer.JSON(http.MethodPost, path+"/publish", map[string]any{})
	await(t, "the square has it", func() bool { return len(w.square.Posts("comune")) == 1 })
}
