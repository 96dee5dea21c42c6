package activitypub

import (
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
)

// longText is the length, in graphemes, from which a message is an Article: nobody
// wants to scroll past a regulation.
const longText = 3000

// document is what a post says, in the words of ActivityStreams: an Event where
// something takes place, an Article where it is long, else a Note. known are the
// people it may name.
//
// What a reader must know stands in content, the only part that every server shows:
// Mastodon shows of what is no Note its name and the link, GoToSocial hides the
// content behind summary, Mobilizon reads the fields. So summary is never anything
// but a content warning.
func (a actor) document(p channel.Post, known names, published, updated time.Time) vocab.Post {
	d := vocab.Post{
		ID: a.object(p.Key), Type: vocab.Note, AttributedTo: a.id(), URL: p.Link, Published: vocab.At(published), Updated: vocab.At(updated),
		To: []string{vocab.Public}, CC: []string{a.place.followers(a.name)}, InteractionPolicy: vocab.OpenPolicy(),
		Summary: p.Warning, Sensitive: p.Warning != "",
	}
	for _, m := range p.Media {
		d.Attachment = append(d.Attachment, vocab.Media{MediaType: m.ContentType, URL: a.media(m.Hash, m.Name), Alt: m.Alt, Width: m.Width, Height: m.Height})
	}
	w := a.words(p.Tags, known)
	d.Content = w.html(p.Text)
	switch rich := p.Rich; {
	case p.To != nil:
		a.answer(&d, w, *p.To, p.Text)
	case rich != nil && rich.Event != nil:
		a.event(&d, w, p)
	case rich != nil && count.Length(count.Graphemes(), p.Text) > longText:
		a.article(&d, w, p)
	}
	d.Tag = append(w.topics(), d.Tag...)
	for _, m := range w.mentions() {
		if !slices.Contains(d.To, m.Href) && !slices.Contains(d.CC, m.Href) && d.InteractionPolicy != nil {
			d.CC = append(d.CC, m.Href)
		}
		if !slices.ContainsFunc(d.Tag, func(t vocab.Tag) bool { return t.Href == m.Href }) {
			d.Tag = append(d.Tag, m)
		}
	}
	if d.URL == "" {
		d.URL = d.ID
	}
	d.SetLanguage(p.Lang)
	return d
}

// answer addresses a post to whom it answers, and to no more people than could read
// what it answers: others' followers are not ours to address, so what was said to
// them is answered to its author only.
func (a actor) answer(d *vocab.Post, w *words, to channel.Reply, text string) {
	d.InReplyTo = to.ID
	d.Tag = append(d.Tag, vocab.Mention(to.Author.Handle, to.Author.ID))
	switch reachOf(to) {
	case everybody:
		d.CC = append(d.CC, to.Author.ID)
	case unlisted:
		d.To, d.CC = []string{a.place.followers(a.name)}, []string{vocab.Public, to.Author.ID}
	default:
		d.To, d.CC, d.InteractionPolicy = []string{to.Author.ID}, nil, nil
	}
	// Servers show whom a post speaks to by the mention in it.
	if strings.Contains(to.Author.Handle, "@") && !strings.Contains(text, to.Author.Handle) {
		d.Content = "<p>" + w.mention(person{ID: to.Author.ID, URL: to.Author.URL, Handle: to.Author.Handle}) + " " + strings.TrimPrefix(d.Content, "<p>")
	}
}

// event is what Mobilizon and other calendars take; content says the same in words.
func (a actor) event(d *vocab.Post, w *words, p channel.Post) {
	e := p.Rich.Event
	zone, err := time.LoadLocation(e.Zone)
	if err != nil || e.Zone == "" {
		zone = a.Location()
	}
	when := a.when(*e, zone, p.Lang)
	d.Type, d.Name, d.Actor, d.MediaType = vocab.Event, p.Title, a.id(), "text/html"
	d.Content = w.titled(p, when)
	d.Preview = &vocab.Brief{Content: w.brief(p.Title, when, e.Where, p.Link), Lang: p.Lang}
	d.Meeting = &vocab.Meeting{
		StartTime: vocab.Time{Time: e.Start.In(zone)}, Timezone: zone.String(), Status: vocab.Confirmed, UUID: p.Key, Category: "MEETING",
		JoinMode: "external", ExternalParticipationURL: p.Link, CommentsEnabled: true,
	}
	switch {
	case e.Days: // its last second: the midnight after it would be another day
		d.EndTime = vocab.Time{Time: e.End.In(zone).Add(-time.Second)}
	case !e.End.IsZero():
		d.EndTime = vocab.Time{Time: e.End.In(zone)}
	}
	if e.Where != "" || e.Lat != nil {
		name := e.Where
		if name == "" {
			name = a.Name
		}
		d.Location = &vocab.Place{Name: name, Latitude: e.Lat, Longitude: e.Lon, Address: &vocab.Address{Street: e.Where, Country: "Italia"}}
	}
}

// when says in words when something takes place, in the zone where it does.
func (a actor) when(e channel.Event, zone *time.Location, lang string) string {
	if lang == "" {
		lang = a.Locale
	}
	return a.bundle.For(lang, zone).Span(e.Start, e.End, e.Days)
}

func (a actor) article(d *vocab.Post, w *words, p channel.Post) {
	d.Type, d.Name, d.MediaType = vocab.Article, p.Title, "text/html"
	d.Content = w.titled(p, "")
	d.Preview = &vocab.Brief{Content: w.brief(p.Title, p.Rich.Summary, p.Link), Lang: p.Lang}
	for i, m := range p.Media {
		if m.IsImage() {
			cover := d.Attachment[i]
			d.Image = &cover
			break
		}
	}
}
