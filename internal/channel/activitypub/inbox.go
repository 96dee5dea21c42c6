package activitypub

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/web"
)

// refusal is an answer to another server: a status, and words for its
// administrator.
type refusal struct {
	status int
	why    string
}

func (r *refusal) Error() string { return r.why }

// unheard refuses what is meant for us and cannot be taken, so that its sender
// learns why.
func unheard(why string) error { return &refusal{http.StatusUnprocessableEntity, why} }

// errIdle says that there is nothing to do: nothing is written down.
var errIdle = errors.New("it concerns nobody of ours")

// receive takes an activity: it proves who sent it, and does at once, in one
// transaction, what can be done without asking anybody. 202 says that it is
// written down, or that it is not about us; whoever hears 5xx may send it again.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, p place) error {
	// Who is sent away before the body came must not keep us waiting for it.
	w.Header().Set("Connection", "close")
	err := s.accept(w, r, p)
	var no *refusal
	if !errors.As(err, &no) {
		if err == nil {
			w.WriteHeader(http.StatusAccepted)
		}
		return err
	}
	switch no.status {
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "60")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	case http.StatusAccepted:
		w.WriteHeader(no.status)
		return nil
	}
	return no.answer(w)
}

func (r *refusal) answer(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(r.status)
	return json.NewEncoder(w).Encode(map[string]any{"status": r.status, "title": r.why})
}

// accept does first what costs least: what the headers tell, then one statement on
// whose the key is, then the body when there is room for it, then the signature.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, p place) error {
	ctx, now, from := r.Context(), s.clock(), web.From(r)
	if r.ContentLength > maxBody {
		return &refusal{http.StatusRequestEntityTooLarge, "larger than 1 MiB"}
	}
	if !s.meter.Allow(now, limit.Activities.From(from)) {
		return &refusal{http.StatusTooManyRequests, "too many activities"}
	}
	claim, err := sig.Read(r, now)
	if err != nil {
		return unproven(err)
	}
	host := hostOf(claim.KeyID(), p.secure())
	switch {
	case host == p.host():
		return &refusal{http.StatusAccepted, "our own echo"}
	case host == "":
		return &refusal{http.StatusUnauthorized, string(sig.UnknownKey)}
	// The name is not proven yet: it counts together with the network, so that nobody
	// can use up what belongs to another server.
	case !s.meter.Allow(now, limit.ActivityServer.From(from).And(host)):
		return &refusal{http.StatusTooManyRequests, "too many activities from " + host}
	}
	who, err := s.signerOf(ctx, p, claim.KeyID())
	switch {
	case err != nil:
		return err
	case who.blocked:
		return &refusal{http.StatusForbidden, "blocked"}
	case !who.known && (s.missing.has(p.ID+" "+claim.KeyID(), now) || s.missing.has(p.ID+" "+host, now)):
		return &refusal{http.StatusUnauthorized, string(sig.UnknownKey)}
	}
	body, leave, err := s.read(w, r, from)
	if err != nil {
		return err
	}
	defer leave()
	if who, err = s.prove(ctx, p, claim, who, body, from); err != nil {
		return unknownDeleted(err, body)
	}
	return s.takeBody(ctx, p, who, body)
}

// takeBody reads an activity whose sender is proven.
func (s *Server) takeBody(ctx context.Context, p place, who signer, body []byte) error {
	a, err := vocab.Parse(body, vocab.DefaultLimits())
	switch {
	case errors.Is(err, vocab.ErrTooLarge):
		return &refusal{http.StatusRequestEntityTooLarge, "too large or too deep"}
	case err != nil:
		return &refusal{http.StatusBadRequest, "no activity"}
	}
	if a.Actor == "" {
		a.Actor = who.ID
	}
	switch {
	case a.Actor != who.ID && !forwardable(a.Type):
		return &refusal{http.StatusForbidden, "signed by somebody else than its actor"}
	case a.ID != "" && hostOf(a.ID, p.secure()) != hostOf(a.Actor, p.secure()):
		return &refusal{http.StatusForbidden, "the activity's id is of another server"}
	}
	if a.ID == "" {
		sum := sha256.Sum256(body)
		a.ID = "urn:sha256:" + hex.EncodeToString(sum[:])
	}
	return s.take(ctx, incoming{p, who.remote, a, body, s.clock()}, who)
}

