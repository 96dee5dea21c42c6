package newsletter

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
)

const (
	// maxBatch is how many letters of a lane are attempted at a time: what a person
	// may have to look at after a crash. A batch takes about batchTime, so that it is
	// much smaller where the mail server is slow.
	maxBatch  = 32
	batchTime = 250 * time.Millisecond
	// holdPlace is how long a lane keeps its place at the mail server before it lets
	// the letters of others through.
	holdPlace = 2 * time.Second
)

// letterTo is one row of the ledger being worked on.
type letterTo struct {
	subscriber Subscriber
	attempts   int
}

// settled is what became of a letter.
type settled struct {
	to        letterTo
	outcome   Outcome
	code      string // what the mail server said, without its words: they may hold the address
	hard      bool   // the address does not exist
	deferred  bool
	blameless bool // refused for what the letter says, or could not be written
	ours      bool // our own mail server failed: nobody's letter can go
	slow      bool // it asks to slow down
}

// settle reads the answer of the mail server.
func settle(to letterTo, r mail.Result) settled {
	s := settled{to: to}
	if r.Code != 0 {
		s.code = strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, r.Enhanced))
	}
	switch r.Outcome {
	case mail.Sent:
		s.outcome, s.code = Sent, "" // most letters: the row says it
	case mail.Refused:
		s.outcome = Refused
		// 5.1.1 and its neighbours are about the address (RFC 3463, 3.2); servers
		// without such codes answer 550 or 553 to an unknown mailbox.
		about := strings.HasPrefix(r.Enhanced, "5.1.") || strings.HasPrefix(r.Enhanced, "5.2.")
		s.hard = mail.NoAddress(r.Enhanced) || r.Enhanced == "" && !r.Whole && (r.Code == 550 || r.Code == 551 || r.Code == 553)
		s.blameless = r.Whole && !about || r.Code == 0
	case mail.Unknown:
		s.outcome = Unconfirmed
	default:
		s.outcome, s.deferred = Waiting, true
		if to.attempts >= maxAttempts && !r.Ours {
			s.outcome = Refused
		}
	}
	if r.Ours && s.outcome != Unconfirmed && s.outcome != Sent {
		s.outcome, s.ours, s.hard, s.slow = Waiting, true, false, r.Busy
	}
	return s
}

// lane hands over one batch after another. Between two batches there is one
// transaction: it records what became of the last and says that the next is being
// attempted.
func (s *sending) lane(ctx context.Context) error {
	var last []settled
	for size := 1; ; {
		release, err := s.l.bulk.Place(ctx, s.issue.Urgent)
		if err != nil {
			return nil // the process stops
		}
		for began := s.l.clock(); ; {
			start := s.l.clock()
			next, err := s.step(ctx, last, size)
			if err != nil || len(next) == 0 {
				release()
				return err
			}
			last = s.hand(ctx, next)
			now := s.l.clock()
			size = resize(size, now.Sub(start))
			if now.Sub(began) > holdPlace {
				break
			}
		}
		release()
		if _, err := s.step(ctx, last, 0); err != nil {
			return err
		}
		last = nil
	}
}

// resize is how many letters the next batch has, when one of n took so long.
func resize(n int, took time.Duration) int {
	switch {
	case took < batchTime:
		return min(2*n, maxBatch)
	case took > 2*batchTime:
		return max(n/2, 1)
	}
	return n
}

// hand hands over a batch and returns what became of the letters that are not
// recorded yet. While it goes on, what is known is recorded every now and then, and
// the lease is kept; when the issue is not ours any more, the rest stays.
func (s *sending) hand(ctx context.Context, batch []letterTo) []settled {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var known outcomes
	letters := make([]mail.Letter, 0, len(batch))
	sent := make([]letterTo, 0, len(batch))
	for _, to := range batch {
		letter, err := s.write.letter(to, s.l.clock())
		if err != nil {
			known.add(settled{to: to, outcome: Refused, code: "letter", blameless: true})
			continue
		}
		letters, sent = append(letters, letter), append(sent, to)
	}
	over := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() { s.keep(ctx, over, &known, cancel) })
	func() {
		defer close(over)
		s.l.bulk.SendMany(ctx, letters, func(n int, r mail.Result) {
			v := settle(sent[n], r)
			if ctx.Err() == nil { // otherwise what was not begun says nothing about the server
				if s.note(v); s.stopped() {
					cancel()
				}
			}
			known.add(v)
		})
	}()
	beside.Wait()
	return known.take()
}

