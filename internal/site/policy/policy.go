package policy

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Kind tells the two texts apart.
type Kind string

// The texts.
const (
	External Kind = "external" // for citizens
	Internal Kind = "internal" // for the staff
)

// Headings are the sections of a text, in order. They are those of the Vademecum.
func (k Kind) Headings() []string {
	if k == Internal {
		return []string{"who", "voice", "others", "personal", "emergency"}
	}
	return []string{"purposes", "content", "hours", "forbidden", "removal", "privacy", "requests"}
}

// forbidden is the section that introduces the numbered rules.
const forbidden = "forbidden"

// The bounds of a text.
const (
	maxSection = 10_000 // characters
	maxRule    = 300
	maxRules   = 30
)

// Content is a text. Sections are Markdown, by heading; Rules are the numbered
// rules of the external one, each on one line.
type Content struct {
	Sections map[string]string `json:"sections"`
	Rules    []string          `json:"rules,omitempty"`
}

// Version is a saved text. Version 0 is the default one, which nobody saved.
type Version struct {
	Kind      Kind
	Version   int64
	Content   Content
	Confirmed bool // an administrator has reviewed it
	PersonID  string
	At        time.Time
}

// Options are what a Policy is built from. All are required.
type Options struct {
	DB     *db.DB
	Kit    *web.Kit
	Bundle *i18n.Bundle
	Box    *secret.Box
	Clock  func() time.Time
	// Appeal keeps what somebody who was moderated has to say; Decide ends an appeal.
	// They are the inbox's.
	Appeal func(ctx context.Context, tx *db.Tx, institutionID, moderationID, text string) error
	Decide func(ctx context.Context, institutionID, moderationID string, overturned bool) error
}

// Policy is the rules of each institution. Safe for concurrent use.
type Policy struct {
	o       Options
	writing writing
}

// New builds a Policy and adds its pages to the kit.
func New(o Options) (*Policy, error) {
	if o.DB == nil || o.Kit == nil || o.Bundle == nil || o.Box == nil || o.Clock == nil || o.Appeal == nil || o.Decide == nil {
		return nil, errors.New("policy: DB, Kit, Bundle, Box, Clock, Appeal and Decide are required")
	}
	return &Policy{o: o, writing: newWriting()}, o.Kit.AddTemplates(templates)
}

// Mount registers the addresses.
func (p *Policy) Mount(mux *http.ServeMux) {
	public := []web.RouteOption{web.WithoutSession(), web.MaxBody(64 << 10)}
	kit := p.o.Kit
	kit.Handle(mux, "GET "+publicPath, p.publicPage, public...)
	kit.Handle(mux, "GET "+publicPath+"/{version}", p.publicPage, public...)
	kit.Handle(mux, "GET "+appealPath+"/{token}", p.appealPage, public...)
	kit.Handle(mux, "POST "+appealPath+"/{token}", p.appeal, public...)
	kit.Handle(mux, "GET "+deskPath, p.editor(External))
	kit.Handle(mux, "POST "+deskPath, p.save(External))
	kit.Handle(mux, "GET "+internalPath, p.internalPage)
	kit.Handle(mux, "GET "+internalPath+"/modifica", p.editor(Internal))
	kit.Handle(mux, "POST "+internalPath+"/modifica", p.save(Internal))
	kit.Handle(mux, "GET "+logPath, p.logPage)
	kit.Handle(mux, "POST "+logPath+"/{id}", p.decide)
}

// defaults is the text that an institution begins with.
func (p *Policy) defaults(i institution.Institution, k Kind) Version {
	t := p.o.Bundle.For(i.Locale, i.Location()).T
	v := Version{Kind: k, Content: Content{Sections: map[string]string{}}}
	for _, h := range k.Headings() {
		v.Content.Sections[h] = strings.TrimSpace(t("policy.default."+string(k)+"."+h, i.Name))
	}
	if k == External {
		v.Content.Rules = lines(t("policy.default.rules"))
	}
	return v
}

// lines are the lines of a text that say something.
func lines(text string) (out []string) {
	for _, line := range strings.Split(text, "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			out = append(out, line)
		}
	}
	return out
}

const columns = `kind, version, content, confirmed, person_id, at`

