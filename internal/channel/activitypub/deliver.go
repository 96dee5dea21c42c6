package activitypub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/jobs"
)

const (
	sweepEvery = 30 * time.Second
	// atOnce is how many requests one server gets from us at the same time.
	atOnce = 4
	// perTurn is how many deliveries a worker takes before it writes down what
	// became of them; a crash repeats at most so many, and receivers know an
	// activity by its id.
	perTurn = 32
	// turnFor is how long a worker stays with one server before others get a chance.
	turnFor = time.Minute
	// leaseFor outlives the longest turn.
	leaseFor = 3 * time.Minute
	// deadAfter is how long a server may be out of reach before nothing new is
	// addressed to it, until it speaks to us.
	deadAfter = 7 * 24 * time.Hour
	// postTimeout bounds one delivery.
	postTimeout = 15 * time.Second
)

// waits are the times between two tries of a delivery: ten tries in two and a half
// days, more than a week-end.
func waits() []time.Duration {
	return []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 4 * time.Hour, 8 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour}
}

// waitAfter is when to try again after so many tries; ok is false when it was the
// last.
func waitAfter(tries int) (time.Duration, bool) {
	all := waits()
	if tries > len(all) {
		return 0, false
	}
	return all[max(tries, 1)-1], true
}

// deliver is the job that carries to one server what waits for it.
type deliver struct {
	InstitutionID string `json:"institution_id"`
	Host          string `json:"host"`
}

func (deliver) Kind() string { return "activitypub.deliver" }

// sweep is the job that wakes the deliveries whose time has come.
type sweep struct{}

func (sweep) Kind() string { return "activitypub.sweep" }

func (s *Server) workSweep(ctx context.Context, _ sweep) error {
	now := db.At(s.clock())
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		due, err := db.All(ctx, tx, func(r db.Scanner) (a jobs.Args, err error) {
			var d deliver
			err = r.Scan(&d.InstitutionID, &d.Host)
			return d, err
		}, `SELECT DISTINCT d.institution_id, d.host FROM ap_delivery d
			LEFT JOIN ap_host h ON h.institution_id = d.institution_id AND h.host = d.host
			WHERE d.state = 'waiting' AND d.next_at <= $1 AND (h.host IS NULL OR h.lease_until < $1) LIMIT 2000`, now)
		if err != nil {
			return err
		}
		return s.pool.EnqueueAll(ctx, tx, due, jobs.When{Queue: jobs.Spread})
	})
}

// workDeliver holds the lease of a server while it carries what is due there. A
// second worker finds the lease taken and ends: the first looks for more in the
// very transaction that gives the lease back.
func (s *Server) workDeliver(ctx context.Context, j deliver) error {
	v := visit{deliver: j, lease: db.NewID(), until: s.clock().Add(turnFor)}
	all, err := s.takeHost(ctx, &v)
	for err == nil && len(all) > 0 {
		var signers map[string]sig.Signer
		if signers, err = s.signersFor(ctx, j.InstitutionID, all); err != nil {
			break // the lease runs out by itself
		}
		s.carry(ctx, all, signers, v.scheme)
		// What is known is written even while the process stops.
		all, err = s.record(context.WithoutCancel(ctx), v, all, ctx.Err() != nil)
	}
	return err
}

// visit is a worker's stay with one server.
type visit struct {
	deliver
	lease  string
	scheme sig.Scheme
	until  time.Time // when others get a chance
}

// takeHost takes a server's lease and reads what is due there: nothing, when
// somebody else has it.
func (s *Server) takeHost(ctx context.Context, v *visit) (all []*parcel, err error) {
	now := s.clock()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `
			INSERT INTO ap_host (institution_id, host, lease, lease_until) VALUES ($1, $2, $3, $4)
			ON CONFLICT (institution_id, host) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until WHERE ap_host.lease_until < $5
			RETURNING scheme`, v.InstitutionID, v.Host, v.lease, db.At(now.Add(leaseFor)), db.At(now)).Scan(&v.scheme)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		if all, err = s.due(ctx, tx, *v); err != nil || len(all) > 0 {
			return err
		}
		return v.leave(ctx, tx)
	})
	if v.scheme == "" {
		v.scheme = sig.Cavage
	}
	return all, err
}

