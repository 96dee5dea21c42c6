package newsletter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestLetterIsCommittedAsAttemptedBeforeItIsHandedOver(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("a@example.org", Immediate)
		w.subscriber("b@example.org", Immediate)
		w.post.before = func(mail.Letter) {
			// Another connection sees what is committed.
			if got := w.outcomes(); !strings.HasPrefix(got, "attempting 1") {
				t.Errorf("while a letter is handed over: %s", got)
			}
		}
		w.hand("comune", "k1", "Avviso")
		w.work()
		if got := w.outcomes(); got != "sent 2" {
			t.Error(got)
		}
	})
}

// killed runs the sending in a process of its own, as far as the ledger can tell,
// and kills that as SIGKILL does while its letter number n is being handed over:
// what it knew and had not recorded is gone.
func (w *town) killed(n int, arrived bool) {
	w.Helper()
	alive := w.db
	dying, err := db.Open(context.Background(), w.address)
	w.must(err)
	dead, reached := make(chan struct{}), make(chan struct{})
	handed := 0
	w.post.answer = func(l mail.Letter) (mail.Result, bool) {
		if handed++; handed != n {
			return mail.Result{}, false
		}
		if arrived {
			w.post.mu.Lock()
			w.post.letters = append(w.post.letters, l)
			w.post.mu.Unlock()
		}
		close(reached)
		<-dead
		return mail.Result{Outcome: mail.Sent}, true
	}
	w.db = dying
	w.open(w.post)
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); w.list.SendDue(ctx) }()
	select {
	case <-reached:
	case <-over:
		w.Fatalf("the worker ended before letter %d", n)
	}
	w.must(dying.Close())
	w.db, w.post.answer = alive, nil
	w.open(w.post)
	w.Cleanup(func() { cancel(); close(dead); <-over })
}

func TestCrashLeavesABatchUnconfirmedAndNothingTwice(t *testing.T) {
	const readers = 90
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		for _, arrived := range []bool{false, true} {
			address := testkit.Address(t, d.Engine)
			w := newTown(t, testkit.Open(t, address))
			w.address = address
			for n := range readers {
				w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
			}
			w.hand("comune", "k1", "Avviso")
			w.killed(40, arrived)
			before := w.count(Attempting)
			if before == 0 || before > maxBatch || w.count(Sent)+w.count(Waiting)+before != readers {
				t.Fatal(w.outcomes())
			}
			was := w.outcomes()
			w.work() // the lease of the dead worker still runs
			if got := w.outcomes(); got != was {
				t.Fatal(got)
			}
			w.clock.advance(w.list.lease + time.Second)
			w.work()
			w.clock.advance(48 * time.Hour)
			w.work()
			if w.count(Unconfirmed) != before || w.count(Sent) != readers-before {
				t.Fatal(w.outcomes())
			}
			states := w.byAddress()
			for n := range readers {
				a := fmt.Sprintf("a%d@example.org", n)
				if got := len(w.post.to(a)); got > 1 || states[a] == Sent && got != 1 {
					t.Errorf("%s is %s and received %d letters", a, states[a], got)
				}
			}
		}
	})
}

// Nothing that is not in hand becomes unknown when the process stops.
func TestStopFinishesTheLetterInHandAndGivesBackTheRest(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 90 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
		}
		w.hand("comune", "k1", "Avviso")
		ctx, stop := context.WithCancel(t.Context())
		handed := 0
		w.post.before = func(mail.Letter) {
			if handed++; handed == 40 {
				stop()
			}
		}
		w.must(w.list.SendDue(ctx))
		if got := w.outcomes(); got != "sent 40, waiting 50" {
			t.Fatal(got)
		}
		w.work() // whoever starts next has nothing to wait for
		if got := w.outcomes(); got != "sent 90" {
			t.Error(got)
		}
		if n := w.post.count(); n != 90 {
			t.Errorf("%d letters", n)
		}
	})
}

// What is known is recorded while a batch hangs, so that a crash costs no more.
func TestOutcomesAreRecordedWhileALetterHangs(t *testing.T) {
	w := open(t)
	for n := range 90 {
		w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
	}
	w.hand("comune", "k1", "Avviso")
	handed := 0
	w.post.before = func(mail.Letter) {
		if handed++; handed != 40 {
			return
		}
		for deadline := time.Now().Add(20 * time.Second); w.count(Sent) != 39; <-time.After(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("while the 40th hangs: %s", w.outcomes())
				return
			}
		}
	}
	w.work()
	if got := w.outcomes(); got != "sent 90" {
		t.Error(got)
	}
}

