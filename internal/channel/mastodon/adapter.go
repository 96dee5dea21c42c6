package mastodon

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/fetch"
)

// Adapter publishes through the Mastodon API.
type Adapter struct {
	http *fetch.Client
}

var (
	_ channel.Adapter    = (*Adapter)(nil)
	_ channel.Authorizer = (*Adapter)(nil)
)

// New makes the adapter; c decides which servers may be reached.
func New(c *fetch.Client) *Adapter { return &Adapter{http: c} }

// Platform is channel.Mastodon.
func (*Adapter) Platform() channel.Platform { return channel.Mastodon }

// credentials are an account's secret.
type credentials struct {
	Token  string `json:"token"`
	UserID string `json:"user_id"` // the account's id on its server
}

// on opens the account's API.
func (a *Adapter) on(account channel.Account) (api, credentials, *channel.Error) {
	var c credentials
	if err := json.Unmarshal(account.Secret, &c); err != nil || c.Token == "" {
		return api{}, c, &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn}
	}
	return api{http: a.http, server: account.Server, token: c.Token}, c, nil
}

// limits are what an instance says of itself, as kept in Account.Limits.
type limits struct {
	Server  string    `json:"server"`
	Read    time.Time `json:"read"`
	Version string    `json:"version"`

	MaxText    int      `json:"max_text"`   // characters of a status
	URL        int      `json:"url"`        // characters that any link counts
	MaxMedia   int      `json:"max_media"`  // files of a status
	MaxAlt     int      `json:"max_alt"`    // characters of a description
	ImageBytes int64    `json:"image_size"` // bytes
	VideoBytes int64    `json:"video_size"` // bytes
	Types      []string `json:"types"`
}

// usual are the limits of an unchanged Mastodon 4, from its documentation of the
// Instance entity and its source (app/models/media_attachment.rb); what an
// instance does not say is filled with them.
func usual() limits {
	return limits{
		Read:    time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		MaxText: 500, URL: count.DefaultURL, MaxMedia: 4, MaxAlt: 1500,
		ImageBytes: 16 << 20, VideoBytes: 99 << 20,
		Types: []string{"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm", "video/quicktime"},
	}
}

const documentation = "https://docs.joinmastodon.org/entities/Instance/"

// Capabilities are the instance's limits, or the usual ones until Test read them.
func (*Adapter) Capabilities(account channel.Account) channel.Capabilities {
	l, source := usual(), documentation
	if json.Unmarshal(account.Limits, &l) == nil && l.Server != "" {
		source = l.Server + "/api/v2/instance"
	}
	c := channel.Capabilities{
		Source: source, Read: l.Read,
		Text: count.Mastodon(l.URL), MaxText: l.MaxText, MaxAlt: l.MaxAlt,
		Images: l.MaxMedia, ImageBytes: l.ImageBytes, ImageSide: 3840,
		VideoBytes: l.VideoBytes,
		KeyLife:    keyLife(l.Version),
		Edit:       true, Withdraw: true, ReadBack: true, ShowsURL: true, Answers: true, Whispers: true,
		// 30 uploads in 30 minutes, and 300 requests in 5 minutes of which a post with
		// its pictures may need several (config/initializers/rack_attack.rb).
		Pace: channel.Pace{
			Posts:  channel.Rate{N: 60, Per: 5 * time.Minute},
			Upload: channel.Rate{N: 30, Per: 30 * time.Minute},
		},
	}
	for _, t := range l.Types {
		switch {
		case strings.HasPrefix(t, "image/"):
			c.ImageTypes = append(c.ImageTypes, t)
		case strings.HasPrefix(t, "video/"):
			c.VideoTypes = append(c.VideoTypes, t)
		}
	}
	if len(c.ImageTypes) == 0 {
		c.Images = 0
	}
	if len(c.VideoTypes) > 0 && l.MaxMedia > 0 {
		c.Videos = 1 // a video goes alone
	}
	return c
}

// mastodons matches the version of a server that is Mastodon itself, or a fork that
// names itself behind a plus and keeps its way of posting. All others with this API
// say who they are in the same place, "2.7.2 (compatible; Pleroma 2.6)", or count
// from zero, as GoToSocial does.
var mastodons = regexp.MustCompile(`^([2-9]|[1-9]\d)\.\d+\.\d+((-?(alpha|beta|rc)|-nightly)[.\d-]*)?(\+(glitch|hometown)[.\d-]*)?$`)

// keyLife is how long a server remembers an Idempotency-Key: Mastodon one hour
// (app/services/post_status_service.rb). Of others nobody knows; GoToSocial has none.
func keyLife(version string) time.Duration {
	if mastodons.MatchString(version) {
		return time.Hour
	}
	return 0
}

