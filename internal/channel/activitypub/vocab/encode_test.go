package vocab

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	site  = "https://comune.example.it"
	actor = site + "/ap/u/biblioteca"
)

var (
	published = time.Date(2026, 11, 22, 9, 30, 0, 123456000, time.UTC)
	corrected = published.Add(2 * time.Hour)
)

func rome(t *testing.T) *time.Location {
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func addressed(p Post) Post {
	p.AttributedTo = actor
	p.To = []string{Public}
	p.CC = []string{actor + "/followers"}
	p.Published = At(published)
	p.InteractionPolicy = OpenPolicy()
	p.SetLanguage("it")
	return p
}

// documents are what leaves the house: one golden file for each.
func documents(t *testing.T) map[string]any {
	lat, lon := 45.0703, 7.6869
	note := addressed(Post{
		ID: site + "/ap/o/1", Type: Note, URL: site + "/m/orario",
		Content:    `<p>La biblioteca apre alle 9 &amp; chiude alle 18. <a href="https://comune.example.it/m/orario">Il nuovo orario</a> <a href="https://comune.example.it/tag/orario" rel="tag">#orario</a></p>`,
		Tag:        []Tag{Hashtag("orario", site+"/tag/orario")},
		Attachment: []Media{{MediaType: "image/jpeg", URL: site + "/media/ab/foto.jpg", Alt: "L'ingresso della biblioteca", Width: 1600, Height: 1200}},
	})
	answer := addressed(Post{
		ID: site + "/ap/o/2", Type: Note, Content: `<p><a href="https://altrove.example/@anna" class="u-url mention">@anna</a> Sì, anche il sabato.</p>`,
		InReplyTo: "https://altrove.example/users/anna/1", Tag: []Tag{Mention("@anna@altrove.example", "https://altrove.example/users/anna")},
	})
	answer.To, answer.CC = []string{"https://altrove.example/users/anna"}, nil
	article := addressed(Post{
		ID: site + "/ap/o/3", Type: Article, URL: site + "/m/piano", Name: "Il piano del verde",
		Content: "<h2>I parchi</h2><p>Testo.</p>", Updated: At(corrected),
		Image:   &Media{MediaType: "image/webp", URL: site + "/media/cd/parco.webp", Alt: "Il parco"},
		Preview: &Brief{Content: "<p>Il piano del verde</p>", Lang: "it"},
	})
	event := addressed(Post{
		ID: site + "/ap/o/4", Type: Event, Actor: actor, URL: site + "/m/lettura", Name: "Letture in piazza", Content: "<p><strong>Letture in piazza</strong></p><p>sabato 5 dicembre 2026, 15:00–17:00<br>Piazza Castello</p><p>Per tutti.</p>", MediaType: "text/html",
		Meeting: &Meeting{
			StartTime: Time{time.Date(2026, 12, 5, 15, 0, 0, 0, rome(t))}, EndTime: Time{time.Date(2026, 12, 5, 17, 0, 0, 0, rome(t))},
			Timezone: "Europe/Rome", Status: Confirmed, UUID: "019a-4", Category: "BOOK_CLUBS",
			Location: &Place{Name: "Piazza Castello", Latitude: &lat, Longitude: &lon, Address: &Address{Street: "Piazza Castello", Locality: "Torino", Country: "IT"}},
			JoinMode: "external", ExternalParticipationURL: site + "/m/lettura", CommentsEnabled: true,
		},
	})
	album := addressed(Post{
		ID: site + "/ap/o/5", Type: Note, Content: "<p>La festa</p>",
		Attachment: []Media{
			{MediaType: "image/png", URL: site + "/media/1/a.png", Alt: "Uno"},
			{MediaType: "video/mp4", URL: site + "/media/2/b.mp4", Alt: "Due", Width: 1920, Height: 1080},
			{MediaType: "application/pdf", URL: site + "/media/3/c.pdf", Alt: "Il programma"},
		},
	})
	return map[string]any{
		"actor": Actor{
			ID: actor, Type: Organization, PreferredUsername: "biblioteca", Name: "Biblioteca civica", Summary: "<p>Libri &amp; letture</p>", URL: site + "/p/biblioteca",
			Inbox: actor + "/inbox", Outbox: actor + "/outbox", Followers: actor + "/followers", Following: actor + "/following", Featured: actor + "/featured",
			Endpoints: &Endpoints{SharedInbox: site + "/ap/inbox"},
			PublicKey: PublicKey{ID: actor + "#main-key", Owner: actor, PEM: "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"},
			Icon:      &Media{MediaType: "image/png", URL: site + "/media/i.png"}, Image: &Media{MediaType: "image/jpeg", URL: site + "/media/b.jpg", Alt: "La sala di lettura"},
			Attachment: []Field{{"Sito", `<a href="https://comune.example.it" rel="me">comune.example.it</a>`}, {"Telefono", "011 0000"}},
			Published:  At(published), InteractionPolicy: &ActorPolicy{Rule{[]string{Public}}}, Discoverable: true, Indexable: true, AlsoKnownAs: []string{"https://vecchio.example/users/biblioteca"},
		},
		"instance": Actor{ID: site + "/ap/actor", Type: Application, PreferredUsername: "comune.example.it", Inbox: site + "/ap/actor/inbox", PublicKey: PublicKey{ID: site + "/ap/actor#main-key", Owner: site + "/ap/actor", PEM: "x"}, ManuallyApprovesFollowers: true},
		"note":     note,
		"answer":   answer,
		"article":  article,
		"event":    event,
		"album":    album,
		"create":   Action{ID: site + "/ap/a/1", Type: Create, Actor: actor, Object: note, To: note.To, CC: note.CC, Published: At(published)},
		"update":   Action{ID: site + "/ap/a/2", Type: Update, Actor: actor, Object: article, To: article.To, CC: article.CC, Published: At(corrected)},
		"delete":   Action{ID: site + "/ap/a/3", Type: Delete, Actor: actor, Object: Tombstone{note.ID, Note, At(corrected)}, To: note.To},
		"accept":   Action{ID: site + "/ap/a/4", Type: Accept, Actor: actor, Object: Action{ID: "https://altrove.example/f/1", Type: Follow, Actor: "https://altrove.example/users/anna", Object: actor}},
		"announce": Action{ID: site + "/ap/a/5", Type: Announce, Actor: actor, Object: "https://altrove.example/n/1", To: []string{Public}, CC: []string{actor + "/followers"}, Published: At(published)},
		"flag":     Action{ID: site + "/ap/a/6", Type: Flag, Actor: site + "/ap/actor", Object: []string{"https://altrove.example/users/anna", "https://altrove.example/n/1"}, Content: "Insulti"},
		"grant":    Grant{ID: site + "/ap/g/1", AttributedTo: actor, Object: "https://altrove.example/n/2", Target: note.ID},
		"feature":  Grant{ID: site + "/ap/g/2", Feature: true, AttributedTo: actor, Object: "https://altrove.example/c/1", Target: actor},
		"granted": Action{ID: site + "/ap/a/7", Type: Accept, Actor: actor, Result: site + "/ap/g/1", To: []string{"https://altrove.example/users/anna"},
			Object: Action{ID: "https://altrove.example/q/1", Type: QuoteRequest, Actor: "https://altrove.example/users/anna", Object: note.ID, Instrument: "https://altrove.example/n/2"}},
		"followers": Collection{ID: actor + "/followers", TotalItems: 120},
		"outbox":    Collection{ID: actor + "/outbox", TotalItems: 3, First: actor + "/outbox?page=1"},
		"page":      Page{ID: actor + "/outbox?page=1", PartOf: actor + "/outbox", Items: []any{site + "/ap/a/1"}},
		"empty":     Page{ID: actor + "/outbox?page=2", PartOf: actor + "/outbox"},
	}
}

func TestDocumentsThatLeaveTheHouse(t *testing.T) {
	for name, document := range documents(t) {
		got, err := Encode(document)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, _ := Encode(document)
		if !bytes.Equal(got, again) {
			t.Errorf("%s: encodes to other bytes the second time", name)
		}
		// The context is the same everywhere: the files show what differs.
		readable := bytes.Replace(got, []byte(context), []byte(`"…"`), 1)
		var b bytes.Buffer
		if err := json.Indent(&b, readable, "", "  "); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, got)
		}
		b.WriteByte('\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.Bytes(), want) {
			t.Errorf("%s: run with -update to accept\n%s", name, b.Bytes())
		}
	}
}

