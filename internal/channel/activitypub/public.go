package activitypub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
)

// program reports whether a reader wants a document rather than a page. Who does
// not say gets the document: browsers do say.
func program(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return !strings.Contains(accept, "text/html") || strings.Contains(accept, "activity+json") && strings.Index(accept, "activity+json") < strings.Index(accept, "text/html")
}

// document answers with a document of ours. Scripts of any page may read it.
func document(w http.ResponseWriter, r *http.Request, status int, kind string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Add("Vary", "Accept")
	h.Set("Cache-Control", "public, max-age=60")
	if status == http.StatusOK {
		if web.NotModified(w, r, web.ETag(body), time.Time{}) {
			return nil
		}
	}
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}

// show answers with an ActivityStreams document.
func show(w http.ResponseWriter, r *http.Request, status int, doc any) error {
	body, err := vocab.Encode(doc)
	if err != nil {
		return err
	}
	return document(w, r, status, activityType, body)
}

// page sends a browser to what a person reads.
func page(w http.ResponseWriter, r *http.Request, address string) error {
	w.Header().Add("Vary", "Accept")
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// named reads the actor that a request is for. Fault: NotFound.
func (s *Server) named(r *http.Request, p place) (a actor, err error) {
	return a, s.db.Read(r.Context(), func(tx *db.Tx) error {
		a, err = s.actorByName(r.Context(), tx, p, r.PathValue("name"))
		return err
	})
}

func (s *Server) showActor(w http.ResponseWriter, r *http.Request, p place) error {
	a, err := s.named(r, p)
	if err != nil {
		return err
	}
	if !program(r) {
		return page(w, r, a.page())
	}
	doc, err := s.actorDocument(r.Context(), a)
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, doc)
}

// actorDocument is what others read of an actor of ours.
func (s *Server) actorDocument(ctx context.Context, a actor) (vocab.Actor, error) {
	signer, err := s.signer(a)
	if err != nil {
		return vocab.Actor{}, fault.New(fault.Unavailable, "activitypub.actor.missing").Because(err)
	}
	pem, err := sig.MarshalPublic(&signer.Key.PublicKey)
	if err != nil {
		return vocab.Actor{}, err
	}
	id := a.id()
	doc := vocab.Actor{
		ID: id, Type: vocab.Organization, PreferredUsername: a.name, Name: a.profile.Name, Summary: a.words(nil, nil).html(a.profile.Bio), URL: a.page(),
		Inbox: a.place.inbox(a.name), Outbox: id + "/outbox", Followers: a.place.followers(a.name), Following: id + "/following", Featured: id + "/featured",
		Endpoints: &vocab.Endpoints{SharedInbox: a.sharedInbox()}, PublicKey: vocab.PublicKey{ID: a.keyID(), Owner: id, PEM: pem},
		Published: vocab.At(a.profile.CreatedAt), Discoverable: true, Indexable: true,
		InteractionPolicy: &vocab.ActorPolicy{CanFeature: vocab.Rule{AutomaticApproval: []string{vocab.Public}}},
	}
	if doc.Icon, err = s.icon(ctx, a); err != nil {
		return doc, err
	}
	doc.Image = &vocab.Media{MediaType: "image/png", URL: a.origin + bannerPath(a.Colour), Width: bannerWidth, Height: bannerHeight}
	doc.Attachment = s.facts(a)
	return doc, nil
}

