package board

import (
	"net/http"
	"net/url"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// advisor is an adapter that finds an entry worth a second look, although the
// platform may take it: a password of the account where one for apps is wanted.
// key is the catalogue's; both are empty as a rule.
type advisor interface {
	Advise(typed map[string]string) (field, key string)
}

// connectForm is the form that connects an account of one platform.
type connectForm struct {
	Form      *web.Form
	Platform  channel.Platform
	Look      wording.Platform
	Help      string
	Fields    []connectField
	SignIn    []connectField // the entries that a sign-in on the platform needs; nil without one
	ProfileID string
	ChannelID string // of the channel to connect again
	Advice    string
}

// connectField is one entry; label and hint are keys of the catalogue.
type connectField struct {
	Name, Label, Hint string
	Type              string
	Required          bool
}

// connectPage leads to a new channel: first the profile and the platform, then
// what that platform asks for.
type connectPage struct {
	Form      *web.Form
	Profiles  []layout.Option
	Platforms []layout.Option
	Profile   string // name of the chosen one
	Connect   *connectForm
}

// entry is the form's name of what an adapter asks for, unlike any other field.
func entry(name string) string { return "entry-" + name }

// connectForm describes what a platform asks for.
func (b *Board) connectForm(v visit, p channel.Platform, form *web.Form) connectForm {
	c := connectForm{Form: form, Platform: p, Look: wording.PlatformOf(v.p, p)}
	if key := "channel." + string(p) + ".help"; v.p.Has(key) {
		c.Help = v.p.T(key)
	}
	adapter := b.Channels.Adapter(p)
	if adapter == nil {
		return c
	}
	for _, f := range adapter.ConnectFields() {
		key := "channel." + string(p) + "." + f.Name
		field := connectField{Name: entry(f.Name), Label: key + ".label", Hint: key + ".hint", Type: "text", Required: !f.Optional}
		if f.Secret {
			field.Type = "password"
		} else if !form.Values.Has(field.Name) {
			form.Values.Set(field.Name, f.Default)
		}
		form.Label(field.Name, v.p.T(field.Label))
		c.Fields = append(c.Fields, field)
	}
	if _, ok := adapter.(channel.Authorizer); ok {
		for _, f := range c.Fields {
			if f.Type != "password" {
				c.SignIn = append(c.SignIn, f)
			}
		}
	}
	return c
}

// newChannel asks for the profile and the platform, then shows the form.
func (b *Board) newChannel(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	return b.showConnect(w, r, v, form, "")
}

func (b *Board) showConnect(w http.ResponseWriter, r *http.Request, v visit, form *web.Form, advice string) error {
	page := connectPage{Form: form}
	var profiles []institution.Profile
	err := b.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		profiles, err = institution.Profiles(r.Context(), tx, v.inst.ID)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range profiles {
		page.Profiles = append(page.Profiles, layout.Option{Value: p.ID, Label: p.Name})
		if p.ID == form.String("profilo") {
			page.Profile = p.Name
		}
	}
	for _, p := range b.Channels.Connectable() {
		page.Platforms = append(page.Platforms, layout.Option{Value: string(p), Label: wording.PlatformOf(v.p, p).Name})
	}
	platform := channel.Platform(form.String("piattaforma"))
	if page.Profile != "" && b.Channels.Adapter(platform) != nil {
		c := b.connectForm(v, platform, form)
		c.ProfileID, c.Advice = form.String("profilo"), advice
		page.Connect = &c
	}
	return b.Kit.Render(w, r, form.Status(), "board/connect", layout.Page{
		Content: page, Crumbs: []layout.Link{{Label: v.p.T("connect.list"), URL: channelsPath}},
	})
}

// connect connects an account with what was typed, or sends the person to sign in
// on the platform.
func (b *Board) connect(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	wish := channel.Wish{InstitutionID: v.inst.ID, ProfileID: form.String("profilo"), Platform: channel.Platform(form.String("piattaforma")), ChannelID: form.String("canale")}
	typed := map[string]string{}
	if adapter := b.Channels.Adapter(wish.Platform); adapter != nil {
		for _, f := range adapter.ConnectFields() {
			typed[f.Name] = form.Raw(entry(f.Name))
		}
	}
	if form.String("come") == "accesso" {
		address, err := b.Channels.Begin(r.Context(), wish, typed, b.Address(v.inst)+returnPath)
		if err != nil {
			return b.refuseConnect(w, r, v, form, wish, "", err)
		}
		return b.lead(w, r, v, wish.Platform, address)
	}
	advice := b.advice(wish.Platform, typed)
	c, err := b.Channels.Connect(r.Context(), wish, typed)
	if err != nil {
		return b.refuseConnect(w, r, v, form, wish, advice, err)
	}
	if advice != "" {
		b.Kit.Flash(r, web.Warning, advice)
	}
	return b.connected(w, r, v, c)
}

// advice is the catalogue key of what is worth a second look, or "".
func (b *Board) advice(p channel.Platform, typed map[string]string) string {
	if a, ok := b.Channels.Adapter(p).(advisor); ok {
		_, key := a.Advise(typed)
		return key
	}
	return ""
}

// connected lets what was waiting for the channel go on.
func (b *Board) connected(w http.ResponseWriter, r *http.Request, v visit, c channel.Channel) error {
	if err := b.DB.InTx(r.Context(), func(tx *db.Tx) error { return b.Desk.Resume(r.Context(), tx, v.inst.ID, c.ID) }); err != nil {
		return err
	}
	b.Kit.Flash(r, web.Success, "connect.done", wording.PlatformOf(v.p, c.Platform).Name, c.Handle)
	return web.Redirect(w, r, channelsPath+"/"+c.ID)
}

// refuseConnect shows the form again with what is wrong. An adapter names its own
// entries; the form has its own names for them. A platform that does not answer
// is shown in the form too: what was typed is not lost.
func (b *Board) refuseConnect(w http.ResponseWriter, r *http.Request, v visit, form *web.Form, wish channel.Wish, advice string, err error) error {
	f := fault.Of(err)
	if f.Kind == fault.Unavailable {
		f = fault.New(fault.Invalid, f.Text.Key, f.Text.Args...).Because(err)
	}
	renamed := *f
	renamed.Fields = nil
	for _, field := range f.Fields {
		field.Name = entry(field.Name)
		renamed.Fields = append(renamed.Fields, field)
	}
	if !form.Fail(v.p, &renamed) {
		return err
	}
	words := ""
	if advice != "" {
		words = v.p.T(advice)
	}
	if wish.ChannelID == "" {
		return b.showConnect(w, r, v, form, words)
	}
	again := b.connectForm(v, wish.Platform, form)
	again.Advice = words
	r.SetPathValue("id", wish.ChannelID)
	return b.showChannel(w, r, v, nil, &again)
}

// leadPage sends a person to the platform. It is a page with a link, for the
// content policy lets no form lead off the site, and so that the person sees
// where the password will be asked.
type leadPage struct {
	Look          wording.Platform
	Address, Host string
}

func (b *Board) lead(w http.ResponseWriter, r *http.Request, v visit, p channel.Platform, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return fault.New(fault.Unavailable, "channel.connect.unreachable").Because(err)
	}
	return b.Kit.Render(w, r, http.StatusOK, "board/lead", layout.Page{
		Content: leadPage{wording.PlatformOf(v.p, p), u.String(), u.Host}, Crumbs: []layout.Link{{Label: v.p.T("connect.list"), URL: channelsPath}},
	})
}

// comeBack ends a sign-in on the platform.
func (b *Board) comeBack(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	q := r.URL.Query()
	if q.Get("code") == "" {
		b.Kit.Flash(r, web.Warning, "connect.refused")
		return web.Redirect(w, r, channelsPath)
	}
	c, err := b.Channels.Complete(r.Context(), v.inst.ID, q.Get("state"), q.Get("code"), b.Address(v.inst)+returnPath)
	if err != nil {
		if err := b.refuse(r, err); err != nil {
			return err
		}
		return web.Redirect(w, r, channelsPath)
	}
	return b.connected(w, r, v, c)
}
