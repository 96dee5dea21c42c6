package bluesky

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func containsAny(s string, subs ...string) bool {
	for _, sub := range subs {
		if strings.Contains(s, sub) {
			return true
		}
	}
	return false
}

// desk is a connected account and what publishing keeps of it.
type desk struct {
	*testing.T
	*square
	mu   sync.Mutex
	a    channel.Account
	kept int
}

func newDesk(t *testing.T) *desk {
	s := newSquare(t)
	d := &desk{T: t, square: s, a: s.connected(t)}
	d.a.Keep = func(_ context.Context, secret json.RawMessage) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.a.Secret, d.kept = secret, d.kept+1
		return nil
	}
	return d
}

func (d *desk) account() channel.Account {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.a
}

func aPost(text string, media ...channel.Media) channel.Post {
	return channel.Post{Key: uuid.Must(uuid.NewV7()).String(), Text: text, Lang: "it", Due: time.Now(), Media: media}
}

func (d *desk) prepare(p channel.Post) channel.Progress {
	d.Helper()
	done, err := d.adapter.Prepare(d.Context(), d.account(), p, nil, func(channel.Progress) error { return nil })
	if err != nil {
		d.Fatal(err)
	}
	return done
}

func (d *desk) publish(p channel.Post) channel.Remote {
	d.Helper()
	r, err := d.adapter.Finalize(d.Context(), d.account(), p, d.prepare(p))
	if err != nil {
		d.Fatal(err)
	}
	return r
}

// record is the only post of the account.
func (d *desk) record() (p post, raw json.RawMessage) {
	d.Helper()
	posts := d.pds.Posts(d, d.who.DID)
	if len(posts) != 1 {
		d.Fatalf("%d posts, want one", len(posts))
	}
	if err := json.Unmarshal(posts[0].Value, &p); err != nil {
		d.Fatal(err)
	}
	return p, posts[0].Value
}

// counted counts the calls of a method from now on.
func (d *desk) counted(method string) *int {
	n := new(int)
	match := isMethod(method)
	d.gate.Arm(channeltest.Rule{When: func(r *http.Request) bool {
		if match(r) {
			*n++
		}
		return false
	}})
	return n
}

func TestAccountIsFoundOnItsOwnPDS(t *testing.T) {
	t.Parallel()
	s := newSquare(t)
	// A server that only knows names, as the default one is for accounts elsewhere.
	names := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isMethod("identity.resolveHandle")(r) {
			t.Errorf("the wrong server was asked for %s", r.URL.Path)
		}
		resp, err := http.Get(s.pds.URL + r.URL.RequestURI())
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(resp.StatusCode)
		var b bytes.Buffer
		b.ReadFrom(resp.Body)
		w.Write(b.Bytes())
	}))
	defer names.Close()
	typed := s.typed()
	typed[fieldServer], typed[fieldHandle] = names.URL+"/", "@"+strings.ToUpper(s.who.Handle)
	a, err := s.adapter.Connect(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	if a.Server != s.server || a.Handle != "@"+s.who.Handle || a.URL != "https://bsky.app/profile/"+s.who.Handle {
		t.Errorf("connected %q %q %q", a.Server, a.Handle, a.URL)
	}
	if left := time.Until(a.Expires); left < 24*time.Hour {
		t.Errorf("the session ends in %s", left)
	}
}

func TestEndedSessionIsRenewedOnceAndKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ended := d.account()
	var s secret
	if err := json.Unmarshal(ended.Secret, &s); err != nil {
		t.Fatal(err)
	}
	s.Access = d.pds.AccessToken(t, s.DID, time.Now().Add(-time.Second))
	ended.Secret, _ = json.Marshal(s)
	d.a = ended
	passwords := d.counted("server.createSession")

	d.publish(aPost("Due ore dopo."))
	d.record()
	if d.kept != 1 || *passwords != 0 {
		t.Errorf("the session was kept %d times and the password used %d times, want once and never", d.kept, *passwords)
	}

	// Another node has the old secret still: its refresh token is taken a second time.
	if _, err := d.adapter.Test(t.Context(), ended); err != nil {
		t.Errorf("the other node: %v", err)
	}
	fresh, err := d.adapter.Refresh(t.Context(), d.account())
	if err != nil || bytes.Equal(fresh.Secret, d.account().Secret) || !fresh.Expires.After(time.Now()) {
		t.Errorf("Refresh: %v, ends %s", err, fresh.Expires)
	}
}

