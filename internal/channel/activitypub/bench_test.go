package activitypub_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// BenchmarkInbox takes signed activities of eight servers: replies, likes and
// follows in turn. Each is proven, written down, told to the desk's own inbox and answered.
func BenchmarkInbox(b *testing.B) {
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(e), func(b *testing.B) {
			w := newTownWith(b, testkit.Open(b, testkit.Address(b, e)), activitypub.Limits{PerServer: activitypub.Rate{PerSecond: 1e6, Burst: 1e6}, PerNetwork: activitypub.Rate{PerSecond: 1e6, Burst: 1e6}})
			w.desk()
			r := w.publish("comune", w.note("Il mercato è sabato."))
			var people []*person
			for n := range 8 {
				a := newPeer(b, w.clock).person(fmt.Sprint("anna", n), n%3)
				a.does(w, a.activity("Like", "x"))
				people = append(people, a)
			}
			requests := make([]*http.Request, b.N)
			for i := range requests {
				a := people[i%len(people)]
				switch i % 3 {
				case 0:
					requests[i] = a.request(w.origin+"/ap/inbox", a.activity("Create", a.note("A che ora comincia? Vengo da Milano con i bambini.", r.ID, w.actorID("comune"))))
				case 1:
					requests[i] = a.request(w.origin+"/ap/inbox", a.activity("Like", r.ID))
				default:
					requests[i] = a.request(w.origin+"/ap/inbox", a.activity("Follow", w.actorID("biblioteca")))
				}
			}
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
			b.ResetTimer()
			start := time.Now()
			var next atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						resp, err := client.Do(requests[i])
						if err != nil {
							b.Error(err)
							return
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
						if resp.StatusCode != http.StatusAccepted {
							b.Errorf("status %d", resp.StatusCode)
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "activities/s")
			b.StopTimer()
		})
	}
}

// BenchmarkFanOut sends one message to many followers, twenty on a server, by the
// workers of one node. Servers with an inbox for all get one request each; servers
// without, the worst case, one for each follower.
func BenchmarkFanOut(b *testing.B) {
	for _, shared := range []bool{true, false} {
		sizes := []struct{ followers, servers int }{{1000, 50}, {10_000, 500}}
		if testing.Short() {
			sizes = sizes[:1] // whether it runs; the figure needs both
		}
		for _, size := range sizes {
			b.Run(fmt.Sprintf("shared=%v/%d-on-%d", shared, size.followers, size.servers), func(b *testing.B) {
				w := newTown(b)
				var got atomic.Int64
				var hosts []string
				for range size.servers {
					s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
						_, _ = io.Copy(io.Discard, r.Body)
						got.Add(1)
						rw.WriteHeader(http.StatusAccepted)
					}))
					b.Cleanup(s.Close)
					hosts = append(hosts, s.URL)
				}
				w.followers(size.followers, hosts, shared)
				want := int64(size.followers)
				if shared {
					want = int64(size.servers)
				}
				w.must(w.pool.Start(b.Context()))
				a := w.server.Adapter()
				for b.Loop() {
					got.Store(0)
					start := time.Now()
					if _, err := a.Finalize(b.Context(), w.account("comune"), w.note("A tutti."), nil); err != nil {
						b.Fatal(err)
					}
					stored := time.Since(start)
					for tick := time.Tick(time.Millisecond); got.Load() < want; {
						<-tick
					}
					if got.Load() != want {
						b.Fatalf("%d deliveries, want %d", got.Load(), want)
					}
					b.ReportMetric(float64(want)/time.Since(start).Seconds(), "deliveries/s")
					b.ReportMetric(float64(time.Since(start).Microseconds())/float64(want), "µs/delivery")
					b.ReportMetric(float64(stored.Milliseconds()), "ms-to-store")
				}
			})
		}
	}
}

// followers stores followers of the profile "comune", spread over servers.
func (w *town) followers(n int, hosts []string, shared bool) {
	w.Helper()
	w.must(w.db.InTx(w.Context(), func(tx *db.Tx) error {
		for i := range n {
			host := hosts[i%len(hosts)]
			id := fmt.Sprintf("%s/users/%d", host, i)
			inbox, to := id+"/inbox", id+"/inbox"
			if shared {
				to = host + "/inbox"
			}
			if _, err := tx.Exec(w.Context(), `INSERT INTO ap_remote (institution_id, id, host, inbox, deliver_to, deliver_host, fetched_at) VALUES ($1, $2, $3, $4, $5, $3, 1)`,
				w.inst.ID, id, host[len("http://"):], inbox, to); err != nil {
				return err
			}
			if _, err := tx.Exec(w.Context(), `INSERT INTO ap_follower (institution_id, actor, remote_id, follow_id, at) VALUES ($1, 'comune', $2, 'f', 1)`, w.inst.ID, id); err != nil {
				return err
			}
		}
		return nil
	}))
}
