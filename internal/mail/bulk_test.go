package mail_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/mail"
)

// inBulk hands over n letters as one batch and returns what became of each.
func inBulk(t *testing.T, ctx context.Context, m mail.Bulk, n int) []mail.Result {
	t.Helper()
	var all []mail.Letter
	for i := range n {
		all = append(all, letter(i))
	}
	release, err := m.Place(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	got := make([]mail.Result, n)
	m.SendMany(ctx, all, func(n int, r mail.Result) {
		if got[n].Outcome != 0 {
			t.Errorf("letter %d has two results: %v and %v", n, got[n], r)
		}
		got[n] = r
	})
	return got
}

// outcomes writes results shortly: s sent, r refused, d deferred, u unknown; a
// capital when the trouble is ours.
func outcomes(all []mail.Result) string {
	var b strings.Builder
	for _, r := range all {
		c := r.Outcome.String()[:1]
		if r.Ours {
			c = strings.ToUpper(c)
		}
		b.WriteString(c)
	}
	return b.String()
}

// once fails when the server has a letter twice, one whose sender was told that it
// was not handed over, or lacks one that is said to be sent.
func once(t *testing.T, s *server, all []mail.Result) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, r := range all {
		has := 0
		for _, to := range s.taken {
			if strings.Contains(to, fmt.Sprintf("<lettore%d@", n)) {
				has++
			}
		}
		if has > 1 || r.Outcome == mail.Sent && has != 1 || r.Outcome == mail.Deferred && !r.Whole && has != 0 {
			t.Errorf("letter %d is %v and arrived %d times", n, r.Outcome, has)
		}
	}
}

// Each of these servers is met somewhere; what they do happens to the eighth letter
// unless they count by themselves.
func TestBatchSurvivesUnkindServers(t *testing.T) {
	eighth := func(verb, answer string) func(string, string, int) string {
		return func(v, line string, _ int) string {
			if v == verb && strings.Contains(line, "lettore7@") {
				return answer
			}
			return ""
		}
	}
	// Connections have numbers of their own in each run of a case.
	const limit = 5
	counting := func(verb, answer string) func(string, string, int) string {
		var heard sync.Map
		return func(v, line string, c int) string {
			if v == "EHLO" {
				heard.Store(c, 0)
			}
			if v != verb {
				return ""
			}
			n, _ := heard.Load(c)
			heard.Store(c, n.(int)+1)
			if n.(int) >= limit {
				return answer
			}
			return ""
		}
	}
	cases := []struct {
		name   string
		script func(string, string, int) string
		want   string
	}{
		{"kind", nil, "ssssssssssss"},
		{"unknown mailbox", eighth("RCPT", "550 5.1.1 non esiste"), "sssssssrssss"},
		{"greylisting", eighth("RCPT", "450 4.7.1 riprova"), "sssssssdssss"},
		{"mailbox that hears too much", eighth("RCPT", "450 4.2.1 receiving mail at a rate that is too high"), "sssssssdssss"},
		{"content refused", eighth("DOT", "554 5.7.1 spam"), "sssssssrssss"},
		{"a few letters for each connection", counting("MAIL", "421 4.7.0 basta per questa connessione"), "ssssssssssss"},
		{"hangs up after a few letters", counting("MAIL", "drop"), "ssssssssssss"},
		{"hangs up at one recipient, always", eighth("RCPT", "drop"), "sssssssdssss"},
		{"421 at one recipient, always", eighth("RCPT", "421 4.3.0 addio"), "sssssssdssss"},
		{"hangs up before the text", eighth("TEXT", "drop"), "sssssssussss"},
		{"hangs up after the dot", eighth("DOT", "drop"), "sssssssussss"},
		{"answers the dot with nonsense", eighth("DOT", "va bene"), "sssssssussss"},
		{"closes down for good", func(v, _ string, c int) string {
			if c > 1 && v == "CONNECT" || v == "MAIL" && c == 1 {
				return "421 4.3.2 in manutenzione"
			}
			return ""
		}, "dDDDDDDDDDDD"},
		{"breaks at whoever comes", func(v, _ string, _ int) string {
			return map[string]string{"RCPT": "drop"}[v]
		}, "dDDDDDDDDDDD"},
		{"too much mail", func(v, line string, _ int) string {
			if v == "RCPT" && strings.Contains(line, "lettore7@") {
				return "450 4.7.1 Error: too many recipients from 192.0.2.7"
			}
			return ""
		}, "sssssssDDDDD"},
		{"takes the text of a refused letter", func(v, line string, _ int) string {
			switch {
			case v == "RCPT" && strings.Contains(line, "lettore7@"):
				return "550 5.1.1 non esiste"
			case v == "DATA":
				return "354 avanti comunque"
			}
			return ""
		}, "sssssssrssss"},
	}
	for _, pipelining := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, pipelining %v", c.name, pipelining), func(t *testing.T) {
				s := serve(t, c.script)
				s.pipelining = pipelining
				all := inBulk(t, t.Context(), sender(t, s, func(o *mail.SMTPOptions) { o.Timeout = 5 * time.Second }), 12)
				if got := outcomes(all); got != c.want {
					t.Errorf("got %s, want %s: %+v", got, c.want, all)
				}
				once(t, s, all)
			})
		}
	}
}

// The stop of the process finishes the letter in hand and touches no other.
func TestStopFinishesTheLetterInHand(t *testing.T) {
	for _, pipelining := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		s := serve(t, func(verb, to string, _ int) string {
			if verb == "DOT" && strings.Contains(to, "lettore3@") {
				cancel()
				<-time.After(50 * time.Millisecond) // a server that thinks about it
			}
			return ""
		})
		s.pipelining = pipelining
		all := inBulk(t, ctx, sender(t, s, func(o *mail.SMTPOptions) { o.Timeout, o.Grace = time.Minute, time.Minute }), 12)
		if got := outcomes(all); got != "ssssDDDDDDDD" {
			t.Errorf("pipelining %v: %s", pipelining, got)
		}
		once(t, s, all)
	}
}

