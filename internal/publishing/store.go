package publishing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

const messageColumns = `institution_id, id, author_id, state, content, rev, hash, edited_by, submitted_by, submitted_at,
	approved_by, approved_at, approved_hash, sent_back, due_at, due_wall, not_after, not_after_wall, zone, held,
	out_rev, out_at, withdrawn_at, created_at, updated_at`

func scanMessage(s db.Scanner) (m Message, err error) {
	var content string
	var submitted, approved, due, notAfter, out, withdrawn, created, updated int64
	err = s.Scan(&m.InstitutionID, &m.ID, &m.AuthorID, &m.State, &content, &m.Rev, &m.Hash, &m.EditedBy, &m.SubmittedBy, &submitted,
		&m.ApprovedBy, &approved, &m.ApprovedHash, &m.SentBack, &due, &m.Plan.Due.Text, &notAfter, &m.Plan.NotAfter.Text, &m.Plan.Zone, &m.Held,
		&m.OutRev, &out, &withdrawn, &created, &updated)
	if err != nil {
		return m, err
	}
	m.SubmittedAt, m.ApprovedAt, m.Plan.Due.At, m.Plan.NotAfter.At = db.When(submitted), db.When(approved), db.When(due), db.When(notAfter)
	m.OutAt, m.WithdrawnAt, m.CreatedAt, m.UpdatedAt = db.When(out), db.When(withdrawn), db.When(created), db.When(updated)
	if err := json.Unmarshal([]byte(content), &m.Content); err != nil {
		return m, fmt.Errorf("content of message %s: %w", m.ID, err)
	}
	return m, nil
}