func scan(s db.Scanner) (v Version, err error) {
	var content string
	var at int64
	if err := s.Scan(&v.Kind, &v.Version, &content, &v.Confirmed, &v.PersonID, &at); err != nil {
		return v, err
	}
	v.At = db.When(at)
	if err := json.Unmarshal([]byte(content), &v.Content); err != nil {
		return v, fmt.Errorf("policy %s %d: %w", v.Kind, v.Version, err)
	}
	return v, nil
}

// current is the newest version of a text, or the default one.
func (p *Policy) current(ctx context.Context, tx *db.Tx, i institution.Institution, k Kind) (Version, error) {
	v, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM policy_version WHERE institution_id = $1 AND kind = $2 ORDER BY version DESC LIMIT 1`, i.ID, k))
	if errors.Is(err, db.ErrNone) {
		return p.defaults(i, k), nil
	}
	return v, err
}

// version is an older version. Fault: NotFound.
func version(ctx context.Context, tx *db.Tx, institutionID string, k Kind, n int64) (Version, error) {
	v, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM policy_version WHERE institution_id = $1 AND kind = $2 AND version = $3`, institutionID, k, n))
	if errors.Is(err, db.ErrNone) {
		return v, fault.Missing("policy.version.missing")
	}
	return v, err
}

// versions lists the saved versions, newest first, without their texts.
func versions(ctx context.Context, tx *db.Tx, institutionID string, k Kind) ([]Version, error) {
	return db.All(ctx, tx, func(s db.Scanner) (v Version, err error) {
		var at int64
		err = s.Scan(&v.Version, &v.Confirmed, &at)
		v.At = db.When(at)
		return v, err
	}, `SELECT version, confirmed, at FROM policy_version WHERE institution_id = $1 AND kind = $2 ORDER BY version DESC LIMIT 100`, institutionID, k)
}

// Rules are the numbered rules that moderation refers to, as they are now: "2. Insults
// …". What the log keeps is the text, so that a later version changes no old entry.
// Fault: NotFound for an institution that is not there.
func (p *Policy) Rules(ctx context.Context, tx *db.Tx, institutionID string) (out []string, err error) {
	i, err := institution.ByID(ctx, tx, institutionID)
	if err != nil {
		return nil, err
	}
	v, err := p.current(ctx, tx, i, External)
	for n, rule := range v.Content.Rules {
		out = append(out, fmt.Sprintf("%d. %s", n+1, rule))
	}
	return out, err
}

// Save stores a new version of a text that was edited from version from. Faults:
// Forbidden, Invalid, Conflict when somebody saved another one meanwhile.
func (p *Policy) Save(ctx context.Context, institutionID string, k Kind, from int64, c Content, confirmed bool) error {
	actor, err := people.Can(ctx, people.Configure, institutionID)
	if err != nil {
		return err
	}
	if err := c.check(k); err != nil {
		return err
	}
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return p.o.DB.InTx(ctx, func(tx *db.Tx) error {
		now := p.o.Clock()
		n, err := tx.Change(ctx, `
			INSERT INTO policy_version (institution_id, kind, version, content, confirmed, person_id, at)
			SELECT $1, $2, $3, $4, $5, $6, $7 WHERE COALESCE((SELECT MAX(version) FROM policy_version WHERE institution_id = $1 AND kind = $2), 0) = $8
			ON CONFLICT DO NOTHING`, institutionID, k, from+1, string(content), confirmed, actor.PersonID, db.At(now), from)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Clash("policy.changed")
		}
		return audit.Record(ctx, tx, institutionID, "policy.save", string(k), map[string]any{"version": from + 1, "confirmed": confirmed}, now)
	})
}

// check is what a text must be. Fault: Invalid.
func (c Content) check(k Kind) error {
	var f fault.Fields
	for _, h := range k.Headings() {
		text := c.Sections[h]
		switch {
		case text == "" && h != forbidden:
			f.Add(h, "fault.field.missing")
		case len([]rune(text)) > maxSection:
			f.Add(h, "fault.field.long", maxSection)
		}
	}
	if k == External {
		switch {
		case len(c.Rules) == 0:
			f.Add("rules", "fault.field.missing")
		case len(c.Rules) > maxRules:
			f.Add("rules", "policy.rules.many", maxRules)
		}
		for n, rule := range c.Rules {
			if len([]rune(rule)) > maxRule {
				f.Add("rules", "policy.rule.long", n+1, maxRule)
			}
		}
	}
	return f.Err()
}