// outcomes are what is known of letters and not recorded.
type outcomes struct {
	mu  sync.Mutex
	all []settled
}

func (o *outcomes) add(some ...settled) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, some...)
}

func (o *outcomes) take() []settled {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

// keep records what is known, and keeps the lease, until over. When that fails, the
// batch is told to end, and its outcomes are recorded with the next.
func (s *sending) keep(ctx context.Context, over <-chan struct{}, known *outcomes, cancel func()) {
	t := time.NewTicker(batchTime)
	defer t.Stop()
	kept := s.l.clock()
	for {
		select {
		case <-over:
			return
		case <-t.C:
		}
		some := known.take()
		if len(some) == 0 && s.l.clock().Sub(kept) < s.l.lease/4 {
			continue
		}
		kept = s.l.clock()
		going := false
		err := s.l.record(ctx, func(ctx context.Context, tx *db.Tx) (err error) {
			going, err = s.settleAll(ctx, tx, some, s.l.clock())
			return err
		})
		if err != nil {
			known.add(some...)
		}
		if err != nil || !going {
			cancel()
		}
	}
}

// record commits what became of letters, also when the process is stopping or the
// database is away for a moment: what is not recorded would be unknown.
func (l *List) record(ctx context.Context, do func(context.Context, *db.Tx) error) error {
	for wait := 50 * time.Millisecond; ; wait *= 2 {
		lasting, done := jobs.Lasting(ctx)
		err := l.db.InTx(lasting, func(tx *db.Tx) error { return do(lasting, tx) })
		done()
		if err == nil || wait > 8*time.Second {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// step records the last letters and takes n others; none when there are none now,
// the lease was lost, or no more must be begun.
func (s *sending) step(ctx context.Context, last []settled, n int) (next []letterTo, err error) {
	err = s.l.record(ctx, func(lasting context.Context, tx *db.Tx) error {
		now := s.l.clock()
		next = nil
		going, err := s.settleAll(lasting, tx, last, now)
		if err != nil || !going || n == 0 || ctx.Err() != nil || s.stopped() {
			return err
		}
		next, err = s.take(lasting, tx, n, now)
		return err
	})
	return next, err
}

// settleAll writes what became of letters and keeps the lease. going is false when
// the issue must not go on in this worker.
func (s *sending) settleAll(ctx context.Context, tx *db.Tx, all []settled, now time.Time) (going bool, err error) {
	mine, going, gone, err := s.hold(ctx, tx, now)
	if err != nil {
		return false, err
	}
	// Rows with the same end are written together.
	type verdict struct {
		state Outcome
		code  string
		less  int // an attempt that does not count
		next  int64
	}
	same := map[verdict][]any{}
	for _, one := range all {
		v := verdict{state: one.outcome, code: one.code}
		if one.outcome == Waiting {
			v.next = db.At(now.Add(retryAfter(one.to.attempts)))
			if one.ours {
				v.less, v.next = 1, db.At(now)
			}
			if gone {
				v = verdict{state: Cancelled} // it was withdrawn while it was in hand
			}
		}
		if one.outcome == Refused && !one.blameless || one.outcome == Sent && one.to.subscriber.SoftBounces > 0 {
			if err := s.judge(ctx, tx, one, mine, now); err != nil {
				return false, err
			}
			continue
		}
		same[v] = append(same[v], one.to.subscriber.ID)
	}
	for v, ids := range same {
		from := attempted(mine, v.state)
		if from == "" {
			continue
		}
		args := append([]any{s.issue.InstitutionID, s.issue.ID, v.state, v.code, v.less, v.next, db.At(now)}, ids...)
		if _, err := tx.Exec(ctx, `
			UPDATE recipient SET state = $3, code = $4, attempts = attempts - $5, next_at = $6, changed_at = $7
			WHERE institution_id = $1 AND issue_id = $2 AND state IN `+from+` AND subscriber_id IN (`+placeholders(8, len(ids))+`)`, args...); err != nil {
			return false, err
		}
	}
	return going, nil
}

// attempted are the states in which a letter of ours still is. A worker that was
// thought dead and was only slow knows what became of its letters, which are
// unconfirmed by then, and may say that one arrived or was refused. It must not put
// one back in line: who has the lease now may be attempting it again, because a
// person said so.
func attempted(mine bool, state Outcome) string {
	switch {
	case mine:
		return `('attempting')`
	case state == Sent || state == Refused:
		return `('unconfirmed')`
	}
	return ""
}

// judge writes what became of a letter that says something about its address.
func (s *sending) judge(ctx context.Context, tx *db.Tx, one settled, mine bool, now time.Time) error {
	id := one.to.subscriber.ID
	n, err := tx.Change(ctx, `
		UPDATE recipient SET state = $4, code = $5, changed_at = $6
		WHERE institution_id = $1 AND issue_id = $2 AND subscriber_id = $3 AND state IN `+attempted(mine, one.outcome),
		s.issue.InstitutionID, s.issue.ID, id, one.outcome, one.code, db.At(now))
	switch {
	case err != nil || n == 0:
		return err
	case one.outcome == Sent:
		return arrived(ctx, tx, s.issue.InstitutionID, id)
	}
	return bounced(ctx, tx, s.issue.InstitutionID, id, one.hard, now)
}

// take marks the next n letters as being attempted. Those of people who have left
// since are cancelled.
func (s *sending) take(ctx context.Context, tx *db.Tx, n int, now time.Time) (next []letterTo, err error) {
	for len(next) == 0 {
		all, err := db.All(ctx, tx, func(row db.Scanner) (to letterTo, err error) {
			u := &to.subscriber
			err = row.Scan(&u.ID, &to.attempts, &u.Email, &u.Locale, &u.Cadence, &u.State, &u.SoftBounces)
			to.attempts++
			return to, err
		}, `
			SELECT r.subscriber_id, r.attempts, s.email, s.locale, s.cadence, s.state, s.soft_bounces
			FROM recipient r JOIN subscriber s ON s.institution_id = r.institution_id AND s.id = r.subscriber_id
			WHERE r.institution_id = $1 AND r.issue_id = $2 AND r.state = 'waiting' AND r.next_at <= $3
			ORDER BY r.next_at LIMIT $4`, s.issue.InstitutionID, s.issue.ID, db.At(now), n)
		if err != nil || len(all) == 0 {
			return nil, err
		}
		if s.issue.Kind != OfMessage {
			if err := withScopes(ctx, tx, s.issue.InstitutionID, all); err != nil {
				return nil, err
			}
		}
		ids := map[Outcome][]any{}
		for _, to := range all {
			u := to.subscriber
			if u.State != Active || u.Email == "" || len(itemsFor(s.issue, u)) == 0 {
				ids[Cancelled] = append(ids[Cancelled], u.ID)
				continue
			}
			ids[Attempting] = append(ids[Attempting], u.ID)
			next = append(next, to)
		}
		for state, some := range ids {
			args := append([]any{s.issue.InstitutionID, s.issue.ID, state, db.At(now)}, some...)
			if _, err := tx.Exec(ctx, `
				UPDATE recipient SET state = $3, attempts = attempts + 1, changed_at = $4
				WHERE institution_id = $1 AND issue_id = $2 AND state = 'waiting' AND subscriber_id IN (`+placeholders(5, len(some))+`)`, args...); err != nil {
				return nil, err
			}
		}
	}
	return next, nil
}

// withScopes reads what each reader chose.
func withScopes(ctx context.Context, tx *db.Tx, institutionID string, all []letterTo) error {
	at := map[string]*Subscriber{}
	args := []any{institutionID}
	for n := range all {
		u := &all[n].subscriber
		at[u.ID] = u
		args = append(args, u.ID)
	}
	_, err := db.All(ctx, tx, func(row db.Scanner) (struct{}, error) {
		var id string
		var c Scope
		err := row.Scan(&id, &c.Kind, &c.Value)
		if err == nil {
			at[id].Scopes = append(at[id].Scopes, c)
		}
		return struct{}{}, err
	}, `SELECT subscriber_id, kind, value FROM subscriber_scope WHERE institution_id = $1 AND subscriber_id IN (`+placeholders(2, len(all))+`)`, args...)
	return err
}
