package inbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestReplyToOurMessageOpensAConversationAboutIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.message("post-1")
		w.hear(w.says("anna", "c1", "post-1", "Quanto costa la mensa?", 1))
		c := w.only()
		if c.MessageID != m || c.MessageTitle != "Orari della mensa" || !c.Waiting || c.State != Open || c.Comments != 1 || c.Subject != "Quanto costa la mensa?" {
			t.Fatalf("%+v", c.Conversation)
		}
		word := c.words()[0]
		if word.Author.Handle != "@anna@square.example" || word.Stance != Question || word.StanceBy != "rule" || !word.SaidAt.Equal(w.minute(1)) || !word.ReceivedAt.Equal(w.now) {
			t.Fatalf("%+v", word)
		}
		if !c.CanAnswer() || len(w.begun) != 1 || len(w.words) != 1 {
			t.Fatalf("%q, told of %d and %d", c.WhyNot, len(w.begun), len(w.words))
		}
	})
}

func TestSameThingToldTwiceIsOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.message("post-1")
		s := w.says("anna", "c1", "post-1", "Grazie", 1)
		w.hear(s, s)
		w.hear(s)
		if c := w.only(); len(c.words()) != 1 || len(w.words) != 1 {
			t.Fatalf("%d words, told of %d", len(c.words()), len(w.words))
		}
	})
}

func TestEchoOfOurOwnIsDropped(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.message("post-1")
		echo := w.says("comune", "post-1", "", "Orari della mensa", 1)
		elsewhere := w.says("comune", "toot-7", "", "Scritto da un altro programma", 2)
		like := channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "post-1", Author: citizen("comune"), At: w.minute(3)}
		w.hear(echo, elsewhere, like)
		if rows := w.list(Filter{}); len(rows) != 0 {
			t.Fatalf("%d conversations out of our own words", len(rows))
		}
		if n := w.count("reaction"); n != 0 {
			t.Fatalf("%d reactions of our own", n)
		}
	})
}

func (w *town) count(table string) (n int) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error { return tx.QueryRow(w.t.Context(), `SELECT count(*) FROM `+table).Scan(&n) })
	return n
}

func TestOurWordWithAnotherProgramIsAnAnswer(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.message("post-1")
		w.hear(w.says("anna", "c1", "post-1", "Quando apre?", 1))
		w.hear(w.says("comune", "c2", "c1", "Alle nove.", 5))
		c := w.only()
		if c.Waiting || c.Comments != 1 || !c.AnsweredAt.Equal(w.minute(5)) || !c.words()[1].Ours || !w.list(Filter{})[0].LastOurs {
			t.Fatalf("%+v", c.Conversation)
		}
		w.hear(w.says("anna", "c3", "c2", "Anche il sabato?", 9))
		if c := w.only(); !c.Waiting || c.Comments != 2 || c.Entries[len(c.Entries)-1].Depth != 2 {
			t.Fatalf("%+v", c.Conversation)
		}
	})
}

func TestEditIsFollowedAndTheEarlierTextKept(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.says("anna", "c1", "", "Il lampione è rotto", 1))
		edited := w.says("anna", "c1", "", "Il lampione di via Roma è rotto", 7)
		edited.Act = channel.Edited
		w.hear(edited, edited)
		word := w.only().words()[0]
		if word.Text != edited.Text || len(word.Earlier) != 1 || word.Earlier[0].Text != "Il lampione è rotto" || !word.EditedAt.Equal(w.minute(7)) || !word.SaidAt.Equal(w.minute(1)) {
			t.Fatalf("%+v", word)
		}
		if n := len(w.list(Filter{Text: "via roma"})); n != 1 {
			t.Fatal("the new words are not found")
		}
		other := w.says("mario", "c1", "", "Parole non sue", 9)
		other.Act = channel.Edited
		w.hear(other)
		if w.only().words()[0].Text != edited.Text {
			t.Fatal("somebody else changed it")
		}
	})
}

