package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Event is something that a program can be told.
type Event string

// The events. Test is sent by a person to try a webhook, whatever it listens to.
const (
	ConversationNew     Event = "conversation.new"
	ConversationOverdue Event = "conversation.overdue"
	AnswerSent          Event = "answer.sent"
	Test                Event = "test"
)

// Events lists what a webhook may listen to.
func Events() []Event { return []Event{ConversationNew, ConversationOverdue, AnswerSent} }

// State is whether a webhook is told.
type State string

// The states.
const (
	Active   State = "active"
	Disabled State = "disabled"
)

// Hook is one address to tell.
type Hook struct {
	InstitutionID, ID     string
	URL                   string
	Events                []Event
	State                 State
	FailingSince          time.Time // of the failures in a row; zero while it works
	DisabledAt, CreatedAt time.Time
	PersonID              string
	sealed                string
}

// Listens reports whether the webhook asked for an event.
func (h Hook) Listens(e Event) bool { return slices.Contains(h.Events, e) }

// Options are what Hooks are built from; all are required but Log and AllowLoopback.
type Options struct {
	DB    *db.DB
	Kit   *web.Kit
	Box   *secret.Box
	Fetch *fetch.Client
	Clock func() time.Time
	Log   *slog.Logger
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
	// AllowLoopback takes addresses on this machine, without TLS: tests and demo only.
	AllowLoopback bool
}

// Hooks are the webhooks of every institution. Safe for concurrent use.
type Hooks struct {
	Options
	jobs *jobs.Pool
}

// New builds Hooks, adds their pages to the kit and registers their work.
func New(o Options, r *jobs.Registry) (*Hooks, error) {
	if o.DB == nil || o.Kit == nil || o.Box == nil || o.Fetch == nil || o.Clock == nil || o.Address == nil {
		return nil, errors.New("webhook: DB, Kit, Box, Fetch, Clock and Address are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	h := &Hooks{Options: o}
	jobs.Handle(r, h.workDeliver)
	jobs.Handle(r, h.workWatch)
	jobs.Every(r, watchEvery, watch{})
	return h, o.Kit.AddTemplates(templates)
}

// Use gives the hooks the pool in which they enqueue their work.
func (h *Hooks) Use(p *jobs.Pool) { h.jobs = p }

const (
	// maxHooks bounds the webhooks of an institution.
	maxHooks = 20
	maxURL   = 1_000 // bytes
)

// checkURL judges an address: https, by name, no password. What the name leads to is
// judged by package fetch, each time. Fault: Invalid.
func (h *Hooks) checkURL(address string) error {
	bad := fault.InvalidField("url", "webhook.url")
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.User != nil || u.Fragment != "" || u.Hostname() == "" {
		return bad
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsLoopback() && h.AllowLoopback && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	if u.Scheme != "https" {
		return bad
	}
	return nil
}

func checkEvents(events []Event) error {
	if len(events) == 0 {
		return fault.InvalidField("events", "webhook.events")
	}
	for _, e := range events {
		if !slices.Contains(Events(), e) {
			return fault.InvalidField("events", "fault.field.choice")
		}
	}
	return nil
}

func purpose(id string) string { return "webhook.secret/" + id }

// newSecret is 256 bits; the prefix lets a leaked one be recognised.
func newSecret() string { return "awh_" + rand.Text() + rand.Text() }

// Create makes a webhook and returns its secret, which is never shown again.
// Faults: Forbidden, Invalid, Conflict when there are too many.
func (h *Hooks) Create(ctx context.Context, institutionID, address string, events []Event) (hook Hook, plain string, err error) {
	actor, err := people.Can(ctx, people.Staff, institutionID)
	if err != nil {
		return hook, "", err
	}
	if err := errors.Join(h.checkURL(address), checkEvents(events)); err != nil {
		return hook, "", gather(err)
	}
	now := h.Clock()
	plain = newSecret()
	hook = Hook{InstitutionID: institutionID, ID: db.NewID(), URL: address, Events: events, State: Active, PersonID: actor.PersonID, CreatedAt: now}
	hook.sealed = h.Box.Seal(purpose(hook.ID), plain)
	return hook, plain, h.DB.InTx(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM webhook WHERE institution_id = $1`, institutionID).Scan(&n); err != nil {
			return err
		}
		if n >= maxHooks {
			return fault.Clash("webhook.many", maxHooks)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO webhook (institution_id, id, url, events, secret, state, person_id, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			institutionID, hook.ID, hook.URL, joined(events), hook.sealed, hook.State, hook.PersonID, db.At(now)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "webhook.create", hook.ID, map[string]any{"url": address, "events": events}, now)
	})
}

// gather makes one Invalid fault of several, so that a person sees all of them.
func gather(err error) error {
	var f fault.Fields
	for _, e := range err.(interface{ Unwrap() []error }).Unwrap() {
		f = append(f, fault.Of(e).Fields...)
	}
	return f.Err()
}

func joined(events []Event) string {
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = string(e)
	}
	return strings.Join(all, " ")
}

// change does something to a webhook and records it. Faults: Forbidden, NotFound.
func (h *Hooks) change(ctx context.Context, institutionID, id, action string, do func(tx *db.Tx, hook Hook, now time.Time) error) error {
	if _, err := people.Can(ctx, people.Staff, institutionID); err != nil {
		return err
	}
	now := h.Clock()
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		hook, err := ByID(ctx, tx, institutionID, id)
		if err != nil {
			return err
		}
		if err := do(tx, hook, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "webhook."+action, id, nil, now)
	})
}

// Save changes a webhook's address and events. Faults: Invalid, Forbidden, NotFound.
func (h *Hooks) Save(ctx context.Context, institutionID, id, address string, events []Event) error {
	if err := errors.Join(h.checkURL(address), checkEvents(events)); err != nil {
		return gather(err)
	}
	return h.change(ctx, institutionID, id, "save", func(tx *db.Tx, _ Hook, _ time.Time) error {
		_, err := tx.Exec(ctx, `UPDATE webhook SET url = $3, events = $4 WHERE institution_id = $1 AND id = $2`, institutionID, id, address, joined(events))
		return err
	})
}

// Renew replaces a webhook's secret and returns the new one, which is never shown
// again. Faults: Forbidden, NotFound.
func (h *Hooks) Renew(ctx context.Context, institutionID, id string) (plain string, err error) {
	plain = newSecret()
	return plain, h.change(ctx, institutionID, id, "secret", func(tx *db.Tx, _ Hook, _ time.Time) error {
		_, err := tx.Exec(ctx, `UPDATE webhook SET secret = $3 WHERE institution_id = $1 AND id = $2`, institutionID, id, h.Box.Seal(purpose(id), plain))
		return err
	})
}

// Switch turns a webhook on, forgetting its failures, or off. Faults: Forbidden,
// NotFound.
func (h *Hooks) Switch(ctx context.Context, institutionID, id string, on bool) error {
	state, action := Disabled, "disable"
	if on {
		state, action = Active, "enable"
	}
	return h.change(ctx, institutionID, id, action, func(tx *db.Tx, _ Hook, now time.Time) error {
		at := now
		if on {
			at = time.Time{}
		}
		_, err := tx.Exec(ctx, `UPDATE webhook SET state = $3, failing_since = 0, disabled_at = $4 WHERE institution_id = $1 AND id = $2`, institutionID, id, state, db.At(at))
		return err
	})
}

// Remove takes a webhook away, with what was told to it. Faults: Forbidden, NotFound.
func (h *Hooks) Remove(ctx context.Context, institutionID, id string) error {
	return h.change(ctx, institutionID, id, "remove", func(tx *db.Tx, _ Hook, _ time.Time) error {
		if _, err := tx.Exec(ctx, `DELETE FROM webhook_delivery WHERE institution_id = $1 AND webhook_id = $2`, institutionID, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM webhook WHERE institution_id = $1 AND id = $2`, institutionID, id)
		return err
	})
}

// Try sends a test to a webhook. Faults: Forbidden, NotFound, Conflict when it is
// switched off.
func (h *Hooks) Try(ctx context.Context, institutionID, id string) error {
	return h.change(ctx, institutionID, id, "test", func(tx *db.Tx, hook Hook, now time.Time) error {
		if hook.State != Active {
			return fault.Clash("webhook.off")
		}
		return h.enter(ctx, tx, []Hook{hook}, Test, map[string]any{}, now)
	})
}

const columns = `institution_id, id, url, events, secret, state, failing_since, disabled_at, person_id, created_at`

func scan(s db.Scanner) (h Hook, err error) {
	var events string
	var failing, disabled, created int64
	err = s.Scan(&h.InstitutionID, &h.ID, &h.URL, &events, &h.sealed, &h.State, &failing, &disabled, &h.PersonID, &created)
	for _, e := range strings.Fields(events) {
		h.Events = append(h.Events, Event(e))
	}
	h.FailingSince, h.DisabledAt, h.CreatedAt = db.When(failing), db.When(disabled), db.When(created)
	return h, err
}

// ByID returns a webhook. Fault: NotFound.
func ByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Hook, error) {
	h, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM webhook WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return h, fault.Missing("webhook.missing")
	}
	return h, err
}