// A letter whose answer does not come within the grace is unknown; nothing else is.
func TestStopWaitsForTheAnswerOnlySoLong(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(verb, to string, _ int) string {
		if verb == "DOT" && strings.Contains(to, "lettore3@") {
			cancel()
			return "stall"
		}
		return ""
	})
	s.pipelining = true
	all := inBulk(t, ctx, sender(t, s, func(o *mail.SMTPOptions) { o.Timeout, o.Patience = time.Minute, time.Minute }), 12)
	if got := outcomes(all); got != "sssuDDDDDDDD" {
		t.Error(got)
	}
	once(t, s, all)
}

// All our letters are ASCII. A server that offers SMTPUTF8 must not be asked for it:
// the next one on the way may not know it, and sends the letter back for good
// (RFC 6531, 3.4).
func TestNoExtensionIsAskedForThatTheNextServerMayLack(t *testing.T) {
	s := serve(t, nil)
	s.pipelining = true
	inBulk(t, t.Context(), sender(t, s, nil), 2)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.lines {
		if strings.HasPrefix(l, "MAIL") {
			n++
			if strings.Contains(l, "SMTPUTF8") || strings.Contains(l, "BODY=") {
				t.Error(l)
			}
		}
	}
	if n != 2 {
		t.Errorf("%d letters", n)
	}
	for _, text := range s.texts {
		if at := strings.IndexFunc(text, func(r rune) bool { return r > 126 }); at >= 0 {
			t.Errorf("not ASCII: %q", text[at:min(at+20, len(text))])
		}
	}
}

// Some providers give people addresses that break the rules: they are reached all the
// same, in quotation marks (RFC 5321, 4.1.2), and without any extension.
func TestAddressThatBreaksTheRulesIsReached(t *testing.T) {
	for address, want := range map[string]string{"anna..b@e.example": `"anna..b"@e.example`, "anna.@e.example": `"anna."@e.example`, "anna@e.example": "anna@e.example"} {
		s := serve(t, nil)
		l := letter(1)
		l.To = mail.Address{Name: "Anna", Addr: address}
		if r := sender(t, s, nil).Send(t.Context(), l); r.Outcome != mail.Sent {
			t.Errorf("%s: %+v", address, r)
			continue
		}
		if len(s.taken) != 1 || s.taken[0] != "RCPT TO:<"+want+">" || !strings.Contains(s.texts[0], "<"+want+">") {
			t.Errorf("%s: %q\n%s", address, s.taken, s.texts[0])
		}
	}
	for _, address := range []string{"", "anna", "@e.example", "a b@e.example", "a\r\n@e.example", `"a"@e.example`, "a@b@e.example", "è@e.example", "a<@e.example", "a@"} {
		if path, ok := mail.Path(address); ok {
			t.Errorf("%q is %q", address, path)
		}
	}
}

func TestDotsAtTheBeginningOfLinesArrive(t *testing.T) {
	s := serve(t, nil)
	l := letter(1)
	l.Text = "uno\n.\n..due\n.tre\n"
	if r := sender(t, s, nil).Send(t.Context(), l); r.Outcome != mail.Sent {
		t.Fatal(r)
	}
	want, err := l.Bytes(nil)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.TrimSuffix(s.texts[0], ".\r\n")
	got = strings.ReplaceAll(strings.TrimPrefix(got, "."), "\r\n.", "\r\n")
	if strings.TrimSuffix(got, "\r\n") != strings.TrimSuffix(string(want), "\r\n") {
		t.Errorf("arrived as\n%s", got)
	}
}

// A single letter does not wait behind a newsletter, and an urgent batch neither.
func TestPlaceIsKeptForSingleLetters(t *testing.T) {
	m := sender(t, serve(t, nil), func(o *mail.SMTPOptions) { o.Connections = 3 })
	if m.Lanes() != 2 {
		t.Fatalf("%d lanes", m.Lanes())
	}
	for range 2 {
		if _, err := m.Place(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if r := m.Send(t.Context(), letter(1)); r.Outcome != mail.Sent {
		t.Errorf("a single letter: %+v", r)
	}
	release, err := m.Place(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.Place(short, false); err == nil {
		t.Error("a third batch went at the same time")
	}
	release()
}

// A server that trickles, or talks without end, costs a bounded time and memory.
func TestServerThatNeverComesToAnEnd(t *testing.T) {
	for name, answer := range map[string]string{
		"trickles":          "250-" + strings.Repeat("a", 1000),
		"talks without end": strings.Repeat("250-così\r\n", 40_000),
	} {
		s := serve(t, func(verb, _ string, _ int) string { return map[string]string{"RCPT": answer}[verb] })
		if r := sender(t, s, nil).Send(t.Context(), letter(1)); r.Outcome != mail.Deferred || !r.Ours {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestLettersOfABatchShareAConnection(t *testing.T) {
	s := serve(t, nil)
	s.pipelining = true
	m := sender(t, s, func(o *mail.SMTPOptions) { o.PerConn = 10 })
	for range 3 {
		for _, r := range inBulk(t, t.Context(), m, 8) {
			if r.Outcome != mail.Sent {
				t.Fatal(r)
			}
		}
	}
	if n := s.conns.Load(); n != 3 { // 24 letters
		t.Errorf("%d connections", n)
	}
	if !slices.Contains(s.lines, "QUIT") {
		t.Error("left without a word")
	}
}
