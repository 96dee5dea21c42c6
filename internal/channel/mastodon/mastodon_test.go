package mastodon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
)

func nothing(channel.Progress) error { return nil }

func prepare(t *testing.T, w town, a channel.Account, p channel.Post) channel.Progress {
	t.Helper()
	done, err := w.adapter.Prepare(t.Context(), a, p, nil, nothing)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func finalize(t *testing.T, w town, a channel.Account, p channel.Post) channel.Remote {
	t.Helper()
	r, err := w.adapter.Finalize(t.Context(), a, p, prepare(t, w, a, p))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFileIsWaitedForUntilTheServerHasProcessedIt(t *testing.T) {
	w := newTown(t, square.Options{Processing: 2})
	a := w.connect(t)
	finalize(t, w, a, channel.Post{Key: "k", Text: "Una foto", Media: []channel.Media{channeltest.Photo(t, 1)}})
	if posts := w.square.Posts("comune"); len(posts) != 1 || len(posts[0].Media) != 1 {
		t.Fatalf("%+v", posts)
	}
}

func TestFileAttachedTooEarlyIsTriedAgainLater(t *testing.T) {
	w := newTown(t, square.Options{Processing: 1})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Una foto", Media: []channel.Media{channeltest.Photo(t, 1)}}
	// What Prepare had saved when the program died, right after the upload.
	var early channel.Progress
	stop := io.ErrUnexpectedEOF
	for n := range 2 {
		_, err := w.adapter.Prepare(t.Context(), a, p, early, func(now channel.Progress) error { early = now; return stop })
		if err == nil {
			t.Fatalf("step %d did not stop", n)
		}
	}
	_, err := w.adapter.Finalize(t.Context(), a, p, early)
	if e := channel.AsError(err); e.Class != channel.Transient || e.Code != channel.CodeMedia || e.RetryAfter == 0 {
		t.Fatalf("got %v, want a transient error that says when to come back", err)
	}
	if n := len(w.square.Accepted()); n != 0 {
		t.Fatalf("%d statuses", n)
	}
}

func TestFileThatAnEarlierAttemptAttachedLeavesTheOutcomeToFind(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Una foto", Media: []channel.Media{channeltest.Photo(t, 1)}}
	done := prepare(t, w, a, p)
	if _, err := w.adapter.Finalize(t.Context(), a, p, done); err != nil {
		t.Fatal(err)
	}
	// The server has forgotten the key: another one has the same effect.
	again := p
	again.Key = "later"
	_, err := w.adapter.Finalize(t.Context(), a, again, done)
	if e := channel.AsError(err); e.Class != channel.Unknown {
		t.Fatalf("got %v, want an unknown outcome", err)
	}
	if _, found, err := w.adapter.Find(t.Context(), a, p, done); err != nil || !found {
		t.Fatalf("found %v, %v", found, err)
	}
	if n := len(w.square.Accepted()); n != 1 {
		t.Fatalf("%d statuses, want one", n)
	}
}

func TestFileThatTheServerThrewAwayIsUploadedAgain(t *testing.T) {
	w, other := newTown(t, square.Options{}), newTown(t, square.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Una foto", Media: []channel.Media{channeltest.Photo(t, 1)}}
	// Progress of another server names files that this one does not have.
	stale := prepare(t, other, other.connect(t), p)
	fresh, err := w.adapter.Prepare(t.Context(), a, p, stale, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.adapter.Finalize(t.Context(), a, p, fresh); err != nil {
		t.Fatal(err)
	}
}

func TestStatusHasVisibilityLanguageAndWarning(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	a.Options.Visibility = "unlisted"
	finalize(t, w, a, channel.Post{Key: "k", Text: "Testo", Lang: "it-IT", Warning: "Un avviso"})
	got := w.square.Posts("comune")[0]
	if got.Visibility != "unlisted" || got.Language != "it" || got.Warning != "Un avviso" {
		t.Fatalf("%+v", got)
	}
}

func TestWarningCountsToo(t *testing.T) {
	w := newTown(t, square.Options{MaxCharacters: 100})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: strings.Repeat("a", 80), Warning: strings.Repeat("b", 21)}
	_, err := w.adapter.Finalize(t.Context(), a, p, prepare(t, w, a, p))
	if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeTooLong {
		t.Fatalf("got %v", err)
	}
}

func TestLimitsAreTheInstancesOwn(t *testing.T) {
	w := newTown(t, square.Options{MaxCharacters: 5000, MaxMedia: 6, MaxFile: 123_456})
	a := w.connect(t)
	c := w.adapter.Capabilities(a)
	if c.MaxText != 5000 || c.Images != 6 || c.ImageBytes != 123_456 || c.Videos != 1 || c.Text.URL != 23 {
		t.Errorf("%+v", c)
	}
	if c.Source != w.server+"/api/v2/instance" || time.Since(c.Read) > time.Hour {
		t.Errorf("source %q, read %v", c.Source, c.Read)
	}
	usual := w.adapter.Capabilities(channel.Account{})
	if usual.MaxText != 500 || usual.Images != 4 {
		t.Errorf("without limits: %+v", usual)
	}
}

// serve starts a server that answers by path.
func serve(t *testing.T, answers map[string]string) (*mastodon.Adapter, channel.Account) {
	t.Helper()
	gate := channeltest.NewGate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		body, known := answers[r.Method+" "+r.URL.Path]
		if !known {
			w.WriteHeader(http.StatusNotFound)
			body = `{"error":"Record not found"}`
		}
		io.WriteString(w, body)
	}), tooMany)
	adapter := mastodon.New(fetch.New(fetch.Options{AllowLoopback: true}))
	return adapter, channel.Account{Server: gate.Serve(t), Secret: json.RawMessage(`{"token":"t","user_id":"7"}`)}
}

