package square_test

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
)

// clock is moved by hand.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { return c.now }

func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// program is somebody who uses the API.
type program struct {
	*testing.T
	server, token string
	square        *square.Square
	header        http.Header // of the last answer
}

func start(t *testing.T, o square.Options) *program {
	t.Helper()
	s, err := square.New(o)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return &program{T: t, server: server.URL, token: token, square: s}
}

// call sends a JSON body, or none, and wants a status code.
func (p *program) call(want int, method, path, body string, header ...string) map[string]any {
	p.Helper()
	var out map[string]any
	p.into(&out, want, method, path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, header...)...)
	return out
}

func (p *program) into(out any, want int, method, path string, body io.Reader, header ...string) {
	p.Helper()
	req, err := http.NewRequest(method, p.server+path, body)
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		p.Fatalf("%s %s: %s, %v, want %d: %s", method, path, resp.Status, err, want, text)
	}
	p.header = resp.Header
	if err := json.Unmarshal(text, out); err != nil {
		p.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
}

func (p *program) post(text string, header ...string) string {
	p.Helper()
	body, err := json.Marshal(map[string]string{"status": text})
	if err != nil {
		p.Fatal(err)
	}
	return p.call(200, "POST", "/api/v1/statuses", string(body), header...)["id"].(string)
}

// upload sends a file and wants a status code.
func (p *program) upload(want int, content []byte) map[string]any {
	p.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("description", "Una foto")
	part, err := w.CreateFormFile("file", "foto.jpg")
	if err != nil {
		p.Fatal(err)
	}
	part.Write(content)
	w.Close()
	var out map[string]any
	p.into(&out, want, "POST", "/api/v2/media", &form, "Content-Type", w.FormDataContentType())
	return out
}

