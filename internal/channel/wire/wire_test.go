package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/wire"
)

func answer(status int, contentType, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Status: fmt.Sprint(status, " ", http.StatusText(status)),
		Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

func TestAnswerSaysTrulyWhatMayHaveHappened(t *testing.T) {
	const js, page = "application/json", "text/html; charset=utf-8"
	cases := []struct {
		name              string
		status            int
		kind, body        string
		repeatable, final channel.Class
		code              string
	}{
		{"a web page that says success", 200, page, "<p>Hello", channel.Transient, channel.Unknown, channel.CodeNotAPI},
		{"an answer cut in the middle", 200, js, `{"id":"1`, channel.Transient, channel.Unknown, channel.CodeNotAPI},
		{"an empty answer", 200, "", "", channel.Transient, channel.Unknown, channel.CodeNotAPI},
		{"another shape", 200, js, `["id"]`, channel.Transient, channel.Unknown, channel.CodeNotAPI},
		{"a gateway that lost the server", 502, page, "<p>Bad gateway", channel.Transient, channel.Unknown, channel.CodeServer},
		{"a gateway that waited too long", 504, js, "{}", channel.Transient, channel.Unknown, channel.CodeServer},
		{"a server that waited too long", 408, js, "{}", channel.Transient, channel.Unknown, channel.CodeServer},
		{"too many requests", 429, page, "", channel.Transient, channel.Transient, channel.CodeTooMany},
		{"a token that ended", 401, js, "{}", channel.Revoked, channel.Revoked, channel.CodeSignIn},
		{"a wall that wants a password", 401, page, "<p>Sign in", channel.Transient, channel.Transient, channel.CodeNotAPI},
		{"a wall that blocks", 403, page, "<p>Blocked", channel.Transient, channel.Transient, channel.CodeNotAPI},
		{"a missing permission", 403, js, "{}", channel.Revoked, channel.Revoked, channel.CodeForbidden},
		{"something wrong in the post", 422, js, `{"error":"x"}`, channel.Refused, channel.Refused, channel.CodeRefused},
		{"a server that moved", 301, page, "", channel.Transient, channel.Transient, channel.CodeNotAPI},
		{"what is not there", 404, js, "{}", channel.Refused, channel.Refused, channel.CodeNotFound},
		{"what was removed", 410, js, "{}", channel.Refused, channel.Refused, channel.CodeGone},
	}
	for _, c := range cases {
		for k, want := range map[wire.Kind]channel.Class{wire.Repeatable: c.repeatable, wire.Irreversible: c.final} {
			var out struct{ ID string }
			e := wire.Answer(answer(c.status, c.kind, c.body), &out, nil, k)
			if e == nil || e.Class != want || e.Code != c.code {
				t.Errorf("%s, irreversible %v: got %v, want %s %s", c.name, k, e, want, c.code)
			}
		}
	}
	var out struct{ ID string }
	if e := wire.Answer(answer(200, js, `{"ID":"7"}`), &out, nil, wire.Irreversible); e != nil || out.ID != "7" {
		t.Errorf("a good answer: %v, %q", e, out.ID)
	}
	if e := wire.Answer(answer(200, page, "gone"), nil, nil, wire.Repeatable); e != nil {
		t.Errorf("an answer that nobody reads: %v", e)
	}
}

func TestLostRequestHidesItsAddress(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Close()
	_, err := http.Get(s.URL + "/bot123:secret/getMe")
	if err == nil {
		t.Fatal("a closed server answered")
	}
	e := wire.Lost(err, wire.Irreversible)
	if strings.Contains(e.Error(), "secret") {
		t.Errorf("%v", e)
	}
	if e.Class != channel.Unknown { // net/http alone proves nothing
		t.Errorf("class %s", e.Class)
	}
}

func TestWaitIsReadByTheClockOfThePeer(t *testing.T) {
	const date = "Sun, 22 Nov 2026 10:00:00 GMT"
	cases := []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "17", 17 * time.Second},
		{"Retry-After", "0", time.Second},
		{"Retry-After", "Sun, 22 Nov 2026 10:01:00 GMT", time.Minute},
		{"Retry-After", "999999999999999999", 24 * time.Hour},
		{"Retry-After", "soon", 0},
		{"Retry-After", "-5", 0},
		{"X-RateLimit-Reset", "2026-11-22T10:05:00.123Z", 5*time.Minute + 123*time.Millisecond},
		{"X-RateLimit-Reset", "2026-11-22T09:00:00Z", time.Second},
		{"RateLimit-Reset", "1795341900", 5 * time.Minute},
		{"RateLimit-Reset", "42", 42 * time.Second},
	}
	for _, c := range cases {
		h := http.Header{"Date": {date}}
		h.Set(c.name, c.value)
		if got := wire.Wait(h); got != c.want {
			t.Errorf("%s: %s gives %s, want %s", c.name, c.value, got, c.want)
		}
	}
	if got := wire.Wait(http.Header{}); got != 0 {
		t.Errorf("silence gives %s", got)
	}
}

