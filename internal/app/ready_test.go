package app_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
)

func TestNotReadyWhileTheDatabaseTakesNoWrites(t *testing.T) {
	w := newTown(t, settings(t, db.SQLite))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := w.app.Start(ctx); err != nil {
		t.Fatal(err)
	}
	await(t, "ready", func() bool { return get(w, "/readyz").Code == http.StatusOK })
	if err := w.app.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `PRAGMA query_only = ON`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	await(t, "not ready", func() bool {
		r := get(w, "/readyz")
		return r.Code == http.StatusServiceUnavailable && strings.Contains(r.Body.String(), "takes no writes")
	})
}
