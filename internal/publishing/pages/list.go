package pages

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// listSize is how many messages a page of the list shows.
const listSize = 25

// listPage is the list of messages.
type listPage struct {
	Form     *web.Form
	States   []layout.Option
	Profiles []layout.Option
	Rows     []row
	Paging   layout.Paging
	Filtered bool
	MayWrite bool
}

// listStates are what the filter offers, in the order of a message's life.
func listStates() []publishing.State {
	return []publishing.State{publishing.Draft, publishing.Submitted, publishing.Approved, publishing.Scheduled, publishing.Out, publishing.Withdrawn}
}

// held is the filter's word for messages that wait for a decision.
const heldState = "held"

func (p *Pages) list(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	filter, err := listFilter(form, v)
	if err != nil {
		return err
	}
	filter.Limit = listSize + 1
	messages, profiles, names, err := p.readList(r.Context(), v, filter)
	if err != nil {
		return err
	}
	printer := p.kit.Printer(r)
	page := listPage{Form: form, MayWrite: v.actor.May(people.Write), Filtered: filtered(form)}
	if len(messages) > listSize {
		messages = messages[:listSize]
		page.Paging.Next = listURL(form, cursor(messages[listSize-1]))
	}
	if form.String("dopo") != "" {
		page.Paging.Previous = listURL(form, "") // back to the newest: a cursor leads one way
	}
	page.Rows = lister{printer, byID(profiles), names, v.now}.rows(messages)
	page.States = []layout.Option{{Label: printer.T("message.list.any_state")}}
	for _, s := range listStates() {
		page.States = append(page.States, layout.Option{Value: string(s), Label: printer.T("message.is." + string(s))})
	}
	page.States = append(page.States, layout.Option{Value: heldState, Label: printer.T("message.is.held")})
	page.Profiles = append([]layout.Option{{Label: printer.T("message.list.any_profile")}}, profileOptions(profiles)...)
	return p.kit.Render(w, r, http.StatusOK, "publishing/list", layout.Page{Content: page, Crumbs: crumbs(printer.T("message.home"))})
}

// readList costs three queries, whatever the number of messages.
func (p *Pages) readList(ctx context.Context, v visit, f publishing.Filter) (ms []publishing.Message, ps []institution.Profile, names map[string]string, err error) {
	return ms, ps, names, p.db.Read(ctx, func(tx *db.Tx) error {
		if ms, err = publishing.List(ctx, tx, v.institution.ID, f); err != nil {
			return err
		}
		ps, names, err = who(ctx, tx, v.institution.ID)
		return err
	})
}

func listFilter(form *web.Form, v visit) (f publishing.Filter, err error) {
	switch s := form.String("stato"); s {
	case "":
	case heldState:
		f.Held = true
	default:
		f.States = []publishing.State{publishing.State(s)}
	}
	f.ProfileID, f.Text = form.String("profilo"), form.String("testo")
	if form.Bool("miei") {
		f.AuthorID = v.actor.PersonID
	}
	if after := form.String("dopo"); after != "" {
		f.After, err = parseCursor(after)
	}
	return f, err
}

func filtered(form *web.Form) bool {
	for _, name := range []string{"stato", "profilo", "testo", "miei"} {
		if form.String(name) != "" {
			return true
		}
	}
	return false
}

func listURL(form *web.Form, after string) string {
	q := url.Values{}
	for _, name := range []string{"stato", "profilo", "testo", "miei"} {
		if v := form.String(name); v != "" {
			q.Set(name, v)
		}
	}
	if after != "" {
		q.Set("dopo", after)
	}
	if len(q) == 0 {
		return messagesPath
	}
	return messagesPath + "?" + q.Encode()
}

// cursor names the last message of a page, after which the next one begins.
func cursor(m publishing.Message) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(db.At(m.UpdatedAt), 36) + " " + m.ID))
}

// parseCursor reads what cursor wrote. Fault: NotFound for anything else.
func parseCursor(text string) (c publishing.Cursor, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	at, id, found := strings.Cut(string(raw), " ")
	us, err2 := strconv.ParseInt(at, 36, 64)
	if err != nil || err2 != nil || !found || us <= 0 || id == "" {
		return c, fault.Missing("message.list.cursor")
	}
	return publishing.Cursor{At: db.When(us), ID: id}, nil
}

func profileOptions(ps []institution.Profile) []layout.Option {
	out := make([]layout.Option, len(ps))
	for i, p := range ps {
		out[i] = layout.Option{Value: p.ID, Label: p.Name}
	}
	return out
}

// crumbs are the way back to the desk's home.
func crumbs(home string, more ...layout.Link) []layout.Link {
	return append([]layout.Link{{Label: home, URL: homePath}}, more...)
}
