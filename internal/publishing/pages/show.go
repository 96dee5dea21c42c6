package pages

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// messagePage is one message: where it stands, what becomes of it, and all that
// the person may do.
type messagePage struct {
	ID, URL    string
	Title      string
	Badges     []wording.Badge
	Next       string
	Hash       string // of what is shown: an approval is bound to it
	Profile    institution.Profile
	Author     string
	EditedBy   string
	EditedAt   time.Time
	SentBack   string
	Approval   string // who approved what is shown, in words
	Missing    *web.Form
	Form       *web.Form // of the action that was refused
	Failed     string    // which action that was
	May        acts
	WhyNot     string // why this person may not approve, in words
	Slot       publishing.Wall
	Now        string // as a datetime-local
	Due        string
	NotAfter   string
	Zone       string
	Twice      bool // the moment lies in the hour that the autumn night has twice
	Public     string
	Variants   variants
	Deliveries []deliveryRow
	History    []happening
	Versions   []versionRow
	Stream     string
	Frozen     bool
}

// acts are the actions that this person may take on a message as it is.
type acts struct {
	Edit, Submit, Approve, SendBack, Schedule, Unschedule, Publish, Withdraw, Decide, Duplicate bool
}

// Any reports whether there is anything to do.
func (a acts) Any() bool {
	return a.Submit || a.Approve || a.Schedule || a.Unschedule || a.Publish || a.Decide
}

type deliveryRow struct {
	ID       string
	Channel  string
	Platform wording.Platform
	Badge    wording.Badge
	Why      string
	Detail   string
	URL      string
	When     time.Time
	Behind   bool // the copy still shows an older revision
	Attempts int
}

type happening struct {
	At            time.Time
	Channel, Text string
	Person        string
}

type versionRow struct {
	Rev     int64
	By      string
	At      time.Time
	Out     bool
	URL     string
	Changes []changedPart
	First   bool
}

// stored is what the page reads, in one state of the database.
type stored struct {
	message    publishing.Message
	profiles   []institution.Profile
	names      map[string]string
	versions   []publishing.Version
	deliveries []publishing.Delivery
	history    []publishing.Happening
	channels   map[string]channel.Channel
	files      map[string]publishing.Media
	labels     labels
	missing    error
	slot       publishing.Wall
	public     string
	frozen     bool
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showWith(w, r, v, http.StatusOK, nil, "")
}

// showWith renders the message with the form of an action that was refused.
func (p *Pages) showWith(w http.ResponseWriter, r *http.Request, v visit, status int, form *web.Form, failed string) error {
	s, err := p.readStored(r, v)
	if err != nil {
		return err
	}
	printer, m := p.kit.Printer(r), s.message
	profile := byID(s.profiles)[m.Content.ProfileID]
	page := messagePage{
		ID: m.ID, URL: messagePath(m.ID), Title: m.Content.Title, Badges: wording.Badges(printer, m), Next: wording.Next(printer, m, profile, v.now),
		Hash: m.Hash, Profile: profile, Author: s.names[m.AuthorID], EditedBy: s.names[m.EditedBy], EditedAt: m.UpdatedAt,
		SentBack: m.SentBack, Form: form, Failed: failed, Slot: s.slot, Public: s.public, Zone: v.institution.Zone,
		Now: publishing.FormatWall(v.now, v.loc), Due: m.Plan.Due.Text, NotAfter: m.Plan.NotAfter.Text, Stream: p.stream, Frozen: s.frozen,
	}
	if page.Title == "" {
		page.Title = printer.T("message.untitled")
	}
	if m.ApprovedAsIs() {
		page.Approval = printer.T("message.approved_by", s.names[m.ApprovedBy], m.ApprovedAt)
	}
	if due, err := publishing.ParseWall(m.Plan.Due.Text, v.loc); err == nil {
		page.Twice = due.Twice
	}
	page.May, page.WhyNot = may(printer, v, m, profile)
	if s.missing != nil && m.State == publishing.Draft {
		page.Missing = web.NewForm()
		if !page.Missing.Fail(printer, s.missing) {
			return s.missing
		}
	}
	if page.Variants, err = p.looks(r.Context(), printer, v, m.ID, m.Content, s.files); err != nil {
		return err
	}
	page.Variants.Site.Profile = profile.Name
	page.Deliveries, page.History = s.rows(printer, v.now)
	page.Versions = s.versionRows()
	return p.kit.Render(w, r, status, "publishing/message", layout.Page{Content: page,
		Crumbs: crumbs(printer.T("message.home"), layout.Link{Label: printer.T("message.list"), URL: messagesPath})})
}

