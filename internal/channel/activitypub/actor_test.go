package activitypub_test

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestFollowedProfileReachesItsFollowerWithTextPictureAndLanguage(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna := p.person("anna", 0)
		follow := anna.follows(w, "comune")
		accept := p.one("Accept")
		if accept.path != "/users/anna/inbox" || accept.object()["id"] != follow["id"] || accept.doc["actor"] != w.actorID("comune") {
			t.Errorf("accepted at %s: %s", accept.path, accept.raw)
		}
		post := w.note("Domani il mercato si sposta in piazza.\n\nLe strade <intorno> restano aperte. #mercato")
		post.Media = media(2)
		r := w.publish("comune", post)
		got := p.one("Create")
		o := got.object()
		if got.path != "/inbox" || o["id"] != r.ID || o["type"] != "Note" || o["url"] != post.Link {
			t.Fatalf("%s: %s", got.path, got.raw)
		}
		content, _ := o["content"].(string)
		if !strings.Contains(content, "<p>Domani il mercato si sposta in piazza.</p>") || !strings.Contains(content, "&lt;intorno&gt;") || !strings.Contains(content, `class="mention hashtag"`) {
			t.Errorf("content: %s", content)
		}
		if m, _ := o["contentMap"].(map[string]any); m["it"] != content {
			t.Errorf("language: %v", m)
		}
		files, _ := o["attachment"].([]any)
		if len(files) != 2 {
			t.Fatalf("%d files", len(files))
		}
		if f, _ := files[0].(map[string]any); f["name"] != "Foto 1" || !strings.HasPrefix(f["url"].(string), w.origin+"/media/") {
			t.Errorf("file: %v", f)
		}
		status, again := w.get(r.ID)
		if status != http.StatusOK || again["content"] != content || again["@context"] == nil {
			t.Errorf("%d %v", status, again)
		}
	})
}

func TestActorIsDescribedWithIconFieldsAndKey(t *testing.T) {
	w := newTown(t)
	status, a := w.get("/ap/u/comune")
	if status != http.StatusOK || a["id"] != w.actorID("comune") || a["preferredUsername"] != "comune" || a["type"] != "Organization" || a["summary"] != "<p>Notizie &amp; avvisi</p>" {
		t.Fatalf("%d %v", status, a)
	}
	if k, _ := a["publicKey"].(map[string]any); k["owner"] != a["id"] || !strings.Contains(k["publicKeyPem"].(string), "PUBLIC KEY") {
		t.Errorf("%v", k)
	}
	if fields, _ := a["attachment"].([]any); len(fields) != 3 {
		t.Errorf("fields: %v", fields)
	}
	image, _ := a["image"].(map[string]any)
	resp := must(http.Get(image["url"].(string)))(t)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "image/png" {
		t.Errorf("banner: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	for _, c := range []string{"outbox", "followers", "following", "featured"} {
		if status, doc := w.get(a[c].(string)); status != http.StatusOK || doc["type"] != "OrderedCollection" {
			t.Errorf("%s: %d %v", c, status, doc)
		}
	}
}

func TestBrowserIsSentToThePage(t *testing.T) {
	w := newTown(t)
	r := w.publish("comune", w.note("Il mercato è sabato."))
	for address, page := range map[string]string{w.actorID("comune"): "/p/comune", r.ID: "/m/avviso-", w.origin + "/ap/actor": "/"} {
		req := must(http.NewRequest(http.MethodGet, address, nil))(t)
		req.Header.Set("Accept", "text/html,application/xhtml+xml")
		resp := must(http.DefaultTransport.RoundTrip(req))(t)
		resp.Body.Close()
		if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, w.origin+page) || !strings.Contains(resp.Header.Get("Vary"), "Accept") {
			t.Errorf("%s: %d %s", address, resp.StatusCode, to)
		}
	}
}

