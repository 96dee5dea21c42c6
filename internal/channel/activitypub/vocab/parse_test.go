package vocab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"codeberg.org/arengo/arengo/internal/channel"
)

func parse(t *testing.T, body string) Activity {
	t.Helper()
	a, err := Parse([]byte(body), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A reply as Mastodon sends it.
const mastodonReply = `{
	"@context": ["https://www.w3.org/ns/activitystreams", {"ostatus": "http://ostatus.org#", "sensitive": "as:sensitive"}],
	"id": "https://social.example/users/anna/statuses/1/activity", "type": "Create", "actor": "https://social.example/users/anna",
	"published": "2026-11-22T10:00:00Z", "to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": "https://comune.example.it/ap/u/comune",
	"object": {
		"id": "https://social.example/users/anna/statuses/1", "type": "Note", "summary": null,
		"inReplyTo": "https://comune.example.it/ap/o/1", "published": "2026-11-22T10:00:00Z", "url": "https://social.example/@anna/1",
		"attributedTo": "https://social.example/users/anna", "to": ["https://www.w3.org/ns/activitystreams#Public"],
		"cc": ["https://social.example/users/anna/followers", "https://comune.example.it/ap/u/comune"], "sensitive": false,
		"content": "<p><span class=\"h-card\" translate=\"no\"><a href=\"https://comune.example.it/p/comune\" class=\"u-url mention\">@<span>comune</span></a></span> La mensa è chiusa?<br>Grazie!</p><p>Vedi <a href=\"https://www.scuola.example/avvisi/mensa-chiusa-per-lavori\" rel=\"nofollow\"><span class=\"invisible\">https://www.</span><span class=\"ellipsis\">scuola.example/avvisi/mensa-</span><span class=\"invisible\">chiusa-per-lavori</span></a> <a href=\"https://social.example/tags/mensa\" class=\"mention hashtag\" rel=\"tag\">#<span>mensa</span></a></p>",
		"contentMap": {"it": "<p>altro</p>"},
		"attachment": [{"type": "Document", "mediaType": "image/jpeg", "url": "https://files.social.example/1.jpg", "name": "Il cartello", "width": 800, "height": 600}],
		"tag": [{"type": "Mention", "href": "https://comune.example.it/ap/u/comune", "name": "@comune@comune.example.it"},
			{"type": "Hashtag", "href": "https://social.example/tags/mensa", "name": "#mensa"}],
		"replies": {"id": "https://social.example/r", "type": "Collection"}
	},
	"signature": {"type": "RsaSignature2017"}
}`

func TestReplyOfMastodon(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	want := Activity{
		ID: "https://social.example/users/anna/statuses/1/activity", Type: Create, Actor: "https://social.example/users/anna",
		Objects: []string{"https://social.example/users/anna/statuses/1"},
		To:      []string{Public}, CC: []string{"https://comune.example.it/ap/u/comune"}, Published: at,
		Object: Object{
			ID: "https://social.example/users/anna/statuses/1", Type: Note, AttributedTo: []string{"https://social.example/users/anna"},
			Text: "@comune@comune.example.it La mensa è chiusa?\nGrazie!\n\nVedi https://www.scuola.example/avvisi/mensa-chiusa-per-lavori #mensa",
			Lang: "it", URL: "https://social.example/@anna/1", InReplyTo: "https://comune.example.it/ap/o/1",
			To: []string{Public}, CC: []string{"https://social.example/users/anna/followers", "https://comune.example.it/ap/u/comune"},
			Published:   at,
			Attachments: []Attachment{{"https://files.social.example/1.jpg", "image/jpeg", "Il cartello", 800, 600, false}},
			Tags: []Tag{{"Mention", "https://comune.example.it/ap/u/comune", "@comune@comune.example.it"},
				{"Hashtag", "https://social.example/tags/mensa", "#mensa"}},
		},
	}
	got := parse(t, mastodonReply)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !got.Object.IsPublic() || !got.Object.Names("https://comune.example.it/ap/u/comune") || got.Object.Names("https://comune.example.it/ap/u/altro") {
		t.Error("who may read it, and whom it names")
	}
}

func TestShapesThatServersSend(t *testing.T) {
	cases := []struct {
		name, body string
		want       Activity
	}{
		{"a follow by address", `{"id":"https://a.example/1","type":"Follow","actor":"https://a.example/u","object":"https://b.example/u"}`,
			Activity{ID: "https://a.example/1", Type: Follow, Actor: "https://a.example/u", Objects: []string{"https://b.example/u"}, Object: Object{ID: "https://b.example/u"}}},
		{"actor as an object, type as a list", `{"@id":"https://a.example/1","@type":["Like","x"],"actor":{"id":"https://a.example/u","type":"Person"},"object":["https://b.example/o"]}`,
			Activity{ID: "https://a.example/1", Type: Like, Actor: "https://a.example/u", Objects: []string{"https://b.example/o"}, Object: Object{ID: "https://b.example/o"}}},
		{"an undo that holds what it undoes", `{"id":"https://a.example/2","type":"Undo","actor":"https://a.example/u","object":{"id":"https://a.example/1","type":"Follow","actor":"https://a.example/u","object":{"id":"https://b.example/u"}}}`,
			Activity{ID: "https://a.example/2", Type: Undo, Actor: "https://a.example/u", Objects: []string{"https://a.example/1"},
				Object: Object{ID: "https://a.example/1", Type: Follow, Actor: "https://a.example/u", Object: "https://b.example/u", URL: "https://a.example/1",
					Inner: &Object{ID: "https://b.example/u", URL: "https://b.example/u"}}}},
		{"an emoji", `{"id":"https://a.example/1","type":"EmojiReact","actor":"https://a.example/u","object":"https://b.example/o","content":"🎉"}`,
			Activity{ID: "https://a.example/1", Type: EmojiReact, Actor: "https://a.example/u", Objects: []string{"https://b.example/o"}, Object: Object{ID: "https://b.example/o"}, Text: "🎉"}},
		{"a report on several things", `{"id":"https://a.example/1","type":"Flag","actor":"https://a.example/actor","object":["https://b.example/u","https://b.example/o"],"content":"Spam"}`,
			Activity{ID: "https://a.example/1", Type: Flag, Actor: "https://a.example/actor", Objects: []string{"https://b.example/u", "https://b.example/o"}, Object: Object{ID: "https://b.example/u"}, Text: "Spam"}},
		{"everybody, in short", `{"id":"https://a.example/1","type":"Announce","actor":"https://a.example/u","object":"https://b.example/o","to":"as:Public"}`,
			Activity{ID: "https://a.example/1", Type: Announce, Actor: "https://a.example/u", Objects: []string{"https://b.example/o"}, Object: Object{ID: "https://b.example/o"}, To: []string{Public}}},
		{"a move", `{"id":"https://a.example/1","type":"Move","actor":"https://a.example/u","object":"https://a.example/u","target":"https://c.example/u"}`,
			Activity{ID: "https://a.example/1", Type: Move, Actor: "https://a.example/u", Objects: []string{"https://a.example/u"}, Object: Object{ID: "https://a.example/u"}, Target: "https://c.example/u"}},
		{"no id", `{"id":null,"type":"Accept","actor":"https://a.example/u","object":"https://b.example/f"}`,
			Activity{Type: Accept, Actor: "https://a.example/u", Objects: []string{"https://b.example/f"}, Object: Object{ID: "https://b.example/f"}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, parse(t, c.body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestObjectShapes(t *testing.T) {
	object := func(body string) Object {
		t.Helper()
		o, err := ParseObject([]byte(`{"id":"https://a.example/o","type":"Note",`+body+`}`), DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	for _, c := range []struct {
		name, body string
		got        func(Object) any
		want       any
	}{
		{"only languages: Italian first", `"contentMap":{"de":"Hallo","it":"Ciao","en":"Hello"}`, func(o Object) any { return o.Text + "/" + o.Lang }, "Ciao/it"},
		{"the language of the text that is shown", `"content":"Hello","contentMap":{"it":"Ciao","en-GB":"Hello"}`, func(o Object) any { return o.Text + "/" + o.Lang }, "Hello/en-GB"},
		{"the language of the whole document", `"content":"Hello","@context":["https://www.w3.org/ns/activitystreams",{"@language":"en"}]`, func(o Object) any { return o.Lang }, "en"},
		{"an undetermined language is none", `"content":"Hello","contentMap":{"und":"Hello"}`, func(o Object) any { return o.Lang }, ""},
		{"a plain text", `"content":"a < b & c","mediaType":"text/plain"`, func(o Object) any { return o.Text }, "a < b & c"},
		{"a link among files", `"url":[{"type":"Link","mediaType":"video/mp4","href":"https://a.example/v.mp4"},{"type":"Link","mediaType":"text/html","href":"https://a.example/w"}]`, func(o Object) any { return o.URL }, "https://a.example/w"},
		{"an address that runs a script", `"url":"javascript:alert(1)"`, func(o Object) any { return o.URL }, "https://a.example/o"},
		{"what it answers, held", `"inReplyTo":{"id":"https://b.example/o","type":"Note"}`, func(o Object) any { return o.InReplyTo }, "https://b.example/o"},
		{"a quotation", `"quoteUrl":"https://b.example/o"`, func(o Object) any { return o.QuoteOf }, "https://b.example/o"},
		{"a poll", `"content":"<p>Quando?</p>","oneOf":[{"type":"Note","name":"Lunedì"},{"type":"Note","name":"Martedì"}]`, func(o Object) any { return o.Text }, "Quando?\n\n– Lunedì\n– Martedì"},
		{"one tag alone", `"tag":{"type":"Mention","href":"https://b.example/u","name":"@b"}`, func(o Object) any { return len(o.Tags) }, 1},
		{"a time that is none", `"published":"yesterday"`, func(o Object) any { return o.Published.IsZero() }, true},
		{"a time with an offset", `"updated":"2026-11-22T11:00:00.5+01:00"`, func(o Object) any { return o.Updated.Format(time.RFC3339) }, "2026-11-22T10:00:00Z"},
		{"a file by link", `"attachment":{"type":"Image","url":[{"type":"Link","href":"https://a.example/f.png","mediaType":"image/png"}],"name":"<b>Alt</b>"}`, func(o Object) any { return o.Attachments }, []Attachment{{URL: "https://a.example/f.png", Alt: "Alt"}}},
		{"a file without address", `"attachment":[{"type":"Image","name":"x"},{"type":"PropertyValue","name":"a","value":"b"}]`, func(o Object) any { return len(o.Attachments) }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got(object(c.body))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTextOfHTML(t *testing.T) {
	tags := []Tag{{"Mention", "https://altrove.example/users/Anna", "@Anna"}}
	for _, c := range []struct{ html, want string }{
		{"<p>Uno</p><p>Due<br/>tre</p>", "Uno\n\nDue\ntre"},
		{"Uno &amp; due &lt;3", "Uno & due <3"},
		{"solo testo", "solo testo"},
		{`<script>alert(1)</script><p onclick="x()">Ciao<style>p{}</style></p>`, "Ciao"},
		{`<p>Vedi <a href="https://x.example/a">qui</a>.</p>`, "Vedi qui (https://x.example/a)."},
		{`<a href="https://x.example/a">https://x.example/a</a>`, "https://x.example/a"},
		{`<a href="https://x.example/lungo/indirizzo">x.example/lungo…</a>`, "https://x.example/lungo/indirizzo"},
		{`<a href="javascript:alert(1)">premere</a>`, "premere"},
		{`<a href="https://altrove.example/@anna" class="u-url mention">@<span>anna</span></a> sì`, "@Anna@altrove.example sì"},
		{`<a href="https://terzo.example/@bruno" class="mention">@bruno</a>`, "@bruno@terzo.example"},
		{`<a href="https://terzo.example/u/9" class="mention">@bruno@terzo.example</a>`, "@bruno@terzo.example"},
		{`<a href="https://x.example/tags/mensa">#mensa</a>`, "#mensa"},
		{`<p>Prima <img src="x" alt="un gatto" onerror="x()"> dopo</p>`, "Prima un gatto dopo"},
		{`<a href="https://x.example/a">aperto<p>dopo</p>`, "aperto (https://x.example/a)\n\ndopo"},
		{"\u202e<p>\x00a\x1bb</p>", "ab"},
		{"", ""},
	} {
		if got := Text(c.html, tags); got != c.want {
			t.Errorf("%q became %q, want %q", c.html, got, c.want)
		}
	}
}

func TestActorOfMastodon(t *testing.T) {
	p, err := ParseActor([]byte(`{"@context":[],"id":"https://social.example/users/anna","type":"Person","preferredUsername":"anna","name":"Anna <b>N.</b>",
		"summary":"<p>Vivo qui</p>","inbox":"https://social.example/users/anna/inbox","outbox":"https://social.example/users/anna/outbox",
		"followers":"https://social.example/users/anna/followers","url":"https://social.example/@anna","indexable":true,
		"endpoints":{"sharedInbox":"https://social.example/inbox"},"icon":{"type":"Image","url":"https://files.example/a.png"},
		"publicKey":{"id":"https://social.example/users/anna#main-key","owner":"https://social.example/users/anna","publicKeyPem":"PEM"},
		"alsoKnownAs":"https://vecchio.example/users/anna"}`), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	want := Peer{
		ID: "https://social.example/users/anna", Type: Person, Username: "anna", Name: "Anna N.", Summary: "Vivo qui", URL: "https://social.example/@anna",
		Icon: "https://files.example/a.png", Inbox: "https://social.example/users/anna/inbox", SharedInbox: "https://social.example/inbox",
		Outbox: "https://social.example/users/anna/outbox", Followers: "https://social.example/users/anna/followers", Indexable: true,
		Keys:        []Key{{"https://social.example/users/anna#main-key", "https://social.example/users/anna", "PEM"}},
		AlsoKnownAs: []string{"https://vecchio.example/users/anna"},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Error(diff)
	}
	if p.Handle() != "@anna@social.example" {
		t.Error(p.Handle())
	}
	if _, ok := p.Key("https://social.example/users/anna#main-key"); !ok {
		t.Error("its own key is not found")
	}
	if _, err := ParseActor([]byte(`{"id":"https://a.example/o","type":"Note"}`), DefaultLimits()); !errors.Is(err, ErrMalformed) {
		t.Errorf("a note as an actor: %v", err)
	}
}

func TestKeyOfSomebodyElseIsNotTheActors(t *testing.T) {
	p, err := ParseActor([]byte(`{"id":"https://a.example/u","type":"Person","inbox":"https://a.example/i",
		"publicKey":[{"id":"https://b.example/u#main-key","owner":"https://b.example/u","publicKeyPem":"PEM"}]}`), DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := p.Key("https://b.example/u#main-key"); ok {
		t.Errorf("took %+v", k)
	}
}

func TestKeyOnItsOwn(t *testing.T) {
	k, err := ParseKey([]byte(`{"id":"https://a.example/u/key","owner":"https://a.example/u","publicKeyPem":"PEM"}`), "https://a.example/u/key", DefaultLimits())
	if err != nil || k != (Key{"https://a.example/u/key", "https://a.example/u", "PEM"}) {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := ParseKey([]byte(`{"id":"https://a.example/u/key","publicKeyPem":"PEM"}`), "https://a.example/other", DefaultLimits()); !errors.Is(err, ErrMalformed) {
		t.Errorf("another key: %v", err)
	}
}

func TestBombsAreRefused(t *testing.T) {
	frame := func(object string) string {
		return `{"id":"https://a.example/1","type":"Create","actor":"https://a.example/u","object":` + object + `}`
	}
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"too many bytes":     {frame(`"` + strings.Repeat("x", 1<<20) + `"`), ErrTooLarge},
		"too deep":           {frame(strings.Repeat(`{"object":`, 40) + `1` + strings.Repeat(`}`, 40)), ErrTooLarge},
		"half a million [":   {strings.Repeat("[", 500_000), ErrMalformed},
		"very deep":          {frame(strings.Repeat("[", 500_000)), ErrTooLarge},
		"10,000 mentions":    {frame(`{"type":"Note","tag":[` + strings.Repeat(`{"type":"Mention","href":"https://a.example/x"},`, 10_000) + `{}]}`), ErrTooLarge},
		"cut off":            {`{"type":"Create","actor":"https://a.ex`, ErrMalformed},
		"two documents":      {frame(`1`) + frame(`1`), ErrMalformed},
		"no object":          {`"https://a.example/1"`, ErrMalformed},
		"a list":             {`[` + frame(`1`) + `]`, ErrMalformed},
		"null":               {`null`, ErrMalformed},
		"nothing":            {``, ErrMalformed},
		"no type":            {`{"actor":"https://a.example/u"}`, ErrMalformed},
		"no actor":           {`{"type":"Like","object":"https://b.example/o"}`, ErrMalformed},
		"an actor of no use": {`{"type":"Like","actor":"data:text/html,x"}`, ErrMalformed},
	} {
		if _, err := Parse([]byte(c.body), DefaultLimits()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestLongListsAreCut(t *testing.T) {
	var tags, to, files []string
	for i := range 3000 {
		to = append(to, fmt.Sprintf(`"https://a.example/u%d"`, i))
		if i < 500 {
			tags = append(tags, fmt.Sprintf(`{"type":"Hashtag","name":"#t%d"}`, i))
			files = append(files, fmt.Sprintf(`{"type":"Image","url":"https://a.example/%d.png"}`, i))
		}
	}
	a := parse(t, `{"type":"Create","actor":"https://a.example/u","object":{"id":"https://a.example/o","type":"Note","to":[`+strings.Join(to, ",")+
		`],"tag":[`+strings.Join(tags, ",")+`],"attachment":[`+strings.Join(files, ",")+`],"content":"`+strings.Repeat("parola ", 20_000)+`"}}`)
	l := DefaultLimits()
	o := a.Object
	if len(o.To) != l.Addressees || len(o.Tags) != l.Tags || len(o.Attachments) != l.Attachments || len(o.Text) > channel.MaxSaid {
		t.Errorf("%d addressees, %d tags, %d files, %d bytes", len(o.To), len(o.Tags), len(o.Attachments), len(o.Text))
	}
}

func TestHostsVouchForTheirOwn(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://a.example/x", "https://A.example:443/y", true},
		{"https://a.example/x", "https://b.example/x", false},
		{"https://a.example/x", "https://a.example.evil/x", false},
		{"https://a.example:8443/x", "https://a.example/x", false},
		{"https://a.example@evil.example/x", "https://a.example/x", false},
		{"https://a.example\\@evil.example/x", "https://a.example/x", false},
		{"", "", false},
		{"acct:a@a.example", "acct:a@a.example", false},
	} {
		if got := SameHost(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

// Our own documents are read back as we meant them.
func TestOwnDocumentsAreReadBack(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	b, err := Encode(documents(t)["create"])
	if err != nil {
		t.Fatal(err)
	}
	a := parse(t, string(b))
	if a.Type != Create || a.Object.Lang != "it" || a.Object.Attachments[0].Alt != "L'ingresso della biblioteca" || !a.Object.IsPublic() ||
		a.Object.Text != "La biblioteca apre alle 9 & chiude alle 18. Il nuovo orario (https://comune.example.it/m/orario) #orario" {
		t.Errorf("%+v", a)
	}
	b, err = Encode(documents(t)["actor"])
	if err != nil {
		t.Fatal(err)
	}
	if p, err := ParseActor(b, DefaultLimits()); err != nil || p.SharedInbox != site+"/ap/inbox" || len(p.Keys) != 1 || p.Summary != "Libri & letture" {
		t.Errorf("%+v, %v", p, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(mastodonReply))
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"type":[[]],"actor":{"id":[{}]},"object":[null,1,{"tag":{"name":{}},"url":[[]],"contentMap":[],"content":{"a":1}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := Parse(body, DefaultLimits())
		if err == nil && (a.Type == "" || Host(a.Actor) == "") {
			t.Errorf("taken without type or actor: %+v", a)
		}
		for _, s := range []string{a.Object.Text, a.Text, a.Object.Name, a.Object.Summary} {
			if len(s) > channel.MaxSaid || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
				t.Errorf("text %q", s)
			}
		}
		for _, id := range append(append([]string{a.Actor, a.ID, a.Target, a.Object.ID, a.Object.URL, a.Object.InReplyTo}, a.To...), a.Objects...) {
			if id != "" && address(id) == "" {
				t.Errorf("address %q", id)
			}
		}
		ParseObject(body, DefaultLimits())
		ParseActor(body, DefaultLimits())
		ParseKey(body, "", DefaultLimits())
	})
}

func FuzzText(f *testing.F) {
	f.Add(`<p><a href="https://a.example/@b" class="mention">@<span>b</span></a>`)
	f.Add(`<a href="http://`)
	f.Add(`<script><a></script><img alt="&lt;script&gt;">`)
	f.Fuzz(func(t *testing.T, content string) {
		text := Text(content, []Tag{{"Mention", "https://a.example/b", "@b"}})
		if len(text) > channel.MaxSaid || !utf8.ValidString(text) {
			t.Errorf("%q", text)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	body := []byte(mastodonReply)
	for b.Loop() {
		if _, err := Parse(body, DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
