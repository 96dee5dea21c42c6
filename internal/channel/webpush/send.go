package webpush

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	push "github.com/SherClockHolmes/webpush-go"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// Outcome is what became of a notice for one browser.
type Outcome string

// The outcomes.
const (
	Waiting     Outcome = "waiting"
	Attempting  Outcome = "attempting" // being sent now; committed before
	Sent        Outcome = "sent"
	Refused     Outcome = "refused"
	Gone        Outcome = "gone"        // the browser is no longer there: forgotten
	Unconfirmed Outcome = "unconfirmed" // it may have arrived
	Expired     Outcome = "expired"     // no longer news
	Cancelled   Outcome = "cancelled"
)

const (
	batchSize = 32 // browsers told at the same time
	// pushTimeout is how long a push service may take: shorter than the lease.
	pushTimeout = 30 * time.Second
	maxAttempts = 6
	// maxRefusals in a row end a subscription: some services say 400 or 403 for what
	// is gone for ever.
	maxRefusals = 5
	tickEvery   = 30 * time.Second
)

// retryAfter is the wait before the next attempt: 30 s, 2 min, 8 min, …
func retryAfter(attempts int) time.Duration { return 30 * time.Second << (2 * min(attempts-1, 4)) }

// send is the job that sends what waits of a notice.
type send struct {
	InstitutionID string `json:"institution_id"`
	NoticeID      string `json:"notice_id"`
}

func (send) Kind() string { return "webpush.send" }

type tick struct{}

func (tick) Kind() string { return "webpush.tick" }

// target is one browser being told.
type target struct {
	Subscription
	attempts int
	refusals int
	broken   bool // its row cannot be read: the master key is gone
}

// settled is what a push service answered about a target.
type settled struct {
	target
	outcome Outcome
	code    int           // HTTP status; 0 without an answer
	wait    time.Duration // as the service asked; zero when it did not
}

// notice is one being sent.
type notice struct {
	send
	origin, payload string
	until           time.Time
	keys            keys
}

// topic replaces an earlier request for the same notice that the service still
// holds: 32 characters of the URL-safe alphabet (RFC 8030, 5.4).
func (o notice) topic() string {
	sum := sha256.Sum256([]byte(o.origin))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}

// workSend sends one batch after another. Between two there is one transaction: it
// records what became of the last and says that the next is being attempted.
func (n *Notices) workSend(ctx context.Context, j send) error {
	lease := rand.Text()
	o, err := n.begin(ctx, j, lease)
	if err != nil || o.NoticeID == "" {
		return err
	}
	var last []settled
	for {
		// What is known of a batch is recorded even while the process stops.
		next, err := n.step(context.WithoutCancel(ctx), o, lease, last, ctx.Err() != nil)
		if err != nil || len(next) == 0 {
			return err
		}
		last = n.tell(ctx, o, next)
	}
}

