package comments

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestCommentIsConfirmedHeldApprovedShownAndAnswered(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, nil)
		link := w.written("Anna <b>", "Anna@Example.org", "La pasta <i>era</i> fredda.\n\nPerché?")
		if got := w.heard(); len(got) != 0 {
			t.Fatalf("heard before it was confirmed: %v", got)
		}
		if page := w.page(link); !strings.Contains(page, "La pasta &lt;i&gt;era&lt;/i&gt; fredda.") || !strings.Contains(page, "Confermo il commento") {
			t.Fatalf("the link does not show what is to be confirmed:\n%s", page)
		}
		w.confirm(link)
		all := w.heard()
		if len(all) != 1 || all[0].MessageID != w.message || all[0].Name != "Anna <b>" || strings.Contains(all[0].AuthorID, "example.org") {
			t.Fatalf("heard %+v", all)
		}
		if page := w.page(w.path); strings.Contains(page, "fredda") {
			t.Fatal("shown before it was approved")
		}
		w.release(all[0])
		page := w.page(w.path)
		if !strings.Contains(page, "Anna &lt;b&gt;") || !strings.Contains(page, "La pasta &lt;i&gt;era&lt;/i&gt; fredda.") || !strings.Contains(page, "1 commento") {
			t.Fatalf("not shown after it was approved:\n%s", page)
		}
		account, p := w.answer(all[0], "delivery-1", "Grazie della segnalazione.")
		r, err := w.square.Finalize(t.Context(), account, p, nil)
		w.must(err)
		if again, err := w.square.Finalize(t.Context(), account, p, nil); err != nil || again != r {
			t.Fatalf("a repeated answer: %v %v", again, err)
		}
		page = w.page(w.path)
		if strings.Count(page, "Grazie della segnalazione.") != 1 || !strings.Contains(page, "Risponde Comune di Cesate") || !strings.Contains(page, `id="commento-delivery-1"`) {
			t.Fatalf("the answer is not shown once:\n%s", page)
		}
		notice := w.letter()
		if notice.To.Addr != "anna@example.org" || !strings.Contains(notice.Text, r.URL) || !strings.Contains(notice.Text, link) {
			t.Fatalf("the notice: %+v", notice)
		}
		// Work that is done twice, as after a crash, writes nobody twice.
		w.must(w.comments.workAnnounce(t.Context(), announce{w.i.ID, "delivery-1"}))
		if n := w.post.count(); n != 2 {
			t.Errorf("%d letters left, want the confirmation and one notice", n)
		}
	})
}

func TestConfirmingTwiceTellsOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, nil)
		link := w.written("Anna", "anna@example.org", "Bene.")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { w.do("POST", link, url.Values{"do": {"confirm"}}) })
		}
		wg.Wait()
		if all := w.heard(); len(all) != 1 {
			t.Fatalf("heard %d times", len(all))
		}
		if rec := w.do("POST", link, url.Values{"do": {"confirm"}}); rec.Code != http.StatusSeeOther {
			t.Errorf("a second click is told %d", rec.Code)
		}
		if n := w.rows("channel"); n != 1 {
			t.Errorf("%d channels were made", n)
		}
	})
}