func photo(t testing.TB) []byte {
	t.Helper()
	f, err := channeltest.Photo(t, 1).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestRequestWithoutKeyMakesASecondStatus(t *testing.T) {
	p := start(t, square.Options{})
	if p.post("Ciao") == p.post("Ciao") {
		t.Fatal("two requests made one status")
	}
	if n := len(p.square.Accepted()); n != 2 {
		t.Fatalf("%d accepted, want both counted", n)
	}
}

func TestKeyIsRememberedForAnHour(t *testing.T) {
	c := newClock()
	p := start(t, square.Options{Now: c.Now})
	first := p.post("Ciao", "Idempotency-Key", "k")
	c.pass(59 * time.Minute)
	if p.post("Ciao", "Idempotency-Key", "k") != first {
		t.Fatal("the key was forgotten within the hour")
	}
	c.pass(2 * time.Minute)
	if p.post("Ciao", "Idempotency-Key", "k") == first {
		t.Fatal("the key is remembered after the hour")
	}
}

func TestSquareRefusesWhatMastodonRefuses(t *testing.T) {
	p := start(t, square.Options{Processing: 1})
	five := `"1","2","3","4","5"`
	for name, c := range map[string]struct {
		want               int
		method, path, body string
	}{
		"an empty status":          {422, "POST", "/api/v1/statuses", `{"status":"  "}`},
		"501 characters":           {422, "POST", "/api/v1/statuses", `{"status":"` + strings.Repeat("è", 501) + `"}`},
		"500 and a warning of one": {422, "POST", "/api/v1/statuses", `{"status":"` + strings.Repeat("è", 500) + `","spoiler_text":"!"}`},
		"five files":               {422, "POST", "/api/v1/statuses", `{"status":"x","media_ids":[` + five + `]}`},
		"an unknown file":          {422, "POST", "/api/v1/statuses", `{"status":"x","media_ids":["7"]}`},
		"an unknown visibility":    {422, "POST", "/api/v1/statuses", `{"status":"x","visibility":"everybody"}`},
		"an answer to nothing":     {404, "POST", "/api/v1/statuses", `{"status":"x","in_reply_to_id":"7"}`},
		"a broken body":            {400, "POST", "/api/v1/statuses", `{"status":`},
		"a change of nothing":      {404, "PUT", "/api/v1/statuses/7", `{"status":"x"}`},
		"a removal of nothing":     {404, "DELETE", "/api/v1/statuses/7", ``},
		"an unknown call":          {404, "GET", "/api/v1/nothing", ``},
	} {
		t.Run(name, func(t *testing.T) {
			q := *p
			q.T = t
			if q.call(c.want, c.method, c.path, c.body)["error"] == "" {
				t.Error("no error text")
			}
		})
	}
	if n := len(p.square.Accepted()); n != 0 {
		t.Fatalf("%d statuses were made", n)
	}
	p.post(strings.Repeat("è", 476) + " https://comune.cesate.mi.it/" + strings.Repeat("lungo", 40))
}

func TestFileIsAttachedOnceItIsReady(t *testing.T) {
	p := start(t, square.Options{Processing: 1})
	id := p.upload(202, photo(t))["id"].(string)
	attach := `{"status":"x","media_ids":["` + id + `"]}`
	p.call(422, "POST", "/api/v1/statuses", attach)
	p.call(206, "GET", "/api/v1/media/"+id, "")
	p.call(200, "GET", "/api/v1/media/"+id, "")
	p.call(200, "POST", "/api/v1/statuses", attach)
	p.call(404, "GET", "/api/v1/media/"+id, "")
	p.call(422, "POST", "/api/v1/statuses", attach)
}

func TestFileIsJudgedByItsContent(t *testing.T) {
	p := start(t, square.Options{MaxFile: 100_000})
	p.upload(422, []byte("<svg/>"))
	p.upload(422, []byte("\xff\xd8\xff no picture"))
	p.upload(422, append(photo(t), make([]byte, 100_000)...))
}

func TestThirtyFirstUploadInHalfAnHourIsRefused(t *testing.T) {
	c := newClock()
	p := start(t, square.Options{Now: c.Now, Pace: true})
	content := photo(t)
	for range 30 {
		p.upload(200, content)
		c.pass(time.Second)
	}
	p.upload(429, content)
	reset, err := time.Parse(time.RFC3339Nano, p.header.Get("X-RateLimit-Reset"))
	if err != nil || reset.Before(c.now) || p.header.Get("X-RateLimit-Remaining") != "0" {
		t.Fatalf("headers: %v, %v", p.header, err)
	}
	c.now = reset
	p.upload(200, content)
}

func TestTokensAreChecked(t *testing.T) {
	p := start(t, square.Options{})
	stranger := *p
	stranger.token = "no"
	stranger.call(401, "POST", "/api/v1/statuses", `{"status":"x"}`)
	stranger.call(401, "GET", "/api/v1/notifications", "")
	if err := p.square.Revoke(p.token); err != nil {
		t.Fatal(err)
	}
	p.call(401, "POST", "/api/v1/statuses", `{"status":"x"}`)
	fresh, err := p.square.AddAccount("comune", "Comune di Cesate")
	if err != nil || fresh == p.token {
		t.Fatalf("the account got %q again, %v", fresh, err)
	}
}

func TestFollowersReactLittleByLittleAndAlwaysAlike(t *testing.T) {
	one, two := newClock(), newClock()
	p, q := start(t, square.Options{Now: one.Now, Followers: true}), start(t, square.Options{Now: two.Now, Followers: true})
	id := p.post("Sabato festa in piazza")
	if q.post("Sabato festa in piazza") != id {
		t.Fatal("the same moment gives other identifiers")
	}
	count := func(p *program) int {
		var likes []map[string]any
		p.into(&likes, 200, "GET", "/api/v1/statuses/"+id+"/favourited_by", nil)
		var around struct{ Descendants []map[string]any }
		p.into(&around, 200, "GET", "/api/v1/statuses/"+id+"/context", nil)
		return len(likes) + len(around.Descendants)
	}
	if n := count(p); n != 0 {
		t.Fatalf("%d reactions at once", n)
	}
	one.pass(2 * time.Hour)
	early := count(p)
	one.pass(48 * time.Hour)
	late := count(p)
	if early == 0 || late <= early {
		t.Fatalf("%d reactions after two hours, %d after two days", early, late)
	}
	two.pass(50 * time.Hour)
	if n := count(q); n != late {
		t.Fatalf("the same day has %d reactions here and %d there", late, n)
	}
}

func TestReactionsAreReadAsNotifications(t *testing.T) {
	c := newClock()
	p := start(t, square.Options{Now: c.Now, Followers: true})
	for _, text := range []string{"Lavori in via Roma", "Iscrizioni alla mensa scolastica", "Letture in biblioteca"} {
		p.post(text)
		c.pass(time.Minute)
	}
	c.pass(72 * time.Hour)
	type note struct {
		ID, Type string
		Status   struct {
			ID      string
			Content string
			ReplyTo *string `json:"in_reply_to_id"`
		}
	}
	var all, page, older, mentions []note
	p.into(&all, 200, "GET", "/api/v1/notifications?limit=80", nil)
	p.into(&page, 200, "GET", "/api/v1/notifications?limit=3", nil)
	p.into(&older, 200, "GET", "/api/v1/notifications?limit=80&max_id="+page[2].ID, nil)
	p.into(&mentions, 200, "GET", "/api/v1/notifications?types[]=mention&limit=80", nil)
	if len(all) < 5 || len(page) != 3 || len(older) != len(all)-3 {
		t.Fatalf("%d in all, pages of %d and %d", len(all), len(page), len(older))
	}
	for i := 1; i < len(all); i++ {
		a, _ := strconv.ParseInt(all[i-1].ID, 10, 64)
		b, _ := strconv.ParseInt(all[i].ID, 10, 64)
		if a <= b {
			t.Fatalf("%s before %s: not newest first, or twice", all[i-1].ID, all[i].ID)
		}
	}
	if len(mentions) == 0 {
		t.Fatal("nobody answered three posts in three days")
	}
	m := mentions[0]
	if m.Status.ReplyTo == nil || !strings.Contains(m.Status.Content, "@comune") {
		t.Fatalf("a mention that answers nothing: %+v", m)
	}
	// An answer to a follower concerns that follower alone, who may say thanks.
	answer := p.call(200, "POST", "/api/v1/statuses", `{"status":"Sì, i bus passano.","in_reply_to_id":"`+m.Status.ID+`"}`)["id"].(string)
	c.pass(72 * time.Hour)
	var around struct{ Ancestors, Descendants []struct{ ID string } }
	p.into(&around, 200, "GET", "/api/v1/statuses/"+answer+"/context", nil)
	if len(around.Ancestors) != 2 || around.Ancestors[1].ID != m.Status.ID || len(around.Descendants) > 1 {
		t.Fatalf("around the answer: %+v", around)
	}
}

func TestSquareRemembersOverARestart(t *testing.T) {
	c := newClock()
	file := filepath.Join(t.TempDir(), "piazza.json")
	p := start(t, square.Options{Now: c.Now, File: file, BaseURL: "http://piazza.example"})
	media := p.upload(200, photo(t))["id"].(string)
	id := p.call(200, "POST", "/api/v1/statuses", `{"status":"Resta","media_ids":["`+media+`"]}`, "Idempotency-Key", "k")["id"].(string)
	q := start(t, square.Options{Now: c.Now, File: file, BaseURL: "http://piazza.example"})
	if q.token != p.token {
		t.Fatal("the account has another token")
	}
	if q.post("Resta", "Idempotency-Key", "k") != id {
		t.Fatal("the key was forgotten")
	}
	posts := q.square.Posts("comune")
	if len(posts) != 1 || posts[0].Text != "Resta" || posts[0].URL != "http://piazza.example/@comune/"+id {
		t.Fatalf("%+v", posts)
	}
	resp, err := http.Get(q.server + "/media/" + media)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, _ := io.ReadAll(resp.Body)
	if resp.Header.Get("Content-Type") != "image/jpeg" || !bytes.Equal(content, photo(t)) {
		t.Fatalf("the picture came back as %s, %d bytes", resp.Header.Get("Content-Type"), len(content))
	}
	if _, err := square.New(square.Options{File: filepath.Dir(file)}); err == nil {
		t.Fatal("a file that cannot be read was taken for a new square")
	}
}

func TestCodeServesOnceForItsOwnApplication(t *testing.T) {
	p := start(t, square.Options{})
	app := p.call(200, "POST", "/api/v1/apps", `{"client_name":"Prova","redirect_uris":"https://a.example/ritorno","scopes":"read"}`)
	ask := func(scope, redirect string) url.Values {
		return url.Values{"client_id": {app["client_id"].(string)}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {scope}, "state": {"s"}}
	}
	for name, q := range map[string]url.Values{
		"more than it registered for": ask("read write", "https://a.example/ritorno"),
		"another address":             ask("read", "https://evil.example/"),
	} {
		if resp, err := http.Get(p.server + "/oauth/authorize?" + q.Encode()); err != nil || resp.StatusCode != 404 {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	grant := func(answer string) url.Values {
		resp, err := stay.PostForm(p.server+"/oauth/authorize?"+ask("read", "https://a.example/ritorno").Encode(), url.Values{"account": {"comune"}, "answer": {answer}})
		if err != nil {
			t.Fatal(err)
		}
		to, err := resp.Location()
		if err != nil {
			t.Fatal(err)
		}
		return to.Query()
	}
	if q := grant("no"); q.Get("error") != "access_denied" || q.Get("code") != "" {
		t.Errorf("a refusal: %v", q)
	}
	code := grant("yes").Get("code")
	redeem := func(want int, secret string) map[string]any {
		return p.call(want, "POST", "/oauth/token", `{"grant_type":"authorization_code","client_id":"`+app["client_id"].(string)+`","client_secret":"`+secret+
			`","redirect_uri":"https://a.example/ritorno","code":"`+code+`"}`)
	}
	redeem(401, "wrong")
	reader := *p
	reader.token = redeem(200, app["client_secret"].(string))["access_token"].(string)
	redeem(400, app["client_secret"].(string))
	reader.call(200, "GET", "/api/v1/accounts/verify_credentials", "")
	reader.call(403, "POST", "/api/v1/statuses", `{"status":"x"}`)
}
