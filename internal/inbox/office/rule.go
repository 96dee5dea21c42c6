package office

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// Rule says which conversations are an office's. Every condition that is not empty
// must hold; a rule without conditions fits everything.
type Rule struct {
	ID        string
	Position  int64
	Words     string // alternatives parted by commas; each may be several words
	Tag       string
	Category  publishing.Category
	Place     string // alternatives parted by commas
	ProfileID string
	Platform  channel.Platform
	OfficeID  string
	Target    time.Duration // working time until the first answer; 0: the office's
}

// maxRules bounds the rules of an institution.
const maxRules = 200

// Question is what the rules are tried on.
type Question struct {
	Text, Lang string
	ProfileID  string
	Platform   channel.Platform
	Tags       []string // of our message that it is about
	Category   publishing.Category
	Places     []string // named by that message
}

// alternatives are the parts of a condition as typed.
func alternatives(typed string) (all []string) {
	for part := range strings.FieldsFuncSeq(typed, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		if part = strings.TrimSpace(part); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// Fits reports whether all the rule's conditions hold.
func (r Rule) Fits(q Question) bool {
	return (r.ProfileID == "" || r.ProfileID == q.ProfileID) &&
		(r.Platform == "" || r.Platform == q.Platform) &&
		(r.Category == "" || r.Category == q.Category) &&
		(r.Tag == "" || hasTag(q, r.Tag)) &&
		(r.Place == "" || names(q, r.Place)) &&
		(r.Words == "" || says(q, r.Words))
}

// says reports whether the text has all the words of one of the alternatives, in any
// of their forms.
func says(q Question, words string) bool {
	said := publishing.Stems(q.Text, q.Lang)
	return slices.ContainsFunc(alternatives(words), func(a string) bool {
		stems := publishing.Stems(a, q.Lang)
		for s := range stems {
			if said[s] == 0 {
				return false
			}
		}
		return len(stems) > 0
	})
}

// names reports whether a place is named, as its words in their order, by the
// citizen or by the message that it is about.
func names(q Question, places string) bool {
	named := plain(q.Text + "\n" + strings.Join(q.Places, "\n"))
	return slices.ContainsFunc(alternatives(places), func(a string) bool {
		place := plain(a)
		return strings.TrimSpace(place) != "" && strings.Contains(named, place)
	})
}

// hasTag reports whether the message has a tag, or the citizen wrote it.
func hasTag(q Question, tag string) bool {
	tag = plain(strings.TrimPrefix(tag, "#"))
	if slices.ContainsFunc(q.Tags, func(t string) bool { return plain(t) == tag }) {
		return true
	}
	return slices.ContainsFunc(strings.Fields(q.Text), func(w string) bool {
		return strings.HasPrefix(w, "#") && plain(w) == tag
	})
}

// plain is a text as it is compared: words in lower case without accents, each with
// a space around it.
func plain(text string) string {
	var b strings.Builder
	b.WriteByte(' ')
	for _, r := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // an accent
		default:
			b.WriteByte(' ')
		}
	}
	b.WriteByte(' ')
	return " " + strings.Join(strings.Fields(b.String()), " ") + " "
}

// check refuses a rule that could never fit, or whose office is gone.
func (r Rule) check(h house, profiles []institution.Profile) error {
	var f fault.Fields
	for _, a := range alternatives(r.Words) {
		if len(publishing.Stems(a, "it")) == 0 {
			f.Add("words", "offices.rule.words.common", a)
		}
	}
	for _, a := range alternatives(r.Place) {
		if strings.TrimSpace(plain(a)) == "" {
			f.Add("place", "offices.rule.words.common", a)
		}
	}
	if r.Tag != "" && strings.TrimSpace(plain(r.Tag)) == "" {
		f.Add("tag", "offices.rule.words.common", r.Tag)
	}
	if r.ProfileID != "" && !slices.ContainsFunc(profiles, func(p institution.Profile) bool { return p.ID == r.ProfileID }) {
		f.Add("profile", "fault.field.choice")
	}
	if _, err := h.office(r.OfficeID); err != nil {
		f.Add("office", "offices.rule.office.missing")
	}
	if r.Target < 0 || r.Target > maxTarget {
		f.Add("target", "fault.field.range", 0, int(maxTarget.Hours()))
	}
	return f.Err()
}

