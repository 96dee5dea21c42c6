package pages

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// Bounds of the saved views.
const (
	maxViewName = 60 // characters
	maxViews    = 40 // of one person, and of the whole desk
)

// view is a filter under a name.
type view struct {
	ID, PersonID, Name, Query string
}

// Shared reports whether the view is for everybody at the desk.
func (v view) Shared() bool { return v.PersonID == "" }

// views lists those of the desk and those of one person, by name.
func views(ctx context.Context, tx *db.Tx, institutionID, personID string) ([]view, error) {
	return db.All(ctx, tx, func(s db.Scanner) (v view, err error) {
		return v, s.Scan(&v.ID, &v.PersonID, &v.Name, &v.Query)
	}, `
		SELECT id, person_id, name, query FROM saved_view
		WHERE institution_id = $1 AND (person_id = '' OR person_id = $2) ORDER BY name, id`, institutionID, personID)
}

// saveView keeps a filter under a name, for the person or for the whole desk. The
// same name again means the new filter. Faults: Forbidden; Invalid.
func (p *Pages) saveView(ctx context.Context, institutionID, name string, shared bool, f filter, now time.Time) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	switch n := utf8.RuneCountInString(name); {
	case n == 0:
		return fault.InvalidField("name", "inbox.page.view.name.missing")
	case n > maxViewName:
		return fault.InvalidField("name", "fault.field.long", maxViewName)
	}
	owner := actor.PersonID
	if shared {
		owner = ""
	}
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		var have int64
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM saved_view WHERE institution_id = $1 AND person_id = $2 AND name <> $3`, institutionID, owner, name).Scan(&have)
		if err != nil {
			return err
		}
		if have >= maxViews {
			return fault.InvalidField("name", "inbox.page.view.many", maxViews)
		}
		id := db.NewID()
		_, err = tx.Exec(ctx, `
			INSERT INTO saved_view (institution_id, id, person_id, made_by, name, query, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (institution_id, person_id, name) DO UPDATE SET query = excluded.query, made_by = excluded.made_by`,
			institutionID, id, owner, actor.PersonID, name, f.first().query().Encode(), db.At(now))
		if err != nil || !shared {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "view.save", id, map[string]string{"name": name}, now)
	})
}

// removeView forgets a view of the person's own, or one of the desk.
// Faults: Forbidden, NotFound.
func (p *Pages) removeView(ctx context.Context, institutionID, id string, now time.Time) error {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return err
	}
	return p.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `DELETE FROM saved_view WHERE institution_id = $1 AND id = $2 AND (person_id = '' OR person_id = $3)`,
			institutionID, id, actor.PersonID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Missing("inbox.page.view.missing")
		}
		return audit.Record(ctx, tx, institutionID, "view.remove", id, nil, now)
	})
}

// keepView stores the filter of the page from which the form came.
func (p *Pages) keepView(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	q, err := url.ParseQuery(strings.TrimPrefix(form.Raw("query"), "?"))
	if err != nil {
		return fault.New(fault.Invalid, "fault.form.unreadable").Because(err)
	}
	f := parseFilter(q)
	if err := p.saveView(r.Context(), v.inst.ID, form.String("name"), form.Bool("shared"), f, v.now); err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return p.showList(w, r, v, f, form)
	}
	p.kit.Flash(r, web.Success, "inbox.page.view.saved", form.String("name"))
	return web.Redirect(w, r, f.first().url())
}

func (p *Pages) dropView(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := p.removeView(r.Context(), v.inst.ID, r.PathValue("id"), v.now); err != nil {
		return err
	}
	p.kit.Flash(r, web.Success, "inbox.page.view.removed")
	return p.back(w, r, form, listPath)
}
