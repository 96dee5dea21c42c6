package office

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// requestsPage is what the page "office-requests" shows.
type requestsPage struct {
	Requests []requestRow
	Closed   bool // the list is that of the closed ones
	MayWrite bool
	Form     *web.Form
	Offices  []layout.Option
	Profiles []layout.Option
}

// requestRow is a request in a list.
type requestRow struct {
	Request
	URL, Office string
	Badges      []badge
}

// badge is a state in a word.
type badge struct{ Label, Kind, Icon string }

func requestBadges(p *i18n.Printer, r Request, now time.Time) []badge {
	switch {
	case r.Late(now):
		return []badge{{p.T("offices.request.late"), "danger", "it-warning-circle"}}
	case r.State == RequestOpen:
		return []badge{{p.T("offices.request.open"), "info", "it-clock"}}
	case r.State == RequestAnswered:
		return []badge{{p.T("offices.request.answered"), "success", "it-check-circle"}}
	}
	return []badge{{p.T("offices.request.is_closed"), "neutral", "it-locked"}}
}

func (o *Offices) requests(w http.ResponseWriter, r *http.Request, v visit) error {
	form := web.NewForm()
	h, err := o.house(r.Context(), v.inst.ID)
	if err != nil {
		return err
	}
	// A working week from now, at the end of a day of work, is a decent proposal.
	due, ok := hours.Calendar{Week: h.week, Closings: h.calendar("").Closings, Zone: h.inst.Location()}.Add(v.now, 5*8*time.Hour)
	if ok {
		form.Values.Set("due", due.In(h.inst.Location()).Format("2006-01-02T15:04"))
	}
	return o.showRequests(w, r, v, form)
}

func (o *Offices) showRequests(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	ctx := r.Context()
	page := requestsPage{Form: form, Closed: r.URL.Query().Get("stato") == "chiuse", MayWrite: v.actor.May(people.Write)}
	err := o.DB.Read(ctx, func(tx *db.Tx) error {
		offices, err := institution.Offices(ctx, tx, v.inst.ID)
		if err != nil {
			return err
		}
		profiles, err := institution.Profiles(ctx, tx, v.inst.ID)
		if err != nil {
			return err
		}
		all, err := Requests(ctx, tx, v.inst.ID, page.Closed)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, of := range offices {
			names[of.ID] = of.Name
		}
		for _, q := range all {
			page.Requests = append(page.Requests, requestRow{q, requestPath(q.ID), names[q.OfficeID], requestBadges(v.p, q, v.now)})
		}
		page.Offices = officeOptions(offices, v.p.T("offices.choose"))
		for _, p := range profiles {
			page.Profiles = append(page.Profiles, layout.Option{Value: p.ID, Label: p.Name})
		}
		return nil
	})
	if err != nil {
		return err
	}
	form.Label("office", v.p.T("offices.office"), "title", v.p.T("offices.request.title"), "question", v.p.T("offices.request.question"), "due", v.p.T("offices.request.due"),
		"profile", v.p.T("offices.request.profile"))
	return o.Kit.Render(w, r, form.Status(), "office-requests", page)
}

func (o *Offices) newRequest(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Write); err != nil {
		return err
	}
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	q := Request{OfficeID: form.Required("office"), ProfileID: form.String("profile"), Title: form.Limited("title", maxTitle), Question: form.Limited("question", maxQuestion),
		DueAt: form.DateTime("due", v.inst.Location())}
	if err = form.Err(); err == nil {
		q, err = o.Request(r.Context(), v.inst.ID, q)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return o.showRequests(w, r, v, form)
	}
	o.Kit.Flash(r, web.Success, "offices.request.sent")
	return web.Redirect(w, r, requestPath(q.ID))
}

// requestPage is what the page "office-request" shows.
type requestPage struct {
	requestRow
	Profile             string
	By                  string // who asked
	Answers             []Supplied
	Links               []linkRow
	MayWrite, MayRevoke bool
	MayRemind, MayDraft bool
	MayClose            bool
	MessageURL          string
}

// linkRow is a letter that was sent.
type linkRow struct {
	Link
	Office string
	Why    string
	Badge  badge
}

func linkRows(p *i18n.Printer, h house, links []Link, now time.Time) (rows []linkRow, live bool) {
	for _, l := range links {
		row := linkRow{Link: l, Office: h.name(l.OfficeID), Why: p.T("offices.link.kind." + l.Kind)}
		switch {
		case !l.RevokedAt.IsZero():
			row.Badge = badge{p.T("offices.link.is_revoked"), "neutral", "it-locked"}
		case !l.Live(now):
			row.Badge = badge{p.T("offices.link.is_old"), "neutral", "it-clock"}
		case l.Answers > 0:
			row.Badge, live = badge{p.T("offices.link.answered", l.Answers), "success", "it-check-circle"}, true
		default:
			row.Badge, live = badge{p.T("offices.link.waiting"), "info", "it-mail"}, true
		}
		rows = append(rows, row)
	}
	return rows, live
}

