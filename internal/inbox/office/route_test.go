package office_test

import (
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/publishing"
)

func TestRuleFitsWhenAllItsConditionsHold(t *testing.T) {
	lamp := office.Question{Text: "In via Roma ci sono tre lampioni rotti da una settimana!", Lang: "it", ProfileID: "comune", Platform: channel.Mastodon,
		Tags: []string{"Strade"}, Category: publishing.Roads, Places: []string{"Piazza Dante"}}
	for _, x := range []struct {
		name string
		rule office.Rule
		want bool
	}{
		{"no condition fits everything", office.Rule{}, true},
		{"a word in another form", office.Rule{Words: "lampione"}, true},
		{"one alternative is enough", office.Rule{Words: "buca, lampione"}, true},
		{"all the words of an alternative", office.Rule{Words: "lampione rotto"}, true},
		{"not all the words of an alternative", office.Rule{Words: "lampione spento"}, false},
		{"a word that is not there", office.Rule{Words: "mensa"}, false},
		{"the place that the citizen names", office.Rule{Place: "Via Roma"}, true},
		{"the place of the message", office.Rule{Place: "piazza dante"}, true},
		{"words of two places are no place", office.Rule{Place: "piazza Roma"}, false},
		{"the tag of the message", office.Rule{Tag: "#strade"}, true},
		{"another tag", office.Rule{Tag: "scuola"}, false},
		{"the category", office.Rule{Category: publishing.Roads}, true},
		{"another category", office.Rule{Category: publishing.School}, false},
		{"the profile", office.Rule{ProfileID: "comune"}, true},
		{"another profile", office.Rule{ProfileID: "biblioteca"}, false},
		{"the square", office.Rule{Platform: channel.Mastodon}, true},
		{"another square", office.Rule{Platform: channel.Telegram}, false},
		{"every condition together", office.Rule{Words: "lampione", Tag: "strade", Category: publishing.Roads, Place: "via Roma", ProfileID: "comune", Platform: channel.Mastodon}, true},
		{"one condition of all fails", office.Rule{Words: "lampione", Tag: "strade", Category: publishing.Roads, Place: "via Milano", ProfileID: "comune"}, false},
	} {
		if got := x.rule.Fits(lamp); got != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
	if !(office.Rule{Tag: "Scuola"}).Fits(office.Question{Text: "Quando apre? #scuola"}) {
		t.Error("a tag that the citizen wrote does not count")
	}
	if !(office.Rule{Words: "città"}).Fits(office.Question{Text: "Che bella CITTA!", Lang: "it"}) {
		t.Error("an accent parts words")
	}
}

func FuzzRuleFits(f *testing.F) {
	f.Add("lampione, buca", "via Roma; piazza", "#strade", "Il lampione di via Roma #strade")
	f.Add(",;\n", " ", "#", "")
	f.Fuzz(func(t *testing.T, words, place, tag, text string) {
		q := office.Question{Text: text, Lang: "it"}
		r := office.Rule{Words: words, Place: place, Tag: tag}
		if r.Fits(q) && words != "" && !(office.Rule{Words: words}).Fits(q) {
			t.Fatal("fits as a whole, not in its part")
		}
		_ = r.Fits(office.Question{Text: words, Places: []string{place}, Tags: []string{tag}})
	})
}

// The lamp is asked about on Monday at 10: sixteen working hours later it is
// Wednesday at 10.
func TestNewConversationGoesToItsOfficeWithADeadline(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		w.rule(office.Rule{Words: "carta identità", OfficeID: w.registry.ID, Target: 4 * time.Hour})
		c := w.says("Il lampione davanti alla scuola è spento")
		if c.OfficeID != w.works.ID || !c.DueAt.Equal(wall("2026-05-06T10:00")) {
			t.Errorf("office %s, due %s", c.OfficeID, c.DueAt.In(rome()))
		}
		m := w.letter("lavori@cesate.example.it")
		if m.subject != "Una domanda per l'ufficio Lavori pubblici" || !strings.Contains(m.text, "mercoledì 6 maggio 2026, ore 10:00") {
			t.Errorf("letter %q\n%s", m.subject, m.text)
		}
		for _, secret := range []string{"Anna", "lampione"} {
			if strings.Contains(m.text+m.subject, secret) {
				t.Errorf("the letter says %q:\n%s", secret, m.text)
			}
		}
		// The target of the rule counts before that of the office.
		if c := w.says("Come si rinnova la carta d'identità?", other("bruna")); c.OfficeID != w.registry.ID || !c.DueAt.Equal(wall("2026-05-04T15:00")) {
			t.Errorf("office %s, due %s", c.OfficeID, c.DueAt.In(rome()))
		}
		w.letter("anagrafe@cesate.example.it")
		if c := w.says("Grazie per la bella festa!", other("carla")); c.OfficeID != "" || !c.DueAt.IsZero() {
			t.Errorf("nobody's conversation is of %s", c.OfficeID)
		}
		if all := w.letters(); len(all) != 0 {
			t.Errorf("letters about what is nobody's: %+v", all)
		}
	})
}

