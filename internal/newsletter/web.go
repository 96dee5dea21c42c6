package newsletter

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// Mount registers the newsletter's addresses.
func (l *List) Mount(mux *http.ServeMux) {
	public := []web.RouteOption{web.WithoutSession(), web.MaxBody(64 << 10)}
	l.kit.Handle(mux, "GET /newsletter", l.subscribePage, public...)
	l.kit.Handle(mux, "POST /newsletter", l.subscribe, public...)
	l.kit.Handle(mux, "GET /newsletter/inviata", l.sentPage, public...)
	l.kit.Handle(mux, "GET /newsletter/conferma/{link}", l.confirmPage, public...)
	l.kit.Handle(mux, "POST /newsletter/conferma/{link}", l.confirm, public...)
	l.kit.Handle(mux, "GET /newsletter/gestisci/{token}", l.managePage, public...)
	l.kit.Handle(mux, "POST /newsletter/gestisci/{token}", l.manage, public...)
	l.kit.Handle(mux, "GET /newsletter/disiscrivi/{token}", l.leavePage, public...)
	// Mail programs post here without a cookie and from no page (RFC 8058); the
	// token proves who they act for.
	l.kit.Handle(mux, "POST /newsletter/disiscrivi/{token}", l.leave, append(public, web.AnyOrigin())...)
	l.mountDesk(mux)
}

// choicesPage is a form in which somebody chooses what to receive.
type choicesPage struct {
	Form        *web.Form
	Institution institution.Institution
	Cadences    []layout.Option
	Profiles    []layout.Option
	Topics      []layout.Option
	Token       string // of who is subscribed already
	Email       string
	State       State
}