// find returns a message. Fault: NotFound.
func find(ctx context.Context, tx *db.Tx, institutionID, id string) (Message, error) {
	m, err := scanMessage(tx.QueryRow(ctx, `SELECT `+messageColumns+` FROM message WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return m, fault.Missing("message.missing")
	}
	return m, err
}

// lock is find for a transaction that will change the message: on PostgreSQL it
// waits for another one that does. On SQLite there is one writer at a time.
func lock(ctx context.Context, tx *db.Tx, institutionID, id string) (Message, error) {
	if tx.Engine() == db.Postgres {
		if _, err := tx.Exec(ctx, `SELECT 1 FROM message WHERE institution_id = $1 AND id = $2 FOR UPDATE`, institutionID, id); err != nil {
			return Message{}, err
		}
	}
	return find(ctx, tx, institutionID, id)
}

// put stores a message as it is now.
func put(ctx context.Context, tx *db.Tx, m Message) error {
	content, err := json.Marshal(m.Content)
	if err != nil {
		return fmt.Errorf("content of message %s: %w", m.ID, err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO message (`+messageColumns+`, profile_id, title, category, text_hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)
		ON CONFLICT (institution_id, id) DO UPDATE SET
			state = excluded.state, content = excluded.content, rev = excluded.rev, hash = excluded.hash, edited_by = excluded.edited_by,
			submitted_by = excluded.submitted_by, submitted_at = excluded.submitted_at, approved_by = excluded.approved_by,
			approved_at = excluded.approved_at, approved_hash = excluded.approved_hash, sent_back = excluded.sent_back,
			due_at = excluded.due_at, due_wall = excluded.due_wall, not_after = excluded.not_after, not_after_wall = excluded.not_after_wall,
			zone = excluded.zone, held = excluded.held, out_rev = excluded.out_rev, out_at = excluded.out_at,
			withdrawn_at = excluded.withdrawn_at, updated_at = excluded.updated_at,
			profile_id = excluded.profile_id, title = excluded.title, category = excluded.category, text_hash = excluded.text_hash`,
		m.InstitutionID, m.ID, m.AuthorID, m.State, string(content), m.Rev, m.Hash, m.EditedBy, m.SubmittedBy, db.At(m.SubmittedAt),
		m.ApprovedBy, db.At(m.ApprovedAt), m.ApprovedHash, m.SentBack, db.At(m.Plan.Due.At), m.Plan.Due.Text, db.At(m.Plan.NotAfter.At), m.Plan.NotAfter.Text, m.Plan.Zone, m.Held,
		m.OutRev, db.At(m.OutAt), db.At(m.WithdrawnAt), db.At(m.CreatedAt), db.At(m.UpdatedAt),
		m.Content.ProfileID, m.Content.Title, m.Content.Category, m.Content.TextHash())
	if err != nil {
		return err
	}
	return tx.Notify(ctx, "message", m.InstitutionID)
}

// keepVersion stores the content of the message's revision: for good when it goes
// out, else until it is old (Retention).
func keepVersion(ctx context.Context, tx *db.Tx, m Message) error {
	content, err := json.Marshal(m.Content)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO message_version (institution_id, message_id, rev, content, person_id, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		m.InstitutionID, m.ID, m.Rev, string(content), m.EditedBy, db.At(m.UpdatedAt))
	return err
}

// Version is one saved revision of a message.
type Version struct {
	Rev      int64
	Content  Content
	PersonID string
	At       time.Time
}

func scanVersion(s db.Scanner) (v Version, err error) {
	var content string
	var at int64
	if err := s.Scan(&v.Rev, &content, &v.PersonID, &at); err != nil {
		return v, err
	}
	v.At = db.When(at)
	return v, json.Unmarshal([]byte(content), &v.Content)
}

// Versions lists a message's revisions, newest first.
func Versions(ctx context.Context, tx *db.Tx, institutionID, id string) ([]Version, error) {
	return db.All(ctx, tx, scanVersion, `
		SELECT rev, content, person_id, at FROM message_version
		WHERE institution_id = $1 AND message_id = $2 ORDER BY rev DESC`, institutionID, id)
}

func version(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64) (Version, error) {
	return scanVersion(tx.QueryRow(ctx, `
		SELECT rev, content, person_id, at FROM message_version
		WHERE institution_id = $1 AND message_id = $2 AND rev = $3`, institutionID, id, rev))
}

// Cursor is where a page of a list ended: the last row's last change, and its id, for
// several may have changed at one moment.
type Cursor struct {
	At time.Time
	ID string
}

// Filter says which messages a list shows. Zero values do not restrict.
type Filter struct {
	States    []State
	ProfileID string
	AuthorID  string
	Text      string // in the title, ignoring case
	Held      bool   // only those that wait for a decision
	DueFrom   time.Time
	DueTo     time.Time
	After     Cursor // where the page before ended; newest change first only
	ByDue     bool   // order by moment instead of last change
	Limit     int    // 0: 50
}

// List returns the messages of a filter: newest change first, or by moment.
func List(ctx context.Context, tx *db.Tx, institutionID string, f Filter) ([]Message, error) {
	where, args := []string{"institution_id = $1"}, []any{institutionID}
	and := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if len(f.States) > 0 {
		var in []string
		for _, s := range f.States {
			args = append(args, s)
			in = append(in, fmt.Sprintf("$%d", len(args)))
		}
		where = append(where, "state IN ("+strings.Join(in, ", ")+")")
	}
	if f.ProfileID != "" {
		and("profile_id = $%d", f.ProfileID)
	}
	if f.AuthorID != "" {
		and("author_id = $%d", f.AuthorID)
	}
	if f.Text != "" {
		and(`lower(title) LIKE $%d ESCAPE '\'`, "%"+likeEscape.Replace(strings.ToLower(f.Text))+"%")
	}
	if f.Held {
		where = append(where, "held <> ''")
	}
	if !f.DueFrom.IsZero() {
		and("due_at >= $%d", db.At(f.DueFrom))
	}
	if !f.DueTo.IsZero() {
		and("due_at > 0 AND due_at < $%d", db.At(f.DueTo))
	}
	if f.After.ID != "" {
		args = append(args, db.At(f.After.At), f.After.ID)
		where = append(where, fmt.Sprintf("(updated_at, id) < ($%d, $%d)", len(args)-1, len(args)))
	}
	order := "updated_at DESC, id DESC"
	if f.ByDue {
		order = "due_at, id"
	}
	if f.Limit == 0 {
		f.Limit = 50
	}
	args = append(args, f.Limit)
	return db.All(ctx, tx, scanMessage, fmt.Sprintf(`SELECT %s FROM message WHERE %s ORDER BY %s LIMIT $%d`,
		messageColumns, strings.Join(where, " AND "), order, len(args)), args...)
}

var likeEscape = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
