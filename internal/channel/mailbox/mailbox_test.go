package mailbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/mail"
)

func TestWrongEntriesAreNamed(t *testing.T) {
	b := newBox(t)
	untrusting := New(Options{Mail: b.post, Clock: time.Now, Note: note, Reach: fetch.Options{AllowLoopback: true}})
	guarded := New(Options{Mail: b.post, Clock: time.Now, Note: note})
	closed := closedPort(t)
	cases := []struct {
		name, field, value string
		adapter            *Adapter
		want, code         string
	}{
		{"no address", "address", " ", b.adapter, "address", wire.CodeMissing},
		{"a name and an address", "address", "Comune <c@comune.example>", b.adapter, "address", CodeMailAddress},
		{"an address of the web", "host", "https://imap.example.org", b.adapter, "host", wire.CodeAddress},
		{"a port that is none", "port", "novecento", b.adapter, "port", CodePort},
		{"a port beyond all", "port", "70000", b.adapter, "port", CodePort},
		{"no password", "password", "", b.adapter, "password", wire.CodeMissing},
		{"a wrong password", "password", "sbagliata", b.adapter, "password", channel.CodeSignIn},
		{"a folder that is not there", "folder", "Scuola", b.adapter, "folder", CodeFolder},
		{"nobody listens", "port", closed, b.adapter, "host", channel.CodeUnreachable},
		{"an unknown authority", "host", "localhost", untrusting, "host", CodeCertificate},
		{"a machine of our own network", "host", "localhost", guarded, "host", channel.CodeUnreachable},
	}
	for _, c := range cases {
		typed := maps.Clone(b.typed())
		typed[c.field] = c.value
		_, err := c.adapter.Connect(t.Context(), typed)
		e := channel.AsError(err)
		if err == nil || e.Field != c.want || e.Code != c.code {
			t.Errorf("%s: %v, field %q, want %s %s", c.name, err, e.Field, c.want, c.code)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, err), b.server.Password) {
			t.Errorf("%s: the error gives the password away", c.name)
		}
	}
}

func closedPort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func TestServerThatBeginsInTheClearIsAskedForTLS(t *testing.T) {
	b := newBox(t)
	typed := b.typed()
	typed["port"] = strconv.Itoa(b.server.StartTLSPort)
	a, err := b.adapter.Connect(t.Context(), typed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.adapter.Test(t.Context(), a); err != nil {
		t.Error(err)
	}
}

// imapServer is a server that speaks as the test says, and notes what it hears.
func imapServer(t *testing.T, speak func(net.Conn, *bufio.Reader)) channel.Account {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); speak(c, bufio.NewReader(c)) }()
		}
	}()
	port := l.Addr().(*net.TCPAddr).Port
	return channel.Account{Secret: fmt.Appendf(nil, `{"host":"localhost","port":%d,"user":"u","password":"segreta","address":"a@b.example","folder":"INBOX"}`, port)}
}

func TestPasswordNeverTravelsInTheClear(t *testing.T) {
	heard := make(chan string, 100)
	a := imapServer(t, func(c net.Conn, r *bufio.Reader) {
		fmt.Fprint(c, "* OK [CAPABILITY IMAP4rev1] ciao\r\n")
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			heard <- line
			tag, _, _ := strings.Cut(line, " ")
			fmt.Fprintf(c, "%s BAD no\r\n", tag)
		}
	})
	adapter := New(Options{Mail: &postman{}, Clock: time.Now, Note: note, Reach: fetch.Options{AllowLoopback: true}})
	_, err := adapter.Listen(t.Context(), a, nil)
	if e := channel.AsError(err); err == nil || e.Class != channel.Transient {
		t.Errorf("%v", err)
	}
	close(heard)
	for line := range heard {
		if strings.Contains(line, "segreta") || strings.Contains(strings.ToUpper(line), "LOGIN") {
			t.Errorf("the server heard %q", line)
		}
	}
}

