package mastodon

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// progress is what Prepare has done.
type progress struct {
	// Since is the account's newest status before the first attempt, "" when it had
	// none; it counts only when Noted.
	Since string     `json:"since"`
	Noted bool       `json:"noted"`
	Text  *string    `json:"text,omitempty"` // what is posted, by which Find knows it
	Media []uploaded `json:"media,omitempty"`
}

func readProgress(p channel.Progress) progress {
	var done progress
	if len(p) > 0 && json.Unmarshal(p, &done) != nil {
		return progress{} // of an older program: start anew, uploads are invisible
	}
	return done
}

// Prepare notes where the account's statuses end and what will be posted, and
// uploads the files.
func (a *Adapter) Prepare(ctx context.Context, account channel.Account, p channel.Post, prior channel.Progress, save func(channel.Progress) error) (channel.Progress, error) {
	c, who, apiErr := a.on(account)
	if apiErr != nil {
		return prior, apiErr
	}
	l := logbook{progress: readProgress(prior), kept: prior, save: save}
	if !l.Noted {
		newest, err := c.statuses(ctx, who.UserID, "limit=1")
		if err != nil {
			return l.kept, err
		}
		if len(newest) > 0 {
			l.Since = newest[0].ID
		}
		l.Noted = true
	}
	if text := written(p); l.Text == nil || *l.Text != text {
		l.Text = &text
		if err := l.keep(l.Media); err != nil {
			return l.kept, err
		}
	}
	held, err := c.holdAll(ctx, account, p.Media, &l)
	if err != nil {
		return l.kept, err
	}
	for _, file := range held {
		s, err := c.wait(ctx, file.ID)
		if err != nil {
			return l.kept, err
		}
		if s == absent {
			return l.kept, notReady() // gone between two requests: the next run uploads it again
		}
	}
	if !slices.Equal(held, l.Media) {
		err = l.keep(held)
	}
	return l.kept, err
}

// logbook is the progress and what was last saved of it.
type logbook struct {
	progress
	kept channel.Progress
	save func(channel.Progress) error
}

func (l *logbook) keep(media []uploaded) error {
	l.Media = media
	step, err := json.Marshal(l.progress)
	if err != nil {
		return err
	}
	if err := l.save(step); err != nil {
		return err
	}
	l.kept = step
	return nil
}