func TestNothingReadableIsKeptUntilConfirmedAndNothingAfterTwoDays(t *testing.T) {
	w := open(t)
	link := w.written("Anna", "anna@example.org", "Il segreto del pozzo.")
	var sealed string
	w.must(w.db.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT sealed FROM comment_pending`).Scan(&sealed)
	}))
	if strings.Contains(sealed, "pozzo") {
		t.Error("the text can be read in the database")
	}
	if _, err := w.box.Open(draftPurpose(w.i.ID, hashLink("another")), sealed); err == nil {
		t.Error("the text opens as another's")
	}
	w.clock.advance(linkLife + time.Minute)
	if rec := w.do("GET", link, nil); rec.Code != http.StatusNotFound {
		t.Errorf("an old link: %d", rec.Code)
	}
	if rec := w.do("POST", link, url.Values{"do": {"confirm"}}); rec.Code != http.StatusNotFound || len(w.heard()) != 0 {
		t.Errorf("an old link confirms: %d", rec.Code)
	}
	w.must(w.comments.workTidy(t.Context(), tidy{}))
	if n := w.rows("comment_pending"); n != 0 {
		t.Errorf("%d drafts are kept", n)
	}
}

func TestWhatIsTypedWronglyStaysInTheForm(t *testing.T) {
	w := open(t)
	long := strings.Repeat("à", MaxText+1)
	for name, c := range map[string]struct {
		form url.Values
		want string
	}{
		"no text":        {typed("Anna", "anna@example.org", "  "), "obbligatorio"},
		"too long":       {typed("Anna", "anna@example.org", long), "3.000"},
		"no name":        {typed("", "anna@example.org", "Testo <mio>."), "obbligatorio"},
		"wrong address":  {typed("Anna", "anna@@example", "Testo <mio>."), "f-email-error"},
		"no address":     {typed("Anna", "", "Testo <mio>."), "f-email-error"},
		"name too long":  {typed(strings.Repeat("n", 61), "anna@example.org", "Testo <mio>."), "60"},
		"header in name": {typed("Anna\r\nBcc: x@example.org", "not an address", "Testo <mio>."), "f-email-error"},
	} {
		rec := w.do("POST", w.path+"/commenta", c.form)
		body := rec.Body.String()
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(body, c.want) {
			t.Errorf("%s: %d, no %q", name, rec.Code, c.want)
		}
		if text := c.form.Get("text"); strings.Contains(text, "mio") && !strings.Contains(body, "Testo &lt;mio&gt;.</textarea>") {
			t.Errorf("%s: what was typed is lost", name)
		}
	}
	if w.rows("comment_pending") != 0 || w.post.count() != 0 {
		t.Error("something was kept or sent")
	}
}

func TestProgramsAndFloodsGetNowhereAndPeopleLoseNoText(t *testing.T) {
	w := open(t)
	trap := typed("Bot", "bot@example.org", "Buy")
	trap.Set("website", "https://spam.example")
	if rec := w.do("POST", w.path+"/commenta", trap); rec.Header().Get("Location") != "/commenti/inviato" || w.rows("comment_pending") != 0 {
		t.Fatal("a program's comment is kept, or the program learns that it is not")
	}
	for n := range limit.CommentAddress.Line().Burst {
		if rec := w.do("POST", w.path+"/commenta", typed("Anna", "anna@example.org", "Uno.")); rec.Code != http.StatusSeeOther {
			t.Fatalf("comment %d: %d", n, rec.Code)
		}
	}
	rec := w.do("POST", w.path+"/commenta", typed("Anna", "ANNA@example.org", "Il testo di troppo."))
	if rec.Code != http.StatusTooManyRequests || !strings.Contains(rec.Body.String(), "Il testo di troppo.</textarea>") {
		t.Errorf("one too many for a mailbox: %d", rec.Code)
	}
	for n := limit.CommentAddress.Line().Burst; n < limit.Comments.Line().Burst; n++ {
		w.do("POST", w.path+"/commenta", typed("Anna", "x"+strings.Repeat("y", n)+"@example.org", "Uno."))
	}
	if rec := w.do("POST", w.path+"/commenta", typed("Bruno", "bruno@example.org", "Resta.")); rec.Code != http.StatusTooManyRequests || !strings.Contains(rec.Body.String(), "Resta.</textarea>") {
		t.Errorf("one too many for a network: %d", rec.Code)
	}
	if rec := w.do("POST", w.path+"/commenta", typed("Anna", "a@example.org", "x"), "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); rec.Code != http.StatusForbidden {
		t.Errorf("a form on another site: %d", rec.Code)
	}
}

func TestMessageThatTakesNoCommentsHasNoFormAndRefusesThem(t *testing.T) {
	for name, c := range map[string]struct {
		s    func(*town) Setting
		days int
	}{
		"switched off":   {func(*town) Setting { return Setting{Hold: HoldAll} }, 0},
		"silent profile": {func(w *town) Setting { return Setting{Enabled: true, Hold: HoldAll, Silent: []string{w.profile.ID}} }, 0},
		"closed":         {func(*town) Setting { return Setting{Enabled: true, Hold: HoldAll, CloseDays: 30} }, 31},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			link := w.written("Anna", "anna@example.org", "In tempo.")
			w.set(c.s(w))
			w.clock.advance(time.Duration(min(c.days, 1)) * time.Hour)
			if c.days > 0 {
				w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
					_, err := tx.Exec(t.Context(), `UPDATE publication SET published_at = published_at - $1`, int64(c.days)*24*time.Hour.Microseconds())
					return err
				}))
			}
			if strings.Contains(w.page(w.path), "<textarea") {
				t.Error("the form is there")
			}
			if rec := w.do("POST", w.path+"/commenta", typed("Anna", "a@example.org", "Testo.")); rec.Code != http.StatusConflict && rec.Code != http.StatusUnprocessableEntity {
				t.Errorf("write: %d", rec.Code)
			}
			if rec := w.do("POST", link, url.Values{"do": {"confirm"}}); rec.Code == http.StatusSeeOther || !strings.Contains(rec.Body.String(), "In tempo.") {
				t.Errorf("confirm: %d; the text is still to be read", rec.Code)
			}
			if len(w.heard()) != 0 {
				t.Error("it was heard")
			}
		})
	}
}

func TestAuthorChangesWithinAQuarterOfAnHourAndDeletesAtAnyTime(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, nil)
		link := w.confirmed("Anna", "anna@example.org", "Prima.")
		edit := func(text string) int {
			return w.do("POST", link, url.Values{"do": {"edit"}, "text": {text}}).Code
		}
		w.clock.advance(editLife)
		if got := edit("Seconda."); got != http.StatusSeeOther || w.heard()[0].Text != "Seconda." {
			t.Fatalf("within a quarter of an hour: %d %q", got, w.heard()[0].Text)
		}
		if got := edit("  "); got != http.StatusUnprocessableEntity {
			t.Errorf("an empty text: %d", got)
		}
		w.clock.advance(time.Second)
		if got := edit("Terza."); got != http.StatusUnprocessableEntity && got != http.StatusConflict || w.heard()[0].Text != "Seconda." {
			t.Errorf("after it: %d %q", got, w.heard()[0].Text)
		}
		w.release(w.heard()[0])
		w.clock.advance(1000 * time.Hour)
		if rec := w.do("POST", link, url.Values{"do": {"delete"}}); rec.Code != http.StatusSeeOther {
			t.Fatalf("delete: %d", rec.Code)
		}
		if strings.Contains(w.page(w.path), "Seconda.") || strings.Contains(w.heard()[0].Text, "Seconda") {
			t.Error("the words are still there")
		}
		if !strings.Contains(w.page(link), "non c&#39;è più") {
			t.Error("the link does not say that it is deleted")
		}
		var contact string
		w.must(w.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT contact FROM site_comment`).Scan(&contact)
		}))
		if contact != "" {
			t.Error("the address is kept")
		}
		account, p := w.answer(w.heard()[0], "late", "Troppo tardi.")
		_, err := w.square.Finalize(t.Context(), account, p, nil)
		if e := channel.AsError(err); e.Class != channel.Refused || e.Code != channel.CodeGone {
			t.Errorf("an answer to a deleted comment: %v", err)
		}
	})
}

