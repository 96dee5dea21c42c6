package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// AsideState is what became of a letter that did not become a conversation.
type AsideState string

// The states. What is Held waits for a person; what is LeftOut may be looked at.
const (
	AsideHeld    AsideState = "held"
	AsideLeftOut AsideState = "left_out"
	AsideJoined  AsideState = "joined" // a report that an answer, or the newsletter, took over
	AsideTaken   AsideState = "taken"
	AsideLetGo   AsideState = "let_go"
)

// asideFor is how long a letter that is put aside may be looked at and taken in.
const asideFor = 180 * 24 * time.Hour

// aside puts a letter aside whose writer may be no person, unless it belongs to a
// conversation: a group of the institution's own marks what citizens answer as a
// list's. Told again it stays as it was decided.
func (h *hearing) aside(ctx context.Context, s channel.Said) (done bool, err error) {
	if known, err := h.knownAside(ctx, s.ID); err != nil || known {
		return known, err
	}
	k, err := h.known(ctx, s)
	if err != nil || k.commentID != "" || k.echo {
		return false, err
	}
	if !s.Doubt.Sure() {
		at, err := h.place(ctx, s.Parent)
		if err != nil || at.conversation != "" {
			return false, err
		}
	}
	state := AsideHeld
	if s.Doubt.Sure() {
		state = AsideLeftOut
	}
	return true, h.putAside(ctx, s, state)
}

func (h *hearing) knownAside(ctx context.Context, remoteID string) (known bool, err error) {
	err = h.tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM letter_aside WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3)`,
		h.institution(), h.channel.ID, remoteID).Scan(&known)
	return known, err
}

func (h *hearing) putAside(ctx context.Context, s channel.Said, state AsideState) error {
	why := s.Doubt
	said, err := json.Marshal(s)
	if err != nil {
		return err
	}
	author := s.Author.Name
	if author == "" {
		author = s.Author.ID
	}
	kept := string(said)
	if state == AsideJoined {
		kept = "" // its words stand where it was joined
	}
	_, err = h.tx.Exec(ctx, `
		INSERT INTO letter_aside (institution_id, channel_id, remote_id, state, why, author_id, author, subject, said, said_at, kept_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		h.institution(), h.channel.ID, s.ID, state, why, s.Author.ID, author, s.Subject, kept, db.At(s.At), db.At(h.now))
	return err
}

// reports takes over what a mail server tells of letters of ours: it belongs to the
// answer that it is about, or to the newsletter; else it is left out, and counted.
func (h *hearing) reports(ctx context.Context, s channel.Said) error {
	if known, err := h.knownAside(ctx, s.ID); err != nil || known {
		return err
	}
	joined, err := h.fate(ctx, s)
	if err != nil {
		return err
	}
	if !joined && h.reported != nil && s.Report != nil {
		n, err := h.reported(ctx, h.tx, *s.Report, h.now)
		if err != nil {
			return err
		}
		joined = n > 0
	}
	state := AsideLeftOut
	if joined {
		state = AsideJoined
	}
	return h.putAside(ctx, s, state)
}

// fate finds the answers that a report is about and says in their conversations what
// became of them. One that did not arrive leaves its citizen waiting.
func (h *hearing) fate(ctx context.Context, s channel.Said) (joined bool, err error) {
	if s.Report == nil || s.Reaction == "" {
		return false, nil
	}
	type answer struct{ id, conversation string }
	for _, id := range s.Report.IDs {
		found, err := db.All(ctx, h.tx, func(r db.Scanner) (a answer, err error) { err = r.Scan(&a.id, &a.conversation); return a, err }, `
			SELECT a.id, a.conversation_id FROM remote_post p
			JOIN delivery d ON d.institution_id = p.institution_id AND d.id = p.delivery_id
			JOIN answer a ON a.institution_id = d.institution_id AND a.id = d.message_id
			WHERE p.institution_id = $1 AND p.channel_id = $2 AND p.remote_id = $3`, h.institution(), h.channel.ID, id)
		if err != nil {
			return false, err
		}
		for _, a := range found {
			joined = true
			if err := h.became(ctx, a.id, a.conversation, s); err != nil {
				return false, err
			}
		}
	}
	return joined, nil
}

func (h *hearing) became(ctx context.Context, answerID, conversationID string, s channel.Said) error {
	if s.Reaction == channel.FateFailed {
		if _, err := h.tx.Exec(ctx, `UPDATE answer SET failed_at = $3, failed_why = $4 WHERE institution_id = $1 AND id = $2`,
			h.institution(), answerID, db.At(h.now), cut(s.Whole, maxLine)); err != nil {
			return err
		}
		if _, err := h.tx.Exec(ctx, `UPDATE conversation SET state = 'open', closed_at = 0 WHERE institution_id = $1 AND id = $2 AND reduced_at = 0`,
			h.institution(), conversationID); err != nil {
			return err
		}
	}
	h.touched[conversationID] = true
	return h.happened(ctx, h.tx, h.institution(), conversationID, EventFate+s.Reaction, answerID, "", h.now)
}