func TestSlowWorkerThatWasThoughtDeadSendsNothingTwice(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 4 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
		}
		slept := false
		w.post.before = func(mail.Letter) {
			if slept {
				return
			}
			slept = true
			// While the first worker sleeps over its first letter, its lease ends and
			// another one does all the rest.
			w.clock.advance(w.list.lease + time.Second)
			w.work()
			if got := w.outcomes(); got != "sent 3, unconfirmed 1" {
				t.Errorf("after the second worker: %s", got)
			}
		}
		w.hand("comune", "k1", "Avviso")
		w.work()
		if got := w.outcomes(); got != "sent 4" {
			t.Error(got)
		}
		if n := w.post.count(); n != 4 {
			t.Errorf("%d letters", n)
		}
	})
}

// A worker whose lease ended must not put a letter back in line: a person may have
// said that it is sent again, and another worker may be doing so.
func TestLateWorkerNeverPutsALetterBackInLine(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("a@example.org", Immediate)
		first := true
		w.post.answer = func(mail.Letter) (mail.Result, bool) {
			if !first {
				return mail.Result{}, false
			}
			first = false
			w.clock.advance(w.list.lease + time.Second)
			w.work()
			if got := w.outcomes(); got != "unconfirmed 1" {
				t.Errorf("after the second worker: %s", got)
			}
			w.must(d.InTx(context.Background(), func(tx *db.Tx) error {
				_, err := w.list.again(context.Background(), tx, w.i.ID, w.issueID(), Unconfirmed, w.clock.now())
				return err
			}))
			w.post.before = func(mail.Letter) { // the other worker has it in hand
				w.post.before = nil
				s := &sending{l: w.list, lease: "the first", issue: Issue{InstitutionID: w.i.ID, ID: w.issueID()}}
				w.must(d.InTx(context.Background(), func(tx *db.Tx) error {
					u, _ := w.find("a@example.org")
					_, err := s.settleAll(context.Background(), tx, []settled{settle(letterTo{u, 1}, mail.Result{Outcome: mail.Deferred, Ours: true})}, w.clock.now())
					return err
				}))
				if got := w.outcomes(); got != "attempting 1" {
					t.Errorf("while the other worker sends: %s", got)
				}
			}
			w.work()
			return mail.Result{Outcome: mail.Deferred, Ours: true, Err: errors.New("never begun")}, true
		}
		w.hand("comune", "k1", "Avviso")
		w.work()
		w.clock.advance(48 * time.Hour)
		w.work()
		if got := w.outcomes(); got != "sent 1" || w.post.count() != 1 {
			t.Errorf("%s, %d letters", got, w.post.count())
		}
	})
}

// A letter refused for what it says is nobody's failure, and stops the sending.
func TestRefusedContentBlamesNoReader(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 60 {
			w.subscriber(fmt.Sprintf("bad%d@example.org", n), Immediate)
		}
		w.post.answer = func(mail.Letter) (mail.Result, bool) {
			return mail.Result{Outcome: mail.Refused, Code: 552, Enhanced: "5.3.4", Whole: true, Err: errors.New("too large")}, true
		}
		w.hand("comune", "k1", "Avviso")
		w.work()
		if got := w.outcomes(); got != "refused 20, waiting 40" {
			t.Error(got)
		}
		for n := range 60 {
			if u, _ := w.find(fmt.Sprintf("bad%d@example.org", n)); u.SoftBounces != 0 || u.State != Active {
				t.Errorf("%s is %s after %d failures", u.Email, u.State, u.SoftBounces)
			}
		}
	})
}

func TestServerThatAsksToSlowDownIsFollowed(t *testing.T) {
	w := open(t)
	for n := range 10 {
		w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
	}
	handed := 0
	w.post.answer = func(mail.Letter) (mail.Result, bool) {
		handed++
		return mail.Result{Outcome: mail.Deferred, Code: 450, Enhanced: "4.7.1", Ours: true, Busy: true, Err: errors.New("too much mail")}, handed == 5
	}
	w.hand("comune", "k1", "Avviso")
	w.work()
	if got := w.outcomes(); got != "sent 4, waiting 6" {
		t.Fatal(got)
	}
	w.staff()
	if page := w.do("GET", desk, "").Body.String(); !strings.Contains(page, "chiede di andare più piano") {
		t.Errorf("the desk does not say why:\n%s", page)
	}
	w.clock.advance(serverBusy + time.Second)
	w.work()
	if got := w.outcomes(); got != "sent 10" {
		t.Error(got)
	}
}