func TestLostRefreshTokenIsReplacedByThePassword(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var s secret
	if err := json.Unmarshal(d.a.Secret, &s); err != nil {
		t.Fatal(err)
	}
	s.Access, s.Refresh = d.pds.AccessToken(t, s.DID, time.Now().Add(-time.Second)), "lost"
	d.a.Secret, _ = json.Marshal(s)
	d.publish(aPost("Con la parola d'ordine."))
	d.record()
	if d.kept != 1 {
		t.Errorf("the session was kept %d times", d.kept)
	}
}

func TestSuspendedAccountSaysSo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Non esce.")
	done := d.prepare(p)
	d.pds.TakeDown(t, d.who.DID, true)
	suspended := func(what string, err error) {
		t.Helper()
		if e := channel.AsError(err); err == nil || e.Class != channel.Revoked || e.Code != CodeSuspended {
			t.Errorf("%s: %v, want revoked %s", what, err, CodeSuspended)
		}
	}
	_, err := d.adapter.Finalize(t.Context(), d.account(), p, done)
	suspended("Finalize", err)
	_, err = d.adapter.Test(t.Context(), d.account())
	suspended("Test", err)
	// The PDS hides a suspended account from who asks for its handle.
	_, err = d.adapter.Connect(t.Context(), d.typed())
	if e := channel.AsError(err); err == nil || e.Field != fieldHandle || e.Code != channel.CodeNotFound {
		t.Errorf("Connect: %v", err)
	}
	d.pds.TakeDown(t, d.who.DID, false)
	if _, err := d.adapter.Finalize(t.Context(), d.account(), p, done); err != nil {
		t.Errorf("after the suspension: %v", err)
	}
	d.record()
}

// The limit that makes us keep sessions, as the PDS itself keeps it: 30 sign-ins
// in 5 minutes. One to an account that does not exist is counted too.
func TestRealRateLimit(t *testing.T) {
	t.Parallel()
	pds := testkit.LimitedPDS(t)
	a := New(fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 30}}), Options{Directory: pds.Directory})
	signIn := func() *channel.Error {
		_, err := a.signIn(t.Context(), pds.URL, aDID, "aaaa-bbbb-cccc-dddd")
		return err
	}
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if err := signIn(); err == nil || err.Code != channel.CodeSignIn {
				t.Errorf("within the limit: %v", err)
			}
		})
	}
	all.Wait()
	if err := signIn(); err == nil || err.Class != channel.Transient || err.Code != channel.CodeTooMany || err.RetryAfter <= 0 || err.RetryAfter > 5*time.Minute {
		t.Errorf("beyond it: %v", err)
	}
}

func TestVanishedFilesAreUploadedAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Due foto.", channeltest.Photo(t, 1), channeltest.Photo(t, 2))
	done := d.prepare(p)
	if n := d.pds.ForgetBlobs(t, d.who.DID); n != 2 {
		t.Fatalf("the PDS forgot %d files, want 2", n)
	}
	if _, err := d.adapter.Finalize(t.Context(), d.account(), p, done); err != nil {
		t.Fatal(err)
	}
	if seen := d.seen(t); len(seen) != 1 || len(seen[0].Media) != 2 {
		t.Errorf("citizens see %+v", seen)
	}
}

func TestOldUploadsAreNotTrusted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Una foto.", channeltest.Photo(t, 1))
	done := d.prepare(p)
	uploads := d.counted("repo.uploadBlob")
	later := time.Now().Add(blobLife + time.Second)
	d.now.Store(&later)
	if _, err := d.adapter.Prepare(t.Context(), d.account(), p, done, func(channel.Progress) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if *uploads != 1 {
		t.Errorf("%d uploads, want one", *uploads)
	}
}

func TestUnpreparedPicturesAreNotPublished(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, err := d.adapter.Finalize(t.Context(), d.account(), aPost("Una foto.", channeltest.Photo(t, 1)), nil)
	if e := channel.AsError(err); err == nil || e.Class != channel.Transient {
		t.Errorf("error %v", err)
	}
	if n := len(d.pds.Posts(t, d.who.DID)); n != 0 {
		t.Errorf("%d posts", n)
	}
}

func TestWhatIsWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	friend := d.pds.Account(t)
	thumb := channeltest.Photo(t, 3)
	p := aPost("Perché? L'#estate è di @" + friend.Handle + " e @nessuno.test: https://comune.example/m/1")
	p.Warning, p.Tags = "Immagini forti", []string{"estate", "Cesate", "Cesate"}
	p.Card = &channel.Card{URL: "https://comune.example/m/1", Title: "Estate", Description: "Il programma.", Image: &thumb}
	before := time.Now().Add(-time.Second)
	r := d.publish(p)
	got, raw := d.record()

	if want := "⚠️ Immagini forti\n\nPerché? L'#estate è di @" + friend.Handle + " e @nessuno.test: comune.example/m/1"; got.Text != want {
		t.Errorf("text %q, want %q", got.Text, want)
	}
	var features []string
	for _, f := range got.Facets {
		x := f.Features[0]
		features = append(features, got.Text[f.Index.Start:f.Index.End]+"→"+x.Tag+x.DID+x.URI)
	}
	want := "#estate→estate @" + friend.Handle + "→" + friend.DID + " comune.example/m/1→https://comune.example/m/1"
	if strings.Join(features, " ") != want {
		t.Errorf("facets %q, want %q", features, want)
	}
	if len(got.Langs) != 1 || got.Langs[0] != "it" || len(got.Tags) != 1 || got.Tags[0] != "Cesate" {
		t.Errorf("langs %q, tags %q", got.Langs, got.Tags)
	}
	if at, err := time.Parse(time.RFC3339, got.CreatedAt); err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("created at %s, %v", got.CreatedAt, err)
	}
	var card struct{ Embed externalEmbed }
	if err := json.Unmarshal(raw, &card); err != nil || card.Embed.External.Title != "Estate" || card.Embed.External.Thumb == nil {
		t.Fatalf("card %s, %v", raw, err)
	}
	content := make([]byte, thumb.Size)
	file, err := thumb.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Read(content); err != nil || !bytes.Equal(d.pds.Blob(t, d.who.DID, card.Embed.External.Thumb.Ref.Link), content) {
		t.Errorf("the card's picture is another (%v)", err)
	}
	if r.ID != d.pds.Posts(t, d.who.DID)[0].URI || !strings.HasPrefix(r.URL, "https://bsky.app/profile/"+d.who.Handle+"/post/") {
		t.Errorf("remote %+v", r)
	}
}

func TestPicturesKeepTheirShape(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.publish(aPost("Una foto.", channeltest.Photo(t, 1)))
	_, raw := d.record()
	var p struct{ Embed imagesEmbed }
	if err := json.Unmarshal(raw, &p); err != nil || len(p.Embed.Images) != 1 {
		t.Fatalf("%s, %v", raw, err)
	}
	if r := p.Embed.Images[0].Ratio; r == nil || r.Width != 120 || r.Height != 90 {
		t.Errorf("aspect ratio %+v", r)
	}
}

func TestTooLargeCardPictureIsLeftOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	large := channeltest.File("a.jpg", "image/jpeg", "", make([]byte, maxThumbBytes+1))
	p := aPost("Con la scheda.")
	p.Card = &channel.Card{URL: "https://comune.example/m/1", Title: "Titolo", Image: &large}
	uploads := d.counted("repo.uploadBlob")
	d.publish(p)
	if _, raw := d.record(); !strings.Contains(string(raw), "Titolo") || *uploads != 0 {
		t.Errorf("record %s, %d uploads", raw, *uploads)
	}
}

func TestFilesBeyondTheLimitsAreRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	photo := func(n int) (all []channel.Media) {
		for i := range n {
			all = append(all, channeltest.Photo(t, i))
		}
		return all
	}
	heavy := channeltest.File("a.jpg", "image/jpeg", "", make([]byte, maxImageBytes+1))
	seen := d.gate.Seen()
	for name, p := range map[string]channel.Post{
		"five pictures":    aPost("x", photo(5)...),
		"heavy picture":    aPost("x", heavy),
		"picture and film": aPost("x", channeltest.Photo(t, 1), channeltest.Clip(nil)),
		"document":         aPost("x", channeltest.File("a.pdf", "application/pdf", "", []byte("%PDF"))),
	} {
		_, err := d.adapter.Prepare(t.Context(), d.account(), p, nil, nil)
		if e := channel.AsError(err); err == nil || e.Class != channel.Refused || e.Code != channel.CodeMedia {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.gate.Seen() != seen {
		t.Error("something was sent")
	}
}

func TestRecordOfSomebodyElseIsNeverOurs(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Il nostro avviso.")
	w, cerr := d.adapter.worker(d.account())
	if cerr != nil {
		t.Fatal(cerr)
	}
	other := record(aPost("Un altro."), progress{}, datetime(time.Now()))
	if cerr := w.put(t.Context(), recordKey(p.Key, p.Due), other); cerr != nil {
		t.Fatal(cerr)
	}
	if _, found, err := d.adapter.Find(t.Context(), d.account(), p, nil); found || err != nil {
		t.Errorf("Find: %v, %v", found, err)
	}
	_, err := d.adapter.Finalize(t.Context(), d.account(), p, d.prepare(p))
	if e := channel.AsError(err); err == nil || e.Class != channel.Refused || e.Code != channel.CodeDuplicate {
		t.Errorf("Finalize: %v", err)
	}
	if got, _ := d.record(); got.Text != "Un altro." {
		t.Errorf("the other's post says %q", got.Text)
	}
}