// holdAll makes sure that the server holds each file, and uploads those that it
// does not. What was uploaded before and not reached yet stays on record.
func (c api) holdAll(ctx context.Context, account channel.Account, media []channel.Media, l *logbook) ([]uploaded, error) {
	var held []uploaded
	before := slices.Clone(l.Media)
	for _, m := range media {
		file, found, err := c.held(ctx, m, &before)
		if err != nil {
			return nil, err
		}
		if found {
			held = append(held, file)
			continue
		}
		got, uploadErr := c.upload(ctx, account, m)
		if uploadErr != nil {
			return nil, uploadErr
		}
		held = append(held, uploaded{Hash: m.Hash, Alt: m.Alt, ID: got.ID})
		if err := l.keep(slices.Concat(held, before)); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// held takes m out of the files uploaded before, if the server still has it. The
// same picture twice is two files.
func (c api) held(ctx context.Context, m channel.Media, before *[]uploaded) (uploaded, bool, *channel.Error) {
	at := slices.IndexFunc(*before, func(u uploaded) bool { return u.is(m) })
	if at < 0 {
		return uploaded{}, false, nil
	}
	file := (*before)[at]
	s, err := c.look(ctx, file.ID)
	if err != nil {
		return file, false, err
	}
	*before = slices.Delete(*before, at, at+1)
	return file, s != absent, nil
}

// draft is what makes or changes a status.
type draft struct {
	Status string `json:"status"`
	// Kind keeps servers from taking the text for Markdown (GoToSocial, Akkoma,
	// glitch-soc); Mastodon passes over what it does not know.
	Kind       string   `json:"content_type"`
	MediaIDs   []string `json:"media_ids,omitempty"`
	Visibility string   `json:"visibility,omitempty"`
	Language   string   `json:"language,omitempty"`
	Warning    string   `json:"spoiler_text"`
	Sensitive  bool     `json:"sensitive,omitempty"`
	ReplyTo    string   `json:"in_reply_to_id,omitempty"`
}

func newDraft(p channel.Post, media []string) draft {
	lang, _, _ := strings.Cut(p.Lang, "-") // ISO 639, without the region
	return draft{Status: written(p), Kind: "text/plain", MediaIDs: media, Language: lang, Warning: p.Warning, Sensitive: p.Warning != "" && len(media) > 0}
}

// Finalize posts the status.
func (a *Adapter) Finalize(ctx context.Context, account channel.Account, p channel.Post, done channel.Progress) (channel.Remote, error) {
	c, _, apiErr := a.on(account)
	if apiErr != nil {
		return channel.Remote{}, apiErr
	}
	media := ids(readProgress(done).Media)
	if len(media) != len(p.Media) {
		return channel.Remote{}, notReady()
	}
	d := newDraft(p, media)
	d.Visibility = visibility(p, account.Options)
	if p.To != nil {
		d.ReplyTo = p.To.ID
	}
	req, apiErr := c.request(ctx, "POST", "/api/v1/statuses", d)
	if apiErr != nil {
		return channel.Remote{}, apiErr
	}
	req.Header.Set("Idempotency-Key", p.Key)
	// net/http repeats a request with this header by itself when a kept connection
	// breaks. Not every server with this API knows the header, so it must not:
	// without GetBody it cannot.
	req.GetBody = nil
	var made status
	if err := c.send(ctx, req, &made, wire.Irreversible); err != nil {
		return channel.Remote{}, c.explain(ctx, err, p, a.Capabilities(account), media)
	}
	if made.ID == "" {
		return channel.Remote{}, &channel.Error{Class: channel.Unknown, Code: channel.CodeNotAPI}
	}
	return made.remote(), nil
}

func ids(media []uploaded) []string {
	var list []string
	for _, m := range media {
		list = append(list, m.ID)
	}
	return list
}

// explain finds out why a status was refused. The server answers 422 to
// everything it does not like, with words that follow its language and version,
// so the facts are looked at and not the words.
func (c api) explain(ctx context.Context, e *channel.Error, p channel.Post, caps channel.Capabilities, media []string) *channel.Error {
	if e.Class != channel.Refused {
		return e
	}
	if caps.MaxText > 0 && count.LengthWithWarning(caps.Text, p.Warning, written(p)) > caps.MaxText {
		e.Code = channel.CodeTooLong
		return e
	}
	if p.To != nil && e.Code == channel.CodeNotFound {
		e.Code = channel.CodeAnswerGone // nothing else in the call can be missing
		return e
	}
	for _, id := range media {
		s, err := c.look(ctx, id)
		switch {
		case err != nil && err.Class == channel.Refused:
			e.Code = channel.CodeMedia
			return e
		case err != nil:
			return e
		case s == processing:
			return notReady()
		case s == absent:
			// Thrown away, or attached to a status that an earlier attempt made: this call
			// made nothing, but only Find may say that no other did.
			return &channel.Error{Class: channel.Unknown, Code: channel.CodeMedia, Detail: e.Detail}
		}
	}
	return e
}

// status is the part of a Status entity that we use.
type status struct {
	ID         string       `json:"id"`
	URL        string       `json:"url"`
	URI        string       `json:"uri"`
	Content    string       `json:"content"` // HTML
	Text       string       `json:"text"`    // the source; GoToSocial gives it, Mastodon only of what was deleted
	Reblog     *struct{}    `json:"reblog"`
	Warning    string       `json:"spoiler_text"`
	Media      []attachment `json:"media_attachments"`
	ReplyTo    string       `json:"in_reply_to_id"`
	Visibility string       `json:"visibility"`
	Language   string       `json:"language"`
	CreatedAt  time.Time    `json:"created_at"`
	EditedAt   *time.Time   `json:"edited_at"`
	Account    person       `json:"account"`
	Mentions   []struct {
		Acct     string `json:"acct"`
		Username string `json:"username"`
	} `json:"mentions"`
	Quote *struct {
		Status *struct {
			ID string `json:"id"`
		} `json:"quoted_status"`
	} `json:"quote"`
}

func (s status) remote() channel.Remote {
	r := channel.Remote{ID: s.ID, URL: s.URL}
	if r.URL == "" {
		r.URL = s.URI
	}
	return r
}

// Edit changes text, warning and files. A file stays when its description and
// shape are what they were, else it is uploaded anew: the server cannot tell
// whether a picture with another description is another picture.
func (a *Adapter) Edit(ctx context.Context, account channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	c, _, apiErr := a.on(account)
	if apiErr != nil {
		return r, apiErr
	}
	var now status
	if err := c.call(ctx, "GET", "/api/v1/statuses/"+r.ID, nil, &now); err != nil {
		return r, gone(err)
	}
	var media []string
	for i, m := range p.Media {
		if i < len(now.Media) && now.Media[i].shows(m) {
			media = append(media, now.Media[i].ID)
			continue
		}
		got, err := c.upload(ctx, account, m)
		if err != nil {
			return r, err
		}
		if s, err := c.wait(ctx, got.ID); err != nil {
			return r, err
		} else if s == absent {
			return r, notReady()
		}
		media = append(media, got.ID)
	}
	change := struct {
		draft
		MediaIDs []string `json:"media_ids"` // also when empty: the pictures were taken off
	}{newDraft(p, media), append([]string{}, media...)}
	var changed status
	if err := c.call(ctx, http.MethodPut, "/api/v1/statuses/"+r.ID, change, &changed); err != nil {
		if err.Code == channel.CodeNotFound || err.Code == channel.CodeGone {
			return r, gone(err)
		}
		caps := a.Capabilities(account)
		if err.Class == channel.Refused && count.LengthWithWarning(caps.Text, p.Warning, written(p)) > caps.MaxText {
			err.Code = channel.CodeTooLong
		}
		return r, err
	}
	if changed.ID != r.ID {
		return r, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI}
	}
	return changed.remote(), nil
}

// shows reports whether the attachment is m, as far as the server lets us see.
func (x attachment) shows(m channel.Media) bool {
	w, h := x.Meta.Original.Width, x.Meta.Original.Height
	if x.Description != m.Alt || (x.Type == "image") != m.IsImage() || w == 0 || m.Width == 0 {
		return false
	}
	// The server may have made it smaller, so its proportions are compared, within 2 %.
	a, b := w*m.Height, h*m.Width
	return 50*max(a-b, b-a) <= max(a, b)
}

func gone(e *channel.Error) *channel.Error {
	if e.Code == channel.CodeNotFound {
		e.Code = channel.CodeGone
	}
	return e
}

// Withdraw deletes the status.
func (a *Adapter) Withdraw(ctx context.Context, account channel.Account, r channel.Remote) error {
	c, _, apiErr := a.on(account)
	if apiErr != nil {
		return apiErr
	}
	err := c.call(ctx, http.MethodDelete, "/api/v1/statuses/"+r.ID, nil, nil)
	if err == nil || err.Code == channel.CodeNotFound || err.Code == channel.CodeGone {
		return nil
	}
	return err
}
