package activitypub

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
)

// ourObject finds what an address of ours means: the object, the activity that made
// it, the page on the site or its document. Programs take whichever they saw.
func (s *Server) ourObject(ctx context.Context, tx *db.Tx, p place, address string) (o object, ok bool, err error) {
	rest, ours := strings.CutPrefix(address, p.origin+"/")
	if !ours {
		return o, false, nil
	}
	rest, _, _ = strings.Cut(rest, "#")
	if id := p.objectID(address); id != "" {
		return objectByID(ctx, tx, p.ID, id)
	}
	if id := p.last(address, "/ap/a/"); id != "" {
		var object string
		if err := one(tx.QueryRow(ctx, `SELECT object FROM ap_activity WHERE institution_id = $1 AND id = $2 AND type IN ('Create', 'Update')`, p.ID, id), &object); err != nil || object == "" {
			return o, false, err
		}
		return objectByID(ctx, tx, p.ID, p.objectID(object))
	}
	slug, isPage := strings.CutPrefix(rest, "m/")
	if !isPage {
		slug, isPage = strings.CutPrefix(rest, strings.TrimPrefix(MessagePath, "/")+"/")
	}
	if !isPage {
		return o, false, nil
	}
	slug, _, _ = strings.Cut(slug, "?")
	if plain, err := url.PathUnescape(slug); err == nil {
		slug = plain
	}
	var id string
	if err := one(tx.QueryRow(ctx, `SELECT id FROM ap_object WHERE institution_id = $1 AND link = $2 AND reply_to = '' ORDER BY published_at DESC, id DESC LIMIT 1`,
		p.ID, p.origin+"/m/"+url.PathEscape(slug)), &id); err != nil || id == "" {
		return o, false, err
	}
	return objectByID(ctx, tx, p.ID, id)
}

// ourActor finds the actor that an address means: its own, or that of the profile's
// page. The name is empty when it is nobody of ours, or not connected.
func (s *Server) ourActor(ctx context.Context, tx *db.Tx, p place, address string) (name, channelID string, err error) {
	if name = p.actorName(address); name == "" {
		slug := p.last(strings.TrimSuffix(address, "/"), "/p/")
		if slug == "" {
			return "", "", nil
		}
		if err := one(tx.QueryRow(ctx, `
			SELECT a.name FROM ap_actor a JOIN profile f ON f.institution_id = a.institution_id AND f.id = a.profile_id WHERE a.institution_id = $1 AND f.slug = $2`, p.ID, slug), &name); err != nil {
			return "", "", err
		}
	}
	channelID, ok, err := channelOf(ctx, tx, p.ID, name)
	if err != nil || !ok {
		return "", "", err
	}
	return name, channelID, nil
}

// maxNamed is how many of our actors one post may name and be looked for.
const maxNamed = 10

// named are the addresses of ours that may be actors and that a post mentions or is
// addressed to.
func (in incoming) named(o vocab.Object) (all []string) {
	add := func(address string) {
		if strings.HasPrefix(address, in.origin+"/") && len(all) < maxNamed && !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	for _, t := range o.Tags {
		if t.Type == "Mention" {
			add(t.Href)
		}
	}
	for _, list := range [][]string{o.To, o.CC, in.To, in.CC} {
		for _, address := range list {
			add(address)
		}
	}
	return all
}

// concerns reports whether an activity says to be about something of ours, or is
// addressed to us: what of that cannot be taken is refused with a reason, and never
// dropped in silence.
func (in incoming) concerns() bool {
	ours := func(address string) bool { return strings.HasPrefix(address, in.origin+"/") }
	o := in.Object
	for ; ; o = *o.Inner {
		if ours(o.ID) || ours(o.InReplyTo) || ours(o.QuoteOf) || ours(o.Object) || len(in.named(o)) > 0 {
			return true
		}
		if o.Inner == nil {
			break
		}
	}
	return ours(in.Target) || slices.ContainsFunc(in.Objects, ours)
}
