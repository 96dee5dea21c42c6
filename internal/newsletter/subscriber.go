package newsletter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

// Cadence is how often a subscriber receives letters.
type Cadence string

// The cadences, in the order of the form.
const (
	Immediate Cadence = "immediate"
	Daily     Cadence = "daily"
	Weekly    Cadence = "weekly"
)

func cadences() []string { return []string{string(Immediate), string(Daily), string(Weekly)} }

// State is how a subscription stands.
//
//	(nothing) ─confirms─▶ active
//	active ─five soft bounces─▶ paused ─the subscriber confirms again─▶ active
//	active, paused ─the address does not exist─▶ stopped ─confirms again─▶ active
//	any ─unsubscribes─▶ ended: the address is erased
type State string

// The states.
const (
	Active  State = "active"
	Paused  State = "paused"
	Stopped State = "stopped"
	Ended   State = "ended"
)

// maxSoft is how many letters in a row may fail before an address is paused.
const maxSoft = 5

// maxScopes bounds what one subscriber can choose.
const maxScopes = 40

// Scope is a profile or a topic that a subscriber chose.
type Scope struct {
	Kind  string `json:"k"` // profile, tag
	Value string `json:"v"`
}

// Subscriber is somebody who asked for letters.
type Subscriber struct {
	ID, Email   string
	Locale      string
	Cadence     Cadence
	State       State
	SoftBounces int
	ConfirmedAt time.Time
	Scopes      []Scope // none: everything
}

// wants reports whether a message of a profile with some tags is asked for.
func (s Subscriber) wants(profileID string, tags []string) bool {
	return len(s.Scopes) == 0 || slices.ContainsFunc(s.Scopes, func(c Scope) bool {
		return c.Kind == "profile" && c.Value == profileID || c.Kind == "tag" && slices.Contains(tags, c.Value)
	})
}

const subscriberColumns = `id, email, locale, cadence, state, soft_bounces, confirmed_at`

func scanSubscriber(s db.Scanner) (u Subscriber, err error) {
	var confirmed int64
	err = s.Scan(&u.ID, &u.Email, &u.Locale, &u.Cadence, &u.State, &u.SoftBounces, &confirmed)
	u.ConfirmedAt = db.When(confirmed)
	return u, err
}

// byID returns a subscriber with the scopes. Fault: NotFound, also when ended.
func byID(ctx context.Context, tx *db.Tx, institutionID, id string) (Subscriber, error) {
	u, err := scanSubscriber(tx.QueryRow(ctx, `SELECT `+subscriberColumns+` FROM subscriber WHERE institution_id = $1 AND id = $2 AND state <> 'ended'`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return u, fault.Missing("newsletter.subscriber.missing")
	}
	if err != nil {
		return u, err
	}
	u.Scopes, err = scopesOf(ctx, tx, institutionID, id)
	return u, err
}

// byEmail returns the subscriber with exactly this address. Fault: NotFound.
func byEmail(ctx context.Context, tx *db.Tx, institutionID, email string) (Subscriber, error) {
	var id string
	err := tx.QueryRow(ctx, `SELECT id FROM subscriber WHERE institution_id = $1 AND email = $2`, institutionID, email).Scan(&id)
	if errors.Is(err, db.ErrNone) {
		return Subscriber{}, fault.Missing("newsletter.subscriber.missing")
	}
	if err != nil {
		return Subscriber{}, err
	}
	return byID(ctx, tx, institutionID, id)
}

func scopesOf(ctx context.Context, tx *db.Tx, institutionID, id string) ([]Scope, error) {
	return db.All(ctx, tx, func(s db.Scanner) (c Scope, err error) {
		err = s.Scan(&c.Kind, &c.Value)
		return c, err
	}, `SELECT kind, value FROM subscriber_scope WHERE institution_id = $1 AND subscriber_id = $2 ORDER BY kind, value`, institutionID, id)
}

// save stores a confirmed subscription, or what an existing subscriber chose anew,
// which makes a paused or stopped one active again.
func save(ctx context.Context, tx *db.Tx, institutionID string, u Subscriber, now time.Time) (Subscriber, error) {
	var all int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM subscriber WHERE institution_id = $1 AND state <> 'ended'`, institutionID).Scan(&all); err != nil {
		return u, err
	}
	if all >= limit.Subscribers.N() {
		return u, fault.New(fault.TooMany, "newsletter.too_many")
	}
	err := tx.QueryRow(ctx, `
		INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, confirmed_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, 'active', $6, $6)
		ON CONFLICT (institution_id, email) WHERE email <> '' DO UPDATE SET
			locale = excluded.locale, cadence = excluded.cadence, state = 'active', soft_bounces = 0, changed_at = excluded.changed_at
		RETURNING id`, institutionID, db.NewID(), u.Email, u.Locale, u.Cadence, db.At(now)).Scan(&u.ID)
	if err != nil {
		return u, err
	}
	u.State = Active
	return u, setScopes(ctx, tx, institutionID, u.ID, u.Scopes)
}

func setScopes(ctx context.Context, tx *db.Tx, institutionID, id string, scopes []Scope) error {
	if _, err := tx.Exec(ctx, `DELETE FROM subscriber_scope WHERE institution_id = $1 AND subscriber_id = $2`, institutionID, id); err != nil {
		return err
	}
	for _, c := range scopes {
		if _, err := tx.Exec(ctx, `
			INSERT INTO subscriber_scope (institution_id, subscriber_id, kind, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			institutionID, id, c.Kind, c.Value); err != nil {
			return err
		}
	}
	return nil
}