// Rules lists an institution's rules in the order in which they are tried.
func Rules(ctx context.Context, tx *db.Tx, institutionID string) ([]Rule, error) {
	return db.All(ctx, tx, func(s db.Scanner) (r Rule, err error) {
		var target int64
		err = s.Scan(&r.ID, &r.Position, &r.Words, &r.Tag, &r.Category, &r.Place, &r.ProfileID, &r.Platform, &r.OfficeID, &target)
		r.Target = time.Duration(target) * time.Minute
		return r, err
	}, `SELECT id, position, words, tag, category, place, profile_id, platform, office_id, target FROM office_rule
		WHERE institution_id = $1 ORDER BY position, id`, institutionID)
}

// first is the first rule that fits and whose office still exists.
func first(rules []Rule, h house, q Question) (Rule, bool) {
	for _, r := range rules {
		if _, err := h.office(r.OfficeID); err == nil && r.Fits(q) {
			return r, true
		}
	}
	return Rule{}, false
}

// SaveRule adds a rule at the end, or changes the one with its ID, which keeps its
// place. Faults: Invalid, NotFound, Forbidden.
func (o *Offices) SaveRule(ctx context.Context, institutionID string, r Rule) (Rule, error) {
	fresh := r.ID == ""
	if fresh {
		r.ID = db.NewID()
	}
	return r, o.configure(ctx, institutionID, "office.rule.save", r.ID, func(tx *db.Tx) error {
		h, err := read(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		profiles, err := institution.Profiles(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		if err := r.check(h, profiles); err != nil {
			return err
		}
		if fresh {
			return o.addRule(ctx, tx, institutionID, r)
		}
		n, err := tx.Change(ctx, `
			UPDATE office_rule SET words = $3, tag = $4, category = $5, place = $6, profile_id = $7, platform = $8, office_id = $9, target = $10
			WHERE institution_id = $1 AND id = $2`, institutionID, r.ID, r.Words, r.Tag, string(r.Category), r.Place, r.ProfileID, string(r.Platform), r.OfficeID, int64(r.Target.Minutes()))
		if err == nil && n == 0 {
			return fault.Missing("offices.rule.missing")
		}
		return err
	})
}

func (o *Offices) addRule(ctx context.Context, tx *db.Tx, institutionID string, r Rule) error {
	all, err := Rules(ctx, tx, institutionID)
	if err != nil {
		return err
	}
	if len(all) >= maxRules {
		return fault.Clash("offices.rule.many", maxRules)
	}
	last := int64(0)
	if len(all) > 0 {
		last = all[len(all)-1].Position
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO office_rule (institution_id, id, position, words, tag, category, place, profile_id, platform, office_id, target)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		institutionID, r.ID, last+1, r.Words, r.Tag, string(r.Category), r.Place, r.ProfileID, string(r.Platform), r.OfficeID, int64(r.Target.Minutes()))
	return err
}

// MoveRule puts a rule before the one above it (up) or after the one below it; at
// the end of the list it stays. Faults: NotFound, Forbidden.
func (o *Offices) MoveRule(ctx context.Context, institutionID, id string, up bool) error {
	return o.configure(ctx, institutionID, "office.rule.move", id, func(tx *db.Tx) error {
		all, err := Rules(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(r Rule) bool { return r.ID == id })
		if at < 0 {
			return fault.Missing("offices.rule.missing")
		}
		to := at + 1
		if up {
			to = at - 1
		}
		if to < 0 || to >= len(all) {
			return nil
		}
		all[at], all[to] = all[to], all[at]
		for n, r := range all { // positions anew: two rules added at once may share one
			if _, err := tx.Exec(ctx, `UPDATE office_rule SET position = $3 WHERE institution_id = $1 AND id = $2`, institutionID, r.ID, n+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveRule takes a rule away. Faults: NotFound, Forbidden.
func (o *Offices) RemoveRule(ctx context.Context, institutionID, id string) error {
	return o.configure(ctx, institutionID, "office.rule.remove", id, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `DELETE FROM office_rule WHERE institution_id = $1 AND id = $2`, institutionID, id)
		if err == nil && n == 0 {
			return fault.Missing("offices.rule.missing")
		}
		return err
	})
}