// List returns an institution's webhooks, oldest first.
func List(ctx context.Context, tx *db.Tx, institutionID string) ([]Hook, error) {
	return db.All(ctx, tx, scan, `SELECT `+columns+` FROM webhook WHERE institution_id = $1 ORDER BY created_at, id`, institutionID)
}

// Fire tells what happened to the webhooks that listen to it, once the transaction
// commits. The payload becomes the member "data": identifiers, no words of citizens.
func (h *Hooks) Fire(ctx context.Context, tx *db.Tx, institutionID string, e Event, payload any) error {
	all, err := List(ctx, tx, institutionID)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(k Hook) bool { return k.State != Active || !k.Listens(e) })
	return h.enter(ctx, tx, all, e, payload, h.Clock())
}

// told is the body of what is posted.
type told struct {
	Event       Event     `json:"event"`
	Delivery    string    `json:"delivery"` // the same at each attempt
	At          time.Time `json:"at"`
	Institution string    `json:"institution"`
	Data        any       `json:"data"`
}

// enter writes one delivery for each webhook.
func (h *Hooks) enter(ctx context.Context, tx *db.Tx, all []Hook, e Event, payload any, now time.Time) error {
	for _, hook := range all {
		id := db.NewID()
		body, err := json.Marshal(told{e, id, now.UTC(), hook.InstitutionID, payload})
		if err != nil {
			return fmt.Errorf("webhook %s: %w", e, err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO webhook_delivery (institution_id, id, webhook_id, event, body, state, next_at, created_at, changed_at) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $6, $6)`,
			hook.InstitutionID, id, hook.ID, e, string(body), db.At(now)); err != nil {
			return err
		}
		if err := h.jobs.Enqueue(ctx, tx, deliver{hook.InstitutionID, id}, jobs.When{Queue: jobs.Spread}); err != nil {
			return err
		}
	}
	return nil
}

// Sign is the signature of a body at a moment, in seconds since 1970.
func Sign(secret string, at int64, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strconv.FormatInt(at, 10) + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
