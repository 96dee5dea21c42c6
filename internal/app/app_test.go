package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

func engines(t *testing.T, test func(t *testing.T, c config.Config)) {
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			test(t, settings(t, e))
		})
	}
}

// The main job, as a program sees it: every answer is held to the OpenAPI document.
func TestMessageGoesFromDraftToSquareToWithdrawal(t *testing.T) {
	engines(t, func(t *testing.T, c config.Config) {
		w := newTown(t, c)
		w.connect(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if err := w.app.Start(ctx); err != nil {
			t.Fatal(err)
		}
		text := map[string]any{"profile_id": w.profile.ID, "title": "Orari estivi", "body": "La biblioteca apre alle **9**.", "tags": []string{"biblioteca"}}
		once := w.writer.With("Idempotency-Key", "a-key-of-mine-1")
		m := once.JSON(http.MethodPost, "/messages", text)
		if again := once.JSON(http.MethodPost, "/messages", text); m.Status != http.StatusCreated || again.Field("id") != m.Field("id") {
			t.Fatalf("the same request made another message: %d %s, %s", m.Status, m.Raw, again.Raw)
		}
		path := "/messages/" + m.Field("id")
		if a := w.approver.JSON(http.MethodPost, path+"/approve", map[string]any{"hash": m.Field("hash")}); a.Status != http.StatusConflict {
			t.Fatalf("approved a draft: %d", a.Status)
		}
		m = w.writer.JSON(http.MethodPost, path+"/submit", map[string]any{})
		if a := w.writer.JSON(http.MethodPost, path+"/approve", map[string]any{"hash": m.Field("hash")}); a.Status != http.StatusForbidden {
			t.Fatalf("the writer approved: %d", a.Status)
		}
		w.approver.JSON(http.MethodPost, path+"/approve", map[string]any{"hash": m.Field("hash")})
		if a := w.writer.JSON(http.MethodPost, path+"/correct", map[string]any{}); a.Status != http.StatusConflict {
			t.Fatalf("corrected what is not out: %d", a.Status)
		}
		if a := w.writer.JSON(http.MethodPost, path+"/publish", map[string]any{}); a.Field("state") != "out" {
			t.Fatalf("publish: %d %s", a.Status, a.Raw)
		}
		settled := func() bool {
			return !strings.Contains(string(w.writer.JSON(http.MethodGet, path+"/deliveries", nil).Raw), `"waiting"`) && len(w.square.Posts("comune")) == 1
		}
		await(t, "the square has it", settled)
		if posts := w.square.Posts("comune"); !strings.Contains(posts[0].Text, "http://cesate.localhost:8080/m/orari-estivi") {
			t.Fatalf("posted %q", posts[0].Text)
		}
		if page := get(w, "/m/orari-estivi"); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "<strong>9</strong>") {
			t.Fatalf("the site's page: %d", page.Code)
		}

		text["body"], text["rev"] = "La biblioteca apre alle **10**.", 1
		m = w.writer.JSON(http.MethodPut, path, text)
		m = w.writer.JSON(http.MethodPost, path+"/submit", map[string]any{})
		w.approver.JSON(http.MethodPost, path+"/approve", map[string]any{"hash": m.Field("hash")})
		w.writer.JSON(http.MethodPost, path+"/correct", map[string]any{"note": "L'orario era sbagliato."})
		await(t, "the copy is corrected", func() bool { return strings.Contains(w.square.Posts("comune")[0].Text, "alle 10") })

		w.writer.JSON(http.MethodPost, path+"/withdraw", map[string]any{"reason": "Era una prova."})
		await(t, "the copy is gone", func() bool { return len(w.square.Posts("comune")) == 0 })
		if n := len(w.square.Accepted()); n != 1 {
			t.Fatalf("posted %d times in all", n)
		}
		if page := get(w, "/m/orari-estivi"); page.Code != http.StatusGone {
			t.Fatalf("the withdrawn page: %d", page.Code)
		}
	})
}

func get(w *town, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://cesate.localhost:8080"+path, nil)
	rec := httptest.NewRecorder()
	w.app.Handler().ServeHTTP(rec, r)
	return rec
}

