package comments

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/web"
)

// Where browsers come back from a sign-in.
const (
	fediversePath = "/commenti/fediverso"
	identityPath  = "/commenti/identita"
)

// journeyLife is how long a sign-in may take, in seconds.
const journeyLife = 15 * 60

// signInTime bounds what somebody waits for another server, on the way out and back.
const signInTime = 20 * time.Second

const (
	journeyCookie  = "arengo_comment"
	journeyPurpose = "site.comment.journey"
)

// setJourney lets the browser carry the link of its draft, sealed, to where the
// person signs in and back.
func (c *Comments) setJourney(w http.ResponseWriter, link string) {
	cookie := &http.Cookie{Name: journeyCookie, Path: "/commenti", MaxAge: journeyLife, HttpOnly: true, Secure: c.o.Secure, SameSite: http.SameSiteLaxMode}
	if cookie.MaxAge = -1; link != "" {
		cookie.Value, cookie.MaxAge = c.o.Box.Seal(journeyPurpose, link), journeyLife
	}
	http.SetCookie(w, cookie)
}

// journey is the link that the browser brought back. Fault: Invalid.
func (c *Comments) journey(r *http.Request) (string, error) {
	broken := fault.New(fault.Invalid, "comments.signin.broken")
	cookie, err := r.Cookie(journeyCookie)
	if err != nil {
		return "", broken
	}
	link, err := c.o.Box.Open(journeyPurpose, cookie.Value)
	if err != nil {
		return "", broken.Because(err)
	}
	return link, nil
}

// invite begins a sign-in on a server. Where Arengo is registered already, it calls
// nobody; else it makes one call, if it may. Faults: Invalid on the field "address",
// TooMany, Unavailable.
func (c *Comments) invite(r *http.Request, i institution.Institution, host, link string, d *draft) (address string, err error) {
	ctx, redirect := r.Context(), c.o.Address(i)+fediversePath
	app, err := c.registration(ctx, i, host, redirect)
	if err != nil {
		return "", err
	}
	d.Host, d.State = host, rand.Text()
	if address, d.Pending, err = c.o.Fediverse.Invite(app, redirect, d.State); err != nil {
		return "", fault.InvalidField("address", "comments.address.unreachable", host).Because(err)
	}
	return address, c.o.DB.InTx(ctx, func(tx *db.Tx) error { return c.keepDraft(ctx, tx, i.ID, link, *d, c.o.Clock()) })
}

// calling takes a place among the calls to people's servers, so that those that do
// not answer hold no more than these. Fault: Unavailable, at once.
func (c *Comments) calling(ctx context.Context) (limited context.Context, done func(), err error) {
	select {
	case c.calls <- struct{}{}:
	default:
		return nil, nil, fault.New(fault.Unavailable, "comments.signin.busy")
	}
	limited, cancel := context.WithTimeout(ctx, signInTime)
	return limited, func() { cancel(); <-c.calls }, nil
}

// addressOf is the server of a Fediverse address, typed with or without the first @,
// or as the address of a profile's page ("https://example.org/@anna"): a name on the
// public Internet, in its one form; no port, no bare address.
func addressOf(typed string) (host string, ok bool) {
	typed = strings.TrimSpace(typed)
	var name string
	if rest, isURL := strings.CutPrefix(typed, "https://"); isURL {
		host, name, ok = strings.Cut(strings.TrimSuffix(rest, "/"), "/@")
	} else {
		name, host, ok = strings.Cut(strings.TrimPrefix(typed, "@"), "@")
	}
	if !ok || name == "" || strings.ContainsAny(name, "@/?#\\<>\"' \t\r\n") {
		return "", false
	}
	return fetch.HostName(host)
}

// leave sends the browser to another server.
func (c *Comments) leave(w http.ResponseWriter, r *http.Request, link, address string) error {
	c.setJourney(w, link)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// fediverseBack reads who signed in on their own server.
func (c *Comments) fediverseBack(w http.ResponseWriter, r *http.Request) error {
	if c.o.Fediverse == nil {
		return fault.Missing("fault.not_found")
	}
	return c.arrive(w, r, byFediverse, func(i institution.Institution, d draft) (channel.Author, error) {
		q := r.URL.Query()
		if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(d.State)) != 1 {
			return channel.Author{}, fault.New(fault.Invalid, "comments.signin.broken")
		}
		if q.Get("code") == "" {
			return channel.Author{}, fault.New(fault.Invalid, "comments.signin.refused").Because(errors.New(q.Get("error")))
		}
		if err := c.o.DB.InTx(r.Context(), func(tx *db.Tx) error {
			return c.allow(r.Context(), tx, c.o.Clock(), limit.Comments.From(web.From(r)), limit.CommentHost.Of(d.Host))
		}); err != nil {
			return channel.Author{}, err
		}
		ctx, done, err := c.calling(r.Context())
		if err != nil {
			return channel.Author{}, err
		}
		defer done()
		who, err := c.o.Fediverse.Greet(ctx, d.Pending, c.o.Address(i)+fediversePath, q.Get("code"))
		if err != nil {
			c.doubt(r.Context(), i.ID, d.Host, c.o.Address(i)+fediversePath)
			return who, fault.New(fault.Unavailable, "comments.signin.failed").Because(err)
		}
		who.ID = "fediverse:" + who.ID
		return who, nil
	})
}

// identityBack reads who signed in with the identity provider. Of that only the
// name is kept; the provider's name for the person becomes a keyed hash.
func (c *Comments) identityBack(w http.ResponseWriter, r *http.Request) error {
	if c.o.Identity == nil {
		return fault.Missing("fault.not_found")
	}
	return c.arrive(w, r, byIdentity, func(i institution.Institution, d draft) (channel.Author, error) {
		subject, name, err := c.o.Identity.Arrived(r, r.URL.Query().Get("chi"))
		if err != nil {
			return channel.Author{}, err
		}
		if d.Name != "" {
			name = d.Name
		}
		return channel.Author{ID: "identity:" + c.o.Box.Pseudonym("site.author/"+i.ID, subject), Name: name}, nil
	})
}

// arrive puts who signed in into the draft that the browser brought back, and shows
// it to be confirmed.
func (c *Comments) arrive(w http.ResponseWriter, r *http.Request, by way, who func(institution.Institution, draft) (channel.Author, error)) error {
	ctx := r.Context()
	i, err := institution.Of(ctx)
	if err != nil {
		return err
	}
	link, err := c.journey(r)
	if err != nil {
		return err
	}
	var d draft
	if err := c.o.DB.Read(ctx, func(tx *db.Tx) error {
		d, err = c.openDraft(ctx, tx, i.ID, link, c.o.Clock())
		return err
	}); err != nil {
		return err
	}
	if d.Way != by {
		return fault.New(fault.Invalid, "comments.signin.broken")
	}
	author, err := who(i, d)
	if err != nil {
		return err
	}
	d.Who, d.Pending, d.State = &author, nil, ""
	if err := c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := c.openDraft(ctx, tx, i.ID, link, c.o.Clock()); err != nil {
			return err
		}
		return c.keepDraft(ctx, tx, i.ID, link, d, c.o.Clock())
	}); err != nil {
		return err
	}
	c.setJourney(w, "")
	return web.Redirect(w, r, linkPath(link))
}