func TestWebFingerKnowsNamesAndAddressesOfOurs(t *testing.T) {
	w := newTown(t)
	host := strings.TrimPrefix(w.origin, "http://")
	for resource, want := range map[string]int{
		"acct:comune@" + host: 200, "acct:Comune@" + host: 200, "@biblioteca@" + host: 200, w.actorID("comune"): 200, w.origin + "/p/biblioteca": 200, "acct:" + host + "@" + host: 200,
		"acct:teatro@" + host: 404, "acct:comune@elsewhere.example": 404, "acct:@" + host: 404, w.origin + "/p/nessuno": 404, "acct:' OR 1=1@" + host: 404, "": 400,
	} {
		status, doc := w.get("/.well-known/webfinger?resource=" + strings.ReplaceAll(strings.ReplaceAll(resource, " ", "%20"), "'", "%27"))
		if status != want || status == 200 && (doc["subject"] == "" || len(doc["links"].([]any)) == 0) {
			t.Errorf("%s: %d %v, want %d", resource, status, doc, want)
		}
	}
	if _, doc := w.get("/.well-known/nodeinfo"); !strings.Contains(doc["links"].([]any)[0].(map[string]any)["href"].(string), "/nodeinfo/2.1") {
		t.Errorf("%v", doc)
	}
	w.publish("comune", w.note("Uno."))
	if status, _ := w.get("/nodeinfo/1.0"); status != http.StatusNotFound {
		t.Errorf("NodeInfo 1.0: %d", status)
	}
	// The schema of 2.0 forbids what 2.1 added.
	if _, doc := w.get("/nodeinfo/2.0"); doc["version"] != "2.0" || len(doc["software"].(map[string]any)) != 2 {
		t.Errorf("%v", doc)
	}
	if _, doc := w.get("/nodeinfo/2.1"); doc["usage"].(map[string]any)["localPosts"] != 1.0 || doc["software"].(map[string]any)["name"] != "arengo" {
		t.Errorf("%v", doc)
	}
}

func TestOutboxIsReadPageByPageNewestFirst(t *testing.T) {
	w := newTown(t)
	for range activitypub.PerPage + 3 {
		w.publish("comune", w.note("Un avviso."))
	}
	// Several at one moment, and not in the order of their names.
	if err := w.db.InTx(t.Context(), func(tx *db.Tx) error {
		ids, err := db.All(t.Context(), tx, db.Col[string], `SELECT id FROM ap_activity ORDER BY id DESC`)
		for n, id := range ids {
			if _, err = tx.Exec(t.Context(), `UPDATE ap_activity SET at = at + $2 WHERE id = $1`, id, n/4); err != nil {
				break
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	_, c := w.get("/ap/u/comune/outbox")
	if c["totalItems"] != float64(activitypub.PerPage+3) {
		t.Fatalf("%v", c)
	}
	seen, pages := map[string]bool{}, 0
	for next, _ := c["first"].(string); next != ""; pages++ {
		_, page := w.get(next)
		for _, item := range page["orderedItems"].([]any) {
			seen[item.(map[string]any)["id"].(string)] = true
		}
		next, _ = page["next"].(string)
	}
	if len(seen) != activitypub.PerPage+3 || pages != 2 {
		t.Errorf("%d activities on %d pages", len(seen), pages)
	}
	if _, f := w.get("/ap/u/comune/featured"); len(f["orderedItems"].([]any)) != 3 {
		t.Errorf("%v", f)
	}
}

func TestNameIsGivenOnceAndForEver(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		refused := func(slug, name, why string) {
			t.Helper()
			if _, err := w.connect(slug, name); err == nil || !strings.Contains(fieldKeys(err), why) {
				t.Errorf("%s as %q: %v, want %s", slug, name, err, why)
			}
		}
		refused("teatro", "Città", "channel.connect.actor_name")
		refused("teatro", strings.Repeat("a", 65), "channel.connect.actor_name")
		refused("teatro", "comune", "channel.connect.actor_taken")
		refused("comune", "", "channel.connect.actor_twice")
		c := must(w.connect("teatro", "Scena"))(t)
		if !strings.HasPrefix(c.Handle, "@scena@") || c.URL != w.actorID("scena") {
			t.Errorf("%+v", c)
		}
		_, before := w.get("/ap/u/scena")
		w.must(w.channels.Cut(w.as("administrator"), w.inst.ID, c.ID))
		if status, _ := w.get("/ap/u/scena"); status != http.StatusNotFound {
			t.Errorf("disconnected: %d", status)
		}
		refused("teatro", "altro", "channel.connect.actor_fixed")
		must(w.connect("teatro", ""))(t)
		status, after := w.get("/ap/u/scena")
		if status != http.StatusOK || after["publicKey"].(map[string]any)["publicKeyPem"] == before["publicKey"].(map[string]any)["publicKeyPem"] {
			t.Errorf("connected again: %d, with the key that was erased", status)
		}
	})
}