func TestDeletionTakesTheWordsAndLeavesATrace(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		first := w.says("anna", "c1", "", "Scuola vergognosa", 1)
		first.Media = []channel.SaidMedia{{URL: "https://square.example/a.jpg"}}
		w.hear(first)
		w.hear(channel.Said{Act: channel.Deleted, ID: "c1", Author: citizen("mario")})
		if w.only().words()[0].Text == "" {
			t.Fatal("somebody else deleted it")
		}
		w.hear(channel.Said{Act: channel.Deleted, ID: "c1"})
		w.hear(first)
		c := w.only()
		word := c.words()[0]
		if word.Text != "" || len(word.Media) != 0 || word.URL != "" || word.DeletedAt.IsZero() || c.Subject != "" || c.State != Closed || c.Waiting {
			t.Fatalf("%+v %+v", word, c.Conversation)
		}
		if len(w.list(Filter{Text: "scuola"})) != 0 {
			t.Fatal("deleted words are still found")
		}
		if c.WhyNot == "" {
			t.Fatal("what is gone can be answered")
		}
	})
}

func TestDeletionThatOvertakesTheWordsKeepsThemAway(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(channel.Said{Act: channel.Deleted, ID: "c1", Author: citizen("anna"), At: w.minute(5)})
		w.hear(channel.Said{Act: channel.Unreacts, ID: "like-1", Author: citizen("anna"), At: w.minute(5)})
		w.hear(w.says("anna", "c1", "", "Ripensandoci", 1), channel.Said{Act: channel.Reacts, ID: "like-1", Reaction: channel.Like, Parent: "x", Author: citizen("anna"), At: w.minute(1)})
		if len(w.list(Filter{})) != 0 || w.count("reaction") != 0 {
			t.Fatal("what was taken back came in")
		}
	})
}

func TestVanishedAuthorIsForgotten(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.message("post-1")
		w.hear(w.says("anna", "c1", "post-1", "La mensa è cara", 1), w.says("mario", "c2", "c1", "Concordo", 2),
			channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "post-1", Author: citizen("anna"), At: w.minute(1)})
		w.hear(channel.Said{Act: channel.Vanished, Author: channel.Author{ID: citizen("anna").ID}, At: w.minute(9)})
		c := w.only()
		if a := c.words()[0]; a.Text != "" || a.Author.Name != "" || a.Author.Handle != "" || strings.Contains(a.Author.RemoteID, "anna") {
			t.Fatalf("%+v", a)
		}
		if c.words()[1].Text != "Concordo" || c.Subject != "Concordo" || !c.Waiting || w.count("reaction") != 0 || c.MessageID != m {
			t.Fatalf("%+v", c.Conversation)
		}
		w.hear(w.says("anna", "c0", "post-1", "Arrivo tardi", 3))
		if len(w.list(Filter{})) != 1 {
			t.Fatal("older words of a vanished author came in")
		}
	})
}

