package webhook

import (
	"net/http"
	"slices"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// desk is the address of the pages.
const desk = "/redazione/webhook"

// shownDeliveries is how many of the last deliveries a page shows.
const shownDeliveries = 50

// Mount registers the pages.
func (h *Hooks) Mount(mux *http.ServeMux) {
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request, institution.Institution) error{
		"GET " + desk:                    h.list,
		"POST " + desk:                   h.create,
		"GET " + desk + "/{id}":          h.one,
		"POST " + desk + "/{id}":         h.save,
		"POST " + desk + "/{id}/prova":   h.test,
		"POST " + desk + "/{id}/segreto": h.renew,
		"POST " + desk + "/{id}/attiva":  h.turn(true),
		"POST " + desk + "/{id}/ferma":   h.turn(false),
		"GET " + desk + "/{id}/togli":    h.askRemove,
		"POST " + desk + "/{id}/togli":   h.remove,
	} {
		h.Kit.Handle(mux, pattern, func(w http.ResponseWriter, r *http.Request) error {
			i, err := institution.Of(r.Context())
			if err != nil {
				return err
			}
			if _, err := people.Can(r.Context(), people.Staff, i.ID); err != nil {
				return err
			}
			return do(w, r, i)
		})
	}
}

// listPage shows the webhooks and makes new ones.
type listPage struct {
	Form   *web.Form
	Hooks  []Hook
	Events []layout.Option
	Secret string // just made: shown once
	MadeID string
}

// hookPage shows one webhook and what was told to it.
type hookPage struct {
	Form       *web.Form
	Hook       Hook
	By         string
	Events     []layout.Option
	Deliveries []Delivery
	Secret     string // just made: shown once
}

func eventOptions(t *i18n.Printer) (all []layout.Option) {
	for _, e := range Events() {
		all = append(all, layout.Option{Value: string(e), Label: t.T("webhook.event." + string(e))})
	}
	return all
}

func (h *Hooks) list(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	return h.showList(w, r, i, web.NewForm(), Hook{}, "")
}

func (h *Hooks) showList(w http.ResponseWriter, r *http.Request, i institution.Institution, form *web.Form, made Hook, secret string) error {
	t := h.Kit.Printer(r)
	page := listPage{Form: form, Events: eventOptions(t), Secret: secret, MadeID: made.ID}
	if err := h.DB.Read(r.Context(), func(tx *db.Tx) (err error) { page.Hooks, err = List(r.Context(), tx, i.ID); return err }); err != nil {
		return err
	}
	form.Label("url", t.T("webhook.field.url"), "events", t.T("webhook.field.events"))
	return h.Kit.Render(w, r, form.Status(), "webhook-list", layout.Page{Layout: layout.Desk, Content: page, Title: t.T("webhook.title")})
}

func typed(form *web.Form) (events []Event) {
	for _, e := range form.Strings("events") {
		if !slices.Contains(events, Event(e)) {
			events = append(events, Event(e))
		}
	}
	return events
}

func (h *Hooks) create(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := h.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	made, secret, err := h.Create(r.Context(), i.ID, form.String("url"), typed(form))
	if err != nil {
		if !form.Fail(h.Kit.Printer(r), err) {
			return err
		}
		return h.showList(w, r, i, form, Hook{}, "")
	}
	return h.showList(w, r, i, web.NewForm(), made, secret)
}

func (h *Hooks) one(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	return h.showOne(w, r, i, nil, "")
}

func (h *Hooks) showOne(w http.ResponseWriter, r *http.Request, i institution.Institution, form *web.Form, secret string) error {
	t, ctx := h.Kit.Printer(r), r.Context()
	page := hookPage{Form: form, Events: eventOptions(t), Secret: secret}
	err := h.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if page.Hook, err = ByID(ctx, tx, i.ID, r.PathValue("id")); err != nil {
			return err
		}
		names, err := people.Names(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		page.By = names[page.Hook.PersonID]
		page.Deliveries, err = Deliveries(ctx, tx, i.ID, page.Hook.ID, shownDeliveries)
		return err
	})
	if err != nil {
		return err
	}
	if page.Form == nil {
		page.Form = web.NewForm("url", page.Hook.URL)
		for _, e := range page.Hook.Events {
			page.Form.Values.Add("events", string(e))
		}
	}
	page.Form.Label("url", t.T("webhook.field.url"), "events", t.T("webhook.field.events"))
	return h.Kit.Render(w, r, page.Form.Status(), "webhook-one", layout.Page{Layout: layout.Desk, Content: page, Title: t.T("webhook.one"),
		Crumbs: []layout.Link{{Label: t.T("webhook.title"), URL: desk}}})
}

func (h *Hooks) save(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := h.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := h.Save(r.Context(), i.ID, r.PathValue("id"), form.String("url"), typed(form)); err != nil {
		if !form.Fail(h.Kit.Printer(r), err) {
			return err
		}
		return h.showOne(w, r, i, form, "")
	}
	return h.back(w, r, "webhook.saved")
}

// back returns to the webhook's page with a message.
func (h *Hooks) back(w http.ResponseWriter, r *http.Request, key string) error {
	h.Kit.Flash(r, web.Success, key)
	return web.Redirect(w, r, desk+"/"+r.PathValue("id"))
}

func (h *Hooks) test(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	if err := h.Try(r.Context(), i.ID, r.PathValue("id")); err != nil {
		return err
	}
	return h.back(w, r, "webhook.tested")
}

func (h *Hooks) renew(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	secret, err := h.Renew(r.Context(), i.ID, r.PathValue("id"))
	if err != nil {
		return err
	}
	return h.showOne(w, r, i, nil, secret)
}

func (h *Hooks) turn(on bool) func(http.ResponseWriter, *http.Request, institution.Institution) error {
	return func(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
		if err := h.Switch(r.Context(), i.ID, r.PathValue("id"), on); err != nil {
			return err
		}
		if on {
			return h.back(w, r, "webhook.enabled")
		}
		return h.back(w, r, "webhook.stopped")
	}
}

func (h *Hooks) askRemove(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	var hook Hook
	if err := h.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		hook, err = ByID(r.Context(), tx, i.ID, r.PathValue("id"))
		return err
	}); err != nil {
		return err
	}
	t := h.Kit.Printer(r).T
	page := desk + "/" + hook.ID
	return h.Kit.Render(w, r, http.StatusOK, "confirm", layout.Page{Layout: layout.Desk, Title: t("webhook.remove.title"), Content: layout.Confirm{
		Question: t("webhook.remove.title"), Text: t("webhook.remove.text", hook.URL), Action: page + "/togli", Label: t("webhook.remove"), Cancel: page, Danger: true}})
}

func (h *Hooks) remove(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	if err := h.Remove(r.Context(), i.ID, r.PathValue("id")); err != nil {
		return err
	}
	h.Kit.Flash(r, web.Success, "webhook.removed")
	return web.Redirect(w, r, desk)
}
