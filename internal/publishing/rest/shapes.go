package rest

import (
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// content is what a message says, as it travels.
type content struct {
	ProfileID string       `json:"profile_id" required:"true" doc:"The profile that speaks." example:"01956c1e-8a3b-7c52-9e41-3f2a1b0c9d8e"`
	Title     string       `json:"title" example:"La biblioteca apre anche il sabato"`
	Body      string       `json:"body" doc:"Markdown." example:"Da **sabato 6 giugno** la biblioteca apre dalle 9 alle 13."`
	Lang      string       `json:"lang,omitempty" doc:"BCP 47; default it." example:"it"`
	Category  string       `json:"category,omitempty" doc:"news, services, roads, school, culture, sport, council, emergency; default news." example:"culture"`
	Tags      []string     `json:"tags,omitempty" doc:"Without #." example:"[\"biblioteca\",\"orari\"]"`
	Media     []attachment `json:"media,omitempty" doc:"In order."`
	Event     *event       `json:"event,omitempty"`
	Place     *place       `json:"place,omitempty"`
	Variants  []variant    `json:"variants,omitempty" doc:"Only the channels that get something other than the default."`
}

type attachment struct {
	MediaID string `json:"media_id" required:"true" example:"01956c1e-8a3b-7c52-9e41-3f2a1b0c9d8e"`
	Alt     string `json:"alt,omitempty" doc:"Required for pictures before the message can be submitted." example:"La sala di lettura con le finestre aperte"`
	Caption string `json:"caption,omitempty" example:"La sala di lettura"`
}

type event struct {
	Start string `json:"start" required:"true" doc:"Local time of the institution, 2026-05-04T18:30; a day, 2026-05-04, when the event takes whole days." example:"2026-06-06T09:00"`
	End   string `json:"end,omitempty" doc:"In the same form; of whole days the last one. Without it nobody is told an end." example:"2026-06-06T13:00"`
	Where string `json:"where,omitempty" example:"Biblioteca, via Roma 1"`
}

type place struct {
	Name string   `json:"name,omitempty" example:"Biblioteca"`
	Lat  *float64 `json:"lat" required:"true" doc:"WGS 84 degrees." example:"45.5936"`
	Lon  *float64 `json:"lon" required:"true" example:"9.0772"`
}

type variant struct {
	ChannelID string `json:"channel_id" required:"true" example:"01956c1e-8a3b-7c52-9e41-3f2a1b0c9d8e"`
	LeftOut   bool   `json:"left_out,omitempty"`
	Edited    bool   `json:"edited,omitempty" doc:"The text replaces the default one; a text that is given does so anyway."`
	Text      string `json:"text,omitempty" doc:"May hold {link}." example:"La biblioteca apre anche il sabato, dalle 9 alle 13. {link}"`
	Warning   string `json:"warning,omitempty" doc:"Content warning."`
}

func (c content) domain() publishing.Content {
	out := publishing.Content{ProfileID: c.ProfileID, Title: c.Title, Body: c.Body, Lang: c.Lang, Category: publishing.Category(c.Category), Tags: c.Tags}
	for _, a := range c.Media {
		out.Media = append(out.Media, publishing.Attachment(a))
	}
	for _, v := range c.Variants {
		v.Edited = v.Edited || v.Text != "" // a text that is given is meant
		out.Variants = append(out.Variants, publishing.Variant(v))
	}
	if c.Event != nil {
		e := publishing.Event(*c.Event)
		out.Event = &e
	}
	if c.Place != nil {
		out.Place = &publishing.Place{Name: c.Place.Name, Lat: *c.Place.Lat, Lon: *c.Place.Lon}
	}
	return out
}

func contentOf(c publishing.Content) content {
	out := content{ProfileID: c.ProfileID, Title: c.Title, Body: c.Body, Lang: c.Lang, Category: string(c.Category), Tags: c.Tags}
	for _, a := range c.Media {
		out.Media = append(out.Media, attachment(a))
	}
	for _, v := range c.Variants {
		out.Variants = append(out.Variants, variant(v))
	}
	if c.Event != nil {
		e := event(*c.Event)
		out.Event = &e
	}
	if c.Place != nil {
		out.Place = &place{Name: c.Place.Name, Lat: &c.Place.Lat, Lon: &c.Place.Lon}
	}
	return out
}

// message is a message with where it stands.
type message struct {
	ID      string  `json:"id" example:"01956c1e-8a3b-7c52-9e41-3f2a1b0c9d8e"`
	State   string  `json:"state" enum:"draft,submitted,approved,scheduled,out,withdrawn" example:"draft"`
	Rev     int64   `json:"rev" doc:"Grows with each saved edit; send it back with an edit." example:"1"`
	Hash    string  `json:"hash" doc:"Of the content; an approval names the hash that was read."`
	Content content `json:"content"`

	Correction  bool       `json:"correction" doc:"This revision differs from the one citizens see."`
	SentBack    string     `json:"sent_back,omitempty" doc:"The approver's reason."`
	Held        string     `json:"held,omitempty" doc:"Why it waits for a decision: freeze, late, expired, same."`
	Due         string     `json:"due,omitempty" doc:"Local time of the institution." example:"2026-06-05T18:00"`
	DueAt       *time.Time `json:"due_at,omitempty" doc:"The same moment, UTC."`
	NotAfter    string     `json:"not_after,omitempty"`
	OutRev      int64      `json:"out_rev" doc:"Revision that is out; 0 while none is."`
	OutAt       *time.Time `json:"out_at,omitempty"`
	WithdrawnAt *time.Time `json:"withdrawn_at,omitempty"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func messageOf(m publishing.Message) message {
	return message{
		ID: m.ID, State: string(m.State), Rev: m.Rev, Hash: m.Hash, Content: contentOf(m.Content), Correction: m.Correction(),
		SentBack: m.SentBack, Held: m.Held, Due: m.Plan.Due.Text, DueAt: moment(m.Plan.Due.At), NotAfter: m.Plan.NotAfter.Text,
		OutRev: m.OutRev, OutAt: moment(m.OutAt), WithdrawnAt: moment(m.WithdrawnAt), CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
}

// delivery is one variant's way to one channel.
type delivery struct {
	ID        string     `json:"id"`
	MessageID string     `json:"message_id"`
	ChannelID string     `json:"channel_id"`
	State     string     `json:"state" enum:"waiting,attempting,out,refused,unconfirmed,given_up,withdrawn,by_hand" example:"out"`
	Late      bool       `json:"late" doc:"It should have been out ten minutes ago, or its time was past before it could."`
	URL       string     `json:"url,omitempty" doc:"Where citizens see the copy." example:"https://social.example/@biblioteca/115234"`
	RemoteID  string     `json:"remote_id,omitempty"`
	Code      string     `json:"code,omitempty" doc:"Of the last error."`
	Detail    string     `json:"detail,omitempty" doc:"The platform's own words."`
	Attempts  int        `json:"attempts"`
	Rev       int64      `json:"rev"`
	OutRev    int64      `json:"out_rev"`
	DueAt     time.Time  `json:"due_at"`
	OutAt     *time.Time `json:"out_at,omitempty"`
}

func deliveryOf(d publishing.Delivery, now time.Time) delivery {
	return delivery{ID: d.ID, MessageID: d.MessageID, ChannelID: d.ChannelID, State: string(d.State), Late: d.Late(now), URL: d.Remote.URL,
		RemoteID: d.Remote.ID, Code: d.Code, Detail: d.Detail, Attempts: d.Attempts, Rev: d.Rev, OutRev: d.OutRev, DueAt: d.DueAt, OutAt: moment(d.OutAt)}
}

// media is an uploaded file.
type media struct {
	ID          string `json:"id"`
	Name        string `json:"name" example:"sala.jpg"`
	ContentType string `json:"content_type" example:"image/jpeg"`
	Size        int64  `json:"size" doc:"Bytes." example:"248310"`
	Width       int    `json:"width,omitempty" doc:"Pixels." example:"1600"`
	Height      int    `json:"height,omitempty" example:"1067"`
	Kept        string `json:"kept,omitempty" enum:"signed,locked,whole" doc:"Why a document was stored byte by byte as it came, with whatever it says of its author: it is signed, encrypted, or a PDF."`
}

func mediaOf(m publishing.Media) media {
	return media{ID: m.ID, Name: m.Name, ContentType: m.ContentType, Size: m.Size, Width: m.Width, Height: m.Height, Kept: string(m.Kept)}
}

// connection is a channel, without its secret.
type connection struct {
	ID        string `json:"id"`
	ProfileID string `json:"profile_id"`
	Platform  string `json:"platform" example:"mastodon"`
	Name      string `json:"name"`
	Handle    string `json:"handle" example:"@biblioteca@social.example"`
	URL       string `json:"url,omitempty"`
	State     string `json:"state" enum:"connected,failing,revoked,disconnected"`
	Code      string `json:"code,omitempty" doc:"Of the last error."`
	MaxText   int    `json:"max_text" doc:"As the platform counts; 0 is no limit." example:"500"`
	Images    int    `json:"images" doc:"Pictures in one post."`
}

func connectionOf(c channel.Channel, caps channel.Capabilities) connection {
	return connection{ID: c.ID, ProfileID: c.ProfileID, Platform: string(c.Platform), Name: c.Name, Handle: c.Handle, URL: c.URL,
		State: string(c.State), Code: c.Code, MaxText: caps.MaxText, Images: caps.Images}
}

// profile is a public voice.
type profile struct {
	ID       string `json:"id"`
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	FourEyes bool   `json:"four_eyes" doc:"Somebody else must approve."`
}

func profileOf(p institution.Profile) profile {
	return profile{ID: p.ID, Slug: p.Slug, Name: p.Name, FourEyes: p.FourEyes}
}
