package insight

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
)

func TestRulesReadWhatPeopleWrite(t *testing.T) {
	for stance, texts := range map[inbox.Stance][]string{
		inbox.Agrees: {
			"Finalmente! Era ora che sistemaste quella strada.",
			"Sono d'accordo, la zona 30 serve a tutti",
			"Bravi, continuate così",
			"Ottima iniziativa! A che ora comincia?",
			"Grazie mille",
			"Bella idea 👏👏",
			"Non vedo l'ora!",
			"👍👍👍",
			"❤️",
			"È GIUSTO, paghino tutti",
			"Complimenti alla biblioteca, sempre gentilissimi",
			"Avete fatto bene a chiudere la piazza alle auto",
			"Ben vengano i lavori",
			"@comune@piazza.example condivido in pieno",
		},
		inbox.Against: {
			"Non sono d'accordo",
			"Non sono per niente d'accordo con questa scelta",
			"Non mi piace affatto",
			"Vergogna! Soldi buttati via",
			"Sono contrario alla pista ciclabile in via Roma",
			"È uno spreco di denaro pubblico",
			"Sempre peggio, la solita presa in giro",
			"Ma vi pare normale chiudere l'ufficio ad agosto?",
			"Possibile che nessuno controlli mai?",
			"No, grazie. Non va bene così.",
			"👎",
			"😡😡 ogni anno uguale",
			"Non condivido questa decisione",
			"Non è giusto che paghino sempre gli stessi",
			"Basta cemento",
		},
		inbox.Question: {
			"A che ora apre la biblioteca sabato?",
			"Quando riapre la piscina",
			"Vorrei sapere se serve la prenotazione. Grazie",
			"Mi sapete dire dove si ritirano i sacchi",
			"Si può pagare con lo SPID? Grazie",
			"Dove si parcheggia",
		},
		inbox.Neutral: {
			"Ci vediamo in piazza",
			"Bella iniziativa, peccato per i parcheggi",
			"Bravi davvero 🤡",
			"Non sono contrario",
			"Via Roma è chiusa da lunedì",
			"😢",
			"",
			"https://example.org/bravi?bravissimi",
			"#bravi @bravo@example.org",
		},
	} {
		for _, text := range texts {
			if v := Judge(text, "it"); v.Stance != stance {
				t.Errorf("%q: %s by %s %v, want %s", text, v.Stance, v.Rule, v.Words, stance)
			}
			if v := Judge(text, ""); v.Stance != stance {
				t.Errorf("%q without a language: %s by %s %v, want %s", text, v.Stance, v.Rule, v.Words, stance)
			}
		}
	}
	for stance, texts := range map[inbox.Stance][]string{
		inbox.Agrees:   {"Great idea, well done", "I totally agree with this", "Thank you!"},
		inbox.Against:  {"I don't agree", "What a waste of money", "This is not a good idea", "I strongly disagree"},
		inbox.Question: {"When does it open", "Is there parking nearby?"},
		inbox.Neutral:  {"See you there"},
	} {
		for _, text := range texts {
			if v := Judge(text, "en-GB"); v.Stance != stance {
				t.Errorf("%q: %s by %s %v, want %s", text, v.Stance, v.Rule, v.Words, stance)
			}
		}
	}
}

func TestVerdictSaysWhy(t *testing.T) {
	for text, want := range map[string]Verdict{
		"Non sono d'accordo":          {inbox.Against, ByWords, []string{"non d accordo"}},
		"Vergogna!":                   {inbox.Against, ByWords, []string{"vergogna"}},
		"Grazie":                      {inbox.Agrees, ByThanks, []string{"grazie"}},
		"Bella idea ma è uno spreco":  {inbox.Neutral, ByBoth, []string{"bella idea", "spreco"}},
		"🔥":                           {inbox.Agrees, ByEmoji, nil},
		"Quando?":                     {inbox.Question, ByQuestion, nil},
		"Il mercato è in via Manzoni": {inbox.Neutral, ByNothing, nil},
	} {
		got := Judge(text, "it")
		if got.Stance != want.Stance || got.Rule != want.Rule || strings.Join(got.Words, "|") != strings.Join(want.Words, "|") {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestMentionWithoutMessageHasNothingToAgreeWith(t *testing.T) {
	if s := Stance("Bravi!", "it", ""); s != "" {
		t.Errorf("a mention: %q", s)
	}
	if s := Stance("Quando apre?", "it", ""); s != inbox.Question {
		t.Errorf("a question: %q", s)
	}
	if s := Stance("Bravi!", "it", "message"); s != inbox.Agrees {
		t.Errorf("a reply: %q", s)
	}
}

func TestReactionsAreRead(t *testing.T) {
	for reaction, want := range map[string]inbox.Stance{
		channel.Like: inbox.Agrees, channel.Boost: inbox.Neutral, "👍": inbox.Agrees, "👍🏽": inbox.Agrees, "❤️": inbox.Agrees, "👎": inbox.Against,
		"🤬": inbox.Against, "😢": inbox.Neutral, "🤔": inbox.Neutral, ":blobcat:": inbox.Neutral, "": inbox.Neutral,
	} {
		if got := Reaction(reaction); got != want {
			t.Errorf("%q: %s, want %s", reaction, got, want)
		}
	}
	for _, c := range glad {
		if strings.ContainsRune(angry, c) {
			t.Errorf("%c is both", c)
		}
	}
	if utf8.RuneCountInString(glad) < 30 || utf8.RuneCountInString(angry) < 10 {
		t.Error("the tables have lost their emoji")
	}
}

func FuzzJudge(f *testing.F) {
	f.Add("Non sono d'accordo!", "it")
	f.Add("👍🏽\x00\xff", "")
	f.Fuzz(func(t *testing.T, text, lang string) {
		switch v := Judge(text, lang); v.Stance {
		case inbox.Agrees, inbox.Against, inbox.Neutral, inbox.Question:
			if v.Rule == "" {
				t.Errorf("%q: no rule", text)
			}
		default:
			t.Errorf("%q: %q", text, v.Stance)
		}
	})
}

func TestRuleIsSaidInWords(t *testing.T) {
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	p := bundle.For(i18n.Italian, time.UTC)
	for text, want := range map[string]string{
		"Non sono d'accordo, che vergogna": "parole riconosciute: «vergogna», «non d accordo»",
		"👍":                                "emoji", "Dove?": "domanda", "Via Roma": "nessun segnale riconosciuto",
	} {
		if got := Why(p, text, "it"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
