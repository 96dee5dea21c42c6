package bluesky

import (
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// The collections of a repository that we write.
const (
	postCollection       = "app.bsky.feed.post"
	correctionCollection = "org.codeberg.arengo.correction"
)

// blobRef is an uploaded file as a record refers to it.
type blobRef struct {
	Type string `json:"$type"`
	Ref  struct {
		Link string `json:"$link"`
	} `json:"ref"`
	MimeType string `json:"mimeType"`
	Size     int64  `json:"size"`
}

// post is a record of app.bsky.feed.post. Delivery is ours: lexicons are open.
type post struct {
	Type      string    `json:"$type"`
	Text      string    `json:"text"`
	Facets    []facet   `json:"facets,omitempty"`
	Reply     *replyRef `json:"reply,omitempty"`
	Embed     any       `json:"embed,omitempty"`
	Langs     []string  `json:"langs,omitempty"`
	Tags      []string  `json:"tags,omitempty"`
	CreatedAt string    `json:"createdAt"`
	Delivery  string    `json:"org.codeberg.arengo.delivery"`
}

type aspectRatio struct {
	Width  int `json:"width"`
	Height int `json:"height"`
}

type imagesEmbed struct {
	Type   string  `json:"$type"`
	Images []image `json:"images"`
}

type image struct {
	Image blobRef      `json:"image"`
	Alt   string       `json:"alt"`
	Ratio *aspectRatio `json:"aspectRatio,omitempty"`
}

type videoEmbed struct {
	Type  string       `json:"$type"`
	Video blobRef      `json:"video"`
	Alt   string       `json:"alt,omitempty"`
	Ratio *aspectRatio `json:"aspectRatio,omitempty"`
}

type externalEmbed struct {
	Type     string   `json:"$type"`
	External external `json:"external"`
}

type external struct {
	URI         string   `json:"uri"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Thumb       *blobRef `json:"thumb,omitempty"`
}

// text is what citizens read: a content warning has no field here, so it comes
// first in the text.
func text(p channel.Post) string {
	if w := strings.TrimSpace(p.Warning); w != "" {
		return "⚠️ " + w + "\n\n" + p.Text
	}
	return p.Text
}

// host is that of our site, which the post links to.
func host(p channel.Post) string {
	u, err := url.Parse(p.Link)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// check refuses what the lexicon would refuse, before anything is uploaded.
func check(p channel.Post) *channel.Error {
	refuse := func(code, detail string) *channel.Error {
		return &channel.Error{Class: channel.Refused, Code: code, Detail: detail}
	}
	// The text without facets for mentions is the same text.
	if !count.Fits(rich(text(p), nil, host(p)).Text, count.BlueskyLimits()...) {
		return refuse(channel.CodeTooLong, "")
	}
	images, videos := 0, 0
	for _, m := range p.Media {
		switch {
		case m.IsImage() && slices.Contains(imageTypes(), m.ContentType) && m.Size <= maxImageBytes:
			images++
		case m.ContentType == "video/mp4" && m.Size <= maxVideoBytes:
			videos++
		default:
			return refuse(channel.CodeMedia, m.Name)
		}
	}
	if images > maxImages || videos > 1 || (images > 0 && videos > 0) {
		return refuse(channel.CodeMedia, "too many files, or a video beside pictures")
	}
	return nil
}

// files are what a post uploads: its media, or the picture of its link card,
// which has its place only in a post without media. A picture too large for a
// card is left out: the card is worth more than its picture.
func files(p channel.Post) []channel.Media {
	if len(p.Media) > 0 {
		return p.Media
	}
	if p.Card != nil && p.Card.Image != nil && p.Card.Image.IsImage() && p.Card.Image.Size <= maxThumbBytes {
		return []channel.Media{*p.Card.Image}
	}
	return nil
}

// record makes the record of a post from what was uploaded and resolved.
func record(p channel.Post, pr progress, createdAt string) post {
	r := rich(text(p), pr.Mentions, host(p))
	rec := post{
		Type: postCollection, Text: r.Text, Facets: r.Facets, Reply: answers(p), Embed: embed(p, pr),
		Tags: moreTags(p.Tags, r.Facets), CreatedAt: createdAt, Delivery: mark(p.Key),
	}
	if p.Lang != "" {
		rec.Langs = []string{p.Lang}
	}
	return rec
}

func embed(p channel.Post, pr progress) any {
	switch {
	case len(p.Media) == 1 && p.Media[0].IsVideo():
		m := p.Media[0]
		return videoEmbed{Type: "app.bsky.embed.video", Video: pr.Blobs[m.Hash].Blob, Alt: m.Alt, Ratio: ratio(m)}
	case len(p.Media) > 0:
		e := imagesEmbed{Type: "app.bsky.embed.images"}
		for _, m := range p.Media {
			e.Images = append(e.Images, image{Image: pr.Blobs[m.Hash].Blob, Alt: m.Alt, Ratio: ratio(m)})
		}
		return e
	case p.Card != nil && p.Card.URL != "":
		e := externalEmbed{"app.bsky.embed.external", external{URI: p.Card.URL, Title: p.Card.Title, Description: p.Card.Description}}
		if f := files(p); len(f) == 1 {
			blob := pr.Blobs[f[0].Hash].Blob
			e.External.Thumb = &blob
		}
		return e
	}
	return nil
}

func ratio(m channel.Media) *aspectRatio {
	if m.Width < 1 || m.Height < 1 {
		return nil
	}
	return &aspectRatio{m.Width, m.Height}
}

// maxMoreTags is how many tags a record may have outside its text.
const maxMoreTags = 8

// moreTags are the tags that do not stand in the text.
func moreTags(tags []string, facets []facet) []string {
	var more []string
	for _, t := range tags {
		same := func(f facet) bool { return strings.EqualFold(f.Features[0].Tag, t) }
		if t != "" && len(t) <= maxTagBytes && len(more) < maxMoreTags && !slices.ContainsFunc(facets, same) &&
			count.Length(count.Graphemes(), t) <= maxTagGraphemes && !slices.Contains(more, t) {
			more = append(more, t)
		}
	}
	return more
}

// stored is a record as the PDS gives it.
type stored struct {
	URI   string          `json:"uri"`
	CID   string          `json:"cid"`
	Value json.RawMessage `json:"value"`
}

// delivery is the mark and the creation time in a stored post.
func (s stored) delivery() (mark, createdAt string) {
	var p post
	if json.Unmarshal(s.Value, &p) != nil {
		return "", ""
	}
	return p.Delivery, p.CreatedAt
}

// says reports whether the stored record is the same as rec.
func (s stored) says(rec post) bool {
	b, err := json.Marshal(rec)
	if err != nil {
		return false
	}
	var want, have any
	return json.Unmarshal(b, &want) == nil && json.Unmarshal(s.Value, &have) == nil && reflect.DeepEqual(want, have)
}

// datetime writes a time as the lexicons want it.
func datetime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// atURI is the identifier of a post: it names the account and not its handle, so
// it outlives a change of handle.
func atURI(did, rkey string) string { return "at://" + did + "/" + postCollection + "/" + rkey }

// parseURI reads an identifier that atURI made.
func parseURI(s string) (did, rkey string, ok bool) {
	rest, ok := strings.CutPrefix(s, "at://")
	did, rest, found := strings.Cut(rest, "/")
	rkey, after := strings.CutPrefix(rest, postCollection+"/")
	return did, rkey, ok && found && after && validDID(did) && validTID(rkey)
}
