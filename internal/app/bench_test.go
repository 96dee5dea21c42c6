package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
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

// BenchmarkThousandMessagesToFiveChannels sends 1,000 scheduled messages that
// come due at once, ten of each of a hundred profiles, to the five channels of
// their profile: what a provider of many towns sees at eight in the morning, and
// within what Mastodon lets one account do. The server takes 50 ms for each
// answer. It reports the seconds until all 5,000 are out, and the peak of memory
// in MB, of which the far side in the same process is a part.
func BenchmarkThousandMessagesToFiveChannels(b *testing.B) {
	const profiles, each, channels = 100, 10, 5
	for b.Loop() {
		b.StopTimer()
		w := newTown(b, settings(b, db.SQLite))
		var latency atomic.Int64
		w.slowSquare(b, &latency)
		for n := range profiles {
			w.profileWith(b, n, channels, each)
		}
		latency.Store(int64(50 * time.Millisecond))
		peak := watchMemory(b)
		b.StartTimer()
		began := time.Now()
		ctx, cancel := context.WithCancel(context.Background())
		if err := w.app.Start(ctx); err != nil {
			b.Fatal(err)
		}
		for out := 0; out < profiles*each*channels; <-time.After(100 * time.Millisecond) {
			if time.Since(began) > 5*time.Minute {
				b.Fatalf("only %d out after five minutes", out)
			}
			out = w.countOut(b)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/all")
		b.ReportMetric(peak(), "MB")
		cancel()
	}
}

// slowSquare puts a square of its own behind a latency, in nanoseconds.
func (w *town) slowSquare(b *testing.B, latency *atomic.Int64) {
	s, err := square.New(square.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h := s.Handler()
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		<-time.After(time.Duration(latency.Load()))
		h.ServeHTTP(rw, r)
	}))
	b.Cleanup(server.Close)
	w.square, w.server = s, server.URL
}

// profileWith makes a profile with so many channels and messages, approved for
// the minute that has just come.
func (w *town) profileWith(b *testing.B, n, channels, messages int) {
	ctx := people.With(b.Context(), people.Actor{PersonID: "bench", InstitutionID: w.inst.ID, Roles: people.Roles()})
	var p institution.Profile
	err := w.app.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		p, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: fmt.Sprintf("Profilo %d", n)}, time.Now())
		return err
	})
	for c := range channels {
		if err != nil {
			b.Fatal(err)
		}
		var token string
		if token, err = w.square.AddAccount(fmt.Sprintf("profilo%d_%d", n, c), p.Name); err == nil {
			_, err = w.app.Channels.Connect(ctx, channel.Wish{InstitutionID: w.inst.ID, ProfileID: p.ID, Platform: channel.Mastodon},
				map[string]string{"server": w.server, "token": token})
		}
	}
	for m := range messages {
		if err == nil {
			err = w.planned(ctx, publishing.Content{ProfileID: p.ID, Title: fmt.Sprintf("Avviso %d.%d", n, m), Body: strings.Repeat("Testo dell'avviso. ", 20), Tags: []string{"avvisi"}})
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

func (w *town) planned(ctx context.Context, c publishing.Content) error {
	m, err := w.app.Desk.Create(ctx, w.inst.ID, c)
	if err != nil {
		return err
	}
	if _, err := w.app.Desk.Submit(ctx, w.inst.ID, m.ID); err != nil {
		return err
	}
	due := publishing.FormatWall(time.Now().Add(time.Second), w.inst.Location())
	if _, err = w.app.Desk.Schedule(ctx, w.inst.ID, m.ID, due, ""); err != nil { // the minute ended in between
		_, err = w.app.Desk.Schedule(ctx, w.inst.ID, m.ID, publishing.FormatWall(time.Now().Add(time.Second), w.inst.Location()), "")
	}
	return err
}

func (w *town) countOut(b *testing.B) (n int) {
	if err := w.app.DB.Read(b.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(b.Context(), `SELECT count(*) FROM delivery WHERE state = 'out'`).Scan(&n)
	}); err != nil {
		b.Fatal(err)
	}
	return n
}

// watchMemory samples the process's resident memory and returns its peak, in MB.
// The far side runs in the same process: the figure is an upper bound.
func watchMemory(b *testing.B) func() float64 {
	stop, done := make(chan struct{}), make(chan float64)
	go func() {
		var peak float64
		t := time.NewTicker(50 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-stop:
				done <- peak
				return
			case <-t.C:
				peak = max(peak, resident())
			}
		}
	}()
	return func() float64 { close(stop); return <-done }
}

func resident() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1024
		}
	}
	return 0
}
