package activitypub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
)

const (
	activityType = vocab.ContentType
	// maxBody bounds what we read of anybody, in bytes.
	maxBody = 1 << 20
	// freshFor is how long an actor's document is believed without asking again.
	freshFor = 7 * 24 * time.Hour
	// rotateAfter is the least time between two readings of an actor whose key does
	// not fit: whoever sends false signatures does not make us ask more often.
	rotateAfter = time.Minute
	// missingFor is how long a key that could not be had is not asked for again.
	missingFor = 2 * time.Minute
)

// Why an actor or an object elsewhere cannot be had. Any other error may pass.
var (
	errGone      = errors.New("it is no more")
	errNotTheirs = errors.New("it is not what its address says")
)

// remote is an actor of another server.
type remote struct {
	ID, Host             string
	Handle, Name         string
	URL, Avatar          string
	Inbox                string
	DeliverTo, DeliverAt string // the shared inbox where there is one, and its host
	KeyID, KeyPEM        string
	Indexable            bool
	Fetched, Gone        time.Time
}

func (r remote) author() channel.Author {
	return channel.Author{ID: r.ID, Handle: r.Handle, Name: r.Name, URL: r.URL, Avatar: r.Avatar}
}

const remoteColumns = `id, host, handle, name, url, avatar, inbox, deliver_to, deliver_host, key_id, key_pem, indexable, fetched_at, gone_at`

func scanRemote(s db.Scanner) (r remote, err error) {
	var fetched, gone int64
	err = s.Scan(&r.ID, &r.Host, &r.Handle, &r.Name, &r.URL, &r.Avatar, &r.Inbox, &r.DeliverTo, &r.DeliverAt, &r.KeyID, &r.KeyPEM, &r.Indexable, &fetched, &gone)
	r.Fetched, r.Gone = db.When(fetched), db.When(gone)
	return r, err
}

func knownRemote(ctx context.Context, tx *db.Tx, institutionID, id string) (remote, bool, error) {
	return remoteWhere(ctx, tx, `id = $2`, institutionID, id)
}

func remoteWhere(ctx context.Context, tx *db.Tx, where, institutionID, arg string) (remote, bool, error) {
	r, err := scanRemote(tx.QueryRow(ctx, `SELECT `+remoteColumns+` FROM ap_remote WHERE institution_id = $1 AND `+where, institutionID, arg))
	if errors.Is(err, db.ErrNone) {
		return r, false, nil
	}
	return r, err == nil, err
}

func keepRemote(ctx context.Context, tx *db.Tx, institutionID string, r remote) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO ap_remote (institution_id, `+remoteColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 0)
		ON CONFLICT (institution_id, id) DO UPDATE SET host = excluded.host, handle = excluded.handle, name = excluded.name, url = excluded.url,
			avatar = excluded.avatar, inbox = excluded.inbox, deliver_to = excluded.deliver_to, deliver_host = excluded.deliver_host,
			key_id = excluded.key_id, key_pem = excluded.key_pem, indexable = excluded.indexable, fetched_at = excluded.fetched_at, gone_at = 0`,
		institutionID, r.ID, r.Host, r.Handle, r.Name, r.URL, r.Avatar, r.Inbox, r.DeliverTo, r.DeliverAt, r.KeyID, r.KeyPEM, r.Indexable, db.At(r.Fetched))
	return err
}

// remote returns an actor elsewhere, as we know it, or as its server describes it
// when we do not or have not asked for long. Errors: errGone, errNotTheirs, or one
// that may pass.
func (s *Server) remote(ctx context.Context, p place, id string) (r remote, err error) {
	known := false
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		r, known, err = knownRemote(ctx, tx, p.ID, id)
		return err
	})
	if err != nil || known && s.clock().Sub(r.Fetched) < freshFor && r.Gone.IsZero() {
		return r, err
	}
	fresh, err := s.loadActor(ctx, p, id)
	if err != nil && known && r.Gone.IsZero() && !errors.Is(err, errGone) {
		return r, nil // better old than none
	}
	return fresh, err
}

