package newsletter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/mail"
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
	// storm: of the last stormOf letters, this many were deferred.
	stormOf, storm = 40, 20
)

// retryAfter is the wait before the next attempt of a deferred letter.
func retryAfter(attempts int) time.Duration { return 10 * time.Minute << (2 * min(attempts, 4)) }

// letterTo is one row of the ledger being worked on.
type letterTo struct {
	subscriber Subscriber
	messageID  string
	attempts   int
}

// workSend sends one letter after another. Between two letters there is one
// transaction: it records what became of the last and says that the next is
// being attempted.
func (l *List) workSend(ctx context.Context, j send) error {
	lease := rand.Text()
	issue, i, err := l.begin(ctx, j, lease)
	if err != nil || issue.ID == "" {
		return err
	}
	var last *settled
	var recent []bool
	for {
		// What is known of a letter is recorded even while the process stops.
		next, err := l.step(context.WithoutCancel(ctx), issue, lease, last, ctx.Err() != nil)
		if err != nil || next == nil {
			return err
		}
		letter, err := l.letter(i, issue, *next, l.clock())
		if err != nil {
			last = &settled{to: *next, outcome: Refused, code: "letter"}
			continue
		}
		last = settle(*next, l.sender.Send(ctx, letter))
		if recent = append(recent, last.deferred); len(recent) > stormOf {
			recent = recent[1:]
		}
		if !last.ours && deferrals(recent) >= storm {
			last.storm = true
		}
	}
}

func deferrals(recent []bool) (n int) {
	for _, d := range recent {
		if d {
			n++
		}
	}
	return n
}

// settled is what became of a letter.
type settled struct {
	to       letterTo
	outcome  Outcome
	code     string // what the mail server said, without its words: they may hold the address
	hard     bool   // the address does not exist
	deferred bool
	ours     bool // our own mail server failed: nobody's letter can go
	storm    bool
}

// settle reads the answer of the mail server.
func settle(to letterTo, r mail.Result) *settled {
	s := &settled{to: to, code: strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, r.Enhanced))}
	if r.Code == 0 {
		s.code = ""
	}
	switch r.Outcome {
	case mail.Sent:
		s.outcome = Sent
	case mail.Refused:
		s.outcome = Refused
		// 5.1.1 and its neighbours are about the address (RFC 3463, 3.2); servers
		// without such codes answer 550 or 553 to an unknown mailbox.
		s.hard = strings.HasPrefix(r.Enhanced, "5.1.") || r.Enhanced == "" && (r.Code == 550 || r.Code == 551 || r.Code == 553)
	case mail.Unknown:
		s.outcome = Unconfirmed
	default:
		s.outcome, s.deferred = Waiting, true
		if to.attempts >= maxAttempts && !r.Ours {
			s.outcome = Refused
		}
	}
	if r.Ours && s.outcome != Unconfirmed && s.outcome != Sent {
		s.outcome, s.ours, s.hard = Waiting, true, false
	}
	return s
}

// begin takes the lease of an issue. issue.ID is empty when there is nothing to
// do: another worker has it, or it is over. A letter that a dead worker was
// attempting becomes unconfirmed.
func (l *List) begin(ctx context.Context, j send, lease string) (issue Issue, i institution.Institution, err error) {
	now := l.clock()
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
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
		if i, err = institution.ByID(ctx, tx, j.InstitutionID); err != nil {
			return err
		}
		if issue, err = issueByID(ctx, tx, j.InstitutionID, j.IssueID); err != nil {
			return err
		}
		issue.Items, err = stillOut(ctx, tx, j.InstitutionID, issue.Items)
		return err
	})
	return issue, i, err
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

