package channel

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/count"
)

func bluesky() Capabilities {
	return Capabilities{Text: count.Bluesky(), MaxText: 300, MaxBytes: 3000, Images: 4}
}

const link = "https://cesate.example.it/m/orari-estivi-della-biblioteca"

func TestShortMessageGoesOutWhole(t *testing.T) {
	got := Compose(Source{Title: "Orari estivi", Body: "La biblioteca apre alle 9.", Link: link, Tags: []string{"biblioteca", "orari estivi"}}, bluesky())
	want := "Orari estivi\n\nLa biblioteca apre alle 9.\n\n" + link + "\n\n#biblioteca #OrariEstivi"
	if got != want {
		t.Fatalf("got %q", got)
	}
}

func TestLongMessageEndsAtASentenceAndKeepsItsLink(t *testing.T) {
	body := "Dal primo luglio la biblioteca cambia orario e apre alle 9 di mattina. " + strings.Repeat("Questa frase è lunga e non ci sta. ", 20)
	got := Compose(Source{Title: "Orari estivi", Body: body, Link: link, Tags: []string{"biblioteca"}}, bluesky())
	if !strings.Contains(got, "di mattina.") || !strings.Contains(got, "[…]\n\n"+link) || !strings.HasSuffix(got, "#biblioteca") {
		t.Fatalf("got %q", got)
	}
}

func TestTitleLongerThanTheChannelIsCutBeforeTheLink(t *testing.T) {
	got := Compose(Source{Title: strings.Repeat("parola ", 60), Link: link}, bluesky())
	if !strings.HasSuffix(got, "…\n\n"+link) {
		t.Fatalf("got %q", got)
	}
}

func TestComposedTextAlwaysFitsAndAlwaysHoldsTheLink(t *testing.T) {
	words := rapid.SliceOfN(rapid.SampledFrom([]string{"perché", "l'acqua", "già", "👩‍👩‍👧", "scuola.", "È", "شارع", "a", "bilancio", "\n\n", "https://a.example.it/x", "#tag"}), 0, 200)
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom([]Capabilities{
			bluesky(),
			{Text: count.Mastodon(23), MaxText: 500},
			{Text: count.Telegram(), MaxText: 4096, Caption: 1024, Images: 10},
			{Text: count.X(), MaxText: 280},
			{Text: count.Threads(), MaxText: 500},
		}).Draw(t, "channel")
		s := Source{
			Title: strings.Join(words.Draw(t, "title"), " "), Body: strings.Join(words.Draw(t, "body"), " "), Link: link,
			Tags: rapid.SliceOfN(rapid.StringMatching(`[a-zà]{1,20}( [a-z]{1,9})?`), 0, 12).Draw(t, "tags"), Media: rapid.IntRange(0, 4).Draw(t, "media"),
		}
		got := Compose(s, c)
		if !strings.Contains(got, link) {
			t.Fatalf("no link in %q", got)
		}
		if !utf8.ValidString(got) || !count.Fits(got, c.limits(s.Media)...) {
			t.Fatalf("%d characters: %q", utf8.RuneCountInString(got), got)
		}
	})
}

func TestChannelGetsTheFirstFilesItTakes(t *testing.T) {
	var album []Media
	for range 40 {
		album = append(album, Media{ContentType: "image/jpeg", Alt: "x", Size: 1})
	}
	picked, left := Pick(album, bluesky())
	if len(picked) != 4 || left != 36 {
		t.Fatal(len(picked), left)
	}
	clip := Media{ContentType: "video/mp4", Size: 5}
	c := Capabilities{Images: 4, Videos: 1, VideoBytes: 10}
	if picked, left = Pick(append([]Media{clip}, album...), c); len(picked) != 1 || !picked[0].IsVideo() || left != 40 {
		t.Fatal("a video first takes the post for itself")
	}
	clip.Size = 11
	if picked, _ = Pick([]Media{clip}, c); len(picked) != 0 {
		t.Fatal("a video beyond the channel's size stays behind the link")
	}
}

