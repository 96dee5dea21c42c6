package webhook

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

const (
	// callTimeout is how long a program may take to answer; it should put the work aside.
	callTimeout = 15 * time.Second
	// patience is how long a webhook may fail in a row before it is switched off.
	patience = 5 * 24 * time.Hour
	// keepFor is how long it is known what was told.
	keepFor    = 30 * 24 * time.Hour
	watchEvery = time.Minute
)

// wait is how long after an attempt the next one follows; ok is false when it was the
// last. In all some two days.
func wait(attempts int) (d time.Duration, ok bool) {
	waits := []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour}
	if attempts < 1 || attempts > len(waits) {
		return 0, false
	}
	return waits[attempts-1], true
}

// DeliveryState is how telling one thing stands.
type DeliveryState string

// The states of a delivery.
const (
	Waiting   DeliveryState = "waiting"
	Delivered DeliveryState = "delivered"
	Failed    DeliveryState = "failed" // given up
)

// Delivery is one thing told to one webhook.
type Delivery struct {
	ID, WebhookID        string
	Event                Event
	Body                 string
	State                DeliveryState
	Attempts             int
	NextAt               time.Time
	Code                 int    // last HTTP status; 0 without an answer
	Error                string // key of the catalogue, why there was none
	CreatedAt, ChangedAt time.Time
}

const deliveryColumns = `id, webhook_id, event, body, state, attempts, next_at, code, error, created_at, changed_at`

func scanDelivery(s db.Scanner) (d Delivery, err error) {
	var next, created, changed int64
	err = s.Scan(&d.ID, &d.WebhookID, &d.Event, &d.Body, &d.State, &d.Attempts, &next, &d.Code, &d.Error, &created, &changed)
	d.NextAt, d.CreatedAt, d.ChangedAt = db.When(next), db.When(created), db.When(changed)
	return d, err
}

// Deliveries lists what was told to a webhook last, newest first.
func Deliveries(ctx context.Context, tx *db.Tx, institutionID, webhookID string, limit int) ([]Delivery, error) {
	return db.All(ctx, tx, scanDelivery, `SELECT `+deliveryColumns+` FROM webhook_delivery WHERE institution_id = $1 AND webhook_id = $2 ORDER BY created_at DESC, id DESC LIMIT $3`,
		institutionID, webhookID, limit)
}

// deliver is the job that posts one delivery.
type deliver struct {
	InstitutionID string `json:"institution_id"`
	DeliveryID    string `json:"delivery_id"`
}

func (deliver) Kind() string { return "webhook.deliver" }

// workDeliver posts a delivery that is due. A second worker, or a second run of the
// same job, finds it not due: the next attempt is put off before the first is made.
func (h *Hooks) workDeliver(ctx context.Context, j deliver) error {
	hook, d, err := h.begin(ctx, j)
	if err != nil || d.ID == "" {
		return err
	}
	plain, err := h.Box.Open(purpose(hook.ID), hook.sealed)
	if err != nil {
		return h.settle(ctx, hook, d, outcome{reason: "webhook.secret.lost", final: true})
	}
	return h.settle(context.WithoutCancel(ctx), hook, d, h.post(ctx, hook, d, plain))
}

// begin claims a delivery until the next attempt would follow. Its ID is empty when
// there is nothing to do.
func (h *Hooks) begin(ctx context.Context, j deliver) (hook Hook, d Delivery, err error) {
	now := h.Clock()
	return hook, d, h.DB.InTx(ctx, func(tx *db.Tx) error {
		claimed, err := tx.Change(ctx, `UPDATE webhook_delivery SET attempts = attempts + 1, next_at = $3, changed_at = $4
			WHERE institution_id = $1 AND id = $2 AND state = 'waiting' AND next_at <= $5`, j.InstitutionID, j.DeliveryID, db.At(now.Add(4*callTimeout)), db.At(now), db.At(now.Add(time.Second)))
		if err != nil || claimed == 0 {
			return err
		}
		found, err := scanDelivery(tx.QueryRow(ctx, `SELECT `+deliveryColumns+` FROM webhook_delivery WHERE institution_id = $1 AND id = $2`, j.InstitutionID, j.DeliveryID))
		if err != nil {
			return err
		}
		if hook, err = ByID(ctx, tx, j.InstitutionID, found.WebhookID); err != nil {
			return err
		}
		if hook.State != Active {
			_, err = tx.Exec(ctx, `UPDATE webhook_delivery SET state = 'failed', error = 'webhook.off' WHERE institution_id = $1 AND id = $2`, j.InstitutionID, j.DeliveryID)
			return err
		}
		d = found
		return nil
	})
}

