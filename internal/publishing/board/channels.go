package board

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// channelsPage lists the channels of each profile.
type channelsPage struct {
	Profiles []profileChannels
	Any      bool
	Stream   string
}

type profileChannels struct {
	Mark     mark
	Channels []channelRow
}

// channelRow is how a channel stands, in words.
type channelRow struct {
	ID, URL, Name, Handle string
	Account               string // address where citizens find it
	Server                string
	Platform              wording.Platform
	Badge                 wording.Badge
	Why, Next, Detail     string
	Tested, FailingSince  time.Time
	Expires               time.Time
	Open                  int // deliveries still before it
	Usable                bool
}

func (b *Board) channels(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	var all []channel.Channel
	var profiles []institution.Profile
	var open map[string]int
	err := b.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		if all, err = channel.List(r.Context(), tx, v.inst.ID); err != nil {
			return err
		}
		if profiles, err = institution.Profiles(r.Context(), tx, v.inst.ID); err != nil {
			return err
		}
		open, err = publishing.OpenByChannel(r.Context(), tx, v.inst.ID)
		return err
	})
	if err != nil {
		return err
	}
	page := channelsPage{Any: len(all) > 0, Stream: Stream}
	list, _ := marks(profiles)
	for _, m := range list {
		mine := profileChannels{Mark: m}
		for _, c := range all {
			if c.ProfileID == m.ID {
				mine.Channels = append(mine.Channels, v.channelRow(c, open[c.ID]))
			}
		}
		page.Profiles = append(page.Profiles, mine)
	}
	return b.Kit.Render(w, r, http.StatusOK, "board/channels", page)
}

func (v visit) channelRow(c channel.Channel, open int) channelRow {
	row := channelRow{ID: c.ID, URL: channelsPath + "/" + c.ID, Name: c.Name, Handle: c.Handle, Account: c.URL, Server: c.Server,
		Platform: wording.PlatformOf(v.p, c.Platform), Detail: c.Detail, Tested: c.TestedAt, FailingSince: c.FailingSince, Expires: c.ExpiresAt,
		Open: open, Usable: c.State.Usable()}
	looks := map[channel.State]wording.Badge{
		channel.Connected:    {Kind: web.Success, Icon: "it-check-circle"},
		channel.Failing:      {Kind: web.Warning, Icon: "it-warning-circle"},
		channel.Lapsed:       {Kind: web.Danger, Icon: "it-error"},
		channel.Disconnected: {Icon: "it-ban"},
	}
	row.Badge = looks[c.State]
	row.Badge.Label = v.p.T("connect.is." + string(c.State))
	if c.Code != "" {
		row.Why = v.p.T("delivery.why.other")
		if key := "channel.error." + c.Code; v.p.Has(key) {
			row.Why = v.p.T(key)
		}
	}
	if c.State != channel.Connected {
		row.Next = v.p.T("message.channel." + string(c.State) + ".why")
	}
	return row
}

// channelPage is one channel: how it stands, what it takes, what can be done.
type channelPage struct {
	channelRow
	Form         *web.Form // options
	Again        connectForm
	Profile      mark
	Limits       []limit
	Source       string
	Read         time.Time
	Visibilities []layout.Option // nil when the platform has no choice
}

// limit is one thing that a platform takes or does, in words.
type limit struct{ Label, Value string }

func (b *Board) channel(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	return b.showChannel(w, r, v, nil, nil)
}

// showChannel shows a channel; options and again are forms that were refused.
func (b *Board) showChannel(w http.ResponseWriter, r *http.Request, v visit, options *web.Form, again *connectForm) error {
	var c channel.Channel
	var profiles []institution.Profile
	var open map[string]int
	err := b.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		if c, err = channel.ByID(r.Context(), tx, v.inst.ID, r.PathValue("id")); err != nil {
			return err
		}
		if profiles, err = institution.Profiles(r.Context(), tx, v.inst.ID); err != nil {
			return err
		}
		open, err = publishing.OpenByChannel(r.Context(), tx, v.inst.ID)
		return err
	})
	if err != nil {
		return err
	}
	_, byID := marks(profiles)
	page := channelPage{channelRow: v.channelRow(c, open[c.ID]), Form: options, Profile: byID[c.ProfileID]}
	status := http.StatusOK
	if options == nil {
		page.Form = web.NewForm("name", c.Name, "visibility", c.Options.Visibility)
	} else {
		status = options.Status()
	}
	if again != nil {
		page.Again, status = *again, again.Form.Status()
	} else {
		page.Again = b.connectForm(v, c.Platform, web.NewForm(known(c)...))
	}
	page.Again.ChannelID, page.Again.ProfileID = c.ID, c.ProfileID
	caps := b.Channels.Capabilities(c)
	page.Limits, page.Source, page.Read = v.limits(caps), caps.Source, caps.Read
	page.Visibilities = v.visibilities(c.Platform)
	return b.Kit.Render(w, r, status, "board/channel", layout.Page{
		Content: page, Crumbs: []layout.Link{{Label: v.p.T("connect.list"), URL: channelsPath}},
	})
}