// A body is read within these: its own time, by its size, so that one who dawdles
// gives his place back.
const (
	readBase = 5 * time.Second
	readPace = 100 << 10 // bytes a second
)

// read reads the body when there is room for it, bounded in size and time. Whoever
// has the body gives its room back by leave.
func (s *Server) read(w http.ResponseWriter, r *http.Request, from limit.Network) (body []byte, leave func(), err error) {
	size := r.ContentLength
	if size < 0 {
		size = maxBody
	}
	room, ok := s.bodies.Enter(from, int(size)+1)
	if !ok {
		return nil, nil, &refusal{http.StatusServiceUnavailable, "too many large activities at the same time"}
	}
	defer func() {
		if err != nil {
			room()
		}
	}()
	web.Hurry(r, min(s.limits.Read, readBase+time.Duration(size)*time.Second/readPace))
	b := bytes.NewBuffer(make([]byte, 0, min(size, maxBody)+bytes.MinRead))
	_, err = io.Copy(b, r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, nil, &refusal{http.StatusRequestEntityTooLarge, "larger than 1 MiB"}
	case err != nil:
		return nil, nil, &refusal{http.StatusRequestTimeout, "the body did not arrive"}
	}
	w.Header().Del("Connection")
	return b.Bytes(), room, nil
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
	return &refusal{http.StatusUnauthorized, string(sig.UnknownKey)}
}

// take writes an activity down and does what it asks for, once.
func (s *Server) take(ctx context.Context, in incoming, who signer) error {
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `
			INSERT INTO ap_received (institution_id, activity_id, actor_id, type, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			in.place.ID, in.Activity.ID, in.from.ID, in.Type, db.At(in.now))
		if err != nil || n == 0 {
			return err // taken before
		}
		if err := s.heardFrom(ctx, tx, in, who); err != nil {
			return err
		}
		if in.Actor != in.from.ID {
			return s.forwarded(ctx, tx, in)
		}
		return s.act(ctx, tx, in)
	})
	if !errors.Is(err, errIdle) {
		return err
	}
	if in.concerns() {
		return unheard("there is nothing of ours that this " + strconv.Quote(in.Type) + " can be about")
	}
	if who.failing.IsZero() {
		return nil
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error { return s.heardFrom(ctx, tx, in, who) })
}

// heardEvery is how exactly we know when we last heard of a server.
const heardEvery = 10 * time.Minute

// heardFrom keeps that a server lives: whoever speaks can be written to.
func (s *Server) heardFrom(ctx context.Context, tx *db.Tx, in incoming, who signer) error {
	if who.failing.IsZero() && in.now.Sub(who.heard) < heardEvery {
		return nil
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO ap_host (institution_id, host, heard_at) VALUES ($1, $2, $3)
		ON CONFLICT (institution_id, host) DO UPDATE SET heard_at = excluded.heard_at, failing_since = 0`, in.place.ID, in.from.Host, db.At(in.now))
	return err
}

// blocked reports whether we neither hear nor write to an actor: by our own
// decision, or, for the actor of ours with the name, by theirs.
func blocked(ctx context.Context, tx *db.Tx, institutionID, id, host, name string) (bool, error) {
	args := []any{institutionID, id, name}
	for _, d := range domains(host) {
		args = append(args, d)
	}
	var n int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM ap_block WHERE institution_id = $1 AND (
			(kind = 'actor' AND target = $2) OR (kind = 'us' AND target = $2 AND actor = $3) OR
			(kind = 'domain' AND target IN ($4, $5, $6, $7, $8, $9, $10, $11)))`, args...).Scan(&n)
	return n > 0, err
}
