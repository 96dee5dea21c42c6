package pages

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// Bounds of a canned answer, in characters.
const (
	maxCannedName = 80
	maxCannedText = 5000
	maxCanned     = 300 // canned answers of an institution
)

// canned is a text that is said often, with placeholders.
type canned struct {
	ID, ProfileID, Name, Text string
	EditedBy                  string
	EditedAt                  time.Time
	Version                   int64
}

// placeholders are the names that a canned answer may hold in braces, in the order
// in which the page explains them. They are words of the interface's language,
// the same in every catalogue: a text does not change with who reads it.
func placeholders() []string {
	return []string{"nome", "ufficio", "profilo", "ente", "link", "firma"}
}

// placeholder is anything in braces that could be meant as one.
var placeholder = regexp.MustCompile(`\{[\p{L}\p{N}_ -]{1,30}\}`)

// unknownPlaceholders lists what stands in braces in a text and is no placeholder.
func unknownPlaceholders(text string) (out []string) {
	for _, found := range placeholder.FindAllString(text, -1) {
		if name := strings.Trim(found, "{}"); !slices.Contains(placeholders(), name) && !slices.Contains(out, found) {
			out = append(out, found)
		}
	}
	return out
}

// openPlaceholders lists the placeholders that a text still holds: they have no
// value in this conversation, and no citizen should read them.
func openPlaceholders(text string) (out []string) {
	for _, found := range placeholder.FindAllString(text, -1) {
		if name := strings.Trim(found, "{}"); slices.Contains(placeholders(), name) && !slices.Contains(out, found) {
			out = append(out, found)
		}
	}
	return out
}

// fill puts values in the place of placeholders. One without a value stays, so
// that the officer sees what is to be written by hand. What a value holds is never
// read as a placeholder again: a citizen may call itself "{firma}".
func fill(text string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		if v := values[strings.Trim(found, "{}")]; v != "" {
			return v
		}
		return found
	})
}

func scanCanned(s db.Scanner) (c canned, err error) {
	var at int64
	err = s.Scan(&c.ID, &c.ProfileID, &c.Name, &c.Text, &c.EditedBy, &at, &c.Version)
	c.EditedAt = db.When(at)
	return c, err
}

const cannedColumns = `id, profile_id, name, text, edited_by, edited_at, version`

// cannedAnswers lists the canned answers by name: all of them, or those that the
// answers of one profile may use.
func cannedAnswers(ctx context.Context, tx *db.Tx, institutionID, profileID string) ([]canned, error) {
	return db.All(ctx, tx, scanCanned, `
		SELECT `+cannedColumns+` FROM canned_answer
		WHERE institution_id = $1 AND ($2 = '' OR profile_id = '' OR profile_id = $2) ORDER BY name, id`, institutionID, profileID)
}

// cannedByID returns a canned answer. Fault: NotFound.
func cannedByID(ctx context.Context, tx *db.Tx, institutionID, id string) (canned, error) {
	all, err := db.All(ctx, tx, scanCanned, `SELECT `+cannedColumns+` FROM canned_answer WHERE institution_id = $1 AND id = $2`, institutionID, id)
	if err != nil {
		return canned{}, err
	}
	if len(all) == 0 {
		return canned{}, fault.Missing("inbox.page.canned.missing")
	}
	return all[0], nil
}

// check says what is wrong with a canned answer as typed. Fault: Invalid.
func (c canned) check() error {
	var f fault.Fields
	switch n := utf8.RuneCountInString(c.Name); {
	case n == 0:
		f.Add("name", "fault.field.missing")
	case n > maxCannedName:
		f.Add("name", "fault.field.long", maxCannedName)
	}
	switch n := utf8.RuneCountInString(c.Text); {
	case n == 0:
		f.Add("text", "fault.field.missing")
	case n > maxCannedText:
		f.Add("text", "fault.field.long", maxCannedText)
	}
	if unknown := unknownPlaceholders(c.Text); len(unknown) > 0 {
		f.Add("text", "inbox.page.canned.unknown", strings.Join(unknown, ", "))
	}
	return f.Err()
}

// AddCanned stores an answer that all profiles may use, as the context's actor.
// Faults: Forbidden, Invalid, Conflict when the name is taken.
func (p *Pages) AddCanned(ctx context.Context, institutionID, name, text string) error {
	return p.saveCanned(ctx, institutionID, canned{Name: name, Text: text}, p.clock())
}

// saveCanned stores a new canned answer, or one that was changed since c.Version.
// Faults: Forbidden; Invalid; Conflict when somebody else changed it meanwhile;
// NotFound.
func (p *Pages) saveCanned(ctx context.Context, institutionID string, c canned, now time.Time) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		if err := freeName(ctx, tx, institutionID, c); err != nil {
			return err
		}
		if c.ProfileID != "" {
			if err := profileExists(ctx, tx, institutionID, c.ProfileID); err != nil {
				return err
			}
		}
		what := "canned.change"
		if c.ID == "" {
			what, c.ID = "canned.create", db.NewID()
			_, err = tx.Exec(ctx, `INSERT INTO canned_answer (institution_id, `+cannedColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, 1)`,
				institutionID, c.ID, c.ProfileID, c.Name, c.Text, actor.PersonID, db.At(now))
		} else {
			err = changeCanned(ctx, tx, institutionID, c, actor.PersonID, now)
		}
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, what, c.ID, map[string]string{"name": c.Name}, now)
	})
}

func changeCanned(ctx context.Context, tx *db.Tx, institutionID string, c canned, personID string, now time.Time) error {
	n, err := tx.Change(ctx, `
		UPDATE canned_answer SET profile_id = $4, name = $5, text = $6, edited_by = $7, edited_at = $8, version = version + 1
		WHERE institution_id = $1 AND id = $2 AND version = $3`,
		institutionID, c.ID, c.Version, c.ProfileID, c.Name, c.Text, personID, db.At(now))
	if err != nil || n > 0 {
		return err
	}
	if _, err := cannedByID(ctx, tx, institutionID, c.ID); err != nil {
		return err
	}
	return fault.Clash("inbox.page.canned.edited")
}

// freeName fails with Invalid when another canned answer has the name, or when
// there are too many of them.
func freeName(ctx context.Context, tx *db.Tx, institutionID string, c canned) error {
	var same, all int64
	err := tx.QueryRow(ctx, `
		SELECT COUNT(CASE WHEN name = $2 AND id <> $3 THEN 1 END), COUNT(*) FROM canned_answer WHERE institution_id = $1`,
		institutionID, c.Name, c.ID).Scan(&same, &all)
	switch {
	case err != nil:
		return err
	case same > 0:
		return fault.InvalidField("name", "inbox.page.name.taken")
	case c.ID == "" && all >= maxCanned:
		return fault.InvalidField("name", "inbox.page.canned.many", maxCanned)
	}
	return nil
}

func profileExists(ctx context.Context, tx *db.Tx, institutionID, id string) error {
	var n int64
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM profile WHERE institution_id = $1 AND id = $2`, institutionID, id).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return fault.InvalidField("profile", "fault.field.choice")
	}
	return nil
}

// removeCanned deletes a canned answer; answers made of it stay as they are.
// Faults: Forbidden, NotFound.
func (p *Pages) removeCanned(ctx context.Context, institutionID, id string, now time.Time) error {
	if _, err := people.Can(ctx, people.Answer, institutionID); err != nil {
		return err
	}
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		c, err := cannedByID(ctx, tx, institutionID, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM canned_answer WHERE institution_id = $1 AND id = $2`, institutionID, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "canned.remove", id, map[string]string{"name": c.Name}, now)
	})
}