func TestOlderServerSaysItsLimitsElsewhere(t *testing.T) {
	adapter, a := serve(t, map[string]string{
		"GET /api/v1/accounts/verify_credentials": `{"id":"7","username":"comune","url":"https://old.example/@comune"}`,
		"GET /api/v1/instance":                    `{"uri":"old.example","version":"2.7.2 (compatible; Pleroma 2.6)","max_toot_chars":5000}`,
	})
	h, err := adapter.Test(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	a.Limits = h.Limits
	if c := adapter.Capabilities(a); h.Handle != "@comune@old.example" || c.MaxText != 5000 || c.Images != 4 {
		t.Fatalf("%q, %+v", h.Handle, c)
	}
}

func TestTokenThatMayOnlyReadIsRefusedWhileConnecting(t *testing.T) {
	adapter, a := serve(t, map[string]string{
		"GET /api/v1/accounts/verify_credentials": `{"id":"7","username":"comune"}`,
		"GET /api/v1/apps/verify_credentials":     `{"name":"x","scopes":["read","write:media"]}`,
		"GET /api/v2/instance":                    `{"domain":"a.example"}`,
	})
	_, err := adapter.Connect(t.Context(), map[string]string{"server": a.Server, "token": "t"})
	if e := channel.AsError(err); e.Code != channel.CodeForbidden || e.Field != "token" {
		t.Fatalf("got %v, field %q", err, e.Field)
	}
}

func TestFindKnowsTheStatusByItsText(t *testing.T) {
	const link = "https://comune.example.it/m/avviso-molto-lungo-che-il-server-taglia-quando-lo-mostra"
	post := channel.Post{Key: "k", Link: link, Text: "L'acqua\nmanca in «via Roma» & dintorni <oggi>.\n\nGrazie a @ufficio@altro.example\n\n" + link + "\n\n#Acqua"}
	shown := `<p>L&#39;acqua<br />manca in «via Roma» &amp; dintorni &lt;oggi&gt;.</p><p>Grazie a <span class="h-card"><a href="https://altro.example/@ufficio" class="u-url mention">@<span>ufficio</span></a></span></p><p><a href="` + link + `" rel="nofollow"><span class="invisible">https://</span><span class="ellipsis">comune.example.it/m/avviso-molto</span><span class="invisible">-lungo-che-il-server-taglia-quando-lo-mostra</span></a></p><p><a href="https://x.example/tags/Acqua" class="mention hashtag" rel="tag">#<span>Acqua</span></a></p>`
	cases := []struct {
		name, content string
		found         bool
		code          string
	}{
		{"as servers show it", shown, true, ""},
		{"another message with the same link", strings.Replace(shown, "manca", "torna", 1), false, channel.CodeCannotRead},
		{"another message", `<p>Buongiorno a tutti</p>`, false, ""},
	}
	for _, c := range cases {
		page, err := json.Marshal([]map[string]any{
			{"id": "12", "url": "https://x.example/12", "content": "<p>Altro</p>", "text": "Altro"},
			{"id": "11", "url": "https://x.example/11", "content": c.content, "text": wire.Plain(c.content)},
		})
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		gate := channeltest.NewGate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if asked++; r.URL.Query().Get("max_id") != "" {
				page = []byte("[]")
			}
			w.Write(page)
		}), tooMany)
		adapter := mastodon.New(fetch.New(fetch.Options{AllowLoopback: true}))
		a := channel.Account{Server: gate.Serve(t), Secret: json.RawMessage(`{"token":"t","user_id":"7"}`)}
		r, found, err := adapter.Find(t.Context(), a, post, channel.Progress(`{"since":"10","noted":true}`))
		if found != c.found || found && (r.ID != "11" || r.URL != "https://x.example/11") {
			t.Errorf("%s: found %v %+v", c.name, found, r)
		}
		if c.code == "" && err != nil || c.code != "" && channel.AsError(err).Code != c.code {
			t.Errorf("%s: error %v, want %q", c.name, err, c.code)
		}
		if asked != 2 {
			t.Errorf("%s: %d requests, want every page up to the empty one", c.name, asked)
		}
	}
}

