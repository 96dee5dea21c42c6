package board_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

const channelsURL = "/redazione/canali"

func (w *town) channel(id string) (c channel.Channel) {
	w.t.Helper()
	w.read(func(ctx context.Context, tx *db.Tx) (err error) {
		c, err = channel.ByID(ctx, tx, w.inst.ID, id)
		return err
	})
	return c
}

// typed is what an administrator types to connect the library's Mastodon account.
func (w *town) typed(token string) url.Values {
	return url.Values{"profilo": {w.library.ID}, "piattaforma": {"mastodon"}, "entry-server": {w.server}, "entry-token": {token}}
}

// connected finds the channel of a page that the answer leads to.
func (w *town) connected(t *testing.T, location string) channel.Channel {
	t.Helper()
	id, ok := strings.CutPrefix(location, channelsURL+"/")
	if !ok || strings.Contains(id, "/") {
		t.Fatalf("the answer leads to %q", location)
	}
	return w.channel(id)
}

func TestChannelIsConnectedWithATokenTestedNamedAndCut(t *testing.T) {
	w := newTown(t)
	shows(t, w.do("administrator", http.MethodGet, channelsURL+"/nuovo", nil), http.StatusOK, "Mastodon", "Bluesky", "Telegram", "Biblioteca")
	shows(t, w.do("administrator", http.MethodGet, channelsURL+"/nuovo?piattaforma=mastodon&profilo="+w.library.ID, nil), http.StatusOK,
		"Collegare Mastodon al profilo Biblioteca", "Accedi su Mastodon", "Oppure con un token", `type="password"`)

	// A wrong token is said in the form; what was typed stays, but for the secret.
	rec := w.do("administrator", http.MethodPost, channelsURL+"/nuovo", w.typed("sbagliato"))
	shows(t, rec, http.StatusUnprocessableEntity, `value="`+w.server+`"`, `id="f-entry-token-error"`)
	hides(t, rec, "sbagliato")
	shows(t, w.do("administrator", http.MethodPost, channelsURL+"/nuovo", w.typed("")), http.StatusUnprocessableEntity, "Questo dato è necessario")

	rec = w.do("administrator", http.MethodPost, channelsURL+"/nuovo", w.typed(w.token))
	c := w.connected(t, rec.Header().Get("Location"))
	page := w.goes("administrator", rec, channelsURL+"/"+c.ID)
	shows(t, page, http.StatusOK, "Mastodon è collegato", "Collegato", "fino a 500 caratteri", "letta il", "Chi vede i messaggi")
	hides(t, page, w.token)

	options := url.Values{"name": {"La piazza dei libri"}, "visibility": {"unlisted"}}
	w.goes("administrator", w.do("administrator", http.MethodPost, channelsURL+"/"+c.ID, options), channelsURL+"/"+c.ID)
	if got := w.channel(c.ID); got.Name != "La piazza dei libri" || got.Options.Visibility != "unlisted" {
		t.Errorf("options: %q, %+v", got.Name, got.Options)
	}
	shows(t, w.do("administrator", http.MethodPost, channelsURL+"/"+c.ID, url.Values{"name": {""}, "visibility": {"secret"}}), http.StatusUnprocessableEntity, "f-name-error")
	shows(t, w.goes("administrator", w.do("administrator", http.MethodPost, channelsURL+"/"+c.ID+"/prova", nil), channelsURL+"/"+c.ID), http.StatusOK, "La piazza dei libri funziona")

	shows(t, w.do("administrator", http.MethodGet, channelsURL+"/"+c.ID+"/scollega", nil), http.StatusOK, "Scollegare Mastodon", "vengono cancellati")
	shows(t, w.goes("administrator", w.do("administrator", http.MethodPost, channelsURL+"/"+c.ID+"/scollega", nil), channelsURL), http.StatusOK, "Canale scollegato")
	if got := w.channel(c.ID); got.State != channel.Disconnected {
		t.Errorf("state %s", got.State)
	}
	hides(t, w.do("administrator", http.MethodGet, channelsURL, nil), "La piazza dei libri")
}