// may says what this person may do with a message as it is. Package publishing
// decides again when it is done.
func may(p *i18n.Printer, v visit, m publishing.Message, profile institution.Profile) (a acts, whyNot string) {
	write, publish, gone := v.actor.May(people.Write), v.actor.May(people.Publish), m.State == publishing.Withdrawn
	a.Edit, a.Duplicate = write && m.Editable(), write
	a.Submit = write && m.State == publishing.Draft
	if v.actor.May(people.Approve) && m.State == publishing.Submitted {
		var err error
		if a.Approve, err = m.ApprovableBy(v.actor.PersonID, profile.FourEyes); err != nil {
			whyNot, _ = p.Fault(err)
		}
		a.SendBack = true
	}
	a.Schedule = publish && !m.Live() && !gone && m.Held == ""
	a.Unschedule = publish && !m.Live() && !gone && m.Plan.Set()
	a.Publish = publish && (m.State == publishing.Approved || m.State == publishing.Scheduled && m.Held == "") && m.ApprovedAsIs()
	a.Withdraw = publish && !gone
	a.Decide = publish && m.Held != "" && m.State == publishing.Scheduled
	return a, whyNot
}

func (p *Pages) readStored(r *http.Request, v visit) (s stored, err error) {
	ctx, inst, id := r.Context(), v.institution.ID, r.PathValue("id")
	return s, p.db.Read(ctx, func(tx *db.Tx) (err error) {
		if s.message, err = publishing.ByID(ctx, tx, inst, id); err != nil {
			return err
		}
		if s.profiles, s.names, err = who(ctx, tx, inst); err != nil {
			return err
		}
		if s.versions, err = publishing.Versions(ctx, tx, inst, id); err != nil {
			return err
		}
		if s.deliveries, err = publishing.Deliveries(ctx, tx, inst, id); err != nil {
			return err
		}
		if s.history, err = publishing.History(ctx, tx, inst, id); err != nil {
			return err
		}
		if s.public, err = publishing.PublicPath(ctx, tx, inst, id); err != nil {
			return err
		}
		if s.files, err = publishing.Files(ctx, tx, inst, s.message.Content.Media); err != nil {
			return err
		}
		freeze, frozen, err := publishing.CurrentFreeze(ctx, tx, inst)
		if err != nil {
			return err
		}
		s.frozen = frozen && !allowed(freeze, s.message.Content.Category)
		if s.slot, _, err = publishing.FreeSlot(ctx, tx, inst, s.message.Content.ProfileID, v.loc, v.now); err != nil {
			return err
		}
		if err := p.desk.Ready(ctx, tx, s.message); err != nil {
			s.missing = err
		}
		contents := make([]publishing.Content, len(s.versions))
		for i, ver := range s.versions {
			contents[i] = ver.Content
		}
		if s.labels, err = p.labels(r, tx, v, contents...); err != nil {
			return err
		}
		s.channels, err = channelsByID(ctx, tx, inst, s.deliveries)
		return err
	})
}

func allowed(f publishing.Freeze, c publishing.Category) bool {
	for _, a := range f.Allowed {
		if a == c {
			return true
		}
	}
	return false
}

// channelsByID reads the channels of deliveries; a disconnected one is known only
// one by one, which is rare.
func channelsByID(ctx context.Context, tx *db.Tx, institutionID string, ds []publishing.Delivery) (map[string]channel.Channel, error) {
	all, err := channel.List(ctx, tx, institutionID)
	if err != nil {
		return nil, err
	}
	known := make(map[string]channel.Channel, len(all))
	for _, c := range all {
		known[c.ID] = c
	}
	for _, d := range ds {
		if _, ok := known[d.ChannelID]; !ok {
			if known[d.ChannelID], err = channel.ByID(ctx, tx, institutionID, d.ChannelID); err != nil && !fault.Is(err, fault.NotFound) {
				return nil, err
			}
		}
	}
	return known, nil
}