// outcome is what became of an attempt.
type outcome struct {
	code   int
	reason string // key of the catalogue, without an answer
	final  bool   // no further attempt will help
}

func (h *Hooks) post(ctx context.Context, hook Hook, d Delivery, plain string) outcome {
	if h.checkURL(hook.URL) != nil {
		return outcome{reason: "webhook.url", final: true}
	}
	ctx = fetch.WithLimits(ctx, fetch.Limits{Timeout: callTimeout, MaxBody: 64 << 10})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader([]byte(d.Body)))
	if err != nil {
		return outcome{reason: "webhook.url", final: true}
	}
	at := h.Clock().Unix()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Arengo-Event", string(d.Event))
	req.Header.Set("X-Arengo-Delivery", d.ID)
	req.Header.Set("X-Arengo-Timestamp", strconv.FormatInt(at, 10))
	req.Header.Set("X-Arengo-Signature", Sign(plain, at, []byte(d.Body)))
	answer, err := h.Fetch.Do(ctx, req)
	if err != nil {
		return outcome{reason: fetch.Explain(err).Text.Key, final: errors.Is(err, fetch.ErrPrivate)}
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return outcome{code: answer.StatusCode}
}

// settle records an attempt: delivered, tried again later, or given up. A webhook
// that has failed for days, or that says that it is gone (410), is switched off.
func (h *Hooks) settle(ctx context.Context, hook Hook, d Delivery, o outcome) error {
	now := h.Clock()
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		put := func(s DeliveryState, next time.Time) error {
			_, err := tx.Exec(ctx, `UPDATE webhook_delivery SET state = $3, next_at = $4, code = $5, error = $6, changed_at = $7 WHERE institution_id = $1 AND id = $2`,
				hook.InstitutionID, d.ID, s, db.At(next), o.code, o.reason, db.At(now))
			return err
		}
		if o.code/100 == 2 {
			if _, err := tx.Exec(ctx, `UPDATE webhook SET failing_since = 0 WHERE institution_id = $1 AND id = $2 AND failing_since > 0`, hook.InstitutionID, hook.ID); err != nil {
				return err
			}
			return put(Delivered, now)
		}
		after, more := wait(d.Attempts)
		state, next := Failed, now
		if more && !o.final && o.code != http.StatusGone {
			state, next = Waiting, now.Add(after)
			if err := h.jobs.Enqueue(ctx, tx, deliver{hook.InstitutionID, d.ID}, jobs.When{At: next, Queue: jobs.Spread}); err != nil {
				return err
			}
		}
		if err := put(state, next); err != nil {
			return err
		}
		return h.failing(ctx, tx, hook, o.code == http.StatusGone, now)
	})
}

// failing notes that a webhook fails, and switches it off when it has for too long.
func (h *Hooks) failing(ctx context.Context, tx *db.Tx, hook Hook, gone bool, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE webhook SET failing_since = $3 WHERE institution_id = $1 AND id = $2 AND failing_since = 0`, hook.InstitutionID, hook.ID, db.At(now)); err != nil {
		return err
	}
	since := hook.FailingSince
	if since.IsZero() {
		since = now
	}
	if !gone && now.Sub(since) < patience {
		return nil
	}
	n, err := tx.Change(ctx, `UPDATE webhook SET state = 'disabled', disabled_at = $3 WHERE institution_id = $1 AND id = $2 AND state = 'active'`, hook.InstitutionID, hook.ID, db.At(now))
	if err != nil || n == 0 {
		return err
	}
	h.Log.WarnContext(ctx, "a webhook is switched off: it has failed for days", "institution", hook.InstitutionID, "webhook", hook.ID)
	return audit.Record(ctx, tx, hook.InstitutionID, "webhook.disabled", hook.ID, map[string]any{"failing_since": since.UTC().Format(time.RFC3339)}, now)
}

// Off counts an institution's webhooks that were switched off because they failed:
// for a notice on the desk.
func Off(ctx context.Context, tx *db.Tx, institutionID string) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*) FROM webhook WHERE institution_id = $1 AND state = 'disabled' AND failing_since > 0`, institutionID).Scan(&n)
	return n, err
}

// watch is the job that tells deadlines that passed, takes up deliveries whose worker
// died, and forgets old ones.
type watch struct{}

func (watch) Kind() string { return "webhook.watch" }

// watchBatch bounds one round of it.
const watchBatch = 500

func (h *Hooks) workWatch(ctx context.Context, _ watch) error {
	now := h.Clock()
	return errors.Join(h.overdue(ctx, now), h.takeUp(ctx, now))
}

