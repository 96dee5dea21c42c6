package office

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// rulesPage is what the page "office-rules" shows.
type rulesPage struct {
	Rules  []ruleRow
	Form   *web.Form // of a new rule
	Choice ruleChoices
	Try    *web.Form
	Tried  bool
	Caught string // the ID of the rule that fits what was tried; empty: none
}

// rulePage is what the page "office-rule" shows.
type rulePage struct {
	ID     string
	Form   *web.Form
	Choice ruleChoices
}

// ruleChoices are what the fields of a rule offer.
type ruleChoices struct{ Offices, Profiles, Platforms, Categories []layout.Option }

// ruleRow is a rule in words.
type ruleRow struct {
	ID          string
	Number      int
	Conditions  []string
	Office      string // empty: the office is gone
	Called      string // the same after the word "office"
	Target      string
	First, Last bool
	Caught      bool
}

// platforms are the squares in which somebody can say something to us.
func platforms() []channel.Platform {
	return []channel.Platform{channel.OnSite, channel.Mailbox, channel.ActivityPub, channel.Mastodon, channel.Bluesky, channel.Telegram, channel.Webmention}
}

func platformName(p *i18n.Printer, platform channel.Platform) string {
	return p.T("channel.platform." + string(platform) + ".name")
}

func choicesOf(p *i18n.Printer, h house, profiles []institution.Profile) ruleChoices {
	any := layout.Option{Value: "", Label: p.T("offices.rule.any")}
	c := ruleChoices{Offices: officeOptions(h.offices, p.T("offices.choose")), Profiles: []layout.Option{any}, Platforms: []layout.Option{any}, Categories: []layout.Option{any}}
	for _, pr := range profiles {
		c.Profiles = append(c.Profiles, layout.Option{Value: pr.ID, Label: pr.Name})
	}
	for _, pl := range platforms() {
		c.Platforms = append(c.Platforms, layout.Option{Value: string(pl), Label: platformName(p, pl)})
	}
	for _, ca := range publishing.Categories() {
		c.Categories = append(c.Categories, layout.Option{Value: string(ca), Label: p.T("category." + string(ca))})
	}
	return c
}

// words says what a rule asks for.
func (r Rule) words(p *i18n.Printer, profiles map[string]string) (all []string) {
	for _, c := range [][2]string{{"words", r.Words}, {"tag", r.Tag}, {"place", r.Place}} {
		if c[1] != "" {
			all = append(all, p.T("offices.rule."+c[0]+".is", c[1]))
		}
	}
	if r.Category != "" {
		all = append(all, p.T("offices.rule.category.is", p.T("category."+string(r.Category))))
	}
	if r.ProfileID != "" {
		all = append(all, p.T("offices.rule.profile.is", profiles[r.ProfileID]))
	}
	if r.Platform != "" {
		all = append(all, p.T("offices.rule.platform.is", platformName(p, r.Platform)))
	}
	if len(all) == 0 {
		all = append(all, p.T("offices.rule.everything"))
	}
	return all
}

// ruleBook is what the pages of rules read, in a fixed number of queries.
type ruleBook struct {
	h        house
	rules    []Rule
	profiles []institution.Profile
}