func TestRevokedChannelSaysWhatToDoAndIsConnectedAgain(t *testing.T) {
	w := newTown(t)
	rec := w.do("administrator", http.MethodPost, channelsURL+"/nuovo", w.typed(w.token))
	c := w.connected(t, rec.Header().Get("Location"))
	if err := w.square.Revoke(w.token); err != nil {
		t.Fatal(err)
	}
	m := must[publishing.Message](t)(w.desk.PublishNow(w.as("writer"), w.inst.ID, w.approved(w.library, "Nuovi libri").ID, ""))
	here := channelsURL + "/" + c.ID
	shows(t, w.goes("administrator", w.do("administrator", http.MethodPost, here+"/prova", nil), here), http.StatusOK, "non funziona", "Da ricollegare", "Collegare di nuovo il canale", "una consegna da fare", "<details class=\"ar-panel ar-more\" open>")
	shows(t, w.do("administrator", http.MethodGet, channelsURL, nil), http.StatusOK, "Da ricollegare", "una consegna da fare")
	hides(t, w.do("administrator", http.MethodGet, here, nil), here+"/prova")

	// Another account is refused: the history of the channel is not its own.
	other, err := w.square.AddAccount("altro", "Altro")
	if err != nil {
		t.Fatal(err)
	}
	form := w.typed(other)
	form.Set("canale", c.ID)
	shows(t, w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form), http.StatusUnprocessableEntity, "ma il canale era collegato a")

	fresh, err := w.square.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		t.Fatal(err)
	}
	form.Set("entry-token", fresh)
	rec = w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form)
	shows(t, w.goes("administrator", rec, here), http.StatusOK, "Collegato", "ripartono")
	if got := w.channel(c.ID); got.State != channel.Connected || got.ProfileID != w.library.ID {
		t.Errorf("after connecting again: %s, profile %s", got.State, got.ProfileID)
	}
	if n := len(w.deliveries(m.ID)); n != 1 {
		t.Errorf("%d deliveries", n)
	}
}

// TestChannelIsConnectedBySigningInOnTheSquare follows the way that a browser
// takes: to the square, where the person allows it, and back.
func TestChannelIsConnectedBySigningInOnTheSquare(t *testing.T) {
	w := newTown(t)
	form := w.typed("")
	form.Set("come", "accesso")
	rec := w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form)
	shows(t, rec, http.StatusOK, "Si prosegue su "+strings.TrimPrefix(w.server, "http://"))
	address := regexp.MustCompile(`href="(` + regexp.QuoteMeta(w.server) + `/[^"]+)"`).FindStringSubmatch(rec.Body.String())
	if address == nil {
		t.Fatalf("no way to the square: %s", visible(rec.Body.String()))
	}
	back := w.allow(t, html.UnescapeString(address[1]))
	if !strings.HasPrefix(back, "http://example.com"+channelsURL+"/ritorno?") {
		t.Fatalf("the square leads back to %q", back)
	}
	path := strings.TrimPrefix(back, "http://example.com")

	// Somebody else who learns the address gets nothing.
	shows(t, w.do("writer", http.MethodGet, path, nil), http.StatusForbidden)
	rec = w.do("administrator", http.MethodGet, path, nil)
	c := w.connected(t, rec.Header().Get("Location"))
	shows(t, w.goes("administrator", rec, channelsURL+"/"+c.ID), http.StatusOK, "Mastodon è collegato", "Biblioteca")

	// The address serves once.
	shows(t, w.goes("administrator", w.do("administrator", http.MethodGet, path, nil), channelsURL), http.StatusOK, "già stato usato")
	shows(t, w.goes("administrator", w.do("administrator", http.MethodGet, channelsURL+"/ritorno?error=access_denied", nil), channelsURL), http.StatusOK, "non è stato concesso")
}

// allow signs in on the square as the account "comune" and returns where the
// square sends the browser.
func (w *town) allow(t *testing.T, address string) string {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := browser.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("the square asks nothing: %s", res.Status)
	}
	res, err = browser.PostForm(address, url.Values{"account": {"comune"}, "answer": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.Header.Get("Location")
}

func TestUnreachableServerKeepsWhatWasTyped(t *testing.T) {
	w := newTown(t)
	form := w.typed("t")
	form.Set("entry-server", "http://127.0.0.1:1")
	shows(t, w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form), http.StatusUnprocessableEntity, `value="http://127.0.0.1:1"`, "non si raggiunge")
	form.Set("piattaforma", "fax")
	shows(t, w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form), http.StatusUnprocessableEntity, "non si può collegare")
}

// TestPasswordOfTheAccountIsAdvisedAgainst: Bluesky takes it, but an app password
// can be revoked by itself.
func TestPasswordOfTheAccountIsAdvisedAgainst(t *testing.T) {
	w := newTown(t)
	form := url.Values{"profilo": {w.library.ID}, "piattaforma": {"bluesky"}, "entry-handle": {"biblioteca.example.com"}, "entry-password": {"segreta"}, "entry-server": {"http://127.0.0.1:1"}}
	rec := w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form)
	shows(t, rec, http.StatusUnprocessableEntity, "Serve una password per le app", "Qui serve una password per le app")
	hides(t, rec, "segreta")
	form.Set("entry-password", "abcd-efgh-ijkl-mnop")
	hides(t, w.do("administrator", http.MethodPost, channelsURL+"/nuovo", form), "Qui serve una password per le app")
}
