package publishing

import (
	"context"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// Preview is one channel's variant as it will look, whatever is wrong with it.
type Preview struct {
	Channel    channel.Channel
	Choice     Variant // what a person chose for this channel
	Text       string
	Card       *channel.Card // link preview; without its picture
	Have, Most int           // length as the channel counts it, and its limit; 0 is none
	Media      []Media       // the files that go along, in order
	Left       int           // files that stay behind the link
	Problems   []channel.Problem
}

// Blocked reports whether the channel would refuse the variant as it is.
func (p Preview) Blocked() bool {
	for _, problem := range p.Problems {
		if problem.Blocking {
			return true
		}
	}
	return false
}

// Previews shows a content as each channel of its profile would get it. id is of
// the message when it is stored already, so that its real address is shown; else
// the address that it will probably have. Nothing is stored. Fault: Forbidden.
func (d *Desk) Previews(ctx context.Context, inst institution.Institution, id string, c Content) ([]Preview, error) {
	if _, err := people.Can(ctx, people.See, inst.ID); err != nil {
		return nil, err
	}
	c = c.Tidy()
	var channels []channel.Channel
	var files map[string]Media
	var path string
	err := d.db.Read(ctx, func(tx *db.Tx) (err error) {
		if channels, err = d.channels.Squares(ctx, tx, inst.ID, c.ProfileID); err != nil {
			return err
		}
		if files, err = mediaOf(ctx, tx, inst.ID, c.Media); err != nil || id == "" {
			return err
		}
		path, err = PublicPath(ctx, tx, inst.ID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = "/m/" + probableSlug(c.Title)
	}
	all := make([]Preview, 0, len(channels))
	for _, ch := range channels {
		p, err := d.preview(ctx, c, files, ch, inst, d.address(inst)+path)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func (d *Desk) preview(ctx context.Context, c Content, files map[string]Media, ch channel.Channel, inst institution.Institution, link string) (Preview, error) {
	caps := d.channels.Capabilities(ch)
	fitted, byHash := asFitted(files, caps)
	post, problems, err := d.post(ctx, c, fitted, ch, caps, inst, link)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{Channel: ch, Choice: c.Variant(ch.ID), Text: post.Text, Card: post.Card, Problems: problems}
	p.Have, p.Most = channel.Length(post, caps)
	for _, m := range post.Media {
		p.Media = append(p.Media, byHash[m.Hash])
	}
	p.Left = len(files) - len(p.Media)
	return p, nil
}

// asFitted describes pictures as they will be once fitted to a channel, since
// they are fitted only when they go out: a preview must not wait for that.
func asFitted(files map[string]Media, caps channel.Capabilities) (fitted, byHash map[string]Media) {
	small := caps
	small.ImageBytes, small.ImageSide = 900_000, 1200 // the picture of a link card
	fitted, byHash = map[string]Media{}, map[string]Media{}
	for id, f := range files {
		byHash[f.Hash] = f
		if f.IsImage() {
			if len(caps.ImageTypes) > 0 {
				f.ContentType = caps.ImageTypes[0]
			}
			f.Size = min(f.Size, small.ImageBytes)
			if caps.ImageBytes > 0 {
				f.Size = min(f.Size, caps.ImageBytes)
			}
			f.Width, f.Height = min(f.Width, small.ImageSide), min(f.Height, small.ImageSide)
			if caps.ImageSide > 0 {
				f.Width, f.Height = min(f.Width, caps.ImageSide), min(f.Height, caps.ImageSide)
			}
		}
		fitted[id] = f
	}
	return fitted, byHash
}

// probableSlug is the address that a message gets unless another one has it.
func probableSlug(title string) string {
	slug := institution.Slug(title)
	if len(slug) > 80 {
		slug = slug[:80]
	}
	if slug == "" {
		slug = "messaggio"
	}
	return slug
}
