package websub

import (
	"net/http"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// desk is the address of the page about hubs.
const desk = "/redazione/websub"

// maxHubs is how many hubs of others an institution may tell.
const maxHubs = 5

func (h *Hub) mountDesk(mux *http.ServeMux) {
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request, institution.Institution) error{
		"GET " + desk:             h.page,
		"POST " + desk:            h.add,
		"POST " + desk + "/togli": h.remove,
	} {
		h.Kit.Handle(mux, pattern, func(w http.ResponseWriter, r *http.Request) error {
			i, err := institution.Of(r.Context())
			if err != nil {
				return err
			}
			if _, err := people.Can(r.Context(), people.Configure, i.ID); err != nil {
				return err
			}
			return do(w, r, i)
		})
	}
}

// deskPage is the page about hubs.
type deskPage struct {
	Form        *web.Form
	Own         string
	Subscribers int
	Hubs        []other
}

// other is a hub run by somebody else.
type other struct {
	URL    string
	ToldAt time.Time
	Status string // HTTP status of a refusal
	Error  string // key of the catalogue
}

func (h *Hub) page(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	return h.show(w, r, i, web.NewForm())
}

func (h *Hub) show(w http.ResponseWriter, r *http.Request, i institution.Institution, form *web.Form) error {
	page := deskPage{Form: form, Own: h.Address(i) + Path}
	ctx := r.Context()
	err := h.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM websub_subscription WHERE institution_id = $1 AND lease_until > $2`, i.ID, db.At(h.Clock())).Scan(&page.Subscribers); err != nil {
			return err
		}
		page.Hubs, err = db.All(ctx, tx, func(s db.Scanner) (o other, err error) {
			var told int64
			err = s.Scan(&o.URL, &told, &o.Error)
			if o.ToldAt = db.When(told); len(o.Error) == 3 {
				o.Status, o.Error = o.Error, ""
			}
			return o, err
		}, `SELECT url, told_at, error FROM websub_hub WHERE institution_id = $1 ORDER BY url`, i.ID)
		return err
	})
	if err != nil {
		return err
	}
	t := h.Kit.Printer(r).T
	form.Label("url", t("websub.field.url"))
	return h.Kit.Render(w, r, form.Status(), "websub-desk", layout.Page{Layout: layout.Desk, Content: page, Title: t("websub.title")})
}

func (h *Hub) add(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := h.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	address := form.Required("url")
	if u, err := url.Parse(address); address != "" && (err != nil || len(address) > maxCallback || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "") {
		form.Add("url", "websub.url")
	}
	ctx := r.Context()
	if err = form.Err(); err == nil {
		err = h.DB.InTx(ctx, func(tx *db.Tx) error {
			var n int
			if err := tx.QueryRow(ctx, `SELECT count(*) FROM websub_hub WHERE institution_id = $1 AND url <> $2`, i.ID, address).Scan(&n); err != nil {
				return err
			}
			if n >= maxHubs {
				return fault.InvalidField("url", "websub.many", maxHubs)
			}
			changed, err := tx.Change(ctx, `INSERT INTO websub_hub (institution_id, url, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, i.ID, address, db.At(h.Clock()))
			if err != nil || changed == 0 {
				return err
			}
			return h.changed(r, tx, i, "websub.add", address)
		})
	}
	if err != nil {
		if !form.Fail(h.Kit.Printer(r), err) {
			return err
		}
		return h.show(w, r, i, form)
	}
	h.Kit.Flash(r, web.Success, "websub.added")
	return web.Redirect(w, r, desk)
}

// changed records the act, and lets the feeds that are kept be written anew: they
// name the hubs.
func (h *Hub) changed(r *http.Request, tx *db.Tx, i institution.Institution, action, address string) error {
	if _, err := tx.Exec(r.Context(), `UPDATE institution SET version = version + 1 WHERE id = $1`, i.ID); err != nil {
		return err
	}
	return audit.Record(r.Context(), tx, i.ID, action, "", map[string]any{"url": address}, h.Clock())
}

func (h *Hub) remove(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := h.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	address := form.String("url")
	err = h.DB.InTx(r.Context(), func(tx *db.Tx) error {
		n, err := tx.Change(r.Context(), `DELETE FROM websub_hub WHERE institution_id = $1 AND url = $2`, i.ID, address)
		if err != nil || n == 0 {
			return err
		}
		return h.changed(r, tx, i, "websub.remove", address)
	})
	if err != nil {
		return err
	}
	h.Kit.Flash(r, web.Success, "websub.removed")
	return web.Redirect(w, r, desk)
}