// takeUp enqueues what should have been attempted a while ago.
func (h *Hooks) takeUp(ctx context.Context, now time.Time) error {
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		late, err := db.All(ctx, tx, func(s db.Scanner) (j deliver, err error) {
			err = s.Scan(&j.InstitutionID, &j.DeliveryID)
			return j, err
		},
			`SELECT institution_id, id FROM webhook_delivery WHERE state = 'waiting' AND next_at < $1 ORDER BY next_at LIMIT $2`, db.At(now.Add(-2*time.Minute)), watchBatch)
		args := make([]jobs.Args, len(late))
		for i, j := range late {
			args[i] = j
		}
		if err != nil {
			return err
		}
		return h.jobs.EnqueueAll(ctx, tx, args, jobs.When{Queue: jobs.Spread})
	})
}

// overdue tells the deadlines that have passed since a webhook that asks for them was
// made, each once.
func (h *Hooks) overdue(ctx context.Context, now time.Time) error {
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		type late struct {
			institutionID, id string
			due               int64
		}
		all, err := db.All(ctx, tx, func(s db.Scanner) (l late, err error) { err = s.Scan(&l.institutionID, &l.id, &l.due); return l, err }, `
			SELECT c.institution_id, c.id, c.due_at FROM conversation c
			WHERE c.state = 'open' AND c.waiting AND c.due_at > $1 AND c.due_at < $2
				AND EXISTS (SELECT 1 FROM webhook w WHERE w.institution_id = c.institution_id AND w.state = 'active' AND w.created_at < c.due_at AND w.events LIKE '%conversation.overdue%')
				AND NOT EXISTS (SELECT 1 FROM webhook_overdue o WHERE o.institution_id = c.institution_id AND o.conversation_id = c.id AND o.due_at = c.due_at)
			ORDER BY c.due_at LIMIT $3`, db.At(now.Add(-keepFor)), db.At(now), watchBatch)
		if err != nil {
			return err
		}
		for _, l := range all {
			fresh, err := tx.Change(ctx, `INSERT INTO webhook_overdue (institution_id, conversation_id, due_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, l.institutionID, l.id, l.due)
			if err != nil {
				return err
			}
			if fresh == 0 {
				continue // another node was faster
			}
			if err := h.conversation(ctx, tx, ConversationOverdue, l.institutionID, l.id); err != nil {
				return err
			}
		}
		return nil
	})
}

// About is what is told of a conversation: where it is, never what was said or by
// whom.
type About struct {
	Conversation string     `json:"conversation"`
	URL          string     `json:"url"` // of its page at the desk
	State        string     `json:"state"`
	Platform     string     `json:"platform"`
	Private      bool       `json:"private"`
	ProfileID    string     `json:"profile_id"`
	MessageID    string     `json:"message_id,omitempty"`
	OfficeID     string     `json:"office_id,omitempty"`
	FirstAt      time.Time  `json:"first_at"`
	LastAt       time.Time  `json:"last_at"`
	DueAt        *time.Time `json:"due_at,omitempty"`
}

// conversation fires an event about a conversation. One that is gone is told to
// nobody.
func (h *Hooks) conversation(ctx context.Context, tx *db.Tx, e Event, institutionID, id string) error {
	var listening int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM webhook WHERE institution_id = $1 AND state = 'active' AND events LIKE $2`, institutionID, "%"+string(e)+"%").Scan(&listening); err != nil || listening == 0 {
		return err
	}
	a := About{Conversation: id}
	var first, last, due int64
	err := tx.QueryRow(ctx, `SELECT state, platform, private, profile_id, message_id, office_id, first_at, last_at, due_at FROM conversation WHERE institution_id = $1 AND id = $2`, institutionID, id).
		Scan(&a.State, &a.Platform, &a.Private, &a.ProfileID, &a.MessageID, &a.OfficeID, &first, &last, &due)
	if errors.Is(err, db.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	i, err := institution.ByID(ctx, tx, institutionID)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	a.FirstAt, a.LastAt, a.URL = db.When(first), db.When(last), h.Address(i)+"/redazione/conversazioni/"+id
	if due > 0 {
		at := db.When(due)
		a.DueAt = &at
	}
	return h.Fire(ctx, tx, institutionID, e, a)
}

// Opened tells of a new conversation, in the transaction that makes it.
func (h *Hooks) Opened(ctx context.Context, tx *db.Tx, institutionID, conversationID string) error {
	return h.conversation(ctx, tx, ConversationNew, institutionID, conversationID)
}

// Answered tells that an answer is out, in the transaction that records it.
func (h *Hooks) Answered(ctx context.Context, tx *db.Tx, institutionID, conversationID string) error {
	return h.conversation(ctx, tx, AnswerSent, institutionID, conversationID)
}
