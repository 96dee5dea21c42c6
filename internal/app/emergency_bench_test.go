package app_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// BenchmarkEmergencyBesideAPlatformThatHangs has 500 deliveries waiting for a
// platform that takes each request and says nothing, and then publishes an
// emergency to that platform and to four channels elsewhere. It reports the seconds
// until it is out on those four; five are allowed.
func BenchmarkEmergencyBesideAPlatformThatHangs(b *testing.B) {
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(e), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newTown(b, settings(b, e))
				hangs := &atomic.Bool{}
				good := w.hangingSquare(b, hangs)
				for n := range 10 {
					w.profileWith(b, n, 5, 10)
				}
				ctx := people.With(b.Context(), people.Actor{PersonID: "bench", InstitutionID: w.inst.ID, Roles: people.Roles()})
				alarm := w.profileOn(b, ctx, append(good, w.server))
				hangs.Store(true)
				run, cancel := context.WithCancel(context.Background())
				if err := w.app.Start(run); err != nil {
					b.Fatal(err)
				}
				await(b, "workers in the platform that hangs", func() bool { return w.state(b, "attempting") > 0 && w.state(b, "waiting") > 400 })
				m, err := w.app.Desk.Create(ctx, w.inst.ID, publishing.Content{ProfileID: alarm, Title: "Allerta rossa: evacuare le cantine", Body: "Subito.", Category: publishing.Emergency})
				if err == nil {
					_, err = w.app.Desk.Submit(ctx, w.inst.ID, m.ID)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				began := time.Now()
				if _, err := w.app.Desk.PublishNow(ctx, w.inst.ID, m.ID, ""); err != nil {
					b.Fatal(err)
				}
				for w.state(b, "out") < len(good) {
					if time.Since(began) > time.Minute {
						b.Fatalf("only %d out after a minute", w.state(b, "out"))
					}
					<-time.After(10 * time.Millisecond)
				}
				b.ReportMetric(time.Since(began).Seconds(), "s/emergency")
				b.StopTimer()
				cancel()
				b.StartTimer()
			}
		})
	}
}

// hangingSquare makes a square of which w.server hangs for whoever writes once it
// is told to, and returns four addresses of it that answer.
func (w *town) hangingSquare(b *testing.B, hangs *atomic.Bool) (good []string) {
	s, err := square.New(square.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h := s.Handler()
	serve := func(h http.Handler) string {
		server := httptest.NewServer(h)
		b.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		return server.URL
	}
	w.square = s
	w.server = serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if hangs.Load() && r.Method != http.MethodGet {
			io.Copy(io.Discard, r.Body) // only then does the server notice who leaves
			select {
			case <-r.Context().Done():
			case <-b.Context().Done():
			}
			return
		}
		h.ServeHTTP(rw, r)
	}))
	for range 4 {
		good = append(good, serve(h))
	}
	return good
}

// profileOn makes a profile with a channel on each server.
func (w *town) profileOn(b *testing.B, ctx context.Context, servers []string) string {
	var p institution.Profile
	err := w.app.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		p, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Protezione civile"}, time.Now())
		return err
	})
	for n, server := range servers {
		if err != nil {
			b.Fatal(err)
		}
		var token string
		if token, err = w.square.AddAccount(fmt.Sprintf("allerta%d", n), p.Name); err == nil {
			_, err = w.app.Channels.Connect(ctx, channel.Wish{InstitutionID: w.inst.ID, ProfileID: p.ID, Platform: channel.Mastodon},
				map[string]string{"server": server, "token": token})
		}
	}
	if err != nil {
		b.Fatal(err)
	}
	return p.ID
}

func (w *town) state(b *testing.B, state string) (n int) {
	if err := w.app.DB.Read(b.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(b.Context(), `SELECT count(*) FROM delivery WHERE state = $1`, state).Scan(&n)
	}); err != nil {
		b.Fatal(err)
	}
	return n
}
