package bluesky

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// square is a fresh account on the real PDS, seen through a gate. The DID
// document says that the PDS is the gate.
type square struct {
	pds     testkit.PDSPeer
	who     testkit.PDSAccount
	gate    *channeltest.Gate
	server  string // the gate's address
	adapter *Adapter
	aged    atomic.Bool // hours have passed: access tokens are answered as ended
	now     atomic.Pointer[time.Time]
}

func newSquare(t *testing.T) *square { t.Helper(); return squareOn(t, testkit.PDS(t), "") }

// squareOn is a square on a network whose AppView, if it has one, has a DID.
func squareOn(t *testing.T, pds testkit.PDSPeer, appView string) *square {
	t.Helper()
	s := &square{pds: pds, who: pds.Account(t)}
	target, err := url.Parse(pds.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		if s.aged.Load() && r.In.Header.Get("Authorization") != "" && !strings.HasSuffix(r.In.URL.Path, "refreshSession") {
			r.Out.Header.Set("Authorization", "Bearer "+pds.AccessToken(t, s.who.DID, time.Now().Add(-time.Minute)))
		}
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }}
	s.gate = channeltest.NewGate(proxy, tooMany)
	s.server = s.gate.Serve(t)
	s.adapter = New(fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 16}}), Options{
		Directory: s.directory(t), AppView: appView,
		Clock: func() time.Time {
			if now := s.now.Load(); now != nil {
				return *now
			}
			return time.Now()
		},
	})
	return s
}

// tooMany is how a PDS refuses who goes too fast; see TestRealRateLimit.
func tooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("RateLimit-Limit", "5000")
	w.Header().Set("RateLimit-Remaining", "0")
	w.Header().Set("RateLimit-Reset", fmt.Sprint(time.Now().Add(wait).Unix()))
	w.Header().Set("RateLimit-Policy", "5000;w=3600")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	io.WriteString(w, `{"error":"RateLimitExceeded","message":"Rate Limit Exceeded"}`)
}

// directory is the real PLC directory, whose documents name the gate instead of
// the PDS behind it.
func (s *square) directory(t *testing.T) string {
	d := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := http.Get(s.pds.Directory + r.URL.Path)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		io.WriteString(w, strings.ReplaceAll(string(b), s.pds.URL, s.server))
	}))
	t.Cleanup(d.Close)
	return d.URL
}

func (s *square) typed() map[string]string {
	return map[string]string{fieldServer: s.server, fieldHandle: s.who.Handle, fieldPassword: s.who.AppPassword}
}

// connected is the account as Connect leaves it, with a session that the PDS made
// without the wait of a sign-in. Connect itself has its own cases.
func (s *square) connected(t *testing.T) channel.Account {
	t.Helper()
	a, err := s.adapter.connected(document{DID: s.who.DID, PDS: s.server}, s.who.Handle, s.who.AppPassword,
		session{AccessJWT: s.who.AccessJWT, RefreshJWT: s.who.RefreshJWT})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// seen reads the account's posts as a citizen does: links in full.
func (s *square) seen(t testing.TB) []channeltest.Seen {
	t.Helper()
	var all []channeltest.Seen
	for _, r := range s.pds.Posts(t, s.who.DID) {
		var p struct {
			Text   string
			Facets []facet
			Embed  struct {
				Images []struct {
					Alt   string
					Image blobRef
				}
				Video *blobRef
				Alt   string
			}
		}
		if err := json.Unmarshal(r.Value, &p); err != nil {
			t.Fatal(err)
		}
		rkey := r.URI[strings.LastIndexByte(r.URI, '/')+1:]
		post := channeltest.Seen{ID: r.URI, URL: "https://bsky.app/profile/" + s.who.Handle + "/post/" + rkey, Text: full(p.Text, p.Facets)}
		for _, i := range p.Embed.Images {
			if n := len(s.pds.Blob(t, s.who.DID, i.Image.Ref.Link)); int64(n) != i.Image.Size {
				t.Errorf("the picture has %d bytes, its record says %d", n, i.Image.Size)
			}
			post.Media = append(post.Media, channeltest.SeenMedia{Alt: i.Alt})
		}
		if p.Embed.Video != nil {
			s.pds.Blob(t, s.who.DID, p.Embed.Video.Ref.Link)
			post.Media = append(post.Media, channeltest.SeenMedia{Alt: p.Embed.Alt, Video: true})
		}
		all = append(all, post)
	}
	return all
}

// full writes the whole address of each link where its short form stands.
func full(text string, facets []facet) string {
	for i := len(facets) - 1; i >= 0; i-- {
		if f := facets[i]; f.Features[0].URI != "" {
			text = text[:f.Index.Start] + f.Features[0].URI + text[f.Index.End:]
		}
	}
	return text
}

func isMethod(names ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		for _, n := range names {
			if r.URL.Path == "/xrpc/com.atproto."+n {
				return true
			}
		}
		return false
	}
}

func TestConformanceOnARealNetwork(t *testing.T) {
	network := testkit.AppView(t)
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		s := squareOn(t, network.PDSPeer, network.AppViewDID+"#bsky_appview")
		account := s.connected(t)
		return channeltest.Subject{
			Adapter: s.adapter, Account: account, Gate: s.gate,
			Final:  isMethod("repo.putRecord"),
			Upload: isMethod("repo.uploadBlob"),
			Posts:  s.seen,
			Revoke: func(t testing.TB) {
				s.pds.RevokeAppPassword(t, s.who)
				s.aged.Store(true)
			},
			Typed: s.typed(),
			Wrong: []channeltest.Wrong{
				{Field: fieldPassword, Typed: map[string]string{fieldPassword: "aaaa-bbbb-cccc-dddd"}},
				{Field: fieldHandle, Typed: map[string]string{fieldHandle: "nessuno.test"}},
				{Field: fieldHandle, Typed: map[string]string{fieldHandle: "il comune di Cesate"}},
				{Field: fieldServer, Typed: map[string]string{fieldServer: "https://"}},
			},
			Secrets: []string{s.who.AppPassword, s.who.AccessJWT, s.who.RefreshJWT},
			People:  newCitizens(t, network, s),
			Settle:  network.Settle,
			Cannot: map[channeltest.Case]string{
				channeltest.HearPrivate:   "posts on Bluesky are public",
				channeltest.AnswerPrivate: "posts on Bluesky are public",
				channeltest.HearEdit:      "posts on Bluesky cannot be changed",
			},
		}
	})
}