func TestFindReadsEveryPageSinceTheAttempt(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Quello giusto"}
	before := channel.Post{Key: "before", Text: "Quello giusto"}
	finalize(t, w, a, before)
	done := prepare(t, w, a, p)
	if _, found, err := w.adapter.Find(t.Context(), a, p, done); found || err != nil {
		t.Fatalf("an older status with the same text was taken for this one: %v, %v", found, err)
	}
	want, err := w.adapter.Finalize(t.Context(), a, p, done)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 95 {
		finalize(t, w, a, channel.Post{Key: fmt.Sprint("other", i), Text: "Altro"})
	}
	r, found, err := w.adapter.Find(t.Context(), a, p, done)
	if err != nil || !found || r != want {
		t.Fatalf("%+v, %v, %v", r, found, err)
	}
}

func TestPictureWithoutTextIsFoundByItsDescription(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	one := channel.Post{Key: "1", Media: []channel.Media{channeltest.Photo(t, 1)}}
	two := channel.Post{Key: "2", Media: []channel.Media{channeltest.Photo(t, 2)}}
	done := prepare(t, w, a, two)
	finalize(t, w, a, one)
	if _, found, err := w.adapter.Find(t.Context(), a, two, done); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
	if _, err := w.adapter.Finalize(t.Context(), a, two, done); err != nil {
		t.Fatal(err)
	}
	if _, found, err := w.adapter.Find(t.Context(), a, two, done); !found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
}

func TestSamePictureTwiceIsTwoFiles(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	same := channeltest.Photo(t, 1)
	p := channel.Post{Key: "k", Text: "Prima e dopo", Media: []channel.Media{same, same}}
	done, err := w.adapter.Prepare(t.Context(), a, p, prepare(t, w, a, p), nothing)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.adapter.Finalize(t.Context(), a, p, done); err != nil {
		t.Fatal(err)
	}
	if posts := w.square.Posts("comune"); len(posts[0].Media) != 2 {
		t.Fatalf("%+v", posts)
	}
}