// known fills in what a person typed when the channel was first connected; the
// server of most platforms never changes and keeps its default.
func known(c channel.Channel) []string {
	if c.Platform != channel.Mastodon {
		return nil
	}
	return []string{entry("server"), c.Server}
}

// visibilities are the choices of who sees a post, where a platform has them.
func (v visit) visibilities(p channel.Platform) []layout.Option {
	if p != channel.Mastodon {
		return nil
	}
	return []layout.Option{
		{Value: "", Label: v.p.T("connect.visibility.default")},
		{Value: "public", Label: v.p.T("connect.visibility.public")},
		{Value: "unlisted", Label: v.p.T("connect.visibility.unlisted")},
	}
}

// limits says what a platform takes and does.
func (v visit) limits(c channel.Capabilities) (out []limit) {
	add := func(key string, args ...any) {
		out = append(out, limit{v.p.T("connect.limit." + key), v.p.T("connect.limit."+key+".is", args...)})
	}
	if c.MaxText > 0 {
		add("text", c.MaxText)
	}
	if c.Caption > 0 && c.Caption != c.MaxText {
		add("caption", c.Caption)
	}
	if c.MaxBytes > 0 {
		add("bytes", v.p.Bytes(int64(c.MaxBytes)))
	}
	add("images", c.Images)
	if c.ImageBytes > 0 && c.Images > 0 {
		add("image_bytes", v.p.Bytes(c.ImageBytes))
	}
	add("videos", c.Videos)
	if c.MaxAlt > 0 {
		add("alt", c.MaxAlt)
	}
	if p := c.Pace.Posts; p.N > 0 {
		add("pace", p.N, v.span(p.Per))
	}
	yes := func(key string, is bool) {
		word := "connect.no"
		if is {
			word = "connect.yes"
		}
		out = append(out, limit{v.p.T("connect.limit." + key), v.p.T(word)})
	}
	yes("edit", c.Edit)
	yes("withdraw", c.Withdraw)
	yes("read_back", c.ReadBack)
	return out
}

// span writes how long something lasts, in the largest unit that fits.
func (v visit) span(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return v.p.T("connect.hours", int(d/time.Hour))
	case d%time.Minute == 0:
		return v.p.T("connect.minutes", int(d/time.Minute))
	}
	return v.p.T("connect.seconds", int(d/time.Second))
}

// options stores an officer's choices for a channel.
func (b *Board) options(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	name := form.Required("name")
	form.Limited("name", 100)
	err = b.DB.InTx(r.Context(), func(tx *db.Tx) error {
		c, err := channel.ByID(r.Context(), tx, v.inst.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		if v.visibilities(c.Platform) != nil {
			c.Options.Visibility = form.Choice("visibility", "", "public", "unlisted")
		}
		if err := form.Err(); err != nil {
			return err
		}
		if err := channel.SetOptions(r.Context(), tx, v.inst.ID, c.ID, name, c.Options); err != nil {
			return err
		}
		return audit.Record(r.Context(), tx, v.inst.ID, "channel.options", c.ID, map[string]any{"name": name, "visibility": c.Options.Visibility}, v.now)
	})
	if err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		form.Label("name", v.p.T("connect.name"), "visibility", v.p.T("connect.visibility"))
		return b.showChannel(w, r, v, form, nil)
	}
	b.Kit.Flash(r, web.Success, "connect.saved")
	return web.Redirect(w, r, channelsPath+"/"+r.PathValue("id"))
}

// test proves the connection because a person asks, without publishing.
func (b *Board) test(w http.ResponseWriter, r *http.Request, v visit) error {
	c, err := b.Channels.TestNow(r.Context(), v.inst.ID, r.PathValue("id"))
	switch {
	case err != nil:
		if err := b.refuse(r, err); err != nil {
			return err
		}
	case c.State == channel.Connected:
		b.Kit.Flash(r, web.Success, "connect.tested", c.Name)
	default:
		b.Kit.Flash(r, web.Danger, "connect.tested.wrong", c.Name, v.channelRow(c, 0).Why)
	}
	return web.Redirect(w, r, channelsPath+"/"+r.PathValue("id"))
}

// askCut asks before the secret is erased.
func (b *Board) askCut(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := v.can(people.Configure); err != nil {
		return err
	}
	var c channel.Channel
	err := b.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		c, err = channel.ByID(r.Context(), tx, v.inst.ID, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	here := channelsPath + "/" + c.ID
	return b.Kit.Confirm(w, r, layout.Confirm{
		Question: v.p.T("connect.cut.ask", wording.PlatformOf(v.p, c.Platform).Name, c.Name), Text: v.p.T("connect.cut.text"),
		Consequences: []string{v.p.T("connect.cut.secret"), v.p.T("connect.cut.waiting"), v.p.T("connect.cut.kept")},
		Action:       here + "/scollega", Label: v.p.T("connect.cut"), Cancel: here, Danger: true,
	})
}

func (b *Board) cut(w http.ResponseWriter, r *http.Request, v visit) error {
	if err := b.Channels.Cut(r.Context(), v.inst.ID, r.PathValue("id")); err != nil {
		return err
	}
	b.Kit.Flash(r, web.Success, "connect.cut.done")
	return web.Redirect(w, r, channelsPath)
}