// other is another citizen than the usual one.
func other(name string) func(*channel.Said) {
	return func(s *channel.Said) {
		s.Author = channel.Author{ID: "https://piazza.example/u/" + name, Handle: "@" + name + "@piazza.example", Name: name}
	}
}

func TestFirstRuleThatFitsWins(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		all := w.rule(office.Rule{OfficeID: w.registry.ID})
		if c := w.says("Una buca in via Roma"); c.OfficeID != w.works.ID {
			t.Errorf("went to %s", c.OfficeID)
		}
		w.must(w.offices.MoveRule(w.as("administrator"), w.inst.ID, all.ID, true))
		if c := w.says("Un'altra buca in via Roma", other("bruna")); c.OfficeID != w.registry.ID {
			t.Errorf("went to %s after the other rule moved up", c.OfficeID)
		}
		w.must(w.offices.MoveRule(w.as("administrator"), w.inst.ID, all.ID, true)) // already the first: stays
		w.must(w.offices.RemoveRule(w.as("administrator"), w.inst.ID, all.ID))
		if c := w.says("Una terza buca", other("carla")); c.OfficeID != w.works.ID {
			t.Errorf("went to %s after the other rule was removed", c.OfficeID)
		}
	})
}

func TestRuleLooksAtTheMessageThatIsCommented(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.rule(office.Rule{Tag: "censimento", OfficeID: w.registry.ID})
		m, err := w.desk.Create(w.as("writer"), w.inst.ID, publishing.Content{ProfileID: w.profile.ID, Title: "Censimento", Body: "Al via.", Lang: "it", Category: publishing.News, Tags: []string{"Censimento"}})
		w.must(err)
		w.write(`INSERT INTO delivery (institution_id, id, kind, message_id, channel_id, state, rev, out_rev, due_at, next_at, remote_id, out_at, created_at, updated_at)
			VALUES ($1, 'd1', 'message', $2, $3, 'out', 1, 1, 1, 1, 'https://piazza.example/our/1', 1, 1, 1)`, w.inst.ID, m.ID, w.channel)
		w.write(`INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES ($1, $2, 'https://piazza.example/our/1', 'd1')`, w.inst.ID, w.channel)
		c := w.says("Fino a quando?", func(s *channel.Said) { s.Parent = "https://piazza.example/our/1" })
		if c.MessageID != m.ID || c.OfficeID != w.registry.ID {
			t.Errorf("about %q, office %q", c.MessageID, c.OfficeID)
		}
	})
}

// The registry opens only on Monday morning, and Monday 11 is the patron saint.s.
func TestOwnHoursAndClosingDaysMoveTheDeadline(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		admin := w.as("administrator")
		w.must(w.offices.SaveSetting(admin, w.inst.ID, office.Setting{OfficeID: w.registry.ID, OwnWeek: true, Week: week(t, "9-12"), Target: 4 * time.Hour, Letters: true}))
		w.must(w.offices.AddClosing(admin, w.inst.ID, hours.Closing{Date: hours.Date{Month: time.May, Day: 11}, Name: "Patrono"}))
		w.rule(office.Rule{OfficeID: w.registry.ID})
		// Open only on Monday, 9–12: two hours today, none on 11 May, two on 18 May.
		if c := w.says("Come si fa?"); !c.DueAt.Equal(wall("2026-05-18T11:00")) {
			t.Errorf("due %s", c.DueAt.In(rome()))
		}
		var due time.Time
		w.tx(func(tx *db.Tx) (err error) {
			due, err = office.Due(t.Context(), tx, w.inst.ID, w.works.ID, w.clock.now())
			return err
		})
		if !due.Equal(wall("2026-05-06T10:00")) {
			t.Errorf("the other office is due %s", due.In(rome()))
		}
	})
}