// loadActor reads an actor's document and keeps it. One that says that it is gone
// is kept as gone.
func (s *Server) loadActor(ctx context.Context, p place, id string) (remote, error) {
	v, err, _ := s.flights.Do(p.ID+" "+id, func() (any, error) {
		// Whoever asked first may leave; the others still wait.
		ctx := context.WithoutCancel(ctx)
		r, err := s.readActor(ctx, p, id)
		if errors.Is(err, errGone) {
			e := s.db.InTx(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE ap_remote SET gone_at = $3 WHERE institution_id = $1 AND id = $2 AND gone_at = 0`, p.ID, id, db.At(s.clock()))
				return err
			})
			return r, errors.Join(err, e)
		}
		if err != nil {
			return r, err
		}
		return r, s.db.InTx(ctx, func(tx *db.Tx) error { return keepRemote(ctx, tx, p.ID, r) })
	})
	r, _ := v.(remote)
	return r, err
}

// readActor reads the document of an actor at its own address.
func (s *Server) readActor(ctx context.Context, p place, id string) (remote, error) {
	body, at, err := s.get(ctx, p, id)
	if err != nil {
		return remote{}, err
	}
	peer, err := vocab.ParseActor(body, vocab.DefaultLimits())
	if err != nil {
		return remote{}, fmt.Errorf("%w: %w", errNotTheirs, err)
	}
	if peer.ID != id {
		// An alias: the document counts only at the address that it names itself.
		if hostOf(peer.ID, p.secure()) != at {
			return remote{}, fmt.Errorf("%w: %.200q calls itself %.200q", errNotTheirs, id, peer.ID)
		}
		if body, at, err = s.get(ctx, p, peer.ID); err != nil {
			return remote{}, err
		}
		again, err := vocab.ParseActor(body, vocab.DefaultLimits())
		if err != nil || again.ID != peer.ID {
			return remote{}, fmt.Errorf("%w: %.200q is not stable", errNotTheirs, peer.ID)
		}
		peer = again
	}
	if hostOf(peer.ID, p.secure()) != at {
		return remote{}, fmt.Errorf("%w: %.200q was given by %.200q", errNotTheirs, peer.ID, at)
	}
	return s.remoteOf(p, peer), nil
}

// remoteOf keeps of an actor's document what we need. Its keys may not be somebody
// else's, nor may its inboxes: they could be a third's, whom we would write to in the
// actor's name. The shared inbox of a service may stand beside its actors, under the
// name that both belong to.
func (s *Server) remoteOf(p place, peer vocab.Peer) remote {
	r := remote{ID: peer.ID, Host: hostOf(peer.ID, p.secure()), Handle: peer.Handle(), Name: peer.Name, URL: peer.URL, Avatar: peer.Icon,
		Indexable: peer.Indexable, Fetched: s.clock()}
	near := func(address string) bool {
		host := hostOf(address, p.secure())
		return host == r.Host || host != "" && site(host) == site(r.Host)
	}
	if near(peer.Inbox) {
		r.Inbox, r.DeliverTo = peer.Inbox, peer.Inbox
		if near(peer.SharedInbox) {
			r.DeliverTo = peer.SharedInbox
		}
	}
	r.DeliverAt = hostOf(r.DeliverTo, p.secure())
	for _, k := range peer.Keys {
		if (k.Owner == "" || k.Owner == peer.ID) && hostOf(k.ID, p.secure()) == r.Host {
			r.KeyID, r.KeyPEM = k.ID, k.PEM
			break
		}
	}
	return r
}

// maxHops is how many redirects are followed.
const maxHops = 3

// get reads a document elsewhere, asking in the name of the institution itself,
// and says from which host it came. Each redirect is asked with a signature of its
// own, since one is for one address. Errors: errGone, errNotTheirs, errUnsigned, or
// one of the network.
func (s *Server) get(ctx context.Context, p place, address string) (body []byte, host string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Ask)
	defer cancel()
	for hop := 0; ; hop++ {
		body, next, err := s.hop(ctx, p, address)
		if errors.Is(err, errUnsigned) { // it was asked in one way, and now in the other
			body, next, err = s.hop(ctx, p, address)
		}
		switch {
		case err != nil:
			return nil, "", err
		case next == "":
			return body, hostOf(address, p.secure()), nil
		case hop == maxHops:
			return nil, "", fmt.Errorf("%w: %.200q leads on and on", errNotTheirs, address)
		case strings.HasPrefix(address, "https:") && !strings.HasPrefix(next, "https:"):
			return nil, "", fmt.Errorf("%w: %.200q leads out of https", errNotTheirs, address)
		}
		address = next
	}
}

// getOnce is get with one request only, for what is asked because of somebody whom
// nobody has proven yet.
func (s *Server) getOnce(ctx context.Context, p place, address string) (body []byte, host string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.Ask)
	defer cancel()
	body, next, err := s.hop(ctx, p, address)
	if err == nil && next != "" {
		err = fmt.Errorf("%w: %.200q is elsewhere", errNotTheirs, address)
	}
	return body, hostOf(address, p.secure()), err
}

// errUnsigned says that a server did not take the signature.
var errUnsigned = errors.New("the signature was not accepted")

// hop makes one signed request, in the way of signing that the server took before.
// next is where it leads us instead.
func (s *Server) hop(ctx context.Context, p place, address string) (body []byte, next string, err error) {
	address, _, _ = strings.Cut(address, "#")
	host := hostOf(address, p.secure())
	if host == "" || host == p.host() {
		return nil, "", fmt.Errorf("%w: %.200q", errNotTheirs, address)
	}
	signer, err := s.instanceSigner(ctx, p)
	if err != nil {
		return nil, "", err
	}
	req, err := http.NewRequestWithContext(fetch.WithLimits(ctx, fetch.Limits{Timeout: s.limits.Ask, MaxBody: maxBody}), http.MethodGet, address, nil)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errNotTheirs, err)
	}
	req.Header.Set("Accept", vocab.AcceptHeader)
	scheme := sig.Cavage
	if s.newer.has(host, s.clock()) {
		scheme = sig.RFC9421
	}
	if err := signer.Sign(req, nil, scheme, s.clock()); err != nil {
		return nil, "", err
	}
	resp, err := s.direct.Do(req)
	if err != nil {
		if errors.Is(err, fetch.ErrPrivate) || errors.Is(err, fetch.ErrScheme) {
			return nil, "", fmt.Errorf("%w: %w", errNotTheirs, err)
		}
		return nil, "", err
	}
	defer resp.Body.Close()
	switch c := resp.StatusCode; {
	case c == http.StatusGone || c == http.StatusNotFound:
		return nil, "", fmt.Errorf("%w: %d", errGone, c)
	case c == http.StatusUnauthorized || c == http.StatusForbidden:
		if scheme == sig.Cavage {
			s.newer.put(host, s.clock())
		} else {
			s.newer.drop(host)
		}
		return nil, "", fmt.Errorf("%w: %d", errUnsigned, c)
	case c >= 300 && c < 400:
		to, err := resp.Location()
		if err != nil {
			return nil, "", fmt.Errorf("%w: %w", errNotTheirs, err)
		}
		return nil, to.String(), nil
	case c != http.StatusOK:
		return nil, "", fmt.Errorf("read %s: status %d", req.URL.Host, c)
	}
	body, err = readDocument(resp)
	return body, "", err
}

// readDocument reads the body of an answer that is a document.
func readDocument(resp *http.Response) ([]byte, error) {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind != activityType && kind != "application/ld+json" {
		// Else whoever may upload a file to a server could speak for it.
		return nil, fmt.Errorf("%w: %.60q is no such document", errNotTheirs, kind)
	}
	body, err := io.ReadAll(resp.Body)
	if errors.Is(err, fetch.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", errNotTheirs, err)
	}
	return body, err
}
