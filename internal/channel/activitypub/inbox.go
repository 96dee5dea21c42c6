package activitypub

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/web"
)

// refusal is an answer to another server: a status, and words for its
// administrator.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

// receive takes an activity: it proves who sent it, and does at once, in one
// transaction, what can be done without asking anybody. 202 says that it is
// written down; whoever hears anything else may send it again.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, p place) error {
	err := s.accept(w, r, p)
	var no *refusal
	if !errors.As(err, &no) {
		if err == nil {
			w.WriteHeader(http.StatusAccepted)
		}
		return err
	}
	if no.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	if no.status == http.StatusAccepted {
		w.WriteHeader(no.status)
		return nil
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(no.status)
	return json.NewEncoder(w).Encode(map[string]any{"status": no.status, "title": no.why})
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request, p place) error {
	ctx, now := r.Context(), s.clock()
	claimed := claimedHost(r.Header, p)
	if !s.doors.let(web.From(r).String(), claimed, now) {
		return &refusal{http.StatusTooManyRequests, "too many activities from " + claimed}
	}
	if claimed == p.host() {
		return &refusal{http.StatusAccepted, "our own echo"}
	}
	body, err := s.read(w, r)
	if err != nil {
		return err
	}
	from, err := s.prove(ctx, r, p, body, now)
	if err != nil {
		return unknownDeleted(err, body)
	}
	a, err := vocab.Parse(body, vocab.DefaultLimits())
	switch {
	case errors.Is(err, vocab.ErrTooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, "too large or too deep"}
	case err != nil:
		return &refusal{http.StatusBadRequest, "no activity"}
	case a.Actor != from.ID:
		return &refusal{http.StatusForbidden, "signed by somebody else than its actor"}
	case a.ID != "" && hostOf(a.ID, p.secure()) != from.Host:
		return &refusal{http.StatusForbidden, "the activity's id is of another server"}
	}
	if a.ID == "" {
		sum := sha256.Sum256(body)
		a.ID = "urn:sha256:" + hex.EncodeToString(sum[:])
	}
	return s.take(ctx, p, from, a, body)
}

// read reads the body, bounded in size and time.
func (s *Server) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	// Servers that cannot bound the time have other ways to end a slow request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.limits.Read))
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &refusal{http.StatusRequestEntityTooLarge, "larger than 1 MiB"}
	case err != nil:
		return nil, &refusal{http.StatusRequestTimeout, "the body did not arrive"}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	return body, nil
}

var keyIDForm = regexp.MustCompile(`(?i)keyid="([^"]+)"`)

// claimedHost is the host of the key with which a request says to be signed; "" for
// none. Nothing about it is proven.
func claimedHost(h http.Header, p place) string {
	for _, name := range []string{"Signature", "Signature-Input"} {
		for _, v := range h.Values(name) {
			if len(v) > 8<<10 {
				continue
			}
			if m := keyIDForm.FindStringSubmatch(v); m != nil {
				return hostOf(m[1], p.secure())
			}
		}
	}
	return ""
}

// prove finds out who sent a request. When the key that we know did not sign it,
// the actor is asked once whether it has a new one. Its error is a *refusal, or one
// of our own database.
func (s *Server) prove(ctx context.Context, r *http.Request, p place, body []byte, now time.Time) (from remote, err error) {
	known := false
	keys := func(ctx context.Context, keyID string) (crypto.PublicKey, error) {
		var err error
		if from, known, err = s.byKey(ctx, p, keyID); err != nil {
			return nil, err
		}
		return from.key()
	}
	_, err = sig.Verify(r, body, keys, now)
	if sig.KindOf(err) == sig.BadSignature && known && now.Sub(from.Fetched) >= rotateAfter {
		again := func(ctx context.Context, keyID string) (crypto.PublicKey, error) {
			var err error
			if from, err = s.askForKey(ctx, p, keyID); err != nil {
				return nil, err
			}
			return from.key()
		}
		_, err = sig.Verify(r, body, again, now)
	}
	switch sig.KindOf(err) {
	case "":
		return from, err
	case sig.Malformed:
		return from, &refusal{http.StatusBadRequest, err.Error()}
	case sig.UnknownKey:
		if errors.Is(err, errGone) {
			return from, errGone
		}
		return from, &refusal{http.StatusUnauthorized, "unknown-key"}
	}
	return from, &refusal{http.StatusUnauthorized, string(sig.KindOf(err))}
}

// unknownDeleted accepts that somebody whom we never knew is gone: the key cannot
// be asked for any more, and there is nothing to do.
func unknownDeleted(err error, body []byte) error {
	if !errors.Is(err, errGone) {
		return err
	}
	if a, err := vocab.Parse(body, vocab.DefaultLimits()); err == nil && a.Type == vocab.Delete && a.Object.ID == a.Actor {
		return &refusal{http.StatusAccepted, "never known"}
	}
	return &refusal{http.StatusUnauthorized, "unknown-key"}
}

// take writes an activity down and does what it asks for, once.
func (s *Server) take(ctx context.Context, p place, from remote, a vocab.Activity, body []byte) error {
	now := s.clock()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		no, err := blocked(ctx, tx, p.ID, from.ID, from.Host, "")
		if err != nil {
			return err
		}
		if no {
			return &refusal{http.StatusForbidden, "blocked"}
		}
		n, err := tx.Change(ctx, `
			INSERT INTO ap_received (institution_id, activity_id, actor_id, type, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			p.ID, a.ID, from.ID, a.Type, db.At(now))
		if err != nil || n == 0 {
			return err // taken before
		}
		if _, err := tx.Exec(ctx, `
			INSERT INTO ap_host (institution_id, host, heard_at) VALUES ($1, $2, $3)
			ON CONFLICT (institution_id, host) DO UPDATE SET heard_at = excluded.heard_at, failing_since = 0
			WHERE ap_host.failing_since > 0 OR ap_host.heard_at < $4`, p.ID, from.Host, db.At(now), db.At(now.Add(-10*time.Minute))); err != nil {
			return err
		}
		return s.act(ctx, tx, incoming{p, from, a, body, now})
	})
}

// blocked reports whether we neither hear nor write to an actor: by our own
// decision, or, for the actor of ours with the name, by theirs.
func blocked(ctx context.Context, tx *db.Tx, institutionID, id, host, name string) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM ap_block WHERE institution_id = $1 AND (
			(kind = 'actor' AND target = $2) OR (kind = 'us' AND target = $2 AND actor = $4) OR
			(kind = 'domain' AND (target = $3 OR $3 LIKE '%.' || target)))`, institutionID, id, host, name).Scan(&n)
	return n > 0, err
}