func (o *Offices) ruleBook(r *http.Request, v visit) (b ruleBook, err error) {
	if err := v.can(people.Configure); err != nil {
		return b, err
	}
	ctx := r.Context()
	return b, o.DB.Read(ctx, func(tx *db.Tx) error {
		if b.h, err = read(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		if b.rules, err = Rules(ctx, tx, v.inst.ID); err != nil {
			return err
		}
		b.profiles, err = institution.Profiles(ctx, tx, v.inst.ID)
		return err
	})
}

func (o *Offices) rules(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.showRules(w, r, v, web.NewForm())
}

// showRules shows the rules, and which of them fits the text that is tried (?prova=).
func (o *Offices) showRules(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	b, err := o.ruleBook(r, v)
	if err != nil {
		return err
	}
	try := web.NewForm("prova", r.URL.Query().Get("prova"), "profilo", r.URL.Query().Get("profilo"), "piazza", r.URL.Query().Get("piazza"), "categoria", r.URL.Query().Get("categoria"))
	page := rulesPage{Form: form, Choice: choicesOf(v.p, b.h, b.profiles), Try: try}
	if text := try.String("prova"); text != "" {
		q := Question{Text: text, Lang: "it", ProfileID: try.String("profilo"), Platform: channel.Platform(try.String("piazza")), Category: publishing.Category(try.String("categoria"))}
		caught, _ := first(b.rules, b.h, q)
		page.Tried, page.Caught = true, caught.ID
	}
	names := map[string]string{}
	for _, p := range b.profiles {
		names[p.ID] = p.Name
	}
	for i, rule := range b.rules {
		row := ruleRow{ID: rule.ID, Number: i + 1, Conditions: rule.words(v.p, names), Office: b.h.name(rule.OfficeID), Called: bare(b.h.name(rule.OfficeID)), First: i == 0, Last: i == len(b.rules)-1,
			Caught: page.Caught == rule.ID}
		if rule.Target > 0 {
			row.Target = span(v.p, rule.Target)
		}
		page.Rules = append(page.Rules, row)
	}
	labelRule(form, v.p)
	return o.Kit.Render(w, r, form.Status(), "office-rules", layout.Page{Crumbs: ruleCrumbs(v.p)[:1], Content: page})
}

func ruleCrumbs(p *i18n.Printer) []layout.Link {
	return []layout.Link{{Label: p.T("offices.title"), URL: officesPath}, {Label: p.T("offices.rules"), URL: rulesPath}}
}

func labelRule(form *web.Form, p *i18n.Printer) {
	form.Label("words", p.T("offices.rule.words"), "tag", p.T("offices.rule.tag"), "place", p.T("offices.rule.place"), "profile", p.T("offices.rule.profile"),
		"platform", p.T("offices.rule.platform"), "category", p.T("offices.rule.category"), "office", p.T("offices.office"), "target", p.T("offices.rule.target"))
}

func (o *Offices) rule(w http.ResponseWriter, r *http.Request, v visit) error {
	b, err := o.ruleBook(r, v)
	if err != nil {
		return err
	}
	for _, rule := range b.rules {
		if rule.ID == r.PathValue("id") {
			form := web.NewForm("words", rule.Words, "tag", rule.Tag, "place", rule.Place, "category", string(rule.Category), "profile", rule.ProfileID,
				"platform", string(rule.Platform), "office", rule.OfficeID)
			if rule.Target > 0 {
				form.Values.Set("target", hoursText(rule.Target))
			}
			return o.showRule(w, r, v, b, form)
		}
	}
	return fault.Missing("offices.rule.missing")
}

func (o *Offices) showRule(w http.ResponseWriter, r *http.Request, v visit, b ruleBook, form *web.Form) error {
	labelRule(form, v.p)
	return o.Kit.Render(w, r, form.Status(), "office-rule", layout.Page{Crumbs: ruleCrumbs(v.p),
		Content: rulePage{r.PathValue("id"), form, choicesOf(v.p, b.h, b.profiles)}})
}

// saveRule changes the rule of the path, or adds a new one.
func (o *Offices) saveRule(w http.ResponseWriter, r *http.Request, v visit) error {
	b, err := o.ruleBook(r, v)
	if err != nil {
		return err
	}
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	rule := Rule{ID: r.PathValue("id"), Words: form.Limited("words", 1000), Tag: form.Limited("tag", 60), Place: form.Limited("place", 1000),
		ProfileID: form.String("profile"), OfficeID: form.Required("office"), Target: time.Duration(form.Int("target", 0, int(maxTarget.Hours()))) * time.Hour}
	rule.Category = publishing.Category(form.Choice("category", choosable(publishing.Categories())...))
	rule.Platform = channel.Platform(form.Choice("platform", choosable(platforms())...))
	if err = form.Err(); err == nil {
		_, err = o.SaveRule(r.Context(), v.inst.ID, rule)
	}
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		if rule.ID == "" {
			return o.showRules(w, r, v, form)
		}
		return o.showRule(w, r, v, b, form)
	}
	o.Kit.Flash(r, web.Success, "offices.rule.saved")
	return web.Redirect(w, r, rulesPath)
}

// choosable are values as the choices of a field, after the empty one.
func choosable[T ~string](values []T) []string {
	all := []string{""}
	for _, v := range values {
		all = append(all, string(v))
	}
	return all
}

func (o *Offices) ruleUp(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.done(w, r, o.MoveRule(r.Context(), v.inst.ID, r.PathValue("id"), true), rulesPath+"#r-"+r.PathValue("id"), "offices.rule.moved")
}

func (o *Offices) ruleDown(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.done(w, r, o.MoveRule(r.Context(), v.inst.ID, r.PathValue("id"), false), rulesPath+"#r-"+r.PathValue("id"), "offices.rule.moved")
}

func (o *Offices) removeRule(w http.ResponseWriter, r *http.Request, v visit) error {
	return o.done(w, r, o.RemoveRule(r.Context(), v.inst.ID, r.PathValue("id")), rulesPath, "offices.rule.removed")
}
