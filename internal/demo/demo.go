package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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
	a, err := app.Open(ctx, o.Config, o.Log)
	if err != nil {
		return err
	}
	piazza, stop, err := openSquare(o, squareAddress)
	if err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	defer stop()
	var found []institution.Institution
	err = a.DB.Read(ctx, func(tx *db.Tx) (err error) { found, err = institution.All(ctx, tx); return err })
	if err == nil && len(found) == 0 {
		fmt.Fprintln(o.Out, "Preparo il Comune di esempio… / Preparing the sample town…")
		err = Fill(ctx, a, piazza, "http://"+squareAddress, time.Now())
	}
	if err != nil {
		return errors.Join(err, a.Close(ctx))
	}
	fmt.Fprintf(o.Out, "\nArengo è su http://%s · la redazione su http://%s/redazione · la piazza simulata su http://%s\n"+
		"Arengo is at the first address, its desk at the second, a simulated square at the third. Ctrl-C ends.\n",
		l.Addr(), l.Addr(), squareAddress)
	return a.Serve(ctx, l)
}

// openSquare starts the simulated square on a listener of its own.
func openSquare(o Options, address string) (s *square.Square, stop func(), err error) {
	base := "http://" + address
	if s, err = square.New(square.Options{BaseURL: base, File: filepath.Join(o.Config.Data, "piazza.json"), Followers: true}); err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("the simulated square: %w", err)
	}
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(l)
	return s, func() { server.Close() }, nil
}