// Aside is a letter that did not become a conversation.
type Aside struct {
	ChannelID, ChannelName, RemoteID string
	State                            AsideState
	Why                              channel.Doubt
	Author, Subject                  string
	Said                             channel.Said // empty where it was joined or taken
	SaidAt                           time.Time
}

// MaxAside bounds the letters put aside that are listed at once.
const MaxAside = 100

// Asides lists the letters that wait for a person, newest first; or, else, those that
// were left out or let go of, and can still be taken in.
func Asides(ctx context.Context, tx *db.Tx, institutionID string, held bool) ([]Aside, error) {
	return db.All(ctx, tx, func(s db.Scanner) (a Aside, err error) {
		var said string
		var at int64
		err = s.Scan(&a.ChannelID, &a.ChannelName, &a.RemoteID, &a.State, &a.Why, &a.Author, &a.Subject, &said, &at)
		a.SaidAt = db.When(at)
		if err == nil && said != "" {
			err = json.Unmarshal([]byte(said), &a.Said)
		}
		return a, err
	}, `
		SELECT l.channel_id, c.name, l.remote_id, l.state, l.why, l.author, l.subject, l.said, l.said_at FROM letter_aside l
		JOIN channel c ON c.institution_id = l.institution_id AND c.id = l.channel_id
		WHERE l.institution_id = $1 AND ($2 AND l.state = 'held' OR NOT $2 AND l.state IN ('left_out', 'let_go')) ORDER BY l.said_at DESC, l.remote_id LIMIT $3`, institutionID, held, MaxAside)
}

// AsideCount is how many letters of a kind came.
type AsideCount struct {
	State AsideState
	Why   channel.Doubt
	N     int
}

// AsideCounts counts the letters put aside, for as long as they are kept.
func AsideCounts(ctx context.Context, tx *db.Tx, institutionID string) ([]AsideCount, error) {
	return db.All(ctx, tx, func(s db.Scanner) (c AsideCount, err error) { err = s.Scan(&c.State, &c.Why, &c.N); return c, err },
		`SELECT state, why, count(*) FROM letter_aside WHERE institution_id = $1 GROUP BY state, why ORDER BY state, why`, institutionID)
}

// CountHeld counts the letters that wait for a person, up to MaxMenu.
func CountHeld(ctx context.Context, tx *db.Tx, institutionID string) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*) FROM (SELECT 1 FROM letter_aside WHERE institution_id = $1 AND state = 'held' LIMIT $2) AS some`,
		institutionID, MaxMenu).Scan(&n)
	return n, err
}

// TakeIn makes a conversation of a letter that was put aside, as if it had just been
// heard. Faults: NotFound, Conflict when it was decided before, Forbidden.
func (in *Inbox) TakeIn(ctx context.Context, institutionID, channelID, remoteID string) (conversationID string, err error) {
	from := []AsideState{AsideHeld, AsideLeftOut, AsideLetGo}
	err = in.decide(ctx, institutionID, channelID, remoteID, AsideTaken, from, func(tx *db.Tx, s channel.Said) error {
		s.Act, s.Doubt, s.Report, s.Reaction = channel.Comments, "", nil, ""
		if err := in.Hear(ctx, tx, institutionID, channelID, []channel.Said{s}); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, `SELECT conversation_id FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`,
			institutionID, channelID, remoteID).Scan(&conversationID)
		if errors.Is(err, db.ErrNone) {
			return fault.Clash("inbox.aside.blocked") // its author is blocked, or took it back
		}
		return err
	})
	return conversationID, err
}

// LetGo decides that a letter that waits is nobody's. It can still be taken in, until
// it is kept no longer: a button is pressed in haste. Faults as TakeIn.
func (in *Inbox) LetGo(ctx context.Context, institutionID, channelID, remoteID string) error {
	return in.decide(ctx, institutionID, channelID, remoteID, AsideLetGo, []AsideState{AsideHeld}, func(*db.Tx, channel.Said) error { return nil })
}

func (in *Inbox) decide(ctx context.Context, institutionID, channelID, remoteID string, as AsideState, from []AsideState, do func(*db.Tx, channel.Said) error) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	now := in.clock()
	return in.db.InTx(ctx, func(tx *db.Tx) error {
		var said string
		var state AsideState
		err := tx.QueryRow(ctx, `SELECT state, said FROM letter_aside WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`, institutionID, channelID, remoteID).Scan(&state, &said)
		switch {
		case errors.Is(err, db.ErrNone):
			return fault.Missing("inbox.aside.missing")
		case err != nil:
			return err
		case !slices.Contains(from, state):
			return fault.Clash("inbox.aside.decided")
		}
		n, err := tx.Change(ctx, `
			UPDATE letter_aside SET state = $4, said = CASE WHEN $4 = 'taken' THEN '' ELSE said END, decided_at = $5, decided_by = $6
			WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3 AND state = $7`,
			institutionID, channelID, remoteID, as, db.At(now), actor.PersonID, state)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Clash("inbox.aside.decided")
		}
		var s channel.Said
		if err := json.Unmarshal([]byte(said), &s); err != nil {
			return err
		}
		if err := do(tx, s); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, institutionID, "letter."+string(as), remoteID, nil, now); err != nil {
			return err
		}
		return tx.Notify(ctx, Topic, institutionID)
	})
}