func TestApprovedWordsAreNotChangedBehindTheApproversBack(t *testing.T) {
	w := open(t)
	link := w.confirmed("Anna", "anna@example.org", "Gentile.")
	w.release(w.heard()[0])
	if rec := w.do("POST", link, url.Values{"do": {"edit"}, "text": {"Volgare."}}); rec.Code == http.StatusSeeOther || w.heard()[0].Text != "Gentile." {
		t.Errorf("%d %q", rec.Code, w.heard()[0].Text)
	}
}

func TestOnlyNewcomersWaitWhereTheInstitutionSaysSo(t *testing.T) {
	w := open(t)
	w.set(Setting{Enabled: true, Hold: HoldNew})
	w.confirmed("Anna", "anna@example.org", "La prima volta, con https://link.example.")
	if strings.Contains(w.page(w.path), "La prima volta") {
		t.Fatal("a newcomer's words are shown at once")
	}
	w.release(w.heard()[0])
	w.confirmed("Anna", "anna@example.org", "La seconda volta.")
	if !strings.Contains(w.page(w.path), "La seconda volta.") {
		t.Error("who has an approved comment waits")
	}
	w.confirmed("Bruno", "bruno@example.org", "Un altro.")
	if strings.Contains(w.page(w.path), "Un altro.") {
		t.Error("another one does not wait")
	}
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE author SET blocked_at = 1 WHERE name = 'Anna'`)
		if err == nil {
			err = refresh(t.Context(), tx, w.i.ID)
		}
		return err
	}))
	if page := w.page(w.path); strings.Contains(page, "La prima volta") || strings.Contains(page, "La seconda volta") {
		t.Error("the words of a blocked author are shown")
	}
}

func TestRepliesStandInTheThreadOfWhatTheyAnswer(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, nil)
		w.confirmed("Anna", "anna@example.org", "Domanda.")
		first := w.heard()[0]
		if rec := w.do("GET", w.path+"/commenta?a="+first.RemoteID, nil); rec.Code != http.StatusNotFound {
			t.Fatalf("a comment that nobody may read can be answered: %d", rec.Code)
		}
		w.release(first)
		w.clock.advance(time.Minute)
		if page := w.page(w.path + "/commenta?a=" + first.RemoteID); !strings.Contains(page, "Rispondi a Anna") {
			t.Fatal("the form does not say whom it answers")
		}
		form := typed("Bruno", "bruno@example.org", "Anche io.")
		form.Set("a", first.RemoteID)
		w.do("POST", w.path+"/commenta", form)
		w.confirm(linkIn.FindString(w.letter().Text))
		all := w.heard()
		if len(all) != 2 || all[1].Conversation != first.Conversation {
			t.Fatalf("heard %+v", all)
		}
		w.release(all[1])
		var got []Thread
		w.must(w.db.Read(t.Context(), func(tx *db.Tx) (err error) {
			got, _, err = threads(t.Context(), tx, w.i.ID, w.message, "Cesate")
			return err
		}))
		if len(got) != 1 || len(got[0].Below) != 1 || got[0].Name != "Anna" || got[0].Below[0].Name != "Bruno" {
			t.Errorf("threads %+v", got)
		}
	})
}

func TestHiddenWordsLeaveThePageAndTheirAuthorLearnsWhy(t *testing.T) {
	w := newTown(t, testkit.SQLite(t), func(o *Options) {
		o.Appeal = func(_, id string) string { return "/ricorso/" + id }
	})
	link := w.confirmed("Anna", "anna@example.org", "Insulto.")
	h := w.heard()[0]
	w.release(h)
	w.moderate(`UPDATE comment SET hidden_at = 5 WHERE institution_id = $1 AND id = $2`, h)
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, reason, text, author, person_id, at)
			VALUES ($1, 'm1', $2, $3, 'hide', '2. Niente insulti', 'Offende una persona.', 'Insulto.', 'Anna', 'p', 5)`, w.i.ID, h.Conversation, h.ID)
		return err
	}))
	account, p := w.answer(h, "warning", "Questo commento offende una persona.")
	_, err := w.square.Finalize(t.Context(), account, p, nil)
	w.must(err)
	if l := w.letter(); !strings.Contains(l.Text, "Questo commento offende una persona.") || !strings.Contains(l.Text, link) || strings.Contains(l.Text, "#commento-") {
		t.Errorf("the warning does not arrive: %s", l.Text)
	}
	if page := w.page(w.path); strings.Contains(page, "Insulto.") || strings.Contains(page, "offende una persona") {
		t.Error("the words, or the warning, can be read by all")
	}
	page := w.page(link)
	for _, want := range []string{"2. Niente insulti", "Offende una persona.", "/ricorso/m1", "Questo commento offende"} {
		if !strings.Contains(page, want) {
			t.Errorf("the author is not told %q", want)
		}
	}
}

