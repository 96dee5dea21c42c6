package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// Options for a demo.
type Options struct {
	Config config.Config
	Log    *slog.Logger
	Out    io.Writer // where a person reads where the town is
}

// squareAddress is where the simulated square is: fixed, so that the addresses
// of posts stay true when the demo is started again.
const squareAddress = "127.0.0.1:8089"

// Run serves the invented town until ctx ends. An empty data folder is filled
// first; one that is filled already goes on where it was.
func Run(ctx context.Context, o Options) error {
	o.Config.Demo = true
	l, err := net.Listen("tcp", o.Config.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", o.Config.Listen, err)
	}
	defer l.Close()
	t, stop, err := open(o, squareAddress)
	if err != nil {
		return err
	}
	defer stop()
	if err := t.prepare(ctx, o); err != nil {
		return err
	}
	a, err := app.Open(ctx, o.Config, o.Log)
	if err != nil {
		return err
	}
	t.greet(o.Out)
	return a.Serve(ctx, l)
}

// open starts the simulated square on a listener of its own, by the town's clock.
func open(o Options, address string) (t *town, stop func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("the simulated square: %w", err)
	}
	if err := os.MkdirAll(o.Config.Data, 0o700); err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	t = &town{config: o.Config, clock: &clock{}, squareURL: "http://" + l.Addr().String()}
	rome, err := time.LoadLocation("Europe/Rome")
	if err == nil {
		t.square, err = square.New(square.Options{
			Now: t.clock.now, BaseURL: t.squareURL, File: filepath.Join(o.Config.Data, "piazza.json"), Zone: rome, Followers: true,
		})
	}
	var sent *letters
	if err == nil {
		sent, err = newLetters(filepath.Join(o.Config.Data, "outbox", "new"), rome)
	}
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	t.faults = &faults{next: sent.around(t.square.Handler())}
	server := &http.Server{Handler: t.faults, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	go server.Serve(l)
	return t, func() { server.Close() }, nil
}

// prepare fills an empty installation with the town. It does so in an app of its
// own, that lives by the town's clock, and leaves it closed.
func (t *town) prepare(ctx context.Context, o Options) (err error) {
	t.app, err = app.OpenWith(ctx, o.Config, o.Log, app.Options{Clock: t.clock.now, Poll: 25 * time.Millisecond})
	if err != nil {
		return err
	}
	defer func() {
		t.clock.set(time.Time{})
		err = errors.Join(err, t.app.Close(context.WithoutCancel(ctx)))
	}()
	var found []institution.Institution
	err = t.app.DB.Read(ctx, func(tx *db.Tx) (err error) { found, err = institution.All(ctx, tx); return err })
	if err != nil || len(found) > 0 {
		return err
	}
	fmt.Fprintln(o.Out, "Preparo il Comune di esempio: qualche secondo… / Preparing the sample town: a few seconds…")
	now := time.Now()
	t.clock.set(now.Add(-history))
	if err := t.app.Start(ctx); err != nil {
		return err
	}
	return t.fill(ctx, now)
}

// greet says where everything is.
func (t *town) greet(out io.Writer) {
	base := t.config.BaseURL
	fmt.Fprintf(out, `
Arengo · Comune di Cesate (inventato / invented)

  Sito pubblico / public site      %s
  Redazione / the desk             %s/redazione
  Piazza simulata / the square     %s
  Lettere inviate / letters sent   %s/lettere

  Persone, senza password / people, no password: %s/accesso
`, base, base, t.squareURL, t.squareURL, base)
	for _, s := range allStaff() {
		fmt.Fprintf(out, "    %-18s %s\n", s.name, s.does)
	}
	fmt.Fprintln(out, "\n  Ctrl-C per finire / to end")
}