// leave gives the lease back.
func (v visit) leave(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE ap_host SET lease = '', lease_until = 0 WHERE institution_id = $1 AND host = $2 AND lease = $3`, v.InstitutionID, v.Host, v.lease)
	return err
}

// parcel is one activity on its way to one inbox.
type parcel struct {
	inbox, activityID, actor string
	body                     []byte
	attempts                 int

	outcome outcome
}

// outcome is what became of a try. An empty state is: not tried.
type outcome struct {
	state       string // sent, refused, waiting
	code        string
	wait        time.Duration // as the server asked
	unreachable bool          // the server did not answer at all
	scheme      sig.Scheme    // the way of signing that it took
}

// due lists what is to be carried to a server now: for each inbox in order, and
// nothing that would overtake what still waits.
func (s *Server) due(ctx context.Context, tx *db.Tx, v visit) ([]*parcel, error) {
	return db.All(ctx, tx, func(r db.Scanner) (*parcel, error) {
		var p parcel
		err := r.Scan(&p.inbox, &p.activityID, &p.attempts, &p.actor, &p.body)
		return &p, err
	}, `SELECT d.inbox, d.activity_id, d.attempts, a.actor, a.body FROM ap_delivery d
		JOIN ap_activity a ON a.institution_id = d.institution_id AND a.id = d.activity_id
		WHERE d.institution_id = $1 AND d.host = $2 AND d.state = 'waiting' AND d.next_at <= $3
			AND NOT EXISTS (SELECT 1 FROM ap_delivery e WHERE e.institution_id = $1 AND e.host = $2 AND e.inbox = d.inbox
				AND e.state = 'waiting' AND e.activity_id < d.activity_id AND e.next_at > $3)
		ORDER BY d.inbox, d.activity_id LIMIT $4`, v.InstitutionID, v.Host, db.At(s.clock()), perTurn)
}

// signersFor reads the keys of those who speak. An actor whose key is gone has none.
func (s *Server) signersFor(ctx context.Context, institutionID string, all []*parcel) (map[string]sig.Signer, error) {
	var where place
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) { where, err = s.placeByID(ctx, tx, institutionID); return err })
	if err != nil {
		return nil, err
	}
	by := map[string]sig.Signer{}
	for _, p := range all {
		if _, ok := by[p.actor]; ok {
			continue
		}
		signer, err := s.signerNamed(ctx, where, p.actor)
		switch {
		case errors.Is(err, errNoActor):
		case err != nil:
			s.log.WarnContext(ctx, "the key of an actor cannot be read", "actor", p.actor, "error", err.Error())
			signer = sig.Signer{}
		}
		by[p.actor] = signer
	}
	return by, nil
}

// versionQuery reads which key an actor has now.
const versionQuery = `
	SELECT c.id, c.version FROM ap_actor a
	JOIN channel c ON c.institution_id = a.institution_id AND c.profile_id = a.profile_id AND c.platform = 'activitypub' AND c.state <> 'disconnected'
	WHERE a.institution_id = $1 AND a.name = $2`

// signerNamed is the signer of an actor, of the institution itself for the empty
// name. A message visits hundreds of servers: where the key is at hand, one statement
// says that it is still the right one.
func (s *Server) signerNamed(ctx context.Context, p place, name string) (sig.Signer, error) {
	if name == "" {
		return s.instanceSigner(ctx, p)
	}
	var channelID string
	var version int64
	err := s.versions.ScanAll(ctx, []any{p.ID, name}, &channelID, &version)
	if errors.Is(err, db.ErrNone) {
		return sig.Signer{}, errNoActor
	}
	if err != nil {
		return sig.Signer{}, err
	}
	if key := s.keys.known(keyName(channelID, version)); key != nil {
		return sig.Signer{KeyID: p.key(name), Key: key}, nil
	}
	var a actor
	if err := s.db.Read(ctx, func(tx *db.Tx) (err error) { a, err = s.actorByName(ctx, tx, p, name); return err }); err != nil {
		return sig.Signer{}, err
	}
	return s.signer(a)
}

// carry tries the parcels, several inboxes at once, each inbox in order. It stops
// when the server does not answer, for all the others would wait in vain, too.
func (s *Server) carry(ctx context.Context, all []*parcel, signers map[string]sig.Signer, scheme sig.Scheme) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	lanes := make(chan []*parcel)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for lane := range lanes {
				for _, p := range lane {
					if ctx.Err() != nil {
						break
					}
					p.outcome = s.post(ctx, p, signers[p.actor], scheme)
					if p.outcome.unreachable {
						stop()
					}
					if p.outcome.state == "waiting" {
						break
					}
				}
			}
		})
	}
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].inbox == all[from].inbox {
			to++
		}
		lanes <- all[from:to]
		from = to
	}
	close(lanes)
	wg.Wait()
}

// post makes one try, in the way of signing that the server took before, and when
// it does not take the signature, once in the other way.
func (s *Server) post(ctx context.Context, p *parcel, signer sig.Signer, scheme sig.Scheme) outcome {
	if signer.Key == nil {
		return outcome{state: "waiting", code: "key"}
	}
	o := s.postAs(ctx, p, signer, scheme)
	if o.code == "401" || o.code == "403" || o.code == "400" {
		other := sig.RFC9421
		if scheme == sig.RFC9421 {
			other = sig.Cavage
		}
		if again := s.postAs(ctx, p, signer, other); again.state == "sent" {
			again.scheme = other
			return again
		}
	}
	return o
}

func (s *Server) postAs(ctx context.Context, p *parcel, signer sig.Signer, scheme sig.Scheme) outcome {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.inbox, bytes.NewReader(p.body))
	if err != nil {
		return outcome{state: "refused", code: "address"}
	}
	req.Header.Set("Content-Type", activityType)
	req.Header.Set("Accept", activityType)
	if err := signer.Sign(req, p.body, scheme, s.clock()); err != nil {
		return outcome{state: "waiting", code: "key"}
	}
	resp, err := s.fetch.Do(fetch.WithLimits(ctx, fetch.Limits{Timeout: postTimeout, MaxBody: 64 << 10}), req)
	if err != nil {
		switch {
		case errors.Is(err, fetch.ErrPrivate), errors.Is(err, fetch.ErrScheme):
			return outcome{state: "refused", code: "private"}
		case errors.Is(err, fetch.ErrBusy), errors.Is(err, context.Canceled):
			return outcome{} // our own doing: not a try
		}
		return outcome{state: "waiting", code: wire.Lost(err, wire.Repeatable).Code, unreachable: true}
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 32<<10)) // so that the connection serves again
	return judge(resp)
}

// judge reads an answer. 401 and 403 may pass: a server that could not read our key
// just now says the same as one that does not want us.
func judge(resp *http.Response) outcome {
	code := fmt.Sprint(resp.StatusCode)
	switch c := resp.StatusCode; {
	case c >= 200 && c < 300:
		return outcome{state: "sent"}
	case c == http.StatusTooManyRequests, c == http.StatusServiceUnavailable:
		return outcome{state: "waiting", code: code, wait: wire.Wait(resp.Header)}
	case c >= 500, c == http.StatusRequestTimeout, c == http.StatusUnauthorized, c == http.StatusForbidden:
		return outcome{state: "waiting", code: code}
	}
	return outcome{state: "refused", code: code}
}

// record writes down what became of the parcels and takes the next. When there are
// none, the server did not answer, or it is time for others, it gives the lease
// back: after noteHost, which holds the server's row, so that whoever brings more
// meanwhile waits for the lease and finds it free.
func (s *Server) record(ctx context.Context, v visit, all []*parcel, stop bool) (next []*parcel, err error) {
	now := s.clock()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		reached, tried, code, scheme := true, false, "", sig.Scheme("")
		var sent []*parcel
		for _, p := range all {
			o := p.outcome
			if o.state == "" {
				continue
			}
			tried = true
			if o.unreachable {
				reached, code = false, o.code
			}
			if o.scheme != "" {
				scheme = o.scheme
			}
			if o.state == "sent" {
				sent = append(sent, p)
				continue
			}
			if err := s.settle(ctx, tx, v.deliver, p, now); err != nil {
				return err
			}
		}
		if err := s.settleSent(ctx, tx, v.deliver, sent, now); err != nil {
			return err
		}
		if err := s.noteHost(ctx, tx, v, reached, code, scheme, now); err != nil {
			return err
		}
		if next, err = s.due(ctx, tx, v); err != nil {
			return err
		}
		if reached && tried && !stop && len(next) > 0 && now.Before(v.until) {
			return nil
		}
		more := reached && len(next) > 0
		next = nil
		if err := v.leave(ctx, tx); err != nil || !more {
			return err
		}
		return s.pool.Enqueue(ctx, tx, v.deliver, jobs.When{Queue: jobs.Spread})
	})
	return next, err
}

// settleSent writes down what arrived, in one statement: a turn brings the same
// activity to many inboxes as a rule.
func (s *Server) settleSent(ctx context.Context, tx *db.Tx, j deliver, sent []*parcel, now time.Time) error {
	if len(sent) == 0 {
		return nil
	}
	args := []any{j.InstitutionID, j.Host, db.At(now)}
	var pairs strings.Builder
	for i, p := range sent {
		if i > 0 {
			pairs.WriteString(", ")
		}
		fmt.Fprintf(&pairs, "($%d, $%d)", len(args)+1, len(args)+2)
		args = append(args, p.inbox, p.activityID)
	}
	_, err := tx.Exec(ctx, `
		UPDATE ap_delivery SET state = 'sent', attempts = attempts + 1, next_at = $3, code = '', changed_at = $3
		WHERE institution_id = $1 AND host = $2 AND state = 'waiting' AND (inbox, activity_id) IN (VALUES `+pairs.String()+`)`, args...)
	return err
}

// settle writes down one try that did not arrive.
func (s *Server) settle(ctx context.Context, tx *db.Tx, j deliver, p *parcel, now time.Time) error {
	state, next := p.outcome.state, now
	if state == "waiting" {
		wait, more := waitAfter(p.attempts + 1)
		if !more {
			state = "given_up"
		}
		next = now.Add(max(wait, min(p.outcome.wait, 24*time.Hour)))
	}
	_, err := tx.Exec(ctx, `
		UPDATE ap_delivery SET state = $5, attempts = attempts + 1, next_at = $6, code = $7, changed_at = $8
		WHERE institution_id = $1 AND host = $2 AND inbox = $3 AND activity_id = $4 AND state = 'waiting'`,
		j.InstitutionID, j.Host, p.inbox, p.activityID, state, db.At(next), p.outcome.code, db.At(now))
	if err != nil || p.outcome.code != "410" {
		return err
	}
	// The inbox is no more (RFC 9110, 15.5.11): nobody reads there.
	_, err = tx.Exec(ctx, `
		DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id IN
			(SELECT id FROM ap_remote WHERE institution_id = $1 AND inbox = $2 AND deliver_to = $2)`, j.InstitutionID, p.inbox)
	return err
}

// noteHost keeps how a server answers, and that the worker still has it.
func (s *Server) noteHost(ctx context.Context, tx *db.Tx, v visit, reached bool, code string, scheme sig.Scheme, now time.Time) error {
	if reached {
		_, err := tx.Exec(ctx, `
			UPDATE ap_host SET failing_since = 0, code = '', answered_at = $4, lease_until = $5, scheme = CASE WHEN $6 <> '' THEN $6 ELSE scheme END
			WHERE institution_id = $1 AND host = $2 AND lease = $3`, v.InstitutionID, v.Host, v.lease, db.At(now), db.At(now.Add(leaseFor)), string(scheme))
		return err
	}
	if _, err := tx.Exec(ctx, `
		UPDATE ap_host SET failing_since = CASE WHEN failing_since = 0 THEN $4 ELSE failing_since END, code = $5
		WHERE institution_id = $1 AND host = $2 AND lease = $3`, v.InstitutionID, v.Host, v.lease, db.At(now), code); err != nil {
		return err
	}
	return s.postpone(ctx, tx, v.deliver, code, now)
}

// postpone makes all that is due at a server that does not answer wait like what
// was tried: it would have failed, too.
func (s *Server) postpone(ctx context.Context, tx *db.Tx, j deliver, code string, now time.Time) error {
	tries, err := db.All(ctx, tx, db.Col[int], `
		SELECT DISTINCT attempts FROM ap_delivery WHERE institution_id = $1 AND host = $2 AND state = 'waiting' AND next_at <= $3`, j.InstitutionID, j.Host, db.At(now))
	if err != nil {
		return err
	}
	for _, n := range tries {
		state := "waiting"
		wait, more := waitAfter(n + 1)
		if !more {
			state = "given_up"
		}
		if _, err := tx.Exec(ctx, `
			UPDATE ap_delivery SET state = $4, attempts = attempts + 1, next_at = $5, code = $6, changed_at = $7
			WHERE institution_id = $1 AND host = $2 AND state = 'waiting' AND attempts = $3 AND next_at <= $7`,
			j.InstitutionID, j.Host, n, state, db.At(now.Add(wait)), code, db.At(now)); err != nil {
			return err
		}
	}
	return nil
}