func TestCopyThatLostItsPictureIsLeftToAPerson(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	with := channel.Post{Key: "1", Text: "Una foto", Media: []channel.Media{channeltest.Photo(t, 1)}}
	done := prepare(t, w, a, with)
	finalize(t, w, a, channel.Post{Key: "2", Text: "Una foto"})
	_, found, err := w.adapter.Find(t.Context(), a, with, done)
	if found || channel.AsError(err).Code != channel.CodeCannotRead {
		t.Fatalf("found %v, %v", found, err)
	}
}

func TestEditUploadsOnlyWhatChanged(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Foto", Media: []channel.Media{channeltest.Photo(t, 1), channeltest.Photo(t, 2)}}
	r := finalize(t, w, a, p)
	taken := 0
	a.Take = func(_ context.Context, n int) error { taken += n; return nil }
	p.Text = "Foto, corrette"
	if _, err := w.adapter.Edit(t.Context(), a, p, r); err != nil || taken != 0 {
		t.Fatalf("%v, %d uploads for a new text", err, taken)
	}
	p.Media[1] = channeltest.Photo(t, 3)
	if _, err := w.adapter.Edit(t.Context(), a, p, r); err != nil || taken != 1 {
		t.Fatalf("%v, %d uploads for one other picture", err, taken)
	}
	p.Media = nil
	if _, err := w.adapter.Edit(t.Context(), a, p, r); err != nil {
		t.Fatal(err)
	}
	if got := w.square.Posts("comune"); len(got) != 1 || len(got[0].Media) != 0 || got[0].Text != "Foto, corrette" || !got[0].Edited {
		t.Fatalf("%+v", got)
	}
}

func TestPersonSignsInOnTheServer(t *testing.T) {
	w := newTown(t, square.Options{})
	const back = "https://comune.example/redazione/canali/ritorno"
	address, pending, err := w.adapter.Authorize(t.Context(), map[string]string{"server": w.server}, back, "lo-stato")
	if err != nil {
		t.Fatal(err)
	}
	code := approve(t, address, "lo-stato", "yes")
	a, err := w.adapter.Redeem(t.Context(), pending, back, code)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(a.Handle, "@comune@") || a.Server != w.server {
		t.Fatalf("%+v", a)
	}
	finalize(t, w, a, channel.Post{Key: "k", Text: "Collegato"})
	if len(w.square.Posts("comune")) != 1 {
		t.Fatal("the token does not publish")
	}
	if _, err := w.adapter.Redeem(t.Context(), pending, back, code); channel.AsError(err).Code != channel.CodeSignIn {
		t.Fatalf("the same code again: %v", err)
	}
}

func TestCodeWithoutItsVerifierIsWorthNothing(t *testing.T) {
	w := newTown(t, square.Options{})
	const back = "https://comune.example/ritorno"
	address, pending, err := w.adapter.Authorize(t.Context(), map[string]string{"server": w.server}, back, "s")
	if err != nil {
		t.Fatal(err)
	}
	code := approve(t, address, "s", "yes")
	var p map[string]string
	if err := json.Unmarshal(pending, &p); err != nil {
		t.Fatal(err)
	}
	p["verifier"] = strings.Repeat("x", 43)
	stolen, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.adapter.Redeem(t.Context(), stolen, back, code); channel.AsError(err).Code != channel.CodeSignIn {
		t.Fatalf("got %v", err)
	}
}

// approve answers the server's question as a person with a browser would, and
// returns the code that comes back.
func approve(t *testing.T, address, state, answer string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	page, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if page.StatusCode != http.StatusOK {
		t.Fatalf("the page to approve: %s", page.Status)
	}
	resp, err := browser.PostForm(address, url.Values{"account": {"comune"}, "answer": {answer}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil || to.Query().Get("state") != state {
		t.Fatalf("%s, %v, %v", resp.Status, to, err)
	}
	return to.Query().Get("code")
}