func TestReactionsAreCountedAndNeverARow(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.message("post-1")
		react := func(who, kind, to string, act channel.Act, at int) channel.Said {
			return channel.Said{Act: act, Reaction: kind, Parent: to, Author: citizen(who), At: w.minute(at)}
		}
		w.hear(react("anna", channel.Like, "post-1", channel.Reacts, 1), react("anna", channel.Like, "post-1", channel.Reacts, 1), react("mario", channel.Boost, "post-1", channel.Reacts, 1))
		if len(w.list(Filter{})) != 0 {
			t.Fatal("a reaction filled the list")
		}
		var n int
		w.tx(func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM reaction WHERE message_id = $1`, m).Scan(&n)
		})
		if n != 2 {
			t.Fatalf("%d reactions", n)
		}
		w.hear(react("mario", "👍", "c1", channel.Reacts, 3), w.says("anna", "c1", "post-1", "Bene", 2), react("rita", "👍", "c1", channel.Reacts, 4))
		if r := w.only().words()[0].Reactions; len(r) != 1 || r[0] != (Reaction{"👍", 2}) {
			t.Fatalf("%+v", r)
		}
		w.hear(react("rita", "👍", "c1", channel.Unreacts, 5), react("rita", "👍", "c1", channel.Reacts, 4))
		if r := w.only().words()[0].Reactions; len(r) != 1 || r[0].N != 1 {
			t.Fatalf("%+v", r)
		}
	})
}

func TestNewWordReopensAndAsksForAFreshDeadline(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.says("anna", "c1", "", "Quando apre?", 1))
		c := w.only()
		if err := w.inbox.Assign(w.writer, w.inst.ID, []string{c.ID}, To{OfficeID: w.office.ID, DueAt: w.now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if err := w.inbox.Close(w.writer, w.inst.ID, []string{c.ID}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		w.hear(w.says("anna", "c2", "c1", "E il sabato?", 90))
		c = w.only()
		if c.State != Open || !c.Waiting || !c.DueAt.IsZero() || !c.ClosedAt.IsZero() || c.OfficeID != w.office.ID || c.happened(EventReturned) != 1 {
			t.Fatalf("%+v", c.Conversation)
		}
	})
}

func TestPrivateChatIsOneConversationAndALetterItsOwn(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		private := func(id, subject string, at int) channel.Said {
			s := w.says("anna", id, "", "Testo "+id, at)
			s.Private, s.Subject = true, subject
			return s
		}
		w.hear(private("p1", "", 1), private("p2", "", 2), private("p3", "Oggetto", 3), private("p4", "Oggetto", 4))
		if n := len(w.list(Filter{Private: true})); n != 3 {
			t.Fatalf("%d conversations, want the chat and two letters", n)
		}
		if n := len(w.list(Filter{Public: true})); n != 0 {
			t.Fatal("a private word is public")
		}
	})
}

func TestBlockedAuthorIsNotHeard(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.says("anna", "c1", "", "Insulti", 1))
		w.tx(func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE author SET blocked_at = 1`)
			return err
		})
		w.hear(w.says("anna", "c2", "", "Altri insulti", 2), w.says("mario", "c3", "", "Buongiorno", 3))
		if n := len(w.list(Filter{})); n != 2 {
			t.Fatalf("%d conversations", n)
		}
	})
}

func TestNonsenseIsLeftOutAndTheRestHeard(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.message("post-1")
		loopA, loopB := w.says("anna", "la", "lb", "a", 1), w.says("anna", "lb", "la", "b", 2)
		bad := w.says("eva\u202e\x00", strings.Repeat("x", 5000), "post-1", "Testo\x00 \u202erovescio\xff"+strings.Repeat("z\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301", 9000), 3)
		bad.URL, bad.Refs, bad.Lang = "javascript:alert(1)", []byte(`{"a":`), "<b>"
		for range 50 {
			bad.Media = append(bad.Media, channel.SaidMedia{URL: "https://square.example/x.png"}, channel.SaidMedia{URL: "file:///etc/passwd"})
		}
		bad.At = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
		w.hear(channel.Said{}, channel.Said{Act: channel.Comments}, channel.Said{Act: "explode", ID: "x"}, channel.Said{Act: channel.Vanished}, channel.Said{Act: channel.Reacts, ID: "r"},
			loopA, loopB, w.says("io", "self", "self", "di me stesso", 2), bad)
		rows := w.list(Filter{})
		if len(rows) != 3 {
			t.Fatalf("%d conversations", len(rows))
		}
		word := w.thread(rows[0].ID).words()[0]
		if len(word.Text) > channel.MaxSaid || strings.ContainsAny(word.Text, "\x00\u202e") || word.URL != "" || word.refs != "" || word.Lang != "" || len(word.Media) != channel.MaxSaidMedia || word.SaidAt.After(w.now) {
			t.Fatalf("%d bytes, %q %q %q, %d files, %s", len(word.Text), word.URL, word.refs, word.Lang, len(word.Media), word.SaidAt)
		}
	})
}