func TestALetterThatTheServerDefersIsSentLaterAndOnceRefusedNever(t *testing.T) {
	w := open(t)
	w.confirmed("Anna", "anna@example.org", "Domanda.")
	h := w.heard()[0]
	w.release(h)
	w.post.mu.Lock()
	w.post.answer = func(mail.Letter) mail.Result { return mail.Result{Outcome: mail.Refused, Code: 550} }
	w.post.mu.Unlock()
	account, p := w.answer(h, "d1", "Risposta.")
	_, err := w.square.Finalize(t.Context(), account, p, nil)
	w.must(err)
	state := func() (s string) {
		w.must(w.db.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(t.Context(), `SELECT notice FROM site_answer`).Scan(&s) }))
		return s
	}
	for deadline := time.Now().Add(20 * time.Second); state() != "refused"; {
		if time.Now().After(deadline) {
			t.Fatalf("the notice is %q", state())
		}
		<-time.After(5 * time.Millisecond)
	}
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE site_answer SET notice = 'waiting'`)
		return err
	}))
	w.post.mu.Lock()
	w.post.answer = func(mail.Letter) mail.Result { return mail.Result{Outcome: mail.Deferred} }
	w.post.mu.Unlock()
	if err := w.comments.workAnnounce(t.Context(), announce{w.i.ID, "d1"}); err == nil || state() != "waiting" {
		t.Errorf("deferred: %v %q", err, state())
	}
	// Whoever finds that a letter may have left does not send it again.
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE site_answer SET notice = 'attempting'`)
		return err
	}))
	w.post.mu.Lock()
	w.post.answer = nil
	n := len(w.post.letters)
	w.post.mu.Unlock()
	w.must(w.comments.workAnnounce(t.Context(), announce{w.i.ID, "d1"}))
	if state() != "unconfirmed" || w.post.count() != n {
		t.Errorf("after a crash: %q, %d letters", state(), w.post.count()-n)
	}
}