func FuzzWait(f *testing.F) {
	f.Add("17", "2026-11-22T10:05:00Z")
	f.Add("Sun, 22 Nov 2026 10:01:00 GMT", "1795341900")
	f.Fuzz(func(t *testing.T, after, reset string) {
		d := wire.Wait(http.Header{"Retry-After": {after}, "X-Ratelimit-Reset": {reset}})
		if d < 0 || d > 24*time.Hour {
			t.Fatalf("waits %s", d)
		}
	})
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, "application/json", `{"id":"1"}`)
	f.Add(422, "text/html", "<p>")
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		if status < 100 || status > 599 {
			return // no HTTP status: the client never gives one
		}
		var out map[string]any
		e := wire.Answer(answer(status, kind, body), &out, nil, wire.Irreversible)
		if e == nil && (status < 200 || status > 299) {
			t.Fatalf("status %d is success", status)
		}
		if e != nil && status >= 200 && status <= 299 && e.Class != channel.Unknown {
			t.Fatalf("an answer of %d that makes no sense is %s", status, e.Class)
		}
	})
}

func TestServerIsReadAsPeopleTypeIt(t *testing.T) {
	good := map[string]string{
		"mastodon.uno":               "https://mastodon.uno",
		"https://Mastodon.Uno/":      "https://mastodon.uno",
		"https://a.example/@comune":  "https://a.example",
		"http://127.0.0.1:3000/":     "http://127.0.0.1:3000",
		"https://[::1]:8443":         "https://[::1]:8443",
		"piazza.città.example:8443/": "https://piazza.città.example:8443",
	}
	for typed, want := range good {
		if got, err := wire.Server(typed, "server"); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", typed, got, err, want)
		}
	}
	for _, typed := range []string{"", "ftp://a.example", "https://", "comune@a.example", "https://user:pass@a.example", "due parole", "javascript:alert(1)", "https://a.example;b", "\x00"} {
		if got, err := wire.Server(typed, "server"); err == nil || err.Field != "server" || err.Code != wire.CodeAddress {
			t.Errorf("%q: %q, %v, want it refused", typed, got, err)
		}
	}
}

func FuzzServer(f *testing.F) {
	f.Add("https://mastodon.uno/@x")
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := wire.Server(typed, "server")
		if err != nil {
			return
		}
		again, err := wire.Server(got, "server")
		if err != nil || again != got {
			t.Fatalf("%q is read as %q, which is read as %q, %v", typed, got, again, err)
		}
		if _, reqErr := http.NewRequest("GET", got+"/api", nil); reqErr != nil {
			t.Fatalf("%q cannot be asked: %v", got, reqErr)
		}
	})
}

func TestFormStreamsFilesWithItsLengthKnown(t *testing.T) {
	content := []byte("contenuto del file")
	form := wire.NewForm()
	defer form.Close()
	form.Field("description", "è «così»")
	if err := form.File(t.Context(), "file", channeltest.File(`fo"to\.jpg`, "image/jpeg", "", content)); err != nil {
		t.Fatal(err)
	}
	form.Field("after", "1")
	req, err := form.Request(t.Context(), "http://a.example/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil || int64(len(body)) != req.ContentLength {
		t.Fatalf("%d bytes, %v; announced %d", len(body), err, req.ContentLength)
	}
	_, params, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	read, err := multipart.NewReader(bytes.NewReader(body), params["boundary"]).ReadForm(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	if read.Value["description"][0] != "è «così»" || read.Value["after"][0] != "1" {
		t.Errorf("fields: %v", read.Value)
	}
	file, err := read.File["file"][0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := io.ReadAll(file); !bytes.Equal(got, content) || read.File["file"][0].Filename != `fo"to\.jpg` {
		t.Errorf("file %q: %q", read.File["file"][0].Filename, got)
	}
}

func TestFileThatIsNotAsLongAsItSaysIsNeverSent(t *testing.T) {
	short := channeltest.File("a.jpg", "image/jpeg", "", []byte("123"))
	short.Size = 4
	broken := short
	broken.Open = func(context.Context) (io.ReadSeekCloser, error) { return nil, errors.New("disk") }
	for _, m := range []channel.Media{short, broken} {
		form := wire.NewForm()
		if err := form.File(t.Context(), "file", m); err == nil || err.Code != wire.CodeFile || err.Class != channel.Transient {
			t.Errorf("got %v", err)
		}
		form.Close()
	}
}
