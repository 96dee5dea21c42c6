package pages

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// maxTogether bounds what one press of a button does: no more than a page shows.
const maxTogether = 200

// together does one thing to all conversations that were chosen in the list.
func (p *Pages) together(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	ids := form.Strings("ids")
	if err := p.each(r, v, form, ids); err != nil {
		if err := p.refuse(r, v, err); err != nil {
			return err
		}
	}
	return p.back(w, r, form, listPath)
}

func (p *Pages) each(r *http.Request, v visit, form *web.Form, ids []string) error {
	switch {
	case len(ids) == 0:
		return fault.InvalidField("ids", "inbox.page.bulk.nothing")
	case len(ids) > maxTogether:
		return fault.InvalidField("ids", "inbox.page.bulk.many", maxTogether)
	}
	switch form.String("do") {
	case "assign":
		to, err := p.toOffice(r, v, form.String("office"))
		if err != nil {
			return err
		}
		if err := p.inbox.Assign(r.Context(), v.inst.ID, ids, to); err != nil {
			return err
		}
		p.kit.Flash(r, web.Success, "inbox.page.done.assigned", len(ids))
	case "close":
		if err := p.inbox.Close(r.Context(), v.inst.ID, ids); err != nil {
			return err
		}
		p.kit.Flash(r, web.Success, "inbox.page.done.closed", len(ids))
	case "reopen":
		if err := p.inbox.Reopen(r.Context(), v.inst.ID, ids); err != nil {
			return err
		}
		p.kit.Flash(r, web.Success, "inbox.page.done.reopened", len(ids))
	default:
		return fault.InvalidField("do", "fault.field.choice")
	}
	return nil
}

// toOffice is an assignment to an office with the deadline that its hours give;
// noOffice takes it back.
func (p *Pages) toOffice(r *http.Request, v visit, officeID string) (to inbox.To, err error) {
	if officeID == "" || officeID == noOffice {
		return to, nil
	}
	to.OfficeID = officeID
	return to, p.db.Read(r.Context(), func(tx *db.Tx) error {
		to.DueAt, err = p.due(r.Context(), tx, v.inst.ID, officeID, v.now)
		return err
	})
}