func TestProblemsAreFoundBeforeAnythingIsSent(t *testing.T) {
	c := bluesky()
	c.ImageTypes, c.ImageBytes = []string{"image/jpeg"}, 10
	photo := Media{ContentType: "image/jpeg", Alt: "Piazza", Size: 5}
	for _, k := range []struct {
		name     string
		post     Post
		key      string
		blocking bool
	}{
		{"nothing", Post{}, "channel.problem.empty", true},
		{"too long", Post{Text: strings.Repeat("è", 301)}, "channel.problem.long", true},
		{"too many bytes", Post{Text: strings.Repeat("👩‍👩‍👧‍👦", 200)}, "channel.problem.bytes", true},
		{"too many", Post{Media: []Media{photo, photo, photo, photo, photo}}, "channel.problem.images", true},
		{"wrong type", Post{Media: []Media{{ContentType: "image/webp", Alt: "x"}}}, "channel.problem.file", true},
		{"too heavy", Post{Media: []Media{{ContentType: "image/jpeg", Alt: "x", Size: 11}}}, "channel.problem.file", true},
		{"no alt", Post{Media: []Media{{ContentType: "image/jpeg", Size: 1}}}, "channel.problem.alt", false},
		{"no video", Post{Media: []Media{{ContentType: "video/mp4", Size: 1}}}, "channel.problem.videos", true},
	} {
		found := Check(k.post, c)
		if len(found) == 0 || found[0].Key != k.key || found[0].Blocking != k.blocking {
			t.Errorf("%s: got %v", k.name, found)
		}
	}
	if p := Check(Post{Text: "Ciao", Media: []Media{photo}}, c); len(p) != 0 {
		t.Errorf("a good post has problems: %v", p)
	}
}

// A shortened text ends where a reader expects it: never at an abbreviation, never
// within a link or a hashtag, not after a line that promises more.
func TestShortenedTextEndsWell(t *testing.T) {
	for _, c := range []struct {
		lang, body string
		max        int
		want       string
	}{
		{"it", "Alle 18 parte il giro. Il dott. Rossi e l'arch. Bianchi presentano il piano di recupero.", 60, "Alle 18 parte il giro. […]"},
		{"it", "Il dott. Rossi e l'arch. Bianchi presentano il piano. Segue dibattito in sala con tutti.", 70, "Il dott. Rossi e l'arch. Bianchi presentano il piano. […]"},
		{"de", "Am 25. April ist Feier. Bitte z.B. Handschuhe und einen Schirm mitbringen.", 50, "Am 25. April ist Feier. […]"},
		{"de", "Die Halle bleibt zu. Im Saal Nr. Drei beginnt es um acht Uhr am Abend.", 50, "Die Halle bleibt zu. […]"},
		{"it", "Orari nuovi\n– lunedì 9-12\n– martedì 14-16\n– mercoledì 9-12", 44, "Orari nuovi\n– lunedì 9-12\n[…]"},
		{"it", "Uno.\n\nEcco gli orari:\n– lunedì dalle 9 alle 12 e dalle 14 alle 18", 30, "Uno.\n\n[…]"},
		{"it", "Il dott. Rossi e l'arch. Bianchi presentano insieme il piano del centro", 40, "Il dott. Rossi e l'arch. Bianchi…"},
		{"it", "Il dott. Rossi e l'arch. Bianchi presentano insieme il piano del centro", 27, "Il dott. Rossi e…"},
		{"de", "Alle Kinder bringen z.B. Handschuhe und einen warmen Schal mit", 26, "Alle Kinder bringen…"},
		{"it", "Si vede https://comune.example.it/m/regolamento-degli-orti quando si vuole", 40, "Si vede…"},
		{"it", "Tutti in piazza per la #festadeglialberi con noi", 35, "Tutti in piazza per la…"},
	} {
		got := Compose(Source{Title: "T", Body: c.body, Link: "L", Lang: c.lang}, Capabilities{MaxText: c.max + len("T\n\n\n\nL")})
		if got != "T\n\n"+c.want+"\n\nL" {
			t.Errorf("%s:\n%q", c.body, got)
		}
	}
}

func TestTagIsNeverAnotherWord(t *testing.T) {
	for tag, want := range map[string]string{
		"biblioteca": "biblioteca", "bilancio partecipativo": "BilancioPartecipativo", "L'Aquila": "LAquila", "e-mail": "EMail", "Estate 2026": "Estate2026",
		"25 aprile": "25Aprile", "Sport/Cultura": "SportCultura", "Lavori & cantieri": "LavoriCantieri", "Festa 🎉": "Festa", "città": "città", "ساحة": "ساحة",
		"2026": "", "C++": "", "C#": "", "R&D": "", "100%": "", "+": "", "": "",
	} {
		if got := Hashtag(tag); got != want {
			t.Errorf("%s became %q, want %q", tag, got, want)
		}
	}
}
