package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
)

// Serve answers on a listener and works in the background until ctx ends; then it
// tells all that is in hand to end, and waits for at most stopWithin.
func (a *App) Serve(ctx context.Context, l net.Listener) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	if err := a.Start(work); err != nil {
		return err
	}
	if path := a.Config.SMTP.Bounces; path != "" {
		stop, err := a.takeBounces(work, path)
		if err != nil {
			return fmt.Errorf("smtp.bounces: %w", err)
		}
		defer stop()
	}
	s := &http.Server{
		Handler: a.handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		BaseContext: func(net.Listener) context.Context { return work },
	}
	done := make(chan error, 1)
	proxies, err := prefixes(a.Config.TrustedProxies)
	if err != nil {
		return err
	}
	go func() { done <- s.Serve(limit.Listener(l, proxies)) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return a.stop(context.WithoutCancel(ctx), s)
}

// How long stopping takes: all in all less than five seconds, whatever is under way.
const (
	stopWithin   = jobs.Grace + 2*time.Second
	answerWithin = 2 * time.Second // for the requests in hand; then their connections are closed
)

// stop ends the work and the requests side by side: neither waits for the other.
func (a *App) stop(ctx context.Context, s *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	a.Web.Streams.Close()
	worked := make(chan error, 1)
	go func() { worked <- a.Jobs.Stop(ctx) }()
	polite, done := context.WithTimeout(ctx, answerWithin)
	defer done()
	var closed error
	if s.Shutdown(polite) != nil {
		closed = s.Close()
	}
	if err := <-worked; err != nil {
		// The ledgers say where each thing stood; whoever starts next goes on.
		a.Log.Warn("stopped before all work had ended", "error", err)
	}
	return errors.Join(closed, a.leave(ctx))
}

// health says that the process answers.
func (a *App) health(w http.ResponseWriter, r *http.Request) error {
	return text(w, http.StatusOK, "ok")
}

// ready says whether this node can do its work, and if not, why.
func (a *App) ready(w http.ResponseWriter, r *http.Request) error {
	why := a.notReady(r.Context())
	if why == "" {
		return text(w, http.StatusOK, "ready")
	}
	w.Header().Set("Retry-After", "5")
	return text(w, http.StatusServiceUnavailable, why)
}

func text(w http.ResponseWriter, status int, s string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := io.WriteString(w, s+"\n")
	return err
}

// measured are the figures for Prometheus, for whoever holds the configured
// token; without one there is no such page.
func (a *App) measured() http.Handler {
	next := promhttp.HandlerFor(newMetrics(a), promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		token := a.Config.MetricsToken
		if token == "" || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