// offer lists what can be chosen. "At once" is offered when some profile has the
// e-mail channel, for nothing would ever come otherwise.
func (l *List) offer(ctx context.Context, tx *db.Tx, r *http.Request, i institution.Institution, page *choicesPage) error {
	t := l.kit.Printer(r).T
	page.Institution = i
	var channels int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM channel WHERE institution_id = $1 AND platform = 'email' AND state IN ('connected', 'failing')`, i.ID).Scan(&channels); err != nil {
		return err
	}
	s, err := setting(ctx, tx, i.ID)
	if err != nil {
		return err
	}
	for _, c := range cadences() {
		if c == string(Immediate) && channels == 0 {
			continue
		}
		hint := t("newsletter.cadence."+c+".hint", strconv.Itoa(s.Hour), l.kit.Printer(r).Weekday(s.Weekday))
		page.Cadences = append(page.Cadences, layout.Option{Value: c, Label: t("newsletter.cadence." + c), Hint: hint})
	}
	profiles, err := institution.Profiles(ctx, tx, i.ID)
	if err != nil {
		return err
	}
	for _, p := range profiles {
		page.Profiles = append(page.Profiles, layout.Option{Value: p.ID, Label: p.Name})
	}
	page.Topics, err = db.All(ctx, tx, func(s db.Scanner) (o layout.Option, err error) {
		err = s.Scan(&o.Value, &o.Label)
		return o, err
	}, `SELECT tag, MIN(label) FROM publication_tag WHERE institution_id = $1 GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 24`, i.ID)
	return err
}

// read takes a subscriber's choices out of a form, checked against the offer.
// What was chosen earlier and is offered no longer is kept.
func (page *choicesPage) read(before []Scope) (cadence Cadence, scopes []Scope) {
	var allowed []string
	for _, c := range page.Cadences {
		allowed = append(allowed, c.Value)
	}
	// The first is the default of an empty field: the most modest one.
	slices.Reverse(allowed)
	cadence = Cadence(page.Form.Choice("cadence", allowed...))
	for _, kind := range []struct {
		name, kind string
		offered    []layout.Option
	}{{"profile", "profile", page.Profiles}, {"tag", "tag", page.Topics}} {
		for _, v := range page.Form.Strings(kind.name) {
			c := Scope{kind.kind, v}
			known := slices.ContainsFunc(kind.offered, func(o layout.Option) bool { return o.Value == v }) || slices.Contains(before, c)
			if known && len(scopes) < maxScopes && !slices.Contains(scopes, c) {
				scopes = append(scopes, c)
			}
		}
	}
	return cadence, scopes
}

func (l *List) render(w http.ResponseWriter, r *http.Request, status int, name, title string, content any, flash ...layout.Flash) error {
	t := l.kit.Printer(r).T
	p := layout.Page{Layout: layout.Site, Content: content, Title: t(title), Flash: flash, NoIndex: r.URL.Path != "/newsletter",
		Crumbs: []layout.Link{{Label: t("newsletter.home"), URL: "/"}}}
	if r.URL.Path != "/newsletter" {
		p.Crumbs = append(p.Crumbs, layout.Link{Label: t("newsletter.title"), URL: "/newsletter"})
	}
	return l.kit.Render(w, r, status, name, p)
}

func (l *List) subscribePage(w http.ResponseWriter, r *http.Request) error {
	return l.showSubscribe(w, r, web.NewForm("cadence", string(Weekly)))
}

func (l *List) showSubscribe(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	page := choicesPage{Form: form}
	if err := l.db.Read(r.Context(), func(tx *db.Tx) error { return l.offer(r.Context(), tx, r, i, &page) }); err != nil {
		return err
	}
	return l.render(w, r, form.Status(), "newsletter-subscribe", "newsletter.title", page)
}

func (l *List) subscribe(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := l.kit.ReadForm(r)
	if err != nil {
		return err
	}
	// People do not see this field; programs that fill in everything do. They get
	// the answer that everybody gets.
	if form.String("website") != "" {
		return web.Redirect(w, r, "/newsletter/inviata")
	}
	page := choicesPage{Form: form}
	if err := l.db.Read(r.Context(), func(tx *db.Tx) error { return l.offer(r.Context(), tx, r, i, &page) }); err != nil {
		return err
	}
	email := form.Required("email")
	cadence, scopes := page.read(nil)
	err = form.Err()
	if err == nil {
		err = l.Subscribe(r.Context(), i, Subscriber{Email: email, Locale: l.kit.Printer(r).Lang(), Cadence: cadence, Scopes: scopes}, web.From(r))
	}
	if err != nil {
		if !form.Fail(l.kit.Printer(r), err) {
			return err
		}
		return l.render(w, r, form.Status(), "newsletter-subscribe", "newsletter.title", page)
	}
	return web.Redirect(w, r, "/newsletter/inviata")
}

func (l *List) sentPage(w http.ResponseWriter, r *http.Request) error {
	return l.render(w, r, http.StatusOK, "newsletter-sent", "newsletter.sent.title", nil)
}

// linkPage asks for one click: links in letters are opened by machines too, and
// opening one must do nothing.
type linkPage struct {
	Action, Email string
}

func (l *List) confirmPage(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	a, err := l.openAsked(i.ID, r.PathValue("link"), l.clock())
	if err != nil {
		return err
	}
	return l.render(w, r, http.StatusOK, "newsletter-confirm", "newsletter.confirm.title", linkPage{Action: r.URL.EscapedPath(), Email: a.Email})
}

func (l *List) confirm(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	token, err := l.Confirm(r.Context(), i.ID, r.PathValue("link"))
	if err != nil {
		return err
	}
	return web.Redirect(w, r, "/newsletter/gestisci/"+url.PathEscape(token)+"?esito=confermata")
}

// subscriber is who holds the token of the request. ended is true when the
// subscription is over.
func (l *List) subscriber(ctx context.Context, tx *db.Tx, institutionID, token string) (u Subscriber, ended bool, err error) {
	id, err := l.holder(institutionID, token)
	if err != nil {
		return u, false, err
	}
	u, err = byID(ctx, tx, institutionID, id)
	if fault.Is(err, fault.NotFound) {
		return u, true, nil
	}
	return u, false, err
}

func (l *List) managePage(w http.ResponseWriter, r *http.Request) error {
	return l.showManage(w, r, nil)
}

// showManage shows the choices of the token's holder; form is nil the first time.
func (l *List) showManage(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	page, ended, err := l.managed(r, i, form)
	if err != nil {
		return err
	}
	if ended {
		return l.render(w, r, http.StatusOK, "newsletter-ended", "newsletter.ended.title", nil)
	}
	var flash []layout.Flash
	t := l.kit.Printer(r).T
	switch r.URL.Query().Get("esito") {
	case "confermata":
		flash = append(flash, layout.Flash{Kind: web.Success, Text: t("newsletter.confirmed")})
	case "salvata":
		flash = append(flash, layout.Flash{Kind: web.Success, Text: t("newsletter.saved")})
	}
	return l.render(w, r, page.Form.Status(), "newsletter-manage", "newsletter.manage.title", page, flash...)
}

func (l *List) managed(r *http.Request, i institution.Institution, form *web.Form) (page choicesPage, ended bool, err error) {
	ctx, token := r.Context(), r.PathValue("token")
	err = l.db.Read(ctx, func(tx *db.Tx) error {
		var u Subscriber
		if u, ended, err = l.subscriber(ctx, tx, i.ID, token); err != nil || ended {
			return err
		}
		if form == nil {
			form = web.NewForm("cadence", string(u.Cadence))
			for _, c := range u.Scopes {
				form.Values.Add(c.Kind, c.Value)
			}
		}
		page = choicesPage{Form: form, Token: token, Email: u.Email, State: u.State}
		return l.offer(ctx, tx, r, i, &page)
	})
	return page, ended, err
}

func (l *List) manage(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := l.kit.ReadForm(r)
	if err != nil {
		return err
	}
	page, ended, err := l.managed(r, i, form)
	if err != nil || ended {
		return l.showManage(w, r, form)
	}
	err = l.db.InTx(r.Context(), func(tx *db.Tx) error {
		u, ended, err := l.subscriber(r.Context(), tx, i.ID, r.PathValue("token"))
		if err != nil || ended {
			return err
		}
		u.Cadence, u.Scopes = page.read(u.Scopes)
		u.Locale = l.kit.Printer(r).Lang()
		if err := form.Err(); err != nil {
			return err
		}
		return choose(r.Context(), tx, i.ID, u, l.clock())
	})
	if err != nil {
		if !form.Fail(l.kit.Printer(r), err) {
			return err
		}
		return l.showManage(w, r, form)
	}
	return web.Redirect(w, r, "/newsletter/gestisci/"+url.PathEscape(r.PathValue("token"))+"?esito=salvata")
}

func (l *List) leavePage(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	var u Subscriber
	var ended bool
	if err := l.db.Read(r.Context(), func(tx *db.Tx) error {
		u, ended, err = l.subscriber(r.Context(), tx, i.ID, r.PathValue("token"))
		return err
	}); err != nil {
		return err
	}
	if ended {
		return l.render(w, r, http.StatusOK, "newsletter-ended", "newsletter.ended.title", nil)
	}
	return l.render(w, r, http.StatusOK, "newsletter-leave", "newsletter.leave.title", linkPage{Action: r.URL.EscapedPath(), Email: u.Email})
}

func (l *List) leave(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	if err := l.Unsubscribe(r.Context(), i.ID, r.PathValue("token")); err != nil {
		return err
	}
	return l.render(w, r, http.StatusOK, "newsletter-ended", "newsletter.ended.title", nil)
}