// icon is the profile's portrait; nil without one.
func (s *Server) icon(ctx context.Context, a actor) (*vocab.Media, error) {
	if a.profile.AvatarHash == "" {
		return nil, nil
	}
	m := &vocab.Media{URL: a.media(a.profile.AvatarHash, "avatar")}
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT content_type, width, height FROM media WHERE institution_id = $1 AND hash = $2 LIMIT 1`, a.ID, a.profile.AvatarHash).
			Scan(&m.MediaType, &m.Width, &m.Height)
	})
	if errors.Is(err, db.ErrNone) {
		return nil, nil
	}
	return m, err
}

// facts are the lines beside an actor's name: where else it is, and how to reach
// the institution. The links say rel="me", and the pages there link back.
func (s *Server) facts(a actor) (all []vocab.Field) {
	t := s.bundle.For(a.Locale, a.Location())
	link := func(key, address string) {
		if !strings.HasPrefix(address, "http") {
			return
		}
		shown := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://"), "/")
		all = append(all, vocab.Field{Name: t.T(key), Value: `<a href="` + html.EscapeString(address) + `" rel="me nofollow noopener" target="_blank">` + html.EscapeString(shown) + `</a>`})
	}
	link("activitypub.fact.page", a.page())
	link("activitypub.fact.site", a.SiteURL)
	for _, f := range []struct{ key, value string }{{"activitypub.fact.email", a.Email}, {"activitypub.fact.phone", a.Phone}} {
		if f.value != "" {
			all = append(all, vocab.Field{Name: t.T(f.key), Value: html.EscapeString(f.value)})
		}
	}
	return all
}

// showInstance is the institution itself, which signs what no profile asks for.
func (s *Server) showInstance(w http.ResponseWriter, r *http.Request, p place) error {
	if !program(r) {
		return page(w, r, p.origin+"/")
	}
	signer, err := s.instanceSigner(r.Context(), p)
	if err != nil {
		return err
	}
	pem, err := sig.MarshalPublic(&signer.Key.PublicKey)
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, vocab.Actor{
		ID: p.instance(), Type: vocab.Application, PreferredUsername: p.host(), Name: p.Name, URL: p.origin + "/",
		Inbox: p.instance() + "/inbox", Endpoints: &vocab.Endpoints{SharedInbox: p.sharedInbox()},
		PublicKey: vocab.PublicKey{ID: p.key(""), Owner: p.instance(), PEM: pem}, ManuallyApprovesFollowers: true,
	})
}

// perPage is how many activities a page of an outbox has.
const perPage = 20

func (s *Server) showOutbox(w http.ResponseWriter, r *http.Request, p place) error {
	ctx := r.Context()
	a, err := s.named(r, p)
	if err != nil {
		return err
	}
	here := a.id() + "/outbox"
	q := r.URL.Query()
	if q.Get("page") == "" {
		var total int
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) FROM ap_activity WHERE institution_id = $1 AND actor = $2 AND public AND undone_at = 0`, p.ID, a.name).Scan(&total)
		})
		if err != nil {
			return err
		}
		return show(w, r, http.StatusOK, vocab.Collection{ID: here, TotalItems: total, First: here + "?page=true"})
	}
	// A page begins after the last activity of the one before: its moment, and its id,
	// for several may share a moment.
	moment, before, _ := strings.Cut(q.Get("before"), ".")
	from, err := strconv.ParseInt(moment, 10, 64)
	if err != nil {
		from, before = math.MaxInt64, ""
	}
	type said struct {
		at   int64
		id   string
		body []byte
	}
	var some []said
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		some, err = db.All(ctx, tx, func(r db.Scanner) (x said, err error) {
			err = r.Scan(&x.at, &x.id, &x.body)
			return x, err
		}, `SELECT at, id, body FROM ap_activity WHERE institution_id = $1 AND actor = $2 AND public AND undone_at = 0 AND (at, id) < ($3, $4)
			ORDER BY at DESC, id DESC LIMIT $5`, p.ID, a.name, from, before, perPage)
		return err
	})
	if err != nil {
		return err
	}
	one := vocab.Page{ID: p.origin + r.URL.RequestURI(), PartOf: here}
	for _, x := range some {
		one.Items = append(one.Items, json.RawMessage(x.body))
	}
	if len(some) == perPage {
		one.Next = here + "?page=true&before=" + url.QueryEscape(fmt.Sprintf("%d.%s", some[perPage-1].at, some[perPage-1].id))
	}
	return show(w, r, http.StatusOK, one)
}