// A mail server that hangs keeps nobody from stopping, and only the letters whose
// end it has are unknown.
func TestStopWithAHangingMailServer(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := testkit.OpenMailSink(t)
		s.Hang = make(chan struct{})
		s.HangsAt = 100
		sender, err := mail.NewSMTP(mail.SMTPOptions{Host: "127.0.0.1", Port: s.Port(), Security: mail.Clear, Grace: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { sender.Close() })
		w := newTown(t, d)
		w.open(sender)
		for n := range 400 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
		}
		w.hand("comune", "k1", "Avviso")
		ctx, stop := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- w.list.SendDue(ctx) }()
		<-s.Hang
		start := time.Now()
		stop()
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
		unknown := w.count(Unconfirmed)
		if unknown < 1 || unknown > sender.Lanes() || w.count(Attempting) != 0 || int64(w.count(Sent)+unknown) != s.Taken.Load() {
			t.Errorf("the server has %d letters; %s", s.Taken.Load(), w.outcomes())
		}
	})
}

func answering(code int, enhanced string, o mail.Outcome) func(mail.Letter) (mail.Result, bool) {
	return func(l mail.Letter) (mail.Result, bool) {
		return mail.Result{Outcome: o, Code: code, Enhanced: enhanced, Err: errors.New("no: " + l.To.Addr)}, strings.HasPrefix(l.To.Addr, "bad")
	}
}

func TestUnknownAddressStopsAtOnceAndOtherRefusalsAfterFive(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("bad@example.org", Immediate)
		w.subscriber("good@example.org", Immediate)
		w.post.answer = answering(550, "5.1.1", mail.Refused)
		w.hand("comune", "k1", "Avviso")
		w.work()
		if u, _ := w.find("bad@example.org"); u.State != Stopped {
			t.Errorf("an unknown mailbox is %s", u.State)
		}
		if got := w.outcomes(); got != "refused 1, sent 1" {
			t.Error(got)
		}
		w.subscriber("bad2@example.org", Immediate)
		w.post.answer = answering(552, "5.2.2", mail.Refused)
		for n := range 6 {
			u, _ := w.find("bad2@example.org")
			if want := map[bool]State{true: Active, false: Paused}[n < maxSoft]; u.State != want {
				t.Errorf("after %d refusals of a full mailbox: %s", n, u.State)
			}
			w.hand("comune", fmt.Sprint("soft", n), "Avviso")
			w.work()
		}
		// Whoever chooses again, from an old letter, is written to again.
		u, _ := w.find("bad2@example.org")
		w.do("POST", "/newsletter/gestisci/"+w.list.token(w.i.ID, u.ID), "cadence=immediate")
		if u, _ := w.find("bad2@example.org"); u.State != Active || u.SoftBounces != 0 {
			t.Errorf("%+v", u)
		}
	})
}

func TestDeferredLetterIsTriedLaterAndGivenUpAtLast(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("bad@example.org", Immediate)
		tries := 0
		w.post.answer = func(l mail.Letter) (mail.Result, bool) {
			tries++
			return mail.Result{Outcome: mail.Deferred, Code: 451, Enhanced: "4.7.1"}, true
		}
		w.hand("comune", "k1", "Avviso")
		for range 20 {
			w.work()
			w.work() // nothing is due in between
			w.clock.advance(2 * 24 * time.Hour)
		}
		if tries != maxAttempts || w.outcomes() != "refused 1" {
			t.Errorf("%d attempts, %s", tries, w.outcomes())
		}
		if u, _ := w.find("bad@example.org"); u.SoftBounces != 1 || u.State != Active {
			t.Errorf("%+v", u)
		}
	})
}

func TestUnknownOutcomeIsShownAndNeverRepeatedByItself(t *testing.T) {
	w := open(t)
	w.subscriber("bad@example.org", Immediate)
	w.post.answer = answering(0, "", mail.Unknown)
	w.hand("comune", "k1", "Avviso")
	w.work()
	w.clock.advance(72 * time.Hour)
	w.work()
	if got := w.outcomes(); got != "unconfirmed 1" {
		t.Fatal(got)
	}
	w.staff()
	page := w.do("GET", desk, "").Body.String()
	if !strings.Contains(page, "senza conferma: 1") {
		t.Errorf("the desk does not show it:\n%s", page)
	}
	id := w.issueID()
	if ask := w.do("GET", desk+"/invii/"+id+"/riprova", ""); !strings.Contains(ask.Body.String(), "li riceverà due volte") {
		t.Errorf("no question: %s", ask.Body)
	}
	w.post.answer = nil
	if rec := w.do("POST", desk+"/invii/"+id+"/riprova", "which=unconfirmed"); rec.Code != http.StatusSeeOther {
		t.Fatalf("%d %.3000s", rec.Code, main(rec.Body.String()))
	}
	w.work()
	if got := w.outcomes(); got != "sent 1" {
		t.Error(got)
	}
}

