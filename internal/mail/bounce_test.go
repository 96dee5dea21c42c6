package mail_test

import (
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/mail"
)

// lost is the name of the letter that did not arrive, as ours are.
const lost = "0199aaaa-1111-7222-8333-444455556666.0199bbbb-1111-7222-8333-444455556666@square.town.example"

// original is the letter that came back, or its header.
func original(more string) string {
	return "Return-Path: <letters@town.example>\nReceived: from square.town.example by mail.town.example; Mon, 4 May 2026 10:00:00 +0200\n" +
		"From: Town <letters@town.example>\nTo: <anna@example.org>\nSubject: =?utf-8?q?La_piazza_=C3=A8_chiusa?=\nMessage-ID: <" + lost + ">\nMIME-Version: 1.0\n" + more
}

// ofParts puts parts, each with its header, into a letter.
func ofParts(head, kind string, parts ...string) string {
	return head + "MIME-Version: 1.0\nContent-Type: " + kind + "; boundary=\"=_b1\"\n\nThis is a MIME letter.\n\n--=_b1\n" + strings.Join(parts, "\n--=_b1\n") + "\n--=_b1--\n"
}

const (
	daemon     = "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>\nTo: letters@town.example\nMessage-ID: <report.1@mx.example.org>\nSubject: Undelivered Mail Returned to Sender\n"
	said       = "Content-Type: text/plain; charset=us-ascii\n\nYour letter could not be delivered.\n"
	statusHead = "Content-Type: message/delivery-status\n\n"
)

func status(fields string) string {
	return statusHead + "Reporting-MTA: dns; mx.example.org\nArrival-Date: Mon, 4 May 2026 10:00:01 +0200\n\n" + fields
}

const unknown = "Final-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown\n"

func b64(s string) string {
	text := base64.StdEncoding.EncodeToString([]byte(s))
	var lines []string
	for len(text) > 76 {
		lines, text = append(lines, text[:76]), text[76:]
	}
	return strings.Join(append(lines, text), "\n") + "\n"
}

func qp(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}

// certified is a receipt of certified mail, as its providers write them.
func certified(kind, tipo, errore, why string) string {
	cert := `<?xml version="1.0" encoding="UTF-8"?><postacert tipo="` + tipo + `" errore="` + errore + `"><intestazione><mittente>letters@town.example</mittente>` +
		`<destinatari tipo="certificato">anna@pec.example</destinatari></intestazione><dati><gestore-emittente>GESTORE</gestore-emittente><msgid>&lt;` + lost + `&gt;</msgid>` +
		`<consegna>anna@pec.example</consegna><errore-esteso>` + why + `</errore-esteso></dati></postacert>`
	return ofParts("From: posta-certificata@gestore.example\nSubject: AVVISO\nX-Ricevuta: "+kind+"\nX-Riferimento-Message-ID: <"+lost+">\n", "multipart/signed",
		"Content-Type: text/plain\n\nAvviso.\n", "Content-Type: application/xml; name=\"daticert.xml\"\nContent-Transfer-Encoding: base64\n\n"+b64(cert))
}

// shape is a report as some server writes it.
type shape struct {
	name, letter string
	action       string
	hard         bool
}

