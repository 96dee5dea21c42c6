package vocab

import (
	"bytes"
	"encoding/json"
	"strings"
)

// The kinds of post. Microblogs show a Note in full, and of the others the title
// and a link; Mobilizon and the like take an Event into their calendar.
const (
	Note    = "Note"
	Article = "Article"
	Event   = "Event"
)

// Post is one thing that we publish. ContentMap and its kin repeat the text under
// its language; they are set by SetLanguage.
type Post struct {
	ID           string `json:"id"`
	Type         string `json:"type"`
	AttributedTo string `json:"attributedTo"`
	Actor        string `json:"actor,omitempty"` // of an Event: Mobilizon asks for it

	Name    string `json:"name,omitempty"`    // the title; a Note has none
	Summary string `json:"summary,omitempty"` // a content warning: many servers hide the text behind it, whatever the type
	Content string `json:"content"`           // HTML

	NameMap    map[string]string `json:"nameMap,omitempty"`
	SummaryMap map[string]string `json:"summaryMap,omitempty"`
	ContentMap map[string]string `json:"contentMap,omitempty"`
	InLanguage string            `json:"inLanguage,omitempty"` // of an Event: Mobilizon reads no map

	MediaType string   `json:"mediaType,omitempty"`
	URL       string   `json:"url,omitempty"` // the page that a person reads
	InReplyTo string   `json:"inReplyTo,omitempty"`
	To        []string `json:"to"`
	CC        []string `json:"cc,omitempty"`
	Published Time     `json:"published,omitzero"`
	Updated   Time     `json:"updated,omitzero"`
	Sensitive bool     `json:"sensitive,omitempty"`

	Image      *Media  `json:"image,omitempty"` // of an Article: its cover
	Attachment []Media `json:"attachment,omitempty"`
	Tag        []Tag   `json:"tag,omitempty"`
	Preview    *Brief  `json:"preview,omitempty"` // of what is no Note: the Note that a microblog may show instead

	Replies           string  `json:"replies,omitempty"`
	InteractionPolicy *Policy `json:"interactionPolicy,omitempty"`

	*Meeting // of an Event only
}

// SetLanguage repeats the texts of a post under their language (BCP 47), which is
// how a reader's server offers a translation and a screen reader finds its voice.
func (p *Post) SetLanguage(lang string) {
	if lang == "" {
		return
	}
	p.ContentMap = map[string]string{lang: p.Content}
	if p.Name != "" {
		p.NameMap = map[string]string{lang: p.Name}
	}
	if p.Summary != "" {
		p.SummaryMap = map[string]string{lang: p.Summary}
	}
	if p.Type == Event {
		p.InLanguage = lang
	}
}

// Meeting is what an Event has beside a text.
type Meeting struct {
	StartTime Time   `json:"startTime"` // with the offset of its own zone
	EndTime   Time   `json:"endTime,omitzero"`
	Timezone  string `json:"timezone,omitempty"` // IANA
	Location  *Place `json:"location,omitempty"`
	Status    string `json:"ical:status,omitempty"` // CONFIRMED, CANCELLED
	UUID      string `json:"uuid,omitempty"`
	Category  string `json:"category,omitempty"` // MEETING, ARTS, SPORTS, … as Mobilizon names them

	// JoinMode "external" sends whoever wants to take part to ExternalParticipationURL:
	// we keep no list of participants.
	JoinMode                      string `json:"joinMode,omitempty"`
	ExternalParticipationURL      string `json:"externalParticipationUrl,omitempty"`
	AnonymousParticipationEnabled bool   `json:"anonymousParticipationEnabled"`
	CommentsEnabled               bool   `json:"commentsEnabled"`
	IsOnline                      bool   `json:"isOnline"`
}

// The states of an Event (RFC 5545, section 3.8.1.11).
const (
	Confirmed = "CONFIRMED"
	Cancelled = "CANCELLED"
)

// Place is where an Event takes place.
type Place struct {
	Name      string
	Latitude  *float64
	Longitude *float64
	Address   *Address
}

// MarshalJSON adds the type.
func (p Place) MarshalJSON() ([]byte, error) {
	return typed(struct {
		Type      string   `json:"type"`
		Name      string   `json:"name"`
		Latitude  *float64 `json:"latitude,omitempty"`
		Longitude *float64 `json:"longitude,omitempty"`
		Address   *Address `json:"address,omitempty"`
	}{"Place", p.Name, p.Latitude, p.Longitude, p.Address})
}

// Address is a postal address.
type Address struct {
	Street, Locality, PostalCode, Country string
}

// MarshalJSON adds the type.
func (a Address) MarshalJSON() ([]byte, error) {
	return typed(struct {
		Type       string `json:"type"`
		Street     string `json:"streetAddress,omitempty"`
		Locality   string `json:"addressLocality,omitempty"`
		PostalCode string `json:"postalCode,omitempty"`
		Country    string `json:"addressCountry,omitempty"`
	}{"PostalAddress", a.Street, a.Locality, a.PostalCode, a.Country})
}

// Brief is a short stand-in for a longer post.
type Brief struct {
	Content string
	Lang    string
}

// MarshalJSON adds the type and the language.
func (b Brief) MarshalJSON() ([]byte, error) {
	var languages map[string]string
	if b.Lang != "" {
		languages = map[string]string{b.Lang: b.Content}
	}
	return typed(struct {
		Type       string            `json:"type"`
		Content    string            `json:"content"`
		ContentMap map[string]string `json:"contentMap,omitempty"`
	}{Note, b.Content, languages})
}

// Media is a file beside a post, or the picture of an actor.
type Media struct {
	MediaType     string
	URL           string
	Alt           string
	Width, Height int // pixels; 0 when not known
}

// MarshalJSON writes the alternative text as name, as every server reads it. The
// type follows from the media type.
func (m Media) MarshalJSON() ([]byte, error) {
	kind := "Document"
	switch prefix, _, _ := strings.Cut(m.MediaType, "/"); prefix {
	case "image":
		kind = "Image"
	case "video":
		kind = "Video"
	case "audio":
		kind = "Audio"
	}
	return typed(struct {
		Type      string `json:"type"`
		MediaType string `json:"mediaType,omitempty"`
		URL       string `json:"url"`
		Name      string `json:"name,omitempty"`
		Width     int    `json:"width,omitempty"`
		Height    int    `json:"height,omitempty"`
	}{kind, m.MediaType, m.URL, m.Alt, m.Width, m.Height})
}

// Tag is a hashtag or somebody who is named.
type Tag struct {
	Type string `json:"type"`
	Href string `json:"href"`
	Name string `json:"name"`
}

// Hashtag is a tag under which others find the post; name is without "#".
func Hashtag(name, href string) Tag { return Tag{"Hashtag", href, "#" + name} }

// Mention names an actor, who is told; handle is "@user@host".
func Mention(handle, actor string) Tag { return Tag{"Mention", actor, handle} }

// Policy says who may do what with a post without being asked first. Servers that
// know it keep the others from trying.
type Policy struct {
	CanLike     Rule `json:"canLike"`
	CanReply    Rule `json:"canReply"`
	CanAnnounce Rule `json:"canAnnounce"`
	CanQuote    Rule `json:"canQuote"`
}

// Rule lists actors, collections of actors, or Public.
type Rule struct {
	AutomaticApproval []string `json:"automaticApproval"`
}

// OpenPolicy lets everybody do everything: what a public office wants.
func OpenPolicy() *Policy {
	all := Rule{[]string{Public}}
	return &Policy{all, all, all, all}
}

// typed encodes without the escapes that only a page needs.
func typed(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}