func (o *Offices) request(w http.ResponseWriter, r *http.Request, v visit) error {
	ctx, id := r.Context(), r.PathValue("id")
	var page requestPage
	err := o.DB.Read(ctx, func(tx *db.Tx) error {
		q, err := RequestByID(ctx, tx, v.inst.ID, id)
		if err != nil {
			return err
		}
		h, err := read(ctx, tx, v.inst.ID)
		if err != nil {
			return err
		}
		links, err := Links(ctx, tx, v.inst.ID, id)
		if err != nil {
			return err
		}
		if page.Answers, err = Answers(ctx, tx, v.inst.ID, id); err != nil {
			return err
		}
		names, err := people.Names(ctx, tx, v.inst.ID)
		if err != nil {
			return err
		}
		p, err := institution.ProfileByID(ctx, tx, v.inst.ID, q.ProfileID)
		if err != nil {
			return err
		}
		page.requestRow = requestRow{q, requestPath(q.ID), bare(h.name(q.OfficeID)), requestBadges(v.p, q, v.now)}
		page.Profile, page.By = p.Name, names[q.CreatedBy]
		page.Links, page.MayRevoke = linkRows(v.p, h, links, v.now)
		return nil
	})
	if err != nil {
		return err
	}
	page.MayWrite = v.actor.May(people.Write)
	page.MayRevoke = page.MayRevoke && v.actor.May(people.Answer)
	page.MayRemind = page.MayWrite && page.State == RequestOpen
	page.MayDraft = page.MayWrite && len(page.Answers) > 0 && page.MessageID == ""
	page.MayClose = page.MayWrite && page.State != RequestClosed
	if page.MessageID != "" {
		page.MessageURL = desk + "/messaggi/" + page.MessageID
	}
	return o.Kit.Render(w, r, http.StatusOK, "office-request", layout.Page{
		Crumbs:  []layout.Link{{Label: v.p.T("offices.requests"), URL: requestsPath}},
		Content: page,
	})
}

func (o *Offices) remind(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	return o.done(w, r, o.Remind(r.Context(), v.inst.ID, id), requestPath(id), "offices.request.reminded")
}

func (o *Offices) closeRequest(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	return o.done(w, r, o.CloseRequest(r.Context(), v.inst.ID, id), requestPath(id), "offices.request.now_closed")
}

func (o *Offices) makeDraft(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	return o.done(w, r, o.MakeDraft(r.Context(), v.inst.ID, id), requestPath(id), "offices.request.draft_made")
}

func (o *Offices) revokeRequest(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	return o.done(w, r, o.RevokeLinks(r.Context(), v.inst.ID, id), requestPath(id), "offices.link.now_revoked")
}

// askPage is what the page "office-ask" shows.
type askPage struct {
	Form      *web.Form
	Subject   string
	URL       string // of the conversation
	Offices   []layout.Option
	Links     []linkRow
	MayRevoke bool
	Closed    bool
}

func (o *Offices) asking(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.showAsk(w, r, v, web.NewForm("office", r.URL.Query().Get("ufficio")))
}

func (o *Offices) showAsk(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	ctx, page := r.Context(), askPage{Form: form}
	err := o.DB.Read(ctx, func(tx *db.Tx) error {
		c, err := inbox.Find(ctx, tx, v.inst.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		h, err := read(ctx, tx, v.inst.ID)
		if err != nil {
			return err
		}
		links, err := Links(ctx, tx, v.inst.ID, c.ID)
		if err != nil {
			return err
		}
		page.Subject, page.URL, page.Closed = c.Subject, conversationPath(c.ID), c.State != inbox.Open
		page.Offices = officeOptions(h.offices, v.p.T("offices.choose"))
		page.Links, page.MayRevoke = linkRows(v.p, h, links, v.now)
		return nil
	})
	if err != nil {
		return err
	}
	form.Label("office", v.p.T("offices.office"), "question", v.p.T("offices.ask.question"))
	return o.Kit.Render(w, r, form.Status(), "office-ask", layout.Page{
		Crumbs:  []layout.Link{{Label: v.p.T("offices.conversation"), URL: page.URL}},
		Content: page,
	})
}

func (o *Offices) ask(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Answer); err != nil {
		return err
	}
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	officeID, question := form.Required("office"), form.Limited("question", maxQuestion)
	form.Required("question")
	if err = form.Err(); err == nil {
		err = o.Ask(r.Context(), v.inst.ID, r.PathValue("id"), officeID, question)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return o.showAsk(w, r, v, form)
	}
	o.Kit.Flash(r, web.Success, "offices.ask.sent")
	return web.Redirect(w, r, conversationPath(r.PathValue("id")))
}

func (o *Offices) revoke(w http.ResponseWriter, r *http.Request, v visit) error {
	id := r.PathValue("id")
	return o.done(w, r, o.RevokeLinks(r.Context(), v.inst.ID, id), conversationPath(id)+"/chiedi", "offices.link.now_revoked")
}
