package board

import (
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// freezePage stops everything that is scheduled, or lets it go again one by one.
type freezePage struct {
	Form       *web.Form
	Now        *frozen // the freeze in force, nil when there is none
	Messages   []frozenMessage
	Overdue    int // of Messages
	Categories []layout.Option
	Past       []frozen
	MayFreeze  bool
}

// frozen is a freeze in words.
type frozen struct {
	Reason, By, LiftedBy string
	Allowed              string
	Since, Until         time.Time
}

// frozenMessage is a scheduled message that a person decides about.
type frozenMessage struct {
	calendarItem
	Due     time.Time
	Overdue bool
	Exempt  bool // its category goes out all the same
	Choices []layout.Option
	Field   string
}

// verdictField is the name of the field with the verdict about a message.
func verdictField(id string) string { return "verdict-" + id }

func (b *Board) freezes(w http.ResponseWriter, r *http.Request, v visit) error {
	return b.showFreeze(w, r, v, web.NewForm("allowed", string(publishing.Emergency)))
}

func (b *Board) showFreeze(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	page := freezePage{Form: form, MayFreeze: v.actor.May(people.Freeze)}
	var current publishing.Freeze
	var on bool
	var messages []publishing.Message
	var profiles []institution.Profile
	var past []publishing.PastFreeze
	var names map[string]string
	err := b.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		ctx := r.Context()
		if current, on, err = publishing.CurrentFreeze(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if messages, err = publishing.Frozen(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if profiles, err = institution.Profiles(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if past, err = publishing.PastFreezes(ctx, tx, v.inst.ID, 20); err != nil {
			return err
		}
		names, err = people.Names(ctx, tx, v.inst.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, c := range append(publishing.Categories(), publishing.Answers) {
		page.Categories = append(page.Categories, layout.Option{Value: string(c), Label: v.p.T("category." + string(c))})
	}
	if on {
		now := v.frozen(current, names)
		page.Now = &now
	}
	for _, f := range past {
		lifted := v.frozen(f.Freeze, names)
		lifted.Until, lifted.LiftedBy = f.LiftedAt, names[f.LiftedBy]
		page.Past = append(page.Past, lifted)
	}
	_, byID := marks(profiles)
	page.Messages, page.Overdue = v.frozenMessages(messages, current, on, items{v, byID, false, freezePath}, form)
	form.Label("reason", v.p.T("freeze.reason"), "allowed", v.p.T("freeze.categories"))
	return b.Kit.Render(w, r, form.Status(), "board/freeze", page)
}

func (v visit) frozen(f publishing.Freeze, names map[string]string) frozen {
	return frozen{Reason: f.Reason, By: names[f.ByID], Allowed: v.categories(f.Allowed), Since: f.Since}
}

func (v visit) categories(cs []publishing.Category) string {
	var names []string
	for _, c := range cs {
		names = append(names, v.p.T("category."+string(c)))
	}
	return strings.Join(names, ", ")
}

// frozenMessages are what is scheduled, each with the verdicts it can have: one
// whose moment has passed goes out at once or stays held until somebody decides.
func (v visit) frozenMessages(ms []publishing.Message, f publishing.Freeze, on bool, items items, form *web.Form) (out []frozenMessage, overdue int) {
	for _, m := range ms {
		row := frozenMessage{calendarItem: items.item(m), Due: m.Plan.Due.At, Overdue: !m.Plan.Due.At.After(v.now), Field: verdictField(m.ID)}
		for _, c := range f.Allowed {
			row.Exempt = row.Exempt || on && c == m.Content.Category
		}
		stay, keep := "freeze.verdict.wait", "freeze.verdict.keep"
		if row.Overdue {
			stay, keep = "freeze.verdict.held", "freeze.verdict.now"
			overdue++
		}
		row.Choices = append(row.Choices, layout.Option{Value: "stay", Label: v.p.T(stay)})
		if row.Overdue {
			row.Choices = append(row.Choices, layout.Option{Value: string(publishing.Keep), Label: v.p.T(keep)})
		}
		row.Choices = append(row.Choices, layout.Option{Value: string(publishing.Drop), Label: v.p.T("freeze.verdict.drop")})
		if !form.Values.Has(row.Field) {
			form.Values.Set(row.Field, "stay")
		}
		out = append(out, row)
	}
	return out, overdue
}

func (b *Board) freeze(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	var allowed []publishing.Category
	for _, c := range form.Strings("allowed") {
		allowed = append(allowed, publishing.Category(c))
	}
	if err := b.Desk.Freeze(r.Context(), v.inst.ID, form.String("reason"), allowed); err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return b.showFreeze(w, r, v, form)
	}
	b.Kit.Flash(r, web.Warning, "freeze.done")
	return web.Redirect(w, r, freezePath)
}

// unfreeze lifts the freeze with what the person said of each message. One that
// came due while the page was open has no verdict, and stays held.
func (b *Board) unfreeze(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	verdicts := map[string]publishing.Verdict{}
	for field := range form.Values {
		id, ok := strings.CutPrefix(field, verdictField(""))
		if !ok {
			continue
		}
		if verdict := form.Choice(field, "stay", string(publishing.Keep), string(publishing.Drop)); verdict != "stay" {
			verdicts[id] = publishing.Verdict(verdict)
		}
	}
	if err = form.Err(); err == nil {
		err = b.Desk.Unfreeze(r.Context(), v.inst.ID, verdicts)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		return b.showFreeze(w, r, v, form)
	}
	b.Kit.Flash(r, web.Success, "freeze.lifted")
	return web.Redirect(w, r, freezePath)
}
