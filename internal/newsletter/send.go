package newsletter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// send is the job that sends the letters of an issue that wait.
type send struct {
	InstitutionID string `json:"institution_id"`
	IssueID       string `json:"issue_id"`
}

func (send) Kind() string { return "newsletter.send" }

const (
	// maxAttempts is how often a letter that is deferred is tried.
	maxAttempts = 5
	// serverDown is how long an issue waits when our own mail server fails.
	serverDown = 2 * time.Minute
	// serverBusy is how long it waits when the server asks to slow down; it then goes
	// on at the pace that package mail learnt.
	serverBusy = 20 * time.Second
	// storm: of the last stormOf letters, this many were deferred, or refused for
	// what they say.
	stormOf, storm = 40, 20
	// oneLane is how many letters are sent over one connection before another helps.
	oneLane = 50
)

// retryAfter is the wait before the next attempt of a deferred letter.
func retryAfter(attempts int) time.Duration { return 10 * time.Minute << (2 * min(attempts, 4)) }

// sending is one worker's work on an issue, over one or more lanes.
type sending struct {
	l     *List
	lease string
	issue Issue
	write *writer
	lanes int

	mu     sync.Mutex
	recent []bool // of the last letters: was it deferred, or refused for what it says
	over   string // why no lane takes another batch: storm, server, slow
}

// workSend sends the letters of an issue that wait. What a lane has in its hands
// when the process stops is finished or given back.
func (l *List) workSend(ctx context.Context, j send) error {
	s, err := l.begin(ctx, j, rand.Text())
	if err != nil || s == nil {
		return err
	}
	failed := make([]error, s.lanes)
	var all sync.WaitGroup
	for n := range failed {
		all.Go(func() {
			defer func() {
				// The queue would notice it only in the goroutine that it began.
				if p := recover(); p != nil {
					failed[n] = fmt.Errorf("send letters: panic: %v\n%s", p, debug.Stack())
				}
			}()
			failed[n] = s.lane(ctx)
		})
	}
	all.Wait()
	if err := errors.Join(failed...); err != nil {
		return err // as after a crash: the next worker finds out what was in hand
	}
	return s.end(ctx)
}

// begin takes the lease of an issue; nil when there is nothing to do: another
// worker has it, or it is over. A letter that a dead worker was attempting becomes
// unconfirmed.
func (l *List) begin(ctx context.Context, j send, lease string) (s *sending, err error) {
	now := l.clock()
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		s = nil
		n, err := tx.Change(ctx, `
			UPDATE issue SET lease = $3, lease_until = $4, pause = ''
			WHERE institution_id = $1 AND id = $2 AND state = 'sending' AND lease_until < $5`,
			j.InstitutionID, j.IssueID, lease, db.At(now.Add(l.lease)), db.At(now))
		if err != nil || n == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, `
			UPDATE recipient SET state = 'unconfirmed', changed_at = $3 WHERE institution_id = $1 AND issue_id = $2 AND state = 'attempting'`,
			j.InstitutionID, j.IssueID, db.At(now)); err != nil {
			return err
		}
		i, err := institution.ByID(ctx, tx, j.InstitutionID)
		if err != nil {
			return err
		}
		issue, err := issueByID(ctx, tx, j.InstitutionID, j.IssueID)
		if err != nil {
			return err
		}
		if issue.Items, err = stillOut(ctx, tx, j.InstitutionID, issue.Items); err != nil {
			return err
		}
		var waiting int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM recipient WHERE institution_id = $1 AND issue_id = $2 AND state = 'waiting' AND next_at <= $3`,
			j.InstitutionID, j.IssueID, db.At(now)).Scan(&waiting); err != nil {
			return err
		}
		s = &sending{l: l, lease: lease, issue: issue, write: newWriter(l, i, issue), lanes: min(l.bulk.Lanes(), 1+waiting/oneLane)}
		return nil
	})
	return s, err
}

// end gives the lease back and says how the issue goes on.
func (s *sending) end(ctx context.Context) error {
	stopping := ctx.Err() != nil
	return s.l.record(ctx, func(ctx context.Context, tx *db.Tx) error {
		now := s.l.clock()
		mine, going, _, err := s.hold(ctx, tx, now)
		if err != nil || !mine {
			return err
		}
		switch {
		case !going:
			_, err := tx.Exec(ctx, `UPDATE issue SET lease = '', lease_until = 0 WHERE institution_id = $1 AND id = $2`, s.issue.InstitutionID, s.issue.ID)
			return err
		case s.over == "storm":
			return s.pause(ctx, tx, PausedSending, now)
		case s.over == "server":
			return s.pause(ctx, tx, Sending, now.Add(serverDown))
		case s.over == "slow":
			return s.pause(ctx, tx, Sending, now.Add(serverBusy))
		case stopping:
			return s.pause(ctx, tx, Sending, now)
		}
		return finish(ctx, tx, s.issue, now)
	})
}

// pause gives the lease back; the issue goes on at the moment given, or when a
// person says so.
func (s *sending) pause(ctx context.Context, tx *db.Tx, state IssueState, next time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE issue SET state = $3, pause = $4, next_at = $5, lease = '', lease_until = 0 WHERE institution_id = $1 AND id = $2`,
		s.issue.InstitutionID, s.issue.ID, state, s.over, db.At(next))
	return err
}

