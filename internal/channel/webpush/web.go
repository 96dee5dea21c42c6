package webpush

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// Path is where a citizen asks for notices.
const Path = "/avvisi"

//go:embed sw.js
var worker []byte

// Mount registers the addresses.
func (n *Notices) Mount(mux *http.ServeMux) {
	public := []web.RouteOption{web.WithoutSession(), web.MaxBody(64 << 10)}
	n.Kit.Handle(mux, "GET "+Path, n.page, public...)
	n.Kit.Handle(mux, "POST "+Path+"/iscrizione", n.subscribe, public...)
	n.Kit.Handle(mux, "POST "+Path+"/scelte", n.choices, public...)
	n.Kit.Handle(mux, "POST "+Path+"/cancella", n.unsubscribe, public...)
	n.Kit.Handle(mux, "GET /sw.js", n.worker, public...)
}

// worker is the script that the browser keeps and wakes for a notice. It stands at
// the top, for a worker serves only the addresses below its own.
func (n *Notices) worker(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	if web.NotModified(w, r, web.ETag(worker), time.Time{}) {
		return nil
	}
	_, err := w.Write(worker)
	return err
}

// choicesPage is where a citizen asks for notices, and says about what.
type choicesPage struct {
	Form        *web.Form
	Institution institution.Institution
	Key         string // public key of the institution; empty when no channel sends notices
	Profiles    []layout.Option
	Topics      []layout.Option
}

func (n *Notices) page(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	page := choicesPage{Form: web.NewForm(), Institution: i}
	if err := n.DB.Read(r.Context(), func(tx *db.Tx) error { return offer(r.Context(), tx, i.ID, &page) }); err != nil {
		return err
	}
	if len(page.Profiles) > 0 {
		if page.Key, err = n.PublicKey(r.Context(), i.ID); err != nil {
			return err
		}
	}
	if wanted := r.URL.Query().Get("profilo"); slices.ContainsFunc(page.Profiles, func(o layout.Option) bool { return o.Value == wanted }) {
		page.Form.Values.Set("profile", wanted)
	}
	t := n.Kit.Printer(r).T
	return n.Kit.Render(w, r, http.StatusOK, "webpush-choices", layout.Page{Layout: layout.Site, Content: page, Title: t("webpush.title"), Scripts: page.Key != "",
		Crumbs: []layout.Link{{Label: t("webpush.home"), URL: "/"}, {Label: t("webpush.channels"), URL: "/canali"}}})
}

// offer lists the profiles that send notices, and the most used topics.
func offer(ctx context.Context, tx *db.Tx, institutionID string, page *choicesPage) (err error) {
	option := func(s db.Scanner) (o layout.Option, err error) { err = s.Scan(&o.Value, &o.Label); return o, err }
	page.Profiles, err = db.All(ctx, tx, option, `
		SELECT p.id, p.name FROM profile p WHERE p.institution_id = $1 AND p.archived_at = 0 AND EXISTS (
			SELECT 1 FROM channel c WHERE c.institution_id = p.institution_id AND c.profile_id = p.id AND c.platform = 'webpush' AND c.state IN ('connected', 'failing'))
		ORDER BY p.position, p.name`, institutionID)
	if err != nil {
		return err
	}
	page.Topics, err = db.All(ctx, tx, option, `
		SELECT tag, MIN(label) FROM publication_tag WHERE institution_id = $1 GROUP BY tag ORDER BY count(*) DESC, tag LIMIT 24`, institutionID)
	return err
}

// asProgram makes the kit answer faults in JSON: a script reads them.
func asProgram(r *http.Request) { r.Header.Set("Accept", "application/problem+json") }

// subscribe stores what the browser's script sends when somebody said yes.
func (n *Notices) subscribe(w http.ResponseWriter, r *http.Request) error {
	asProgram(r)
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := n.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	s := Subscription{Endpoint: form.Required("endpoint"), P256dh: form.Required("p256dh"), Auth: form.Required("auth")}
	page := choicesPage{}
	if err := n.DB.Read(r.Context(), func(tx *db.Tx) error { return offer(r.Context(), tx, i.ID, &page) }); err != nil {
		return err
	}
	for _, kind := range []struct {
		name    string
		offered []layout.Option
	}{{"profile", page.Profiles}, {"tag", page.Topics}} {
		for _, v := range form.Strings(kind.name) {
			if !slices.ContainsFunc(kind.offered, func(o layout.Option) bool { return o.Value == v }) {
				form.Add(kind.name, "fault.field.choice")
				break
			}
			s.Scopes = append(s.Scopes, Scope{kind.name, v})
		}
	}
	if err := form.Err(); err != nil {
		return err
	}
	if err := n.Subscribe(r.Context(), i.ID, s, form.String("old"), web.From(r)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// choices tells a browser what it asked for. The endpoint, which nobody else knows,
// stands in the body: addresses end in logs.
func (n *Notices) choices(w http.ResponseWriter, r *http.Request) error {
	asProgram(r)
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := n.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	var out struct {
		Known    bool     `json:"known"`
		Profiles []string `json:"profile"`
		Tags     []string `json:"tag"`
	}
	err = n.DB.Read(r.Context(), func(tx *db.Tx) error {
		id, err := idOf(r.Context(), tx, i.ID, form.String("endpoint"))
		if err != nil || id == "" {
			return err
		}
		out.Known = true
		scopes, err := scopesOf(r.Context(), tx, i.ID, id)
		for _, c := range scopes {
			if c.Kind == "profile" {
				out.Profiles = append(out.Profiles, c.Value)
			} else {
				out.Tags = append(out.Tags, c.Value)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(out)
}

func (n *Notices) unsubscribe(w http.ResponseWriter, r *http.Request) error {
	asProgram(r)
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := n.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	endpoint := form.Required("endpoint")
	if err := form.Err(); err != nil {
		return err
	}
	if err := n.Unsubscribe(r.Context(), i.ID, endpoint); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Link is the address of the page with a profile chosen.
func Link(profileID string) string {
	return Path + "?profilo=" + url.QueryEscape(strings.TrimSpace(profileID))
}