// A document whose words nobody explains is lost on a server that reads JSON-LD.
func TestEveryWordIsExplained(t *testing.T) {
	var all []any
	if err := json.Unmarshal([]byte(context), &all); err != nil {
		t.Fatal(err)
	}
	known := all[2].(map[string]any)
	standard := map[string]bool{}
	for _, w := range []string{
		// ActivityStreams 2.0 and its own context, then security/v1.
		"id", "type", "actor", "attributedTo", "name", "nameMap", "summary", "summaryMap", "content", "contentMap", "mediaType", "url", "inReplyTo", "to", "cc",
		"published", "updated", "image", "icon", "attachment", "tag", "preview", "replies", "startTime", "endTime", "location", "latitude", "longitude", "href",
		"width", "height", "object", "target", "formerType", "deleted", "totalItems", "first", "last", "next", "prev", "partOf", "orderedItems",
		"preferredUsername", "inbox", "outbox", "followers", "following", "endpoints", "sharedInbox",
		"publicKey", "owner", "publicKeyPem", "result", "instrument",
	} {
		standard[w] = true
	}
	seen := 0
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(name, x)
			}
		case map[string]any:
			for key, x := range v {
				if key == "@context" {
					continue
				}
				seen++
				if key == "ical:status" {
					key = "ical"
				}
				if _, ok := known[key]; !ok && !standard[key] {
					t.Errorf("%s: %q is explained nowhere", name, key)
				}
				if key != "nameMap" && key != "summaryMap" && key != "contentMap" {
					walk(name, x)
				}
			}
		}
	}
	for name, document := range documents(t) {
		b, err := Encode(document)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		walk(name, v)
	}
	if seen < 100 {
		t.Fatalf("only %d words seen", seen)
	}
}

func TestWhatIsNoDocumentIsNotEncoded(t *testing.T) {
	for _, v := range []any{"text", nil, []string{"a"}, func() {}, struct{}{}} {
		if b, err := Encode(v); err == nil {
			t.Errorf("%v became %s", v, b)
		}
	}
}
