package activitypub

import (
	"html"
	"regexp"
	"strings"
	"time"
	"unicode"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
)

// longText is the length, in graphemes, from which a message is an Article, which
// servers show by its title and summary: nobody wants to scroll past a regulation.
const longText = 3000

// document is what a post says, in the words of ActivityStreams: an Event where
// something takes place, an Article where it is long, else a Note.
func (a actor) document(p channel.Post, published, updated time.Time) vocab.Post {
	d := vocab.Post{
		ID: a.object(p.Key), Type: vocab.Note, AttributedTo: a.id(), URL: p.Link, Published: vocab.At(published), Updated: vocab.At(updated),
		To: []string{vocab.Public}, CC: []string{a.place.followers(a.name)}, InteractionPolicy: vocab.OpenPolicy(),
		Summary: p.Warning, Sensitive: p.Warning != "",
	}
	for _, m := range p.Media {
		d.Attachment = append(d.Attachment, vocab.Media{MediaType: m.ContentType, URL: a.media(m.Hash, m.Name), Alt: m.Alt, Width: m.Width, Height: m.Height})
	}
	for _, t := range p.Tags {
		if word := channel.Hashtag(t); word != "" {
			d.Tag = append(d.Tag, vocab.Hashtag(word, a.tag(tagKey(t))))
		}
	}
	d.Content = a.html(p.Text, p.Tags)
	switch rich := p.Rich; {
	case p.To != nil:
		a.answer(&d, *p.To, p.Text)
	case rich != nil && rich.Event != nil:
		a.event(&d, p)
	case rich != nil && count.Length(count.Graphemes(), p.Text) > longText:
		a.article(&d, p)
	}
	if d.URL == "" {
		d.URL = d.ID
	}
	d.SetLanguage(p.Lang)
	return d
}

// answer addresses a post to whom it answers. What answers a private word is for
// its author only.
func (a actor) answer(d *vocab.Post, to channel.Reply, text string) {
	d.InReplyTo = to.ID
	d.Tag = append(d.Tag, vocab.Mention(to.Author.Handle, to.Author.ID))
	if to.Private {
		d.To, d.CC, d.InteractionPolicy = []string{to.Author.ID}, nil, nil
	} else {
		d.CC = append(d.CC, to.Author.ID)
	}
	// Servers show whom a post speaks to by the mention in it.
	if user, _, ok := strings.Cut(strings.TrimPrefix(to.Author.Handle, "@"), "@"); ok && !strings.Contains(text, to.Author.Handle) {
		where := to.Author.URL
		if hostOf(where, false) == "" {
			where = to.Author.ID
		}
		d.Content = `<p><span class="h-card"><a href="` + html.EscapeString(where) + `" class="u-url mention">@<span>` + html.EscapeString(user) + `</span></a></span> ` +
			strings.TrimPrefix(d.Content, "<p>")
	}
}

// event is what Mobilizon and other calendars take; microblogs show its name and
// the link.
func (a actor) event(d *vocab.Post, p channel.Post) {
	e := p.Rich.Event
	zone, err := time.LoadLocation(e.Zone)
	if err != nil || e.Zone == "" {
		zone = a.Location()
	}
	d.Type, d.Name, d.Actor = vocab.Event, p.Title, a.id()
	d.Summary, d.Content, d.MediaType = p.Rich.Summary, a.whole(p), "text/html"
	d.Meeting = &vocab.Meeting{
		StartTime: vocab.Time{Time: e.Start.In(zone)}, Timezone: zone.String(), Status: vocab.Confirmed, UUID: p.Key, Category: "MEETING",
		JoinMode: "external", ExternalParticipationURL: p.Link, CommentsEnabled: true,
	}
	if !e.End.IsZero() {
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

func (a actor) article(d *vocab.Post, p channel.Post) {
	d.Type, d.Name, d.Summary, d.MediaType = vocab.Article, p.Title, p.Rich.Summary, "text/html"
	d.Content = a.whole(p)
	short := strings.Join([]string{p.Title, p.Rich.Summary, p.Link}, "\n\n")
	d.Preview = &vocab.Brief{Content: a.html(short, nil), Lang: p.Lang}
	for i, m := range p.Media {
		if m.IsImage() {
			cover := d.Attachment[i]
			d.Image = &cover
			break
		}
	}
}

// whole is the whole text of a message, with the link to its page.
func (a actor) whole(p channel.Post) string {
	body := strings.NewReplacer(`href="/`, `href="`+a.origin+`/`, `src="/`, `src="`+a.origin+`/`).Replace(p.Rich.HTML)
	var tags []string
	for _, t := range p.Tags {
		if word := channel.Hashtag(t); word != "" {
			tags = append(tags, "#"+word)
		}
	}
	return body + a.html(strings.Join([]string{p.Link, strings.Join(tags, " ")}, "\n\n"), p.Tags)
}

// tagKey is a topic as the site's addresses have it.
func tagKey(tag string) string { return strings.ToLower(tag) }

// clickable finds the addresses and topics in a plain text.
var clickable = regexp.MustCompile(`https?://[^\s<>"]+|#[\p{L}\p{N}_]+`)

// html is a plain text as HTML: its paragraphs, with addresses and topics that can
// be followed.
func (a actor) html(text string, tags []string) string {
	known := map[string]string{}
	for _, t := range tags {
		known[strings.ToLower(channel.Hashtag(t))] = t
	}
	var b strings.Builder
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimFunc(part, unicode.IsSpace); part == "" {
			continue
		}
		b.WriteString("<p>")
		at := 0
		for _, m := range clickable.FindAllStringIndex(part, -1) {
			b.WriteString(lines(part[at:m[0]]))
			at = m[1]
			a.anchor(&b, part[m[0]:m[1]], known)
		}
		b.WriteString(lines(part[at:]))
		b.WriteString("</p>")
	}
	return b.String()
}

func lines(text string) string { return strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") }

func (a actor) anchor(b *strings.Builder, found string, tags map[string]string) {
	if word, ok := strings.CutPrefix(found, "#"); ok {
		tag, known := tags[strings.ToLower(word)]
		if !known {
			b.WriteString(html.EscapeString(found))
			return
		}
		b.WriteString(`<a href="` + html.EscapeString(a.tag(tagKey(tag))) + `" class="mention hashtag" rel="tag">#<span>` + html.EscapeString(word) + `</span></a>`)
		return
	}
	address := strings.TrimRight(found, ".,;:!?)»”'")
	e := html.EscapeString(address)
	b.WriteString(`<a href="` + e + `" rel="nofollow noopener" target="_blank">` + e + `</a>` + html.EscapeString(found[len(address):]))
}
