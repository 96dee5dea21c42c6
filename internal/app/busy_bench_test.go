package app_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// BenchmarkArticleWhileAllIsUnderWay reads one article over 200 connections while a
// message is published every 50 ms and letters go to 10,000 readers. It reports the
// slowest of a hundred answers, and how many letters went meanwhile.
func BenchmarkArticleWhileAllIsUnderWay(b *testing.B) {
	if _, err := exec.LookPath("wrk"); err != nil {
		testkit.Missing(b, "wrk", "apt-get install wrk")
	}
	readers, span := 10_000, 6*time.Second
	if testing.Short() {
		readers, span = 100, time.Second // whether it runs
	}
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(e), func(b *testing.B) {
			sink := testkit.OpenMailSink(b)
			c := settings(b, e)
			c.SMTP.Host, c.SMTP.Port, c.SMTP.TLS, c.SMTP.From = "127.0.0.1", sink.Port(), "none", "piazza@cesate.example"
			w := newTown(b, c)
			w.profileWith(b, 1, 0, 0)
			profile := w.lastProfile(b)
			ctx := people.With(b.Context(), people.Actor{PersonID: "bench", InstitutionID: w.inst.ID, Roles: people.Roles()})
			w.subscribed(b, readers)
			if _, err := w.app.Channels.Connect(ctx, channel.Wish{InstitutionID: w.inst.ID, ProfileID: profile, Platform: channel.Email, Name: "Newsletter"}, nil); err != nil {
				b.Fatal(err)
			}
			run, cancel := context.WithCancel(context.Background())
			defer cancel()
			if err := w.app.Start(run); err != nil {
				b.Fatal(err)
			}
			publish := func(n int) string {
				m, err := w.app.Desk.Create(ctx, w.inst.ID, publishing.Content{ProfileID: profile, Title: fmt.Sprint("Avviso ", n), Body: strings.Repeat("Testo dell'avviso. ", 60)})
				if err == nil {
					_, err = w.app.Desk.Submit(ctx, w.inst.ID, m.ID)
				}
				if err == nil {
					_, err = w.app.Desk.PublishNow(ctx, w.inst.ID, m.ID, "")
				}
				if err != nil {
					b.Error(err)
				}
				return m.ID
			}
			publish(0)
			server := httptest.NewServer(w.app.Handler())
			defer server.Close()
			address := server.URL + "/m/avviso-0"
			await(b, "the article and the first letters", func() bool { return w.state(b, "out") > 0 && sink.Taken.Load() > 0 })
			for b.Loop() {
				done, ended := make(chan struct{}), sync.WaitGroup{}
				ended.Go(func() {
					for n := 1; ; n++ {
						select {
						case <-done:
							return
						case <-time.After(50 * time.Millisecond):
							publish(n)
						}
					}
				})
				before := sink.Taken.Load()
				m := testkit.Load(b, address, 200, span)
				close(done)
				ended.Wait()
				b.ReportMetric(m.P99.Seconds()*1000, "p99-ms")
				b.ReportMetric(m.Rate, "req/s")
				b.ReportMetric(float64(sink.Taken.Load()-before)/span.Seconds(), "letters/s")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// subscribed enters so many readers who want every message at once.
func (w *town) subscribed(b *testing.B, n int) {
	if err := w.app.DB.InTx(b.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(b.Context(), fmt.Sprintf(`
			INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, confirmed_at, changed_at)
			WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %d)
			SELECT $1, 'r' || CAST(k AS TEXT), 'reader' || CAST(k AS TEXT) || '@example.org', 'it', 'immediate', 'active', 1, 1 FROM n`, n), w.inst.ID)
		return err
	}); err != nil {
		b.Fatal(err)
	}
}
