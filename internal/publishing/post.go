package publishing

import (
	"context"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/institution"
)

// linkMark stands for the address of the message's page in a variant written by
// hand: the address is known only once the message is out.
const linkMark = "{link}"

// post adapts a message's content to one channel: the text, the files that fit,
// the link card. problems say what is wrong with it.
func (d *Desk) post(ctx context.Context, c Content, files map[string]Media, ch channel.Channel, caps channel.Capabilities, inst institution.Institution, link string) (channel.Post, []channel.Problem, error) {
	choice := c.Variant(ch.ID)
	var all []channel.Media
	for _, a := range c.Media {
		if f, ok := files[a.MediaID]; ok {
			all = append(all, channel.Media{Hash: a.MediaID, ContentType: f.ContentType, Size: f.Size, Alt: a.Alt})
		}
	}
	picked, left := channel.Pick(all, caps)
	var chosen []Attachment
	for _, p := range picked {
		for _, a := range c.Media {
			if a.MediaID == p.Hash {
				chosen = append(chosen, a)
				break
			}
		}
	}
	media, err := d.forChannel(ctx, chosen, files, caps)
	if err != nil {
		return channel.Post{}, nil, err
	}
	p := channel.Post{Title: c.Title, Link: link, Lang: c.Lang, Warning: choice.Warning, Tags: c.Tags, Media: media}
	if choice.Edited {
		p.Text = strings.ReplaceAll(choice.Text, linkMark, link)
	} else {
		p.Text = channel.Compose(channel.Source{
			Title: c.Title, Body: d.writing.Plain(c.Body, d.address(inst)), Link: link, Tags: c.Tags, Event: eventLine(c.Event, inst), Media: len(media), Left: left, Lang: c.Lang,
		}, caps)
	}
	if p.Rich, err = d.rich(c, inst); err != nil {
		return p, nil, err
	}
	p.Rich.Written = choice.Edited
	p.Card = &channel.Card{URL: link, Title: c.Title, Description: p.Rich.Summary}
	if len(media) == 0 {
		if p.Card.Image, err = d.cardImage(ctx, c, files, caps); err != nil {
			return p, nil, err
		}
	}
	return p, channel.Check(p, caps), nil
}

// rich is the whole message, for squares that carry more than a short text.
func (d *Desk) rich(c Content, inst institution.Institution) (*channel.Rich, error) {
	html, err := d.writing.HTML(c.Body)
	if err != nil {
		return nil, err
	}
	r := &channel.Rich{Kind: string(c.Kind()), Summary: Summary(d.writing.Words(c.Body), 200), HTML: html}
	if c.Event == nil {
		return r, nil
	}
	span, known := c.Event.Span(inst.Location())
	if !known {
		return r, nil
	}
	r.Event = &channel.Event{Start: span.Start, End: span.End, Days: span.Days, Zone: inst.Zone, Where: c.Event.Where}
	if c.Place != nil {
		r.Event.Lat, r.Event.Lon = &c.Place.Lat, &c.Place.Lon
		if r.Event.Where == "" {
			r.Event.Where = c.Place.Name
		}
	}
	return r, nil
}

// cardImage is the first picture, small: the thumbnail of the link card.
func (d *Desk) cardImage(ctx context.Context, c Content, files map[string]Media, caps channel.Capabilities) (*channel.Media, error) {
	for _, a := range c.Media {
		if f, ok := files[a.MediaID]; ok && f.IsImage() {
			small := caps
			small.ImageBytes, small.ImageSide = 900_000, 1200
			m, err := d.forChannel(ctx, []Attachment{a}, files, small)
			if err != nil || len(m) == 0 {
				return nil, err
			}
			return &m[0], nil
		}
	}
	return nil, nil
}
