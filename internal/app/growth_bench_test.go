package app_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// BenchmarkGrowth lets 200 messages of 1,500 characters go out to the site and five
// channels, and reports how many bytes of the database each takes, when all that
// belongs to it is counted: versions, deliveries with their history, words, audit log.
func BenchmarkGrowth(b *testing.B) {
	const channels, each = 5, 10 // messages of a profile: what servers let an account do at once
	messages := 200
	if testing.Short() {
		messages = 10 // whether it runs
	}
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(e), func(b *testing.B) {
			for b.Loop() {
				w := newTown(b, settings(b, e))
				var profiles []string
				for n := range messages / each {
					w.profileWith(b, n, channels, 0)
					profiles = append(profiles, w.lastProfile(b))
				}
				before := testkit.Size(b, w.app.DB)
				ctx := people.With(b.Context(), people.Actor{PersonID: "bench", InstitutionID: w.inst.ID, Roles: people.Roles()})
				r := rand.New(rand.NewPCG(1, 2))
				for n := range messages {
					c := publishing.Content{ProfileID: profiles[n/each], Title: fmt.Sprint(sentence(r, 50), " ", n), Body: sentence(r, 1500), Tags: []string{"avvisi", "scuola"}}
					if err := w.planned(ctx, c); err != nil {
						b.Fatal(err)
					}
				}
				run, cancel := context.WithCancel(context.Background())
				if err := w.app.Start(run); err != nil {
					b.Fatal(err)
				}
				for began := time.Now(); w.countOut(b) < messages*channels; <-time.After(100 * time.Millisecond) {
					if time.Since(began) > 5*time.Minute {
						b.Fatalf("only %d out after five minutes", w.countOut(b))
					}
				}
				b.ReportMetric(float64(testkit.Size(b, w.app.DB)-before)/float64(messages), "B/message")
				cancel()
			}
		})
	}
}

// sentence is about so many characters of words that occur as words do: few often,
// most seldom.
func sentence(r *rand.Rand, length int) string {
	zipf := rand.NewZipf(r, 1.1, 4, 20_000)
	var b strings.Builder
	for b.Len() < length {
		n := zipf.Uint64()
		for {
			b.WriteString([]string{"ca", "le", "mi", "to", "ru", "se", "ni", "po"}[n%8])
			if n /= 8; n == 0 {
				break
			}
		}
		b.WriteByte(' ')
	}
	return strings.TrimSpace(b.String())
}

func (w *town) lastProfile(b *testing.B) (id string) {
	if err := w.app.DB.Read(b.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(b.Context(), `SELECT id FROM profile ORDER BY id DESC LIMIT 1`).Scan(&id)
	}); err != nil {
		b.Fatal(err)
	}
	return id
}