// shapes are the reports of the common mail servers, in words of our own.
func shapes() []shape {
	whole := "Content-Type: message/rfc822\n\n" + original("Content-Type: text/plain\n\nDear reader\n")
	headers := "Content-Type: text/rfc822-headers\n\n" + original("")
	report := "multipart/report; report-type=delivery-status"
	full := strings.NewReplacer("5.1.1", "5.2.2", "Recipient address rejected: User unknown", "Mailbox full").Replace(unknown)
	list := []shape{
		{"Postfix", ofParts(daemon, report, said, status(unknown), whole), "failed", true},
		{"Postfix, headers only", ofParts(daemon, report, said, status(unknown), headers), "failed", true},
		{"Postfix, full", ofParts(daemon, report, said, status(full), whole), "failed", false},
		{"Postfix, delayed", ofParts(daemon, report, said, status(strings.NewReplacer("failed", "delayed", "5.1.1", "4.4.1", "User unknown", "timed out", "550", "450").Replace(unknown)), headers), "delayed", false},
		{"Postfix, global", ofParts(daemon, "multipart/report; report-type=global-delivery-status", said, strings.Replace(status(strings.Replace(unknown, "rfc822;", "utf-8;", 1)), "message/delivery-status", "message/global-delivery-status", 1), strings.Replace(whole, "message/rfc822", "message/global", 1)), "failed", true},
		{"global headers", ofParts(daemon, report, said, status(unknown), strings.Replace(headers, "text/rfc822-headers", "message/global-headers", 1)), "failed", true},
		{"without a type of report", ofParts(daemon, "multipart/report", said, status(unknown), whole), "failed", true},
		{"inside a mixed letter", ofParts(daemon, "multipart/mixed", said, status(unknown), whole), "failed", true},
		{"a space before the colon", ofParts(daemon, report, said, status(strings.NewReplacer("Action:", "Action :", "Status:", "Status :", "Final-Recipient:", "Final-Recipient :").Replace(unknown)), whole), "failed", true},
		{"capital letters", ofParts(daemon, "Multipart/Report; Report-Type=Delivery-Status", said, strings.ToUpper(status(unknown)), whole), "failed", true},
		{"no action", ofParts(daemon, report, said, status(strings.Replace(unknown, "Action: failed\n", "", 1)), whole), "failed", true},
		{"no status", ofParts(daemon, report, said, status(strings.Replace(unknown, "Status: 5.1.1\n", "", 1)), whole), "failed", true},
		{"a comment behind the status", ofParts(daemon, report, said, status(strings.Replace(unknown, "5.1.1\n", "5.1.1 (bad destination mailbox address)\n", 1)), whole), "failed", true},
		{"the status called a text", ofParts(daemon, "multipart/mixed", said, strings.Replace(status(unknown), "message/delivery-status", "text/plain", 1), whole), "failed", true},
		{"a folded diagnosis", ofParts(daemon, report, said, status("Final-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550\n    5.1.1 no such\n    mailbox here\n"), whole), "failed", true},
		{"Sendmail", ofParts(strings.Replace(daemon, "Undelivered Mail Returned to Sender", "Returned mail: see transcript for details", 1), report,
			"Content-Type: text/plain\n\n   ----- The following addresses had permanent fatal errors -----\n<anna@example.org>\n    (reason: 550 5.1.1 <anna@example.org>... User unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n<<< 550 5.1.1 User unknown\n",
			status("Final-Recipient: RFC822; anna@example.org\nAction: failed\nStatus: 5.1.1\nRemote-MTA: DNS; mx.example.org\nDiagnostic-Code: SMTP; 550 5.1.1 User unknown\nLast-Attempt-Date: Mon, 4 May 2026 10:00:02 +0200\n"), headers), "failed", true},
		{"Sendmail, warning", ofParts(strings.Replace(daemon, "Undelivered Mail Returned to Sender", "Warning: could not send message for past 4 hours", 1), report, said,
			status("Final-Recipient: RFC822; anna@example.org\nAction: delayed\nStatus: 4.4.1\nWill-Retry-Until: Sat, 9 May 2026 10:00:02 +0200\n"), headers), "delayed", false},
		{"Courier", ofParts(daemon, "multipart/report; report-type=\"delivery-status\"", "Content-Type: text/plain; charset=us-ascii\n\nThis is a delivery status notification from mx.example.org.\n\n<anna@example.org>:\n     mx.example.org [192.0.2.1]:\n >>> RCPT TO:<anna@example.org>\n <<< 550 User unknown.\n",
			status("Final-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.0.0\nRemote-MTA: dns; mx.example.org [192.0.2.1]\nDiagnostic-Code: smtp; 550 User unknown.\n"), headers), "failed", true},
		{"Exchange", ofParts("From: postmaster@example.org\nTo: letters@town.example\nSubject: Undeliverable: La piazza\nX-MS-Exchange-Message-Is-Ndr:\nAuto-Submitted: auto-replied\n", report,
			"Content-Type: text/html; charset=us-ascii\n\n<p>Delivery has failed to these recipients or groups:</p><p>anna@example.org</p>\n", status("Final-Recipient: rfc822;anna@example.org\nAction: failed\nStatus: 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient anna@example.org not found by SMTP address lookup\nX-Display-Name: anna\n"), whole), "failed", true},
		{"Office 365, refused at the edge", ofParts("From: <postmaster@tenant.example>\nSubject: Non recapitabile: La piazza\n", report, said,
			status("Final-Recipient: rfc822;anna@example.org\nAction: failed\nStatus: 5.4.1\nDiagnostic-Code: smtp;550 5.4.1 Recipient address rejected: Access denied. [mx]\n"), whole), "failed", false},
		{"Gmail", ofParts("Return-Path: <>\nFrom: Mail Delivery Subsystem <mailer-daemon@googlemail.example>\nSubject: Delivery Status Notification (Failure)\nReferences: <"+lost+">\nIn-Reply-To: <"+lost+">\nX-Failed-Recipients: anna@example.org\nAuto-Submitted: auto-replied\n", report,
			"Content-Type: text/plain\n\n** Address not found **\n\nYour message wasn't delivered to anna@example.org because the address couldn't be found.\n", status(unknown), "Content-Type: message/rfc822\n\n"+original("\nDear reader\n")), "failed", true},
		{"only In-Reply-To", ofParts("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: Undelivered\nIn-Reply-To: <"+lost+">\n", report, said, status(unknown)), "failed", true},
		{"only References", ofParts("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: Undelivered\nReferences: <a@b.example>\n <"+lost+">\n", report, said, status(unknown)), "failed", true},
		{"base64 original", ofParts(daemon, report, said, status(unknown), "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"+b64(original("\nDear reader\n"))), "failed", true},
		{"quoted-printable original", ofParts(daemon, report, said, status(unknown), "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"+qp(original("\nDear reader\n"))), "failed", true},
		{"base64 header as a file", ofParts(daemon, report, said, status(unknown), "Content-Type: application/octet-stream; name=details.txt\nContent-Transfer-Encoding: base64\n\n"+b64(original(""))), "failed", true},
		{"base64 status", ofParts(daemon, report, said, "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"+b64("Reporting-MTA: dns; mx.example.org\n\n"+unknown), headers), "failed", true},
		{"the original quoted in words", ofParts(daemon, report, "Content-Type: text/plain\n\nThe letter <"+lost+"> was refused.\n", status(unknown)), "failed", true},
		{"a name broken by the end of a line", ofParts(daemon, report, "Content-Type: text/plain\n\nThe letter was refused:\n"+lost[:40]+"\n"+lost[40:]+"\n", status(unknown)), "failed", true},
		{"a name in encoded words", ofParts("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: =?utf-8?q?Undelivered=3A_=3C"+strings.ReplaceAll(lost, "@", "=40")+"=3E?=\n", report, said, status(unknown)), "failed", true},
		{"a name in two bytes a letter", ofParts(daemon, report, "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n"+b64(strings.Join(strings.Split("The letter <"+lost+"> was refused.", ""), "\x00")+"\x00"), status(unknown)), "failed", true},
		{"a name in a page", ofParts(daemon, report, "Content-Type: text/html\n\n<p>The letter &lt;"+lost+"&gt; was refused.</p>\n", status(unknown)), "failed", true},
		{"a wrong boundary", strings.Replace(ofParts(daemon, report, said, status(unknown), whole), `boundary="=_b1"`, "boundary=other", 1), "failed", true},
		{"no boundary", strings.Replace(ofParts(daemon, report, said, status(unknown), whole), `; boundary="=_b1"`, "", 1), "failed", true},
		{"a report of another server's report", ofParts(daemon, "multipart/mixed", said, "Content-Type: message/rfc822\n\n"+ofParts(daemon, report, said, status(unknown), whole)), "failed", true},
		{"two recipients", ofParts(daemon, report, said, status(unknown+"\n"+strings.Replace(unknown, "anna@", "bruno@", 1)), whole), "failed", true},
		{"in a file of letters", "From MAILER-DAEMON Mon May  4 10:00:00 2026\n" + ofParts(daemon, report, said, status(unknown), whole), "failed", true},
		{"cut off", ofParts(daemon, report, said, status(unknown), whole)[:len(ofParts(daemon, report, said, status(unknown), whole))-20], "failed", true},
		{"an alias that was forwarded", ofParts(daemon, report, said, status("Original-Recipient: rfc822; anna@example.org\n"+strings.Replace(unknown, "anna@", "a.rossi@", 1)), whole), "failed", true},

		{"Exim", "Return-path: <>\nX-Failed-Recipients: anna@example.org\nAuto-Submitted: auto-replied\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.org>\nTo: letters@town.example\nSubject: Mail delivery failed: returning message to sender\nMessage-Id: <E1abc-0001@mx.example.org>\n\n" +
			"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  anna@example.org\n    host mx.example.org [192.0.2.1]\n    SMTP error from remote mail server after RCPT TO:<anna@example.org>:\n    550 5.1.1 User unknown\n\n" +
			"------ This is a copy of the message, including all the headers. ------\n\n" + original("\nDear reader\n"), "failed", true},
		{"Exim, unrouteable", "X-Failed-Recipients: anna@nowhere.example\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.org>\nSubject: Mail delivery failed: returning message to sender\n\nA message that you sent could not be delivered.\n\n  anna@nowhere.example\n    Unrouteable address\n\n------ This is a copy of the message's headers. ------\n\n" + original(""), "failed", true},
		{"Exim, delayed", "From: Mail Delivery System <Mailer-Daemon@mx.example.org>\nReturn-path: <>\nSubject: Warning: message 1abc-0001 delayed 24 hours\n\nA message that you sent has not yet been delivered to one or more of its recipients after more than 24 hours.\n\nThe message identifier is:     1abc-0001\nThe subject of the message is: La piazza\n\n  anna@example.org\n    Delay reason: connection timed out\n\nNo action is required on your part.\n\nMessage-ID: " + lost + "\n", "delayed", false},
		{"Exim, given up", "X-Failed-Recipients: anna@example.org\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.org>\nSubject: Mail delivery failed: returning message to sender\n\n  anna@example.org\n    retry timeout exceeded\n\n------ This is a copy of the message's headers. ------\n\n" + original(""), "failed", false},
		{"qmail", "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nTo: letters@town.example\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<anna@example.org>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown user\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\n" + original("\nDear reader\n"), "failed", true},
		{"qmail, no mailbox", "From: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\n\n<anna@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n" + original("\n"), "failed", true},
		{"qmail, full", "From: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\nI wasn't able to deliver your message.\n\n<anna@example.org>:\nUser is over quota. (#5.2.2)\n\n--- Below this line is a copy of the message.\n\n" + original("\n"), "failed", false},
		{"Italian provider, in words", "Return-Path: <>\nFrom: \"Servizio di posta\" <postmaster@provider.example>\nSubject: Mancato recapito del messaggio\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nNon \xe8 stato possibile recapitare il messaggio a anna@example.org: utente sconosciuto.\n\n" + original(""), "failed", true},
		{"German provider, in words", "Return-Path: <>\nFrom: Mailer-Daemon@provider.example\nSubject: Unzustellbar\n\nDie Nachricht an anna@example.org konnte nicht zugestellt werden.\nGrund: Empfaenger unbekannt\n\n" + original(""), "failed", true},
		{"words and the letter as a file", ofParts(daemon, "multipart/mixed", "Content-Type: text/plain\n\nWe were unable to deliver your message to anna@example.org: mailbox not found.\n", whole), "failed", true},
		{"Domino", "From: Postmaster@example.org\nSubject: DELIVERY FAILURE: User anna (anna@example.org) not listed in Domino Directory\n\nYour message was not delivered to anna@example.org because: User anna not listed in Domino Directory\n\n" + original(""), "failed", true},
		{"Exchange, in words", "From: System Administrator <postmaster@example.org>\nSubject: Undeliverable: La piazza\n\nYour message did not reach some or all of the intended recipients.\n\n  anna@example.org on 04/05/2026 10:00\n  The e-mail account does not exist at the organization this message was sent to.\n  <mx.example.org #5.1.1>\n\n" + original(""), "failed", true},
		{"a group that is not there", "Return-Path: <>\nFrom: Mail Delivery Subsystem <mailer-daemon@groups.example>\nSubject: Delivery Status Notification (Failure)\n\nWe're writing to let you know that the group you tried to contact (quartiere) may not exist.\n\n" + original(""), "failed", true},
		{"a daemon by its name only", "From: Mail Delivery System <noreply@mx.example.org>\nSubject: Mail delivery failed\n\nanna@example.org: 552 5.2.2 mailbox full\n\n" + original(""), "failed", false},
		{"automatic, and the subject says it", "From: noreply@mx.example.org\nAuto-Submitted: auto-generated\nSubject: Undeliverable message\n\nanna@example.org: no such user\n\n" + original(""), "failed", true},
		{"certified mail, nobody", certified("errore-consegna", "errore-consegna", "no-dest", "5.1.1 - indirizzo inesistente"), "failed", true},
		{"certified mail, full", certified("errore-consegna", "errore-consegna", "altro", "5.2.2 - casella piena"), "failed", false},
		{"certified mail, not accepted", certified("non-accettazione", "non-accettazione", "altro", "indirizzo formalmente errato"), "failed", false},
		{"certified mail, late", certified("preavviso-errore-consegna", "preavviso-errore-consegna", "altro", "mancata consegna entro le prime 12 ore"), "delayed", false},
		{"certified mail, delivered", certified("avvenuta-consegna", "avvenuta-consegna", "nessuno", ""), "delivered", false},
		{"only the name of the server says it", "From: Postmaster <postmaster@mx.example.org>\nSubject: Delivery failure\n\n550 5.7.1 message blocked\n\nMessage-ID: <" + lost + ">\n", "failed", false},
	}
	return list
}

