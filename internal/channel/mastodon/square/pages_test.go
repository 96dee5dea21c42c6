package square_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// busy is a square with a day of life, and the addresses of its pages.
func busy(t *testing.T) (*program, map[string]string) {
	t.Helper()
	c := newClock()
	p := start(t, square.Options{Now: c.Now, Followers: true})
	if _, err := p.square.AddAccount("biblioteca", "Biblioteca «C. Pavese»"); err != nil {
		t.Fatal(err)
	}
	media := p.upload(200, photo(t))["id"].(string)
	id := p.call(200, "POST", "/api/v1/statuses", `{"status":"Sabato festa in piazza: tutti invitati!\n\n<b>Ingresso</b> libero & gratuito\nhttps://comune.cesate.mi.it/novita/una-pagina-con-un-indirizzo-molto-lungo-che-va-a-capo-anche-su-un-telefono\n\n#FestaInPiazza","language":"it","media_ids":["`+media+`"]}`)["id"].(string)
	c.pass(time.Minute)
	p.call(200, "POST", "/api/v1/statuses", `{"status":"Immagini forti","spoiler_text":"Incidente"}`)
	p.call(200, "POST", "/api/v1/statuses", `{"status":"Solo per chi segue","visibility":"private"}`)
	c.pass(26 * time.Hour)
	app := p.call(200, "POST", "/api/v1/apps", `{"client_name":"Arengo","redirect_uris":"https://a.example/ritorno","scopes":"read write"}`)
	ask := url.Values{"client_id": {app["client_id"].(string)}, "response_type": {"code"}, "redirect_uri": {"https://a.example/ritorno"}, "scope": {"read write"}, "state": {"s"}}
	return p, map[string]string{
		"home": "/", "profile": "/@comune", "follower": "/@ada_ricci", "status": "/@comune/" + id,
		"tag": "/tags/festainpiazza", "authorize": "/oauth/authorize?" + ask.Encode(), "nothing": "/@nessuno",
	}
}

func get(t *testing.T, address, language string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Language", language)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestPagesSayThatTheSquareIsSimulated(t *testing.T) {
	p, pages := busy(t)
	for name, path := range pages {
		for language, notice := range map[string]string{"it": "Questa piazza è finta", "en": "This square is not real"} {
			resp, body := get(t, p.server+path, language)
			if !strings.Contains(body, notice) || !strings.Contains(body, `lang="`+language+`"`) {
				t.Errorf("%s in %s does not say so", name, language)
			}
			if strings.Contains(body, "channel.square.") || strings.Contains(body, "{0}") {
				t.Errorf("%s in %s lacks a text", name, language)
			}
			if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: policy %q", name, csp)
			}
		}
	}
}

func TestPagesShowWhatWasPostedAndNothingElse(t *testing.T) {
	p, pages := busy(t)
	_, home := get(t, p.server+pages["home"], "it")
	for _, part := range []string{"&lt;b&gt;Ingresso&lt;/b&gt; libero &amp; gratuito", `alt="Una foto"`, "Comune di Cesate", "Incidente"} {
		if !strings.Contains(home, part) {
			t.Errorf("the home page lacks %q", part)
		}
	}
	if strings.Contains(home, "Solo per chi segue") || strings.Contains(home, "<b>Ingresso") {
		t.Error("the home page shows what it must not")
	}
	_, status := get(t, p.server+pages["status"], "it")
	if !strings.Contains(status, "Descrizione: Una foto") || !strings.Contains(status, "preferiti") {
		t.Error("the status page lacks the description or the reactions")
	}
	if resp, _ := get(t, p.server+pages["nothing"], "it"); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a missing page answers %s", resp.Status)
	}
}

func TestPagesAreAccessible(t *testing.T) {
	p, pages := busy(t)
	browser := testkit.Browser(t)
	html := map[string]string{}
	for name, path := range pages {
		if name == "nothing" {
			continue // the browser complains of a 404 by itself
		}
		_, html[name] = get(t, p.server+path, "it")
		if name == "profile" || name == "follower" || name == "tag" {
			continue // the home page's template
		}
		for size, option := range map[string]testkit.PageOption{"": testkit.Wide(1280), "-phone": testkit.Phone()} {
			page := browser.Open(t, p.server+path, option, testkit.NoScript())
			page.Axe()
			page.FitsWidth()
			page.Screenshot("square-" + name + size)
		}
	}
	testkit.ValidHTML(t, html)
}