// hold keeps the lease. mine is false when another worker has it; going is false
// when the issue was paused or withdrawn, gone when it was withdrawn.
func (s *sending) hold(ctx context.Context, tx *db.Tx, now time.Time) (mine, going, gone bool, err error) {
	var state IssueState
	err = tx.QueryRow(ctx, `UPDATE issue SET lease_until = $4 WHERE institution_id = $1 AND id = $2 AND lease = $3 RETURNING state`,
		s.issue.InstitutionID, s.issue.ID, s.lease, db.At(now.Add(s.l.lease))).Scan(&state)
	if errors.Is(err, db.ErrNone) {
		return false, false, false, nil
	}
	return err == nil, state == Sending, state == Withdrawn, err
}

// stop says why no lane may begin another batch; the first reason counts.
func (s *sending) stop(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over == "" {
		s.over = why
	}
}

func (s *sending) stopped() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.over != "" }

// note looks at what became of a letter for what it says about all of them.
func (s *sending) note(v settled) {
	if v.slow {
		s.stop("slow")
		return
	}
	if v.ours {
		s.stop("server")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent = append(s.recent, v.deferred || v.blameless); len(s.recent) > stormOf {
		s.recent = s.recent[1:]
	}
	n := 0
	for _, bad := range s.recent {
		if bad {
			n++
		}
	}
	if n >= storm && s.over == "" {
		s.over = "storm"
	}
}

// stillOut leaves out of a digest what was withdrawn since it was made.
func stillOut(ctx context.Context, tx *db.Tx, institutionID string, items []Item) ([]Item, error) {
	gone, err := db.All(ctx, tx, db.Col[string], `SELECT message_id FROM publication WHERE institution_id = $1 AND withdrawn_at > 0`, institutionID)
	if err != nil || len(gone) == 0 {
		return items, err
	}
	away := map[string]bool{}
	for _, id := range gone {
		away[id] = true
	}
	var out []Item
	for _, it := range items {
		if it.MessageID == "" || !away[it.MessageID] {
			out = append(out, it)
		}
	}
	return out, nil
}

// finish closes an issue of which nothing waits, or says when to look again.
func finish(ctx context.Context, tx *db.Tx, issue Issue, now time.Time) error {
	var waiting int
	var next int64
	if err := tx.QueryRow(ctx, `SELECT count(*), COALESCE(MIN(next_at), 0) FROM recipient WHERE institution_id = $1 AND issue_id = $2 AND state = 'waiting'`,
		issue.InstitutionID, issue.ID).Scan(&waiting, &next); err != nil {
		return err
	}
	state, done := Sending, time.Time{}
	if waiting == 0 {
		state, done = Done, now
	}
	_, err := tx.Exec(ctx, `UPDATE issue SET state = $3, done_at = $4, next_at = $5, lease = '', lease_until = 0 WHERE institution_id = $1 AND id = $2`,
		issue.InstitutionID, issue.ID, state, db.At(done), next)
	return err
}

// itemsFor are the messages of an issue that a subscriber asked for. Those of one
// message were asked for when it was handed over.
func itemsFor(issue Issue, u Subscriber) []Item {
	if issue.Kind == OfMessage {
		return issue.Items
	}
	var out []Item
	for _, it := range issue.Items {
		if u.wants(it.ProfileID, it.Tags) {
			out = append(out, it)
		}
	}
	return out
}