// instance is the part of GET /api/v2/instance that we use.
type instance struct {
	Domain        string `json:"domain"`
	URI           string `json:"uri"` // instead of domain in /api/v1/instance
	Version       string `json:"version"`
	Configuration struct {
		Statuses struct {
			MaxCharacters            int `json:"max_characters"`
			MaxMediaAttachments      int `json:"max_media_attachments"`
			CharactersReservedPerURL int `json:"characters_reserved_per_url"`
		} `json:"statuses"`
		MediaAttachments struct {
			SupportedMimeTypes []string `json:"supported_mime_types"`
			ImageSizeLimit     int64    `json:"image_size_limit"`
			VideoSizeLimit     int64    `json:"video_size_limit"`
			DescriptionLimit   int      `json:"description_limit"`
		} `json:"media_attachments"`
	} `json:"configuration"`
	MaxTootChars int `json:"max_toot_chars"` // servers older than the configuration entity
}

// readInstance reads the limits, from the older address when the newer is absent.
func (c api) readInstance(ctx context.Context) (limits, string, *channel.Error) {
	var i instance
	err := c.call(ctx, "GET", "/api/v2/instance", nil, &i)
	if err != nil && err.Code == channel.CodeNotFound {
		err = c.call(ctx, "GET", "/api/v1/instance", nil, &i)
	}
	if err != nil {
		if err.Code == channel.CodeNotFound {
			err.Class, err.Code = channel.Transient, channel.CodeNotAPI
		}
		return limits{}, "", err
	}
	l := usual()
	l.Server, l.Version, l.Read = c.server, i.Version, time.Now().UTC().Truncate(time.Second)
	s, m := i.Configuration.Statuses, i.Configuration.MediaAttachments
	keep(&l.MaxText, i.MaxTootChars)
	keep(&l.MaxText, s.MaxCharacters)
	keep(&l.URL, s.CharactersReservedPerURL)
	keep(&l.MaxMedia, s.MaxMediaAttachments)
	keep(&l.MaxAlt, m.DescriptionLimit)
	keep(&l.ImageBytes, m.ImageSizeLimit)
	keep(&l.VideoBytes, m.VideoSizeLimit)
	if len(m.SupportedMimeTypes) > 0 {
		l.Types = m.SupportedMimeTypes
	}
	if i.Domain == "" {
		i.Domain = i.URI
	}
	return l, i.Domain, nil
}

// keep takes what the instance says, if it says it.
func keep[N int | int64](own *N, said N) {
	if said > 0 {
		*own = said
	}
}

// Test reads who the token belongs to and what the instance allows.
func (a *Adapter) Test(ctx context.Context, account channel.Account) (channel.Health, error) {
	c, _, err := a.on(account)
	if err != nil {
		return channel.Health{}, err
	}
	h, _, err := c.examine(ctx)
	if err != nil {
		return channel.Health{}, err
	}
	return h, nil
}

// person is the part of an Account entity that we use.
type person struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	URL      string `json:"url"`

	URI         string `json:"uri"`  // the same on every server; not all say it
	Acct        string `json:"acct"` // without a domain for the server's own
	DisplayName string `json:"display_name"`
	Avatar      string `json:"avatar"`
}

// examine checks the token and its rights, and reads the limits.
func (c api) examine(ctx context.Context) (channel.Health, person, *channel.Error) {
	var who person
	if err := c.call(ctx, "GET", "/api/v1/accounts/verify_credentials", nil, &who); err != nil {
		return channel.Health{}, who, err
	}
	if who.ID == "" || who.Username == "" {
		return channel.Health{}, who, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI}
	}
	if err := c.mayWrite(ctx); err != nil {
		return channel.Health{}, who, err
	}
	l, domain, err := c.readInstance(ctx)
	if err != nil {
		return channel.Health{}, who, err
	}
	kept, jsonErr := json.Marshal(l)
	if jsonErr != nil {
		return channel.Health{}, who, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: jsonErr}
	}
	if domain == "" {
		domain = strings.TrimPrefix(strings.TrimPrefix(c.server, "https://"), "http://")
	}
	if who.URL == "" {
		who.URL = c.server + "/@" + who.Username
	}
	return channel.Health{Limits: kept, Handle: "@" + who.Username + "@" + domain, URL: who.URL, Names: []string{who.URL}}, who, nil
}

// mayWrite reads the scopes that the token's application asked for. Servers that
// do not say are believed: the first post will tell.
func (c api) mayWrite(ctx context.Context) *channel.Error {
	var app struct {
		Scopes []string `json:"scopes"`
	}
	err := c.call(ctx, "GET", "/api/v1/apps/verify_credentials", nil, &app)
	if err != nil && err.Class != channel.Refused && err.Code != channel.CodeForbidden {
		return err
	}
	if err != nil || len(app.Scopes) == 0 {
		return nil
	}
	var statuses, media bool
	for _, s := range app.Scopes {
		statuses = statuses || s == "write" || s == "write:statuses"
		media = media || s == "write" || s == "write:media"
	}
	if statuses && media {
		return nil
	}
	return &channel.Error{Class: channel.Revoked, Code: channel.CodeForbidden, Detail: "scopes: " + strings.Join(app.Scopes, " ")}
}