// TestAnyOrderEndsInTheSameThreads hears what a square said in many orders, in
// pages of any size, with repetitions: the threads are always the same.
func TestAnyOrderEndsInTheSameThreads(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.message("post-1")
		edit := func(s channel.Said, text string, at int) channel.Said {
			s.Act, s.Text, s.At = channel.Edited, text, w.minute(at)
			return s
		}
		said := []channel.Said{
			w.says("anna", "a1", "post-1", "Quanto costa la mensa?", 1),
			w.says("mario", "a2", "a1", "Me lo chiedo anch'io", 2),
			w.says("comune", "a3", "a2", "Sei euro", 3),
			w.says("anna", "a4", "a3", "E per due figli?", 4),
			w.says("rita", "a5", "a4", "C'è lo sconto", 5),
			w.says("rita", "b1", "post-1", "Bravi", 2),
			w.says("ugo", "c1", "foreign", "Ne parla anche @comune", 6),
			w.says("ugo", "c2", "c1", "e nessuno risponde", 7),
			w.says("anna", "d1", "", "Lampione rotto", 3),
			w.says("comune", "e1", "post-1", "Seconda parte", 1),
			w.says("ugo", "e2", "e1", "Chiaro", 2),
			w.says("lia", "g1", "g0", "Torno a chiedere", 9),
			w.says("lia", "g0", "g-1", "Chiedo", 8),
			edit(w.says("mario", "a2", "a1", "", 0), "Me lo chiedo anch'io, grazie", 8),
			edit(w.says("mario", "a2", "a1", "", 0), "Me lo chiedo anch'io: grazie", 9),
			{Act: channel.Deleted, ID: "c2", Author: citizen("ugo"), At: w.minute(9)},
			{Act: channel.Reacts, Reaction: channel.Like, Parent: "a1", Author: citizen("rita"), At: w.minute(5)},
			{Act: channel.Reacts, ID: "r1", Reaction: channel.Boost, Parent: "a4", Author: citizen("mario"), At: w.minute(5)},
			{Act: channel.Unreacts, ID: "r1", Reaction: channel.Boost, Parent: "a4", Author: citizen("mario"), At: w.minute(6)},
			{Act: channel.Reacts, Reaction: "🎉", Parent: "e1", Author: citizen("lia"), At: w.minute(6)},
		}
		want := ""
		for seed := range uint64(24) {
			dice := rand.New(rand.NewPCG(seed, 1))
			order := slices.Clone(said)
			dice.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
			if seed == 0 {
				order = slices.Clone(said)
			}
			for range dice.IntN(8) {
				order = slices.Insert(order, dice.IntN(len(order)+1), said[dice.IntN(len(said))])
			}
			for len(order) > 0 {
				n := 1 + dice.IntN(len(order))
				w.hear(order[:n]...)
				order = order[n:]
			}
			got := w.portrait()
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("seed %d:\n%s\nwant:\n%s", seed, got, want)
			}
			w.empty()
		}
		if !strings.Contains(want, "a1 Quanto costa la mensa?[like]|a2 Me lo chiedo anch'io: grazie(Me lo chiedo anch'io/Me lo chiedo anch'io, grazie)|a3 Sei euro!|a4") {
			t.Fatal(want)
		}
	})
}

// portrait draws all threads, without what differs by the order of arrival.
func (w *town) portrait() string {
	var out []string
	for _, row := range w.list(Filter{}) {
		var line []string
		c := w.thread(row.ID)
		for _, word := range c.words() {
			if !word.DeletedAt.IsZero() {
				continue // a trace stays only where the words had been seen
			}
			s := word.RemoteID + " " + word.Text
			var was []string
			for _, e := range word.Earlier {
				was = append(was, e.Text)
			}
			if was != nil {
				s += "(" + strings.Join(was, "/") + ")"
			}
			for _, r := range word.Reactions {
				s += "[" + r.Reaction + "]"
			}
			if word.Ours {
				s += "!"
			}
			line = append(line, s)
		}
		out = append(out, fmt.Sprintf("%s about %v waiting %v, %s, %d by %s: %s", c.Subject, c.MessageID != "", c.Waiting, c.State, c.Comments, c.Author.Name, strings.Join(line, "|")))
	}
	var liked int
	w.tx(func(tx *db.Tx) error {
		return tx.QueryRow(w.t.Context(), `SELECT count(*) FROM reaction WHERE message_id <> ''`).Scan(&liked)
	})
	slices.Sort(out)
	return strings.Join(append(out, fmt.Sprint("reactions to messages: ", liked)), "\n")
}

// empty forgets all that was heard.
func (w *town) empty() {
	w.tx(func(tx *db.Tx) error {
		for _, table := range []string{"comment", "comment_earlier", "conversation", "conversation_event", "conversation_alias", "reaction", "gone", "early", "author"} {
			if _, err := tx.Exec(w.t.Context(), `DELETE FROM `+table); err != nil {
				return err
			}
		}
		_, err := tx.Exec(w.t.Context(), `DELETE FROM remote_post WHERE remote_id <> 'post-1'`)
		return err
	})
}