// choose changes what a subscriber receives. Saying so also ends a pause.
func choose(ctx context.Context, tx *db.Tx, institutionID string, u Subscriber, now time.Time) error {
	if _, err := tx.Exec(ctx, `
		UPDATE subscriber SET cadence = $3, locale = $4, state = 'active', soft_bounces = 0, changed_at = $5
		WHERE institution_id = $1 AND id = $2 AND state <> 'ended'`, institutionID, u.ID, u.Cadence, u.Locale, db.At(now)); err != nil {
		return err
	}
	return setScopes(ctx, tx, institutionID, u.ID, u.Scopes)
}

// forget erases a subscriber's address and choices, and what still waits for
// them. Repeating it changes nothing.
func forget(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error {
	for _, q := range []string{
		`UPDATE subscriber SET state = 'ended', email = '', soft_bounces = 0, ended_at = $3, changed_at = $3 WHERE institution_id = $1 AND id = $2 AND state <> 'ended'`,
		`UPDATE recipient SET state = 'cancelled', changed_at = $3 WHERE institution_id = $1 AND subscriber_id = $2 AND state = 'waiting'`,
	} {
		if _, err := tx.Exec(ctx, q, institutionID, id, db.At(now)); err != nil {
			return err
		}
	}
	return setScopes(ctx, tx, institutionID, id, nil)
}

// bounced counts a letter that did not arrive. hard says that the address does
// not exist.
func bounced(ctx context.Context, tx *db.Tx, institutionID, id string, hard bool, now time.Time) error {
	q := `UPDATE subscriber SET soft_bounces = soft_bounces + 1, changed_at = $3,
			state = CASE WHEN state = 'active' AND soft_bounces + 1 >= ` + fmt.Sprint(maxSoft) + ` THEN 'paused' ELSE state END
		WHERE institution_id = $1 AND id = $2 AND state IN ('active', 'paused')`
	if hard {
		q = `UPDATE subscriber SET state = 'stopped', changed_at = $3 WHERE institution_id = $1 AND id = $2 AND state IN ('active', 'paused')`
	}
	_, err := tx.Exec(ctx, q, institutionID, id, db.At(now))
	return err
}

// arrived forgets earlier soft bounces.
func arrived(ctx context.Context, tx *db.Tx, institutionID, id string) error {
	_, err := tx.Exec(ctx, `UPDATE subscriber SET soft_bounces = 0 WHERE institution_id = $1 AND id = $2 AND soft_bounces > 0`, institutionID, id)
	return err
}

// Figures are how many subscribers there are.
type Figures struct {
	Active, Immediate, Daily, Weekly int
	Paused, Stopped, Ended           int
}

func figures(ctx context.Context, tx *db.Tx, institutionID string) (f Figures, err error) {
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var state State
		var cadence Cadence
		var n int
		if err := s.Scan(&state, &cadence, &n); err != nil {
			return struct{}{}, err
		}
		switch state {
		case Active:
			f.Active += n
			switch cadence {
			case Immediate:
				f.Immediate += n
			case Daily:
				f.Daily += n
			case Weekly:
				f.Weekly += n
			}
		case Paused:
			f.Paused += n
		case Stopped:
			f.Stopped += n
		case Ended:
			f.Ended += n
		}
		return struct{}{}, nil
	}, `SELECT state, cadence, count(*) FROM subscriber WHERE institution_id = $1 GROUP BY state, cadence`, institutionID)
	return f, err
}

// page of subscribers for the export, in the order of their ids.
func after(ctx context.Context, tx *db.Tx, institutionID, id string, limit int) ([]Subscriber, error) {
	return db.All(ctx, tx, scanSubscriber, `
		SELECT `+subscriberColumns+` FROM subscriber
		WHERE institution_id = $1 AND id > $2 AND state <> 'ended' ORDER BY id LIMIT $3`, institutionID, id, limit)
}

// placeholders is "$3, $4" for n arguments from the given one on.
func placeholders(from, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("$%d", from+i)
	}
	return strings.Join(all, ", ")
}