// showFollowers tells how many they are; who they are is nobody's business.
func (s *Server) showFollowers(w http.ResponseWriter, r *http.Request, p place) error {
	a, err := s.named(r, p)
	if err != nil {
		return err
	}
	var total int
	err = s.db.Read(r.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(r.Context(), `SELECT count(*) FROM ap_follower WHERE institution_id = $1 AND actor = $2`, p.ID, a.name).Scan(&total)
	})
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, vocab.Collection{ID: a.place.followers(a.name), TotalItems: total})
}

// showFollowing is empty: a public office follows nobody.
func (s *Server) showFollowing(w http.ResponseWriter, r *http.Request, p place) error {
	a, err := s.named(r, p)
	if err != nil {
		return err
	}
	return show(w, r, http.StatusOK, vocab.Collection{ID: a.id() + "/following"})
}

// maxFeatured is how many messages stand on top of a profile elsewhere.
const maxFeatured = 3

// showFeatured are the messages that a reader should see first: the newest ones,
// without answers.
func (s *Server) showFeatured(w http.ResponseWriter, r *http.Request, p place) error {
	ctx := r.Context()
	a, err := s.named(r, p)
	if err != nil {
		return err
	}
	var all []object
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = db.All(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM ap_object
			WHERE institution_id = $1 AND actor = $2 AND public AND reply_to = '' AND deleted_at = 0 ORDER BY published_at DESC, id DESC LIMIT $3`, p.ID, a.name, maxFeatured)
		return err
	})
	if err != nil {
		return err
	}
	c := vocab.Collection{ID: a.id() + "/featured", TotalItems: len(all)}
	for _, o := range all {
		c.Items = append(c.Items, o.Body)
	}
	return show(w, r, http.StatusOK, c)
}

// showObject is what we said; 410 with a Tombstone once it was taken back. What is
// for one reader only went to that reader.
func (s *Server) showObject(w http.ResponseWriter, r *http.Request, p place) error {
	ctx := r.Context()
	var o object
	var ok bool
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		o, ok, err = objectByID(ctx, tx, p.ID, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	if !ok || !o.Public {
		return fault.Missing("activitypub.object.missing")
	}
	if !program(r) {
		switch {
		case o.Link != "":
			return page(w, r, o.Link)
		case hostOf(o.ReplyTo, false) != "" && o.Deleted.IsZero():
			return page(w, r, o.ReplyTo)
		}
		return page(w, r, p.origin+"/")
	}
	if !o.Deleted.IsZero() {
		return show(w, r, http.StatusGone, o.Body)
	}
	return show(w, r, http.StatusOK, o.Body)
}

// MessagePath is where the slug of a message on the site leads to its document: the
// site's page names it for who looks for one.
const MessagePath = "/ap/m"

func (s *Server) showMessage(w http.ResponseWriter, r *http.Request, p place) error {
	ctx := r.Context()
	link := p.origin + "/m/" + url.PathEscape(r.PathValue("slug"))
	var id string
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT id FROM ap_object WHERE institution_id = $1 AND link = $2 AND public AND reply_to = '' ORDER BY published_at DESC, id DESC LIMIT 1`, p.ID, link).Scan(&id)
	})
	if errors.Is(err, db.ErrNone) {
		return fault.Missing("activitypub.object.missing")
	}
	if err != nil {
		return err
	}
	r.SetPathValue("id", id)
	return s.showObject(w, r, p)
}

func (s *Server) showActivity(w http.ResponseWriter, r *http.Request, p place) error {
	ctx := r.Context()
	var body []byte
	var undone int64
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT body, undone_at FROM ap_activity WHERE institution_id = $1 AND id = $2 AND public`, p.ID, r.PathValue("id")).Scan(&body, &undone)
	})
	if errors.Is(err, db.ErrNone) {
		return fault.Missing("activitypub.object.missing")
	}
	if err != nil {
		return err
	}
	if undone > 0 {
		return show(w, r, http.StatusGone, vocab.Tombstone{ID: p.activity(r.PathValue("id")), Deleted: vocab.At(db.When(undone))})
	}
	return document(w, r, http.StatusOK, activityType, body)
}