// step records the last letter and takes the next; nil when there is none now,
// the lease was lost, or stop is set.
func (l *List) step(ctx context.Context, issue Issue, lease string, last *settled, stop bool) (next *letterTo, err error) {
	now := l.clock()
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		next = nil
		held, err := tx.Change(ctx, `
			UPDATE issue SET lease_until = $4 WHERE institution_id = $1 AND id = $2 AND lease = $3 AND state = 'sending'`,
			issue.InstitutionID, issue.ID, lease, db.At(now.Add(l.lease)))
		if err != nil {
			return err
		}
		if last != nil {
			if err := record(ctx, tx, issue, *last, now); err != nil {
				return err
			}
		}
		switch {
		case held == 0:
			return nil // another worker has it, or it was paused or withdrawn
		case last != nil && last.storm:
			return l.pause(ctx, tx, issue, PausedSending, "storm", now)
		case last != nil && last.ours:
			return l.pause(ctx, tx, issue, Sending, "server", now.Add(serverDown))
		case stop:
			return l.pause(ctx, tx, issue, Sending, "", now)
		}
		next, err = l.takeNext(ctx, tx, issue, now)
		if err != nil || next != nil {
			return err
		}
		return finish(ctx, tx, issue, now)
	})
	return next, err
}

// pause gives the lease back; the issue goes on at the moment given, or when a
// person says so.
func (l *List) pause(ctx context.Context, tx *db.Tx, issue Issue, state IssueState, why string, next time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE issue SET state = $3, pause = $4, next_at = $5, lease = '', lease_until = 0 WHERE institution_id = $1 AND id = $2`,
		issue.InstitutionID, issue.ID, state, why, db.At(next))
	return err
}

// record writes what became of a letter. A worker that was thought dead and was
// only slow still knows it: its letter is unconfirmed by then.
func record(ctx context.Context, tx *db.Tx, issue Issue, s settled, now time.Time) error {
	nextAt := time.Time{}
	attempts := s.to.attempts
	if s.outcome == Waiting {
		nextAt = now.Add(retryAfter(attempts))
		if s.ours {
			nextAt, attempts = now, attempts-1
		}
	}
	n, err := tx.Change(ctx, `
		UPDATE recipient SET state = $4, code = $5, attempts = $6, next_at = $7, changed_at = $8
		WHERE institution_id = $1 AND issue_id = $2 AND subscriber_id = $3 AND state IN ('attempting', 'unconfirmed')`,
		issue.InstitutionID, issue.ID, s.to.subscriber.ID, s.outcome, s.code, attempts, db.At(nextAt), db.At(now))
	if err != nil || n == 0 {
		return err
	}
	switch {
	case s.outcome == Sent && s.to.subscriber.SoftBounces > 0:
		return arrived(ctx, tx, issue.InstitutionID, s.to.subscriber.ID)
	case s.outcome == Refused && s.code != "letter":
		return bounced(ctx, tx, issue.InstitutionID, s.to.subscriber.ID, s.hard, now)
	}
	return nil
}

// takeNext marks the next letter as being attempted. Those of people who have left
// since are cancelled.
func (l *List) takeNext(ctx context.Context, tx *db.Tx, issue Issue, now time.Time) (*letterTo, error) {
	for {
		var to letterTo
		u := &to.subscriber
		err := tx.QueryRow(ctx, `
			SELECT r.subscriber_id, r.message_id, r.attempts, s.email, s.locale, s.cadence, s.state, s.soft_bounces
			FROM recipient r JOIN subscriber s ON s.institution_id = r.institution_id AND s.id = r.subscriber_id
			WHERE r.institution_id = $1 AND r.issue_id = $2 AND r.state = 'waiting' AND r.next_at <= $3
			ORDER BY r.next_at LIMIT 1`, issue.InstitutionID, issue.ID, db.At(now)).
			Scan(&u.ID, &to.messageID, &to.attempts, &u.Email, &u.Locale, &u.Cadence, &u.State, &u.SoftBounces)
		if errors.Is(err, db.ErrNone) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if issue.Kind != OfMessage {
			if u.Scopes, err = scopesOf(ctx, tx, issue.InstitutionID, u.ID); err != nil {
				return nil, err
			}
		}
		state := Attempting
		if u.State != Active || u.Email == "" || len(itemsFor(issue, *u)) == 0 {
			state = Cancelled
		}
		to.attempts++
		n, err := tx.Change(ctx, `
			UPDATE recipient SET state = $4, attempts = $5, changed_at = $6
			WHERE institution_id = $1 AND issue_id = $2 AND subscriber_id = $3 AND state = 'waiting'`,
			issue.InstitutionID, issue.ID, u.ID, state, to.attempts, db.At(now))
		if err != nil {
			return nil, err
		}
		if state == Attempting && n == 1 {
			return &to, nil
		}
	}
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