func TestAWrongLinkIsNobodys(t *testing.T) {
	w := open(t)
	link := w.written("Anna", "anna@example.org", "Testo.")
	for _, wrong := range []string{"/commenti/x", link[:len(link)-1], link + "a", "/commenti/%00", "/commenti/" + strings.Repeat("a", 5000)} {
		for _, method := range []string{"GET", "POST"} {
			if rec := w.do(method, wrong, url.Values{"do": {"delete"}}); rec.Code != http.StatusNotFound && rec.Code != http.StatusBadRequest {
				t.Errorf("%s %s: %d", method, wrong[:min(len(wrong), 40)], rec.Code)
			}
		}
	}
	if _, err := w.square.Finalize(t.Context(), channel.Account{ID: "x"}, channel.Post{Key: "k", Text: "t", To: &channel.Reply{ID: "y"}}, nil); channel.AsError(err).Class != channel.Refused {
		t.Errorf("an answer to nothing: %v", err)
	}
	if _, err := w.square.Finalize(t.Context(), channel.Account{ID: "x"}, channel.Post{Key: "k", Text: "t"}, nil); channel.AsError(err).Class != channel.Refused {
		t.Errorf("a message: %v", err)
	}
}

func TestMessageSaysWhereOtherSitesTellThatTheyLinkToIt(t *testing.T) {
	w := open(t)
	rec := w.do("GET", w.path, nil)
	if rec.Header().Get("Link") != `</webmention>; rel="webmention"` || !strings.Contains(rec.Body.String(), `<link rel="webmention" href="/webmention">`) {
		t.Errorf("header %q", rec.Header().Get("Link"))
	}
}

func TestRestoredBackupWritesNobodyASecondTime(t *testing.T) {
	w := open(t)
	w.confirmed("Anna", "anna@example.org", "Domanda.")
	h := w.heard()[0]
	link := w.written("Bruno", "bruno@example.org", "Da confermare.")
	account, p := w.answer(h, "d1", "Risposta.")
	_, err := w.square.Finalize(t.Context(), account, p, nil)
	w.must(err)
	w.letter()
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.Exec(t.Context(), `UPDATE site_answer SET notice = 'waiting'`); err != nil {
			return err
		}
		return Restored(t.Context(), tx, time.Now())
	}))
	n := w.post.count()
	w.must(w.comments.workAnnounce(t.Context(), announce{w.i.ID, "d1"}))
	if w.post.count() != n || w.do("GET", link, nil).Code != http.StatusNotFound {
		t.Errorf("%d letters; the draft: %d", w.post.count()-n, w.do("GET", link, nil).Code)
	}
}

func FuzzPiecesLoseNothingAndLinkOnlyTheWeb(f *testing.F) {
	f.Add("vedi https://comune.example/a. E javascript:alert(1)")
	f.Add("http://a@b/ https:// https://x)]")
	f.Fuzz(func(t *testing.T, text string) {
		joined := ""
		for _, p := range pieces(text) {
			joined += p.Text
			if p.URL != "" && (p.URL != p.Text || !strings.HasPrefix(p.URL, "http://") && !strings.HasPrefix(p.URL, "https://")) {
				t.Fatalf("link %q of %q", p.URL, p.Text)
			}
		}
		if joined != text {
			t.Fatalf("%q became %q", text, joined)
		}
	})
}