func (w *town) issueID() (id string) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT id FROM issue WHERE kind = 'message' ORDER BY created_at DESC LIMIT 1`).Scan(&id)
	}))
	return id
}

func TestMailServerThatIsDownCostsNoLetterAndBlamesNobody(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 3 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
		}
		tries := 0
		w.post.answer = func(mail.Letter) (mail.Result, bool) {
			tries++
			return mail.Result{Outcome: mail.Deferred, Ours: true, Err: errors.New("connection refused")}, true
		}
		w.hand("comune", "k1", "Avviso")
		for range 10 {
			w.work()
			w.clock.advance(serverDown + time.Second)
		}
		if tries != 10 || w.outcomes() != "waiting 3" {
			t.Errorf("%d tries, %s", tries, w.outcomes())
		}
		w.post.answer = nil
		w.work()
		if got := w.outcomes(); got != "sent 3" {
			t.Error(got)
		}
	})
}

func TestStormOfDeferralsPausesTheSending(t *testing.T) {
	w := open(t)
	for n := range 100 {
		w.subscriber(fmt.Sprintf("bad%d@example.org", n), Immediate)
	}
	tries := 0
	w.post.answer = func(mail.Letter) (mail.Result, bool) {
		tries++
		return mail.Result{Outcome: mail.Deferred, Code: 421, Enhanced: "4.7.0"}, true
	}
	w.hand("comune", "k1", "Avviso")
	w.work()
	w.clock.advance(24 * time.Hour)
	w.work()
	if tries != storm {
		t.Errorf("%d letters were tried in a storm, want %d", tries, storm)
	}
	w.staff()
	if page := w.do("GET", desk, "").Body.String(); !strings.Contains(page, "rimandando la maggior parte") || !strings.Contains(page, "/riprendi") {
		t.Errorf("the desk does not say why:\n%s", page)
	}
	w.post.answer = nil
	if rec := w.do("POST", desk+"/invii/"+w.issueID()+"/riprendi", ""); rec.Code != http.StatusSeeOther {
		t.Fatal(rec.Code)
	}
	w.work()
	if got := w.outcomes(); got != "sent 100" {
		t.Error(got)
	}
}

func TestOnlyTheRefusedAreTriedAgainWhenAPersonSaysSo(t *testing.T) {
	w := open(t)
	w.subscriber("bad@example.org", Immediate)
	w.subscriber("good@example.org", Immediate)
	w.post.answer = answering(554, "5.7.1", mail.Refused)
	w.hand("comune", "k1", "Avviso")
	w.work()
	w.post.answer = nil
	w.staff()
	if rec := w.do("POST", desk+"/invii/"+w.issueID()+"/riprova", "which=refused"); rec.Code != http.StatusSeeOther {
		t.Fatalf("%d %.3000s", rec.Code, main(rec.Body.String()))
	}
	w.work()
	if a, b := len(w.post.to("bad@example.org")), len(w.post.to("good@example.org")); a != 1 || b != 1 {
		t.Errorf("%d and %d letters, want one each", a, b)
	}
}

func TestWithdrawnMessageStopsTheLettersThatWait(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 5 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
		}
		r := w.hand("comune", "k1", "Avviso")
		n := 0
		w.post.before = func(mail.Letter) {
			if n++; n == 2 {
				w.must(w.list.Cancel(context.Background(), w.channels["comune"], r.ID))
			}
		}
		w.work()
		// What was in hand went; the batch had two letters.
		if got := w.outcomes(); got != "cancelled 2, sent 3" && got != "cancelled 3, sent 2" {
			t.Error(got)
		}
		w.must(w.list.Cancel(context.Background(), w.channels["comune"], r.ID))
		w.must(w.list.Cancel(context.Background(), w.channels["comune"], "never"))
	})
}

func TestReturnedLetterIsCounted(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("a@example.org", Immediate)
		w.hand("comune", "k1", "Avviso")
		w.work()
		for text, want := range map[string]int{report("forged@cesate.example"): 0, "Subject: Sono in ferie\r\n\r\nTorno lunedì.\r\n": 0} {
			if n, err := ReceiveBounce(t.Context(), d, strings.NewReader(text), w.clock.now()); err != nil || n != want {
				t.Errorf("%d counted, %v", n, err)
			}
		}
		if u, _ := w.find("a@example.org"); u.State != Active {
			t.Fatal("a forged report stopped somebody's letters")
		}
		if n, err := ReceiveBounce(t.Context(), d, strings.NewReader(report(w.post.letters[0].MessageID)), w.clock.now()); err != nil || n != 1 {
			t.Fatalf("%d counted, %v", n, err)
		}
		if u, _ := w.find("a@example.org"); u.State != Stopped || w.outcomes() != "refused 1" {
			t.Errorf("%s, %s", u.State, w.outcomes())
		}
	})
}

func TestComplaintEndsTheSubscription(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("a@example.org", Immediate)
		w.subscriber("b@example.org", Immediate)
		w.hand("comune", "k1", "Avviso")
		w.work()
		complaint := func(kind, id string) string {
			return strings.ReplaceAll("From: feedback@provider.example\nSubject: complaint\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"+
				"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: "+kind+"\nUser-Agent: x/1\nVersion: 1\n\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <"+id+">\n\n--b--\n", "\n", "\r\n")
		}
		id := w.post.to("a@example.org")[0].MessageID
		for n, c := range []struct {
			kind, id string
			want     int
		}{{"abuse", "0199aaaa-1111-7222-8333-444455556666.0199bbbb-1111-7222-8333-444455556666@cesate.example", 0}, {"not-spam", id, 0}, {"abuse", id, 1}, {"abuse", id, 0}} {
			if got, err := ReceiveBounce(t.Context(), d, strings.NewReader(complaint(c.kind, c.id)), w.clock.now()); err != nil || got != c.want {
				t.Errorf("%d: %d counted, %v", n, got, err)
			}
		}
		if _, ok := w.find("a@example.org"); ok {
			t.Error("who complained still has a subscription")
		}
		if u, ok := w.find("b@example.org"); !ok || u.State != Active {
			t.Errorf("somebody else's ended: %+v", u)
		}
	})
}

// A report may come in any form, as long as it names one of our letters.
func TestReturnedLetterIsKnownByItsNameAlone(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 3 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Immediate)
		}
		w.hand("comune", "k1", "Avviso")
		w.work()
		id := func(n int) string { return w.post.to(fmt.Sprintf("a%d@example.org", n))[0].MessageID }
		exim := "X-Failed-Recipients: a0@example.org\nFrom: Mailer-Daemon@mx.example.org\nSubject: Mail delivery failed\n\n  a0@example.org\n    550 5.1.1 User unknown\n\n------ This is a copy of the message's headers. ------\n\nMessage-ID: <" + id(0) + ">\n"
		full := strings.NewReplacer("5.1.1", "5.2.2").Replace(report(id(1)))
		late := strings.NewReplacer("Action: failed", "Action: delayed", "5.1.1", "4.4.1").Replace(report(id(2)))
		answer := "From: a2@example.org\nSubject: Re: Avviso\nIn-Reply-To: <" + id(2) + ">\n\nGrazie, ma la lettera a mio marito could not be delivered.\n"
		for _, c := range []struct {
			letter string
			want   int
		}{{exim, 1}, {full, 1}, {late, 0}, {answer, 0}} {
			if n, err := ReceiveBounce(t.Context(), d, strings.NewReader(c.letter), w.clock.now()); err != nil || n != c.want {
				t.Errorf("%d counted, %v: %.80s", n, err, c.letter)
			}
		}
		for n, want := range []struct {
			state State
			soft  int
		}{{Stopped, 0}, {Active, 1}, {Active, 0}} {
			if u, _ := w.find(fmt.Sprintf("a%d@example.org", n)); u.State != want.state || u.SoftBounces != want.soft {
				t.Errorf("a%d: %s, %d", n, u.State, u.SoftBounces)
			}
		}
	})
}

// report is a letter that says that a letter of ours did not arrive.
func report(id string) string {
	return strings.ReplaceAll("From: MAILER-DAEMON@example.org\nTo: bounces@cesate.example\nSubject: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"+
		"--b\nContent-Type: text/plain\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 5.1.1\n\n"+
		"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <"+id+">\nSubject: Avviso\n\n--b--\n", "\n", "\r\n")
}
