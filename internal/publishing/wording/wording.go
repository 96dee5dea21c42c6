// Package wording says where a message, a delivery and a channel stand, for all
// pages of the desk alike.
package wording

import (
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
)

// Badge is a state in a word, with its colour and symbol.
type Badge struct{ Label, Kind, Icon string }

// Badges say where a message stands: its state, and what is unusual about it.
func Badges(p *i18n.Printer, m publishing.Message) []Badge {
	kinds := map[publishing.State]Badge{
		publishing.Draft:     {Icon: "it-pencil"},
		publishing.Submitted: {Kind: web.Warning, Icon: "it-user"},
		publishing.Approved:  {Kind: web.Info, Icon: "it-check"},
		publishing.Scheduled: {Kind: web.Info, Icon: "it-clock"},
		publishing.Out:       {Kind: web.Success, Icon: "it-check-circle"},
		publishing.Withdrawn: {Icon: "it-ban"},
	}
	b := kinds[m.State]
	b.Label = p.T("message.is." + string(m.State))
	all := []Badge{b}
	if m.Held != "" {
		all = []Badge{{p.T("message.is.held"), web.Danger, "it-warning-circle"}}
	}
	if m.Correction() {
		all = append(all, Badge{p.T("message.is.correction"), web.Info, "it-restore"})
	}
	if m.State == publishing.Draft && m.SentBack != "" {
		all = append(all, Badge{p.T("message.is.sent_back"), web.Warning, "it-arrow-left"})
	}
	return all
}

// Next says in a sentence what becomes of a message if nobody does anything, or
// who must do what.
func Next(p *i18n.Printer, m publishing.Message, profile institution.Profile, now time.Time) string {
	due := m.Plan.Due.At
	planned := m.Plan.Set() && due.After(now)
	switch {
	case m.State == publishing.Withdrawn:
		return p.T("message.next.withdrawn", m.WithdrawnAt)
	case m.Held != "":
		return p.T("message.held." + m.Held)
	case m.State == publishing.Draft && m.SentBack != "":
		return p.T("message.next.sent_back")
	case m.State == publishing.Draft && m.Live():
		return p.T("message.next.correcting")
	case m.State == publishing.Draft && planned:
		return p.T("message.next.draft_planned", due)
	case m.State == publishing.Draft && !profile.FourEyes:
		return p.T("message.next.draft_alone")
	case m.State == publishing.Draft:
		return p.T("message.next.draft")
	case m.State == publishing.Submitted && planned:
		return p.T("message.next.submitted_planned", due)
	case m.State == publishing.Submitted:
		return p.T("message.next.submitted")
	case m.State == publishing.Approved && m.Live():
		return p.T("message.next.correction_approved")
	case m.State == publishing.Approved:
		return p.T("message.next.approved")
	case m.State == publishing.Scheduled && !m.Plan.NotAfter.At.IsZero():
		return p.T("message.next.scheduled_until", due, m.Plan.NotAfter.At)
	case m.State == publishing.Scheduled:
		return p.T("message.next.scheduled", due)
	}
	return p.T("message.next.out", m.OutAt)
}

// Delivery is where a delivery stands.
func Delivery(p *i18n.Printer, d publishing.Delivery, now time.Time) Badge {
	b := map[publishing.DeliveryState]Badge{
		publishing.Waiting:     {Icon: "it-clock", Kind: web.Info},
		publishing.Attempting:  {Icon: "it-refresh", Kind: web.Info},
		publishing.Delivered:   {Icon: "it-check-circle", Kind: web.Success},
		publishing.Refused:     {Icon: "it-error", Kind: web.Danger},
		publishing.Unconfirmed: {Icon: "it-help-circle", Kind: web.Warning},
		publishing.GivenUp:     {Icon: "it-ban"},
		publishing.TakenBack:   {Icon: "it-ban"},
		publishing.ByHand:      {Icon: "it-tool", Kind: web.Warning},
	}[d.State]
	b.Label = p.T("delivery.is." + string(d.State))
	switch {
	case d.Expired():
		b = Badge{p.T("delivery.is.expired"), web.Danger, "it-warning-circle"}
	case d.Late(now):
		b = Badge{p.T("delivery.is.late"), web.Warning, "it-warning-circle"}
	}
	return b
}

// Why explains a delivery's last error and what to do; "" when there is
// nothing to explain.
func Why(p *i18n.Printer, d publishing.Delivery) string {
	switch {
	case d.State == publishing.Unconfirmed:
		return p.T("delivery.why.unconfirmed")
	case d.State == publishing.ByHand:
		return p.T("delivery.why.by_hand")
	case d.Code == "":
		return ""
	}
	for _, key := range []string{"delivery.code." + d.Code, "channel.error." + d.Code} {
		if p.Has(key) {
			return p.T(key)
		}
	}
	return p.T("delivery.why.other")
}

// Platform is how citizens call a channel's platform, and its symbol.
type Platform struct{ Name, Icon string }

// Page is the desk's page of what a delivery of a kind brings: a message, or an
// answer in its conversation.
func Page(kind, id string) string {
	if kind == "message" {
		return "/redazione/messaggi/" + id
	}
	return "/redazione/risposte/" + id
}

// PlatformOf returns the name and symbol of a platform; one that nobody has
// described yet is called by its own name.
func PlatformOf(p *i18n.Printer, platform channel.Platform) Platform {
	icons := map[channel.Platform]string{
		channel.Mastodon: "it-mastodon", channel.Bluesky: "it-bluesky", channel.Telegram: "it-telegram", channel.Email: "it-mail",
		channel.ActivityPub: "it-exchange-circle", channel.WebPush: "it-horn", channel.Mailbox: "it-inbox", channel.OnSite: "it-comment", channel.Webmention: "it-link",
	}
	if icon, ok := icons[platform]; ok {
		return Platform{p.T("channel.platform." + string(platform) + ".name"), icon}
	}
	return Platform{string(platform), "it-share"}
}

// KnowsWarning reports whether a platform hides a post behind a content warning.
func KnowsWarning(p channel.Platform) bool { return p == channel.Mastodon }