func TestReportsOfCommonServers(t *testing.T) {
	all := shapes()
	if len(all) < 40 {
		t.Fatalf("only %d shapes", len(all))
	}
	read := 0
	for _, s := range all {
		for _, end := range []string{"\r\n", "\n"} {
			r, ok := mail.ParseReport([]byte(strings.ReplaceAll(s.letter, "\n", end)))
			if !ok {
				t.Errorf("%s: no report", s.name)
				continue
			}
			if !slices.Contains(r.IDs, lost) {
				t.Errorf("%s: the letter's name is not among %v", s.name, r.IDs)
				continue
			}
			if len(r.Recipients) == 0 || r.Recipients[0].Action != s.action || r.Recipients[0].Hard() != s.hard {
				t.Errorf("%s: %+v, want %s, hard %v", s.name, r.Recipients, s.action, s.hard)
				continue
			}
			read++
		}
	}
	if 100*read < 95*2*len(all) {
		t.Errorf("%d of %d", read, 2*len(all))
	}
}

func TestFilesOfReports(t *testing.T) {
	want := map[string][]mail.Bounce{
		"bounce-unknown.eml": {{"lettore1@example.org", "failed", "5.1.1", "550 5.1.1 <lettore1@example.org>: Recipient address rejected: User unknown"}},
		"bounce-two.eml":     {{"anna@example.org", "delayed", "4.2.2", "452 4.2.2 Mailbox full"}, {"bruno@example.org", "failed", "5.7.1", "550 blocked"}},
	}
	files, err := filepath.Glob("testdata/bounce-*.eml")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for name, bounces := range want {
		raw, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := mail.ParseReport(raw)
		if !ok || !slices.Equal(got.Recipients, bounces) || !slices.ContainsFunc(got.IDs, func(id string) bool { return strings.HasSuffix(id, ".1@comune.example") }) {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestComplaintIsRead(t *testing.T) {
	arf := func(fields string) string {
		return ofParts("From: <feedback@provider.example>\nSubject: FW: La piazza\n", "multipart/report; report-type=feedback-report",
			"Content-Type: text/plain\n\nThis is an abuse report.\n", "Content-Type: message/feedback-report\n\n"+fields+"User-Agent: Provider/1.0\nVersion: 1\n", "Content-Type: message/rfc822\n\n"+original("\nDear reader\n"))
	}
	for fields, want := range map[string]bool{"Feedback-Type: abuse\n": true, "feedback-type : ABUSE\n": true, "Feedback-Type: fraud\n": true, "": true,
		"Feedback-Type: not-spam\n": false, "Feedback-Type: auth-failure\n": false, "Feedback-Type: dmarc\n": false} {
		r, ok := mail.ParseReport([]byte(arf(fields)))
		if !ok || r.Complaint != want || !slices.Contains(r.IDs, lost) {
			t.Errorf("%q: %+v, %v", fields, r, ok)
		}
	}
}

// A person who answers a letter of ours names it too.
func TestOtherLettersAreNoReport(t *testing.T) {
	for name, s := range map[string]string{
		"an answer":                       "From: anna@example.org\nSubject: Re: La piazza\nIn-Reply-To: <" + lost + ">\n\nGrazie!\n",
		"an answer about a failure":       "From: anna@example.org\nSubject: Re: La piazza\nIn-Reply-To: <" + lost + ">\n\nThe letter to my husband could not be delivered: user unknown.\n",
		"a holiday notice":                "Return-Path: <>\nFrom: anna@example.org\nSubject: Automatic reply: La piazza\nAuto-Submitted: auto-replied\nIn-Reply-To: <" + lost + ">\n\nI am away until Monday.\n",
		"a receipt of reading":            ofParts("From: anna@example.org\nSubject: Read: La piazza\nIn-Reply-To: <"+lost+">\n", "multipart/report; report-type=disposition-notification", said[:26]+"\n\nRead.\n", "Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; anna@example.org\nDisposition: manual-action/MDN-sent-manually; displayed\n"),
		"an absence that names a failure": "From: anna@example.org\nSubject: Automatic reply: La piazza\nAuto-Submitted: auto-replied\nIn-Reply-To: <" + lost + ">\n\nMail to my old address could not be delivered.\n",
		"a letter with a photo":           ofParts("From: anna@example.org\n", "multipart/mixed", "Content-Type: text/plain\n\nGuardate.\n", "Content-Type: image/jpeg\n\nxxx"),
		"nothing":                         "",
		"no header":                       "no header",
	} {
		if r, ok := mail.ParseReport([]byte(s)); ok {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func FuzzParseReport(f *testing.F) {
	for _, s := range shapes() {
		f.Add(s.letter)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := mail.ParseReport([]byte(s))
		if ok && !r.Complaint && len(r.Recipients) == 0 && !strings.Contains(strings.ToLower(s), "feedback-report") {
			t.Fatal("a report of nothing")
		}
		for _, b := range r.Recipients {
			if b.Action == "" {
				t.Fatal(fmt.Sprintf("%+v", b))
			}
		}
	})
}

// A report of the greatest size, of what is worst to search, is read in a moment.
func TestHugeReportIsReadInAMoment(t *testing.T) {
	for name, filler := range map[string]string{"signs of names": strings.Repeat("a", 300), "at signs": "@@@@@@@@@@", "addresses": "a@b.example ", "lines": "a\n", "codes": "5.1.1 550 4.4.4 undeliver ", "dashes": "--x\n\n"} {
		s := daemon + "Content-Type: text/plain\n\n" + strings.Repeat(filler, mail.MaxReport/len(filler)) + "\n<" + lost + ">\n"
		begin := time.Now()
		mail.ParseReport([]byte(s))
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: %s", name, took)
		} else {
			t.Logf("%s: %s", name, took)
		}
	}
}