func TestSettingsThatWouldNeverComeDueAreRefused(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		admin := w.as("administrator")
		for name, err := range map[string]error{
			"an empty week":        w.offices.SaveOpening(admin, w.inst.ID, hours.Week{}),
			"an empty own week":    w.offices.SaveSetting(admin, w.inst.ID, office.Setting{OfficeID: w.works.ID, OwnWeek: true, Target: time.Hour}),
			"a head without @":     w.offices.SaveSetting(admin, w.inst.ID, office.Setting{OfficeID: w.works.ID, HeadEmail: "bruno"}),
			"a target of a decade": w.offices.SaveSetting(admin, w.inst.ID, office.Setting{OfficeID: w.works.ID, Target: 90000 * time.Hour}),
			"a rule for nobody":    rule(w, office.Rule{Words: "buca", OfficeID: "nobody"}),
			"a rule of no words":   rule(w, office.Rule{Words: "buca, il", OfficeID: w.works.ID}),
			"a rule of no profile": rule(w, office.Rule{ProfileID: "nobody", OfficeID: w.works.ID}),
		} {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		k := hours.Closing{Date: hours.Date{Month: time.June, Day: 24}, Name: "San Giovanni"}
		w.must(w.offices.AddClosing(admin, w.inst.ID, k))
		if err := w.offices.AddClosing(admin, w.inst.ID, k); !fault.Is(err, fault.Conflict) {
			t.Errorf("the same day twice: %v", err)
		}
		for name, err := range map[string]error{
			"an unknown office":  w.offices.SaveSetting(admin, w.inst.ID, office.Setting{OfficeID: "nobody"}),
			"an unknown rule":    rule(w, office.Rule{ID: "none", OfficeID: w.works.ID}),
			"an unknown closing": w.offices.RemoveClosing(admin, w.inst.ID, "none"),
		} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func rule(w *town, r office.Rule) error {
	_, err := w.offices.SaveRule(w.as("administrator"), w.inst.ID, r)
	return err
}

// An officer assigns by hand: the office that had it loses its link, the new one
// gets a letter.
func TestAssignmentByHandTellsTheNewOfficeAndShutsOutTheOld(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione è spento")
		old := w.letter("lavori@cesate.example.it").link(t)
		w.must(w.inbox.Assign(w.as("writer"), w.inst.ID, []string{c.ID}, inbox.To{OfficeID: w.registry.ID}))
		fresh := w.letter("anagrafe@cesate.example.it").link(t)
		shows(t, w.do("nobody", "GET", fresh, nil), 200, "Il lampione è spento")
		shows(t, w.do("nobody", "GET", old, nil), 404, "Questo link non vale più", "urp@cesate.example.it")
		// Assigned to the same again: no second letter.
		w.must(w.inbox.Assign(w.as("writer"), w.inst.ID, []string{c.ID}, inbox.To{OfficeID: w.registry.ID, DueAt: wall("2026-05-08T12:00")}))
		if all := w.letters(); len(all) != 0 {
			t.Errorf("told twice: %+v", all)
		}
	})
}

// What waits to be approved may be rubbish: the office hears of it when it is
// released.
func TestOfficeIsToldOfHeldWordsOnceReleased(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione è spento", func(s *channel.Said) { s.Held = true })
		if c.OfficeID != w.works.ID {
			t.Fatal("not assigned")
		}
		if all := w.letters(); len(all) != 0 {
			t.Fatalf("told of held words: %+v", all)
		}
		w.write(`UPDATE comment SET held = FALSE WHERE conversation_id = $1`, c.ID)
		w.tx(func(tx *db.Tx) error { return w.offices.Changed(t.Context(), tx, w.inst.ID, c.ID, inbox.EventReleased) })
		w.letter("lavori@cesate.example.it")
	})
}

// After our answer the citizen asks again: a new deadline, a new letter.
func TestFurtherQuestionGetsANewDeadline(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione è spento")
		w.letter("lavori@cesate.example.it")
		w.must(w.inbox.Close(w.as("writer"), w.inst.ID, []string{c.ID}))
		w.clock.wall("2026-05-08T10:00")
		w.says("È ancora spento!", func(s *channel.Said) { s.Parent = "https://piazza.example/p/1" })
		if c = w.find(c.ID); c.State != inbox.Open || c.OfficeID != w.works.ID || !c.DueAt.Equal(wall("2026-05-12T10:00")) {
			t.Errorf("state %s, office %s, due %s", c.State, c.OfficeID, c.DueAt.In(rome()))
		}
		if m := w.letter("lavori@cesate.example.it"); !strings.Contains(m.subject, "nuovo messaggio") {
			t.Errorf("letter %q", m.subject)
		}
	})
}

// An office that is not to be written to, or has no address, is assigned all the same.
func TestOfficeWithoutLettersIsLeftInPeace(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		w.must(w.offices.SaveSetting(w.as("administrator"), w.inst.ID, office.Setting{OfficeID: w.works.ID, Target: time.Hour}))
		if c := w.says("Il lampione è spento"); c.OfficeID != w.works.ID || c.DueAt.IsZero() {
			t.Errorf("office %s, due %s", c.OfficeID, c.DueAt)
		}
		if all := w.letters(); len(all) != 0 {
			t.Errorf("told: %+v", all)
		}
	})
}