// labels reads what is needed to say in words how contents differ.
func (p *Pages) labels(r *http.Request, tx *db.Tx, v visit, contents ...publishing.Content) (l labels, err error) {
	ctx := r.Context()
	l = labels{printer: p.kit.Printer(r), profiles: map[string]string{}, channels: map[string]string{}}
	profiles, err := institution.Profiles(ctx, tx, v.institution.ID)
	if err != nil {
		return l, err
	}
	for _, pr := range profiles {
		l.profiles[pr.ID] = pr.Name
	}
	channels, err := channel.List(ctx, tx, v.institution.ID)
	if err != nil {
		return l, err
	}
	for _, c := range channels {
		l.channels[c.ID] = c.Name
	}
	var all []publishing.Attachment
	seen := map[string]bool{}
	for _, c := range contents {
		for _, a := range c.Media {
			if !seen[a.MediaID] {
				seen[a.MediaID] = true
				all = append(all, a)
			}
		}
	}
	l.files, err = publishing.Files(ctx, tx, v.institution.ID, all)
	return l, err
}

// rows are the deliveries and what happened to them.
func (s stored) rows(p *i18n.Printer, now time.Time) (ds []deliveryRow, hs []happening) {
	names := map[string]string{}
	for _, d := range s.deliveries {
		c := s.channels[d.ChannelID]
		names[d.ID] = c.Name
		row := deliveryRow{ID: d.ID, Channel: c.Name, Platform: wording.PlatformOf(p, c.Platform), Badge: wording.Delivery(p, d, now), Why: wording.Why(p, d),
			Detail: d.Detail, URL: d.Remote.URL, When: d.UpdatedAt, Attempts: d.Attempts, Behind: d.State == publishing.Delivered && d.Rev > d.OutRev}
		if d.State == publishing.Delivered {
			row.When = d.OutAt
		}
		ds = append(ds, row)
	}
	for i := len(s.history) - 1; i >= 0; i-- { // newest first
		h := s.history[i]
		text := p.T("delivery.event." + h.What)
		hs = append(hs, happening{At: h.At, Channel: names[h.DeliveryID], Text: text, Person: s.names[h.PersonID]})
	}
	return ds, hs
}

// versionRows are the revisions, newest first, each with what it changed.
func (s stored) versionRows() []versionRow {
	rows := make([]versionRow, len(s.versions))
	for i, ver := range s.versions {
		rows[i] = versionRow{Rev: ver.Rev, By: s.names[ver.PersonID], At: ver.At, Out: ver.Rev == s.message.OutRev,
			URL: messagePath(s.message.ID) + "/versioni/" + strconv.FormatInt(ver.Rev, 10)}
		if i+1 < len(s.versions) {
			rows[i].Changes = s.labels.compare(s.versions[i+1].Content, ver.Content)
		} else {
			rows[i].First = true
		}
	}
	return rows
}

// versionPage is one saved revision as it was.
type versionPage struct {
	Rev      int64
	By       string
	At       time.Time
	Site     siteLook
	Back     string
	Previous []changedPart
}

// version shows a revision as it would have looked.
func (p *Pages) version(w http.ResponseWriter, r *http.Request, v visit) error {
	wanted, err := strconv.ParseInt(r.PathValue("rev"), 10, 64)
	if err != nil {
		return fault.Missing("message.version.missing")
	}
	s, err := p.readStored(r, v)
	if err != nil {
		return err
	}
	printer := p.kit.Printer(r)
	for i, ver := range s.versions {
		if ver.Rev != wanted {
			continue
		}
		site, err := p.siteLook(printer, v, ver.Content, s.labels.files)
		if err != nil {
			return err
		}
		page := versionPage{Rev: ver.Rev, By: s.names[ver.PersonID], At: ver.At, Site: site, Back: messagePath(s.message.ID)}
		if i+1 < len(s.versions) {
			page.Previous = s.labels.compare(s.versions[i+1].Content, ver.Content)
		}
		return p.kit.Render(w, r, http.StatusOK, "publishing/version", layout.Page{Content: page,
			Crumbs: crumbs(printer.T("message.home"), layout.Link{Label: printer.T("message.list"), URL: messagesPath},
				layout.Link{Label: s.message.Content.Title, URL: page.Back})})
	}
	return fault.Missing("message.version.missing")
}