func TestReadyProvesThatTheSchedulerTicks(t *testing.T) {
	engines(t, func(t *testing.T, c config.Config) {
		w := newTown(t, c)
		if r := get(w, "/healthz"); r.Code != http.StatusOK {
			t.Fatalf("healthz %d", r.Code)
		}
		if r := get(w, "/readyz"); r.Code != http.StatusServiceUnavailable {
			t.Fatalf("ready before any work was done: %d", r.Code)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		if err := w.app.Start(ctx); err != nil {
			t.Fatal(err)
		}
		await(t, "ready", func() bool { return get(w, "/readyz").Code == http.StatusOK })
	})
}

func TestMetricsNeedTheirToken(t *testing.T) {
	c := settings(t, db.SQLite)
	c.MetricsToken = "a-token-of-the-monitor"
	w := newTown(t, c)
	if r := get(w, "/metrics"); r.Code != http.StatusNotFound {
		t.Fatalf("open to anybody: %d", r.Code)
	}
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Authorization", "Bearer "+c.MetricsToken)
	rec := httptest.NewRecorder()
	w.app.Handler().ServeHTTP(rec, r)
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "arengo_deliveries_late 0") {
		t.Fatalf("%d %.300s", rec.Code, rec.Body)
	}
}

func TestBackupMovesATownToTheOtherEngineAndStartsFrozen(t *testing.T) {
	for _, c := range [][2]db.Engine{{db.SQLite, db.Postgres}, {db.Postgres, db.SQLite}, {db.SQLite, db.SQLite}} {
		t.Run(string(c[0])+" to "+string(c[1]), func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			w := newTown(t, settings(t, c[0]))
			w.connect(t)
			for i := range 3 {
				w.writer.JSON(http.MethodPost, "/messages", map[string]any{"profile_id": w.profile.ID, "title": fmt.Sprintf("Perché n. %d «è»", i), "body": "Testo", "place": map[string]any{"lat": 45.0, "lon": 9.08}})
			}
			file := filepath.Join(t.TempDir(), "backup.zip")
			if err := app.Backup(ctx, w.app.DB, w.app.Blobs, file, time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := app.Backup(ctx, w.app.DB, w.app.Blobs, file, time.Now()); err == nil {
				t.Fatal("a backup was overwritten")
			}
			to := settings(t, c[1])
			if err := app.Restore(ctx, to, file, time.Now()); err != nil {
				t.Fatal(err)
			}
			if err := app.Restore(ctx, to, file, time.Now()); err == nil || !strings.Contains(err.Error(), "backup.not_empty") {
				t.Fatalf("restored over a town that is there: %v", err)
			}
			to.MasterKey = w.config.MasterKey
			moved := open(t, to)
			t.Cleanup(func() { shut(t, moved) })
			client := *w.writer.For(t)
			old, fresh := client.JSON(http.MethodGet, "/messages", nil), moved.Handler()
			r := httptest.NewRequest(http.MethodGet, "/api/v1/messages", nil)
			r.Header.Set("Authorization", "Bearer "+w.writer.Token)
			rec := httptest.NewRecorder()
			fresh.ServeHTTP(rec, r)
			if string(old.Raw) != rec.Body.String() {
				t.Errorf("before %s\nafter  %s", old.Raw, rec.Body)
			}
			r = httptest.NewRequest(http.MethodGet, "/api/v1/freeze", nil)
			r.Header.Set("Authorization", "Bearer "+w.writer.Token)
			rec = httptest.NewRecorder()
			fresh.ServeHTTP(rec, r)
			if !strings.Contains(rec.Body.String(), `"frozen":true`) {
				t.Errorf("not frozen: %s", rec.Body)
			}
		})
	}
}

func TestSecondProcessOnOneFolderIsRefused(t *testing.T) {
	c := settings(t, db.SQLite)
	a := open(t, c)
	defer shut(t, a)
	if _, err := app.Open(t.Context(), c, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Conflict) {
		t.Fatalf("got %v", err)
	}
}

func TestNewerDatabaseIsRefused(t *testing.T) {
	c := settings(t, db.SQLite)
	a := open(t, c)
	if err := a.DB.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO migration (name, sum, ran_at) VALUES ('9999_later.sql', 'x', 0)`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	shut(t, a)
	if _, err := app.Open(t.Context(), c, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "database_newer") {
		t.Fatalf("got %v", err)
	}
}