func TestServerThatIsSilentOrNeverEndsIsLeft(t *testing.T) {
	adapter := New(Options{Mail: &postman{}, Clock: time.Now, Note: note, Reach: fetch.Options{AllowLoopback: true}})
	silent := imapServer(t, func(_ net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := adapter.Listen(ctx, silent, nil)
	if e := channel.AsError(err); err == nil || e.Class != channel.Transient || time.Since(begin) > 5*time.Second {
		t.Errorf("silence: %v after %s", err, time.Since(begin))
	}
	endless := imapServer(t, func(c net.Conn, _ *bufio.Reader) {
		for {
			if _, err := io.WriteString(c, strings.Repeat("* OK ancora qualcosa\r\n", 1000)); err != nil {
				return
			}
		}
	})
	if _, err := adapter.Listen(t.Context(), endless, nil); err == nil || channel.AsError(err).Class != channel.Transient {
		t.Errorf("endless: %v", err)
	}
}

func TestLettersAreHeardOnceAndAfterNewNumbersUnderTheSameNames(t *testing.T) {
	b := newBox(t)
	people := citizens{b}
	first := people.Say(t, "Prima", "", true)
	h := b.listen(t, nil)
	second := people.Say(t, "Seconda", first, true)
	h = b.listen(t, h.Cursor)
	if len(h.Said) != 1 || h.Said[0].ID != second || h.Said[0].Parent != first || h.Said[0].Subject != "Una domanda" || !h.Said[0].Private {
		t.Fatalf("%+v", h.Said)
	}
	b.server.Renumber(t, "biblioteca")
	people.Say(t, "Terza", "", true)
	var ids []string
	for _, s := range b.listen(t, h.Cursor).Said {
		ids = append(ids, s.ID)
	}
	if len(ids) != 3 || !slices.Contains(ids, first) || !slices.Contains(ids, second) {
		t.Errorf("after new numbers: %v", ids)
	}
}

func TestOldBoxIsNotReadFromItsBeginning(t *testing.T) {
	b := newBox(t)
	people := citizens{b}
	for n := range firstPage + 10 {
		people.Say(t, fmt.Sprint("Lettera ", n), "", true)
	}
	heard := 0
	var cursor []byte
	for more := true; more; {
		h := b.listen(t, cursor)
		heard, cursor, more = heard+len(h.Said), h.Cursor, h.More
	}
	if heard != firstPage {
		t.Errorf("%d letters of an old box, want the newest %d", heard, firstPage)
	}
}

// bigLetter is a letter with a file of so many kilobytes.
func bigLetter(id string, kilobytes int) string {
	return "From: Marisa <m@casa.example>\nMessage-ID: <" + id + "@casa.example>\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nEcco la relazione.\n--x\n" +
		"Content-Type: application/zip\nContent-Disposition: attachment; filename=relazione.zip\nContent-Transfer-Encoding: base64\n\n" + strings.Repeat(strings.Repeat("UEsD", 16)+"\n", kilobytes*1024/48) + "--x--\n"
}

func TestLetterComesWithItsFilesWhole(t *testing.T) {
	b := newBox(t)
	b.deliver(t, bigLetter("grande", 3000))
	citizens{b}.Say(t, "Piccola", "", true)
	s := b.listen(t, nil).Said
	if len(s) != 2 || s[0].Text != "Ecco la relazione." || len(s[0].Files) != 1 || s[0].Files[0].Name != "relazione.zip" ||
		len(s[0].Files[0].Content) < 2_000_000 || s[1].Text != "Piccola" {
		t.Fatalf("%d letters", len(s))
	}
}

func TestLongLetterIsCutAndSaysSo(t *testing.T) {
	b := newBox(t)
	b.deliver(t, bigLetter("lunga", 24<<10))
	s := b.listen(t, nil).Said
	if len(s) != 1 || s[0].Text != "Ecco la relazione.\n\n[cut]" || len(s[0].Files) != 1 || s[0].Files[0].Name != "relazione.zip" || s[0].Files[0].Content != nil {
		t.Fatalf("%d letters: %.200q, %d bytes", len(s), s[0].Text, len(s[0].Files[0].Content))
	}
}

// A letter that cannot be fetched in time is read as far as that goes, and neither
// stops the box nor is read again and again.
func TestLetterThatTakesTooLongDoesNotStopTheBox(t *testing.T) {
	b := newBox(t)
	b.deliver(t, bigLetter("lenta", 3000))
	citizens{b}.Say(t, "Dopo", "", true)
	s, e := b.adapter.open(t.Context(), mustSecret(t, b.account))
	if e != nil {
		t.Fatal(e)
	}
	defer s.close()
	data, e := s.enter("INBOX", true)
	if e != nil {
		t.Fatal(e)
	}
	from, err := json.Marshal(cursor{In: mark{Validity: data.UIDValidity, Slow: 1}})
	if err != nil {
		t.Fatal(err)
	}
	h := b.listen(t, from)
	if len(h.Said) != 2 || h.Said[0].Text != "Ecco la relazione.\n\n[cut]" || h.Said[0].Files[0].Content != nil || h.Said[1].Text != "Dopo" {
		t.Errorf("%d letters, %.100q", len(h.Said), h.Said[0].Text)
	}
}

func mustSecret(t *testing.T, a channel.Account) credentials {
	t.Helper()
	c, e := secretOf(a)
	if e != nil {
		t.Fatal(e)
	}
	return c
}

// question is a letter that was heard.
func (b box) question(t *testing.T) *channel.Reply {
	t.Helper()
	citizens{b}.Say(t, "A che ora aprite?", "", true)
	s := b.listen(t, nil).Said[0]
	return &channel.Reply{ID: s.ID, Author: s.Author, Private: true, Subject: s.Subject, Refs: s.Refs}
}

func (b box) prepare(t *testing.T, p channel.Post) channel.Progress {
	t.Helper()
	done, err := b.adapter.Prepare(t.Context(), b.account, p, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (b box) find(t *testing.T, p channel.Post, done channel.Progress) string {
	t.Helper()
	_, found, err := b.adapter.Find(t.Context(), b.account, p, done)
	switch {
	case err == nil && found:
		return "sent"
	case err == nil:
		return "absent"
	case channel.AsError(err).Class == channel.Unknown && channel.AsError(err).Code == channel.CodeCannotRead:
		return "unknown"
	}
	return err.Error()
}

func TestBooksProveWhatLeft(t *testing.T) {
	b := newBox(t)
	p := channel.Post{Key: "019aa000-0000-7000-8000-00000000000a", Text: "Alle 9.", Lang: "it", To: b.question(t)}
	done := b.prepare(t, p)
	if got := b.find(t, p, done); got != "absent" {
		t.Fatalf("before anything: %s", got)
	}
	// The mail server does not take it now: nothing left, and it may be tried again.
	b.post.say = func(mail.Letter) mail.Result { return mail.Result{Outcome: mail.Deferred, Code: 451} }
	_, err := b.adapter.Finalize(t.Context(), b.account, p, done)
	if e := channel.AsError(err); err == nil || e.Class != channel.Transient {
		t.Fatalf("deferred: %v", err)
	}
	if got := b.find(t, p, done); got != "absent" {
		t.Fatalf("after a deferral: %s", got)
	}
	// The program dies between the copy and the letter.
	b.post.say = func(mail.Letter) mail.Result { panic("dead") }
	func() {
		defer func() { _ = recover() }()
		b.adapter.Finalize(t.Context(), b.account, p, done)
	}()
	if got := b.find(t, p, done); got != "unknown" {
		t.Fatalf("after a death: %s", got)
	}
	// A person says that it is not there: it goes, once.
	b.post.say = nil
	r, err := b.adapter.Finalize(t.Context(), b.account, p, done)
	if err != nil {
		t.Fatal(err)
	}
	if got := b.find(t, p, done); got != "sent" {
		t.Fatalf("after all is well: %s", got)
	}
	if again, err := b.adapter.Finalize(t.Context(), b.account, p, done); err != nil || again != r {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	if n := len(b.post.sent()); n != 1 {
		t.Errorf("%d letters went", n)
	}
	copies := b.server.SentFolder(t, "biblioteca")
	if len(copies) != 1 || strings.Contains(copies[0][strings.LastIndexByte(copies[0], ','):], "D") {
		t.Errorf("the folder holds %v", copies)
	}
}

func TestUnknownOutcomeIsNeverASecondLetter(t *testing.T) {
	b := newBox(t)
	p := channel.Post{Key: "019aa000-0000-7000-8000-00000000000b", Text: "Alle 9.", To: b.question(t)}
	done := b.prepare(t, p)
	b.post.say = func(mail.Letter) mail.Result { return mail.Result{Outcome: mail.Unknown} }
	_, err := b.adapter.Finalize(t.Context(), b.account, p, done)
	if e := channel.AsError(err); err == nil || e.Class != channel.Unknown {
		t.Fatalf("%v", err)
	}
	if got := b.find(t, p, done); got != "unknown" {
		t.Errorf("found %s", got)
	}
}

func TestBoxWithoutBooksLeavesTheOutcomeToAPerson(t *testing.T) {
	b := newBox(t)
	p := channel.Post{Key: "019aa000-0000-7000-8000-00000000000c", Text: "Alle 9.", To: b.question(t)}
	none := channel.Progress(`{"sent":""}`)
	if _, err := b.adapter.Finalize(t.Context(), b.account, p, none); err != nil {
		t.Fatal(err)
	}
	if got := b.find(t, p, none); got != "unknown" {
		t.Errorf("found %s", got)
	}
}

func TestAnswerIsALetterInItsThread(t *testing.T) {
	b := newBox(t)
	b.deliver(t, "From: =?iso-8859-1?Q?Citt=E0_Viva?= <INFO@casa.example>\nReply-To: presidente@casa.example\nSubject: R: RE: =?utf-8?Q?Orari_perch=C3=A9?=\n"+
		"Message-ID: <due@casa.example>\nReferences: <uno@casa.example> <rotto\n\nDomanda\n")
	s := b.listen(t, nil).Said[0]
	if s.Author.ID != "info@casa.example" || s.Author.Name != "Città Viva" || s.Subject != "R: RE: Orari perché" || s.Parent != "uno@casa.example" {
		t.Fatalf("%+v", s)
	}
	p := channel.Post{Key: "019AA000-0000-7000-8000-00000000000D", Text: "Alle 9.\n\nCordiali saluti", Lang: "it",
		To: &channel.Reply{ID: s.ID, Author: s.Author, Subject: s.Subject, Refs: s.Refs}}
	r, err := b.adapter.Finalize(t.Context(), b.account, p, b.prepare(t, p))
	if err != nil {
		t.Fatal(err)
	}
	l := b.post.sent()[0]
	if l.From.Addr != address || l.To.Addr != "presidente@casa.example" || l.Subject != "Re: Orari perché" || l.InReplyTo != "due@casa.example" ||
		!slices.Equal(l.References, []string{"uno@casa.example", "due@casa.example"}) || l.MessageID != r.ID ||
		r.ID != "019aa000-0000-7000-8000-00000000000d@comune.example"+ownMark {
		t.Errorf("%+v, %+v", l, r)
	}
	// The citizen answers our answer.
	citizens{b}.Say(t, "Grazie!", r.ID, true)
	h := b.listen(t, nil)
	if last := h.Said[len(h.Said)-1]; last.Parent != r.ID {
		t.Errorf("%+v", last)
	}
}

func TestLetterThatCannotBeAnsweredSaysSo(t *testing.T) {
	b := newBox(t)
	for name, to := range map[string]*channel.Reply{
		"nobody":           {ID: "x", Author: nobody()},
		"no address":       {ID: "x", Author: channel.Author{ID: "anna"}},
		"header in a name": {ID: "x", Author: channel.Author{ID: "a@b.example\r\nBcc: tutti@example.org"}},
	} {
		_, err := b.adapter.Prepare(t.Context(), b.account, channel.Post{Key: "k", Text: "x", To: to}, nil, nil)
		if e := channel.AsError(err); err == nil || e.Class != channel.Refused || e.Code != channel.CodeCannotAnswer {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := channel.Post{Key: "k", Text: "x", To: b.question(t)}
	b.post.say = func(mail.Letter) mail.Result { return mail.Result{Outcome: mail.Refused, Code: 550, Enhanced: "5.1.1"} }
	_, err := b.adapter.Finalize(t.Context(), b.account, p, b.prepare(t, p))
	if e := channel.AsError(err); err == nil || e.Class != channel.Refused || e.Code != channel.CodeCannotAnswer {
		t.Errorf("an address that nobody has: %v", err)
	}
}

func TestAnswerFromAnotherProgramIsOurs(t *testing.T) {
	b := newBox(t)
	q := b.question(t)
	h := b.listen(t, nil)
	c, e := secretOf(b.account)
	if e != nil {
		t.Fatal(e)
	}
	// Our own answer, and one that somebody wrote with a mail program.
	p := channel.Post{Key: "019aa000-0000-7000-8000-00000000000e", Text: "Alle 9.", To: q}
	if _, err := b.adapter.Finalize(t.Context(), b.account, p, b.prepare(t, p)); err != nil {
		t.Fatal(err)
	}
	s, e := b.adapter.open(t.Context(), c)
	if e != nil {
		t.Fatal(e)
	}
	text := "From: " + address + "\r\nMessage-ID: <a-mano@comune.example>\r\nIn-Reply-To: <" + q.ID + ">\r\n\r\nDal programma di posta.\r\n"
	put := s.client.Append("Sent", int64(len(text)), nil)
	io.WriteString(put, text)
	put.Close()
	if _, err := put.Wait(); err != nil {
		t.Fatal(err)
	}
	s.close()
	got := b.listen(t, h.Cursor).Said
	if len(got) != 1 || !got[0].Ours || got[0].ID != "a-mano@comune.example" || got[0].Parent != q.ID || got[0].Text != "Dal programma di posta." {
		t.Fatalf("%+v", got)
	}
}