// begin takes the lease of a notice. NoticeID is empty when there is nothing to do.
// What a dead worker was attempting becomes unconfirmed.
func (n *Notices) begin(ctx context.Context, j send, lease string) (o notice, err error) {
	now := n.Clock()
	err = n.DB.InTx(ctx, func(tx *db.Tx) error {
		o = notice{}
		held, err := tx.Change(ctx, `UPDATE push_notice SET lease = $3, lease_until = $4 WHERE institution_id = $1 AND id = $2 AND state = 'sending' AND lease_until < $5`,
			j.InstitutionID, j.NoticeID, lease, db.At(now.Add(n.Lease)), db.At(now))
		if err != nil || held == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE push_recipient SET state = 'unconfirmed', changed_at = $3 WHERE institution_id = $1 AND notice_id = $2 AND state = 'attempting'`,
			j.InstitutionID, j.NoticeID, db.At(now)); err != nil {
			return err
		}
		k, err := n.keysOf(ctx, tx, j.InstitutionID)
		if errors.Is(err, db.ErrNone) {
			// Nobody can have subscribed without a key.
			return n.finish(ctx, tx, j, now)
		}
		if err != nil {
			return err
		}
		var until int64
		o = notice{send: j, keys: k}
		err = tx.QueryRow(ctx, `SELECT origin, payload, until_at FROM push_notice WHERE institution_id = $1 AND id = $2`, j.InstitutionID, j.NoticeID).Scan(&o.origin, &o.payload, &until)
		o.until = db.When(until)
		return err
	})
	return o, err
}

// step records the last batch and takes the next; empty when there is none now, the
// lease was lost, or stop is set.
func (n *Notices) step(ctx context.Context, o notice, lease string, last []settled, stop bool) (next []target, err error) {
	now := n.Clock()
	err = n.DB.InTx(ctx, func(tx *db.Tx) error {
		next = nil
		held, err := tx.Change(ctx, `UPDATE push_notice SET lease_until = $4 WHERE institution_id = $1 AND id = $2 AND lease = $3 AND state = 'sending'`,
			o.InstitutionID, o.NoticeID, lease, db.At(now.Add(n.Lease)))
		if err != nil {
			return err
		}
		for _, s := range last {
			if err := record(ctx, tx, o, s, now); err != nil {
				return err
			}
		}
		switch {
		case held == 0:
			return nil // another worker has it, or it was withdrawn
		case stop:
			return giveBack(ctx, tx, o.send, now)
		}
		if !now.Before(o.until) {
			if _, err := tx.Exec(ctx, `UPDATE push_recipient SET state = 'expired', changed_at = $3 WHERE institution_id = $1 AND notice_id = $2 AND state = 'waiting'`,
				o.InstitutionID, o.NoticeID, db.At(now)); err != nil {
				return err
			}
		}
		if next, err = n.takeBatch(ctx, tx, o, now); err != nil || len(next) > 0 {
			return err
		}
		return n.finish(ctx, tx, o.send, now)
	})
	return next, err
}

// giveBack lets another worker go on at a moment.
func giveBack(ctx context.Context, tx *db.Tx, j send, next time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE push_notice SET next_at = $3, lease = '', lease_until = 0 WHERE institution_id = $1 AND id = $2`, j.InstitutionID, j.NoticeID, db.At(next))
	return err
}

// record writes what became of one target. A worker that was thought dead and was
// only slow still knows it: its rows are unconfirmed by then.
func record(ctx context.Context, tx *db.Tx, o notice, s settled, now time.Time) error {
	next := time.Time{}
	if s.outcome == Waiting {
		next = now.Add(max(s.wait, retryAfter(s.attempts)))
		if s.attempts >= maxAttempts || !next.Before(o.until) {
			s.outcome, next = Expired, time.Time{}
		}
	}
	changed, err := tx.Change(ctx, `
		UPDATE push_recipient SET state = $4, code = $5, next_at = $6, changed_at = $7
		WHERE institution_id = $1 AND notice_id = $2 AND subscription_id = $3 AND state IN ('attempting', 'unconfirmed')`,
		o.InstitutionID, o.NoticeID, s.ID, s.outcome, s.code, db.At(next), db.At(now))
	if err != nil || changed == 0 {
		return err
	}
	switch {
	case s.outcome == Gone, s.outcome == Refused && s.refusals+1 >= maxRefusals:
		return forget(ctx, tx, o.InstitutionID, s.ID, now)
	case s.outcome == Refused:
		_, err = tx.Exec(ctx, `UPDATE push_subscription SET refusals = refusals + 1 WHERE institution_id = $1 AND id = $2`, o.InstitutionID, s.ID)
	case s.outcome == Sent && s.refusals > 0:
		_, err = tx.Exec(ctx, `UPDATE push_subscription SET refusals = 0 WHERE institution_id = $1 AND id = $2`, o.InstitutionID, s.ID)
	}
	return err
}

// takeBatch marks the next browsers as being told.
func (n *Notices) takeBatch(ctx context.Context, tx *db.Tx, o notice, now time.Time) (batch []target, err error) {
	batch, err = db.All(ctx, tx, func(s db.Scanner) (t target, err error) {
		var sealed string
		if err := s.Scan(&t.ID, &t.attempts, &t.refusals, &sealed); err != nil {
			return t, err
		}
		id := t.ID
		text, err := n.Box.Open(sealPurpose(id), sealed)
		t.broken = err != nil || json.Unmarshal([]byte(text), &t.Subscription) != nil
		t.ID = id
		t.attempts++
		return t, nil
	}, `SELECT r.subscription_id, r.attempts, s.refusals, s.sealed FROM push_recipient r
		JOIN push_subscription s ON s.institution_id = r.institution_id AND s.id = r.subscription_id
		WHERE r.institution_id = $1 AND r.notice_id = $2 AND r.state = 'waiting' AND r.next_at <= $3
		ORDER BY r.next_at LIMIT $4`, o.InstitutionID, o.NoticeID, db.At(now), batchSize)
	if err != nil || len(batch) == 0 {
		return nil, err
	}
	args := []any{o.InstitutionID, o.NoticeID, db.At(now)}
	for _, t := range batch {
		args = append(args, t.ID)
	}
	_, err = tx.Exec(ctx, `UPDATE push_recipient SET state = 'attempting', attempts = attempts + 1, changed_at = $3
		WHERE institution_id = $1 AND notice_id = $2 AND subscription_id IN (`+placeholders(4, len(batch))+`)`, args...)
	return batch, err
}

// finish closes a notice of which nothing waits, or says when to look again.
func (n *Notices) finish(ctx context.Context, tx *db.Tx, j send, now time.Time) error {
	var waiting int
	var next int64
	if err := tx.QueryRow(ctx, `SELECT count(*), COALESCE(MIN(next_at), 0) FROM push_recipient WHERE institution_id = $1 AND notice_id = $2 AND state = 'waiting'`,
		j.InstitutionID, j.NoticeID).Scan(&waiting, &next); err != nil {
		return err
	}
	if waiting > 0 {
		return giveBack(ctx, tx, j, db.When(next))
	}
	_, err := tx.Exec(ctx, `UPDATE push_notice SET state = 'done', done_at = $3, lease = '', lease_until = 0 WHERE institution_id = $1 AND id = $2`,
		j.InstitutionID, j.NoticeID, db.At(now))
	return err
}

// tell sends a notice to a batch of browsers at the same time.
func (n *Notices) tell(ctx context.Context, o notice, batch []target) []settled {
	out := make([]settled, len(batch))
	var all sync.WaitGroup
	for i, t := range batch {
		all.Go(func() { out[i] = n.tellOne(ctx, o, t) })
	}
	all.Wait()
	return out
}

func (n *Notices) tellOne(ctx context.Context, o notice, t target) settled {
	if t.broken || t.check(n.AllowLoopback) != nil {
		return settled{target: t, outcome: Gone}
	}
	// A notice in hand is finished when the process stops, if that takes not long.
	ctx, cancel := jobs.Unbroken(ctx, pushTimeout)
	defer cancel()
	ctx = fetch.WithLimits(ctx, fetch.Limits{Timeout: pushTimeout, MaxBody: 64 << 10})
	answer, err := push.SendNotificationWithContext(ctx, []byte(o.payload), &push.Subscription{Endpoint: t.Endpoint, Keys: push.Keys{Auth: t.Auth, P256dh: t.P256dh}}, &push.Options{
		HTTPClient: n.Fetch.HTTPClient(), Subscriber: n.Contact, Topic: o.topic(), Urgency: push.UrgencyNormal,
		TTL:            max(int(o.until.Sub(n.Clock())/time.Second), 0),
		VAPIDPublicKey: o.keys.public, VAPIDPrivateKey: o.keys.private,
	})
	if err != nil {
		return settled{target: t, outcome: unanswered(err)}
	}
	defer answer.Body.Close()
	// Read to the end, so that the connection serves the next browser.
	_, _ = io.Copy(io.Discard, answer.Body)
	return judge(t, answer, n.Clock())
}

// unanswered judges a request without an answer.
func unanswered(err error) Outcome {
	switch {
	case errors.Is(err, fetch.ErrPrivate), errors.Is(err, fetch.ErrScheme):
		return Gone // no push service is there, and none will be
	case !fetch.Sent(err):
		return Waiting
	}
	return Unconfirmed
}

// judge reads the answer of a push service (RFC 8030, 5 and 7).
func judge(t target, a *http.Response, now time.Time) settled {
	s := settled{target: t, code: a.StatusCode, outcome: Refused}
	switch {
	case a.StatusCode >= 200 && a.StatusCode < 300:
		s.outcome = Sent
	case a.StatusCode == http.StatusNotFound, a.StatusCode == http.StatusGone:
		s.outcome = Gone
	case a.StatusCode == http.StatusTooManyRequests, a.StatusCode >= 500:
		s.outcome, s.wait = Waiting, asked(a.Header.Get("Retry-After"), now)
	}
	return s
}

// asked reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3), at most a
// day.
func asked(header string, now time.Time) time.Duration {
	if s, err := strconv.Atoi(header); err == nil && s > 0 {
		return time.Duration(min(s, 86_400)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil && at.After(now) {
		return min(at.Sub(now), newsLife)
	}
	return 0
}

// workTick takes up what is due and what a dead worker left.
func (n *Notices) workTick(ctx context.Context, _ tick) error {
	return n.DB.InTx(ctx, func(tx *db.Tx) error {
		open, err := due(ctx, tx, n.Clock())
		for _, j := range open {
			if err := n.jobs.Enqueue(ctx, tx, j.send, jobs.When{Queue: jobs.LaneOf(j.urgent, jobs.Bulk)}); err != nil {
				return err
			}
		}
		return err
	})
}

// dueNotice is a notice that waits for a worker.
type dueNotice struct {
	send
	urgent bool
}

func due(ctx context.Context, tx *db.Tx, now time.Time) ([]dueNotice, error) {
	return db.All(ctx, tx, func(s db.Scanner) (j dueNotice, err error) {
		err = s.Scan(&j.InstitutionID, &j.NoticeID, &j.urgent)
		return j, err
	}, `SELECT institution_id, id, urgent FROM push_notice WHERE state = 'sending' AND next_at <= $1 AND lease_until < $1 ORDER BY created_at LIMIT 500`, db.At(now))
}

// SendDue sends at once, in the caller's goroutine, all that is due and that no
// worker has: for tests.
func (n *Notices) SendDue(ctx context.Context) error {
	var open []dueNotice
	if err := n.DB.Read(ctx, func(tx *db.Tx) (err error) { open, err = due(ctx, tx, n.Clock()); return err }); err != nil {
		return err
	}
	for _, j := range open {
		if err := n.workSend(ctx, j.send); err != nil {
			return fmt.Errorf("send notice %s: %w", j.NoticeID, err)
		}
	}
	return nil
}

// Recover gives back all leases: for the start of the only process on a SQLite
// file, whose earlier workers are all dead.
func (n *Notices) Recover(ctx context.Context) error {
	return n.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE push_notice SET lease = '', lease_until = 0 WHERE lease <> ''`)
		return err
	})
}

// Restored makes a restored backup safe: what the backup saw waiting may have left
// since, so it is unconfirmed and not sent.
func Restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	for _, q := range []string{
		`UPDATE push_recipient SET state = 'unconfirmed', changed_at = $1 WHERE state IN ('waiting', 'attempting')`,
		`UPDATE push_notice SET state = 'done', done_at = $1, lease = '', lease_until = 0 WHERE state = 'sending'`,
	} {
		if _, err := tx.Exec(ctx, q, db.At(now)); err != nil {
			return err
		}
	}
	return nil
}
