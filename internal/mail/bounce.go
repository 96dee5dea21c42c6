package mail

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// Report is what a mail server says of a letter that it could not deliver, or what a
// provider says of one that its reader called spam. There is a standard for each (RFC
// 3464, RFC 5965), and there are servers that write in words of their own: Exim,
// qmail, and whatever forwards the reports of others.
type Report struct {
	Recipients []Bounce
	Complaint  bool // the reader does not want such letters

	// IDs are the names (Message-ID) of all letters that the report names, in whatever
	// part and encoding, without the angle brackets. Names cannot be guessed: whoever
	// knows one has had the letter.
	IDs []string
}

// Bounce is what a report says about one recipient.
type Bounce struct {
	Recipient  string // the address, where the report says it
	Action     string // failed, delayed, delivered, relayed or expanded
	Status     string // of RFC 3463: 5.1.1 is an unknown mailbox, 4.2.2 a full one; "" when it cannot be told
	Diagnostic string // what the other server said
}

// Hard reports whether the address should not be written to again.
func (b Bounce) Hard() bool { return b.Action == "failed" && NoAddress(b.Status) }

// NoAddress reports whether a status says that nobody has the address (RFC 3463, 3.2);
// 5.1.7 and 5.1.8 are about the sender's.
func NoAddress(status string) bool {
	return strings.HasPrefix(status, "5.1.") && status != "5.1.7" && status != "5.1.8"
}

const (
	// MaxReport bounds a report, in bytes; what names the letter stands far before.
	MaxReport     = 4 << 20
	maxRecipients = 1000
	maxIDs        = 2000
	maxSaid       = 64 << 10 // bytes of a text in which a server's own words are looked for
	maxInner      = 3        // letters within letters
)

// ReadReport reads a report; ok is false for any other letter: an answer of a person,
// a holiday notice.
func ReadReport(p *loose.Part) (r Report, ok bool) {
	for _, read := range []func(*loose.Part) (Report, bool){receipt, standard, inWords} {
		if r, ok = read(p); ok {
			for _, id := range idsIn(p) {
				if !slices.Contains(r.IDs, id) {
					r.IDs = append(r.IDs, id)
				}
			}
			return r, true
		}
	}
	return r, false
}

// standard reads the parts that the standards name, wherever they stand: some servers
// put them into a mixed letter, others say nothing of the report's type.
func standard(p *loose.Part) (Report, bool) { return standardAt(p, 0) }

func standardAt(p *loose.Part, depth int) (r Report, ok bool) {
	var inside []*loose.Part
	p.Walk(func(part *loose.Part) bool {
		switch {
		case part.Kind == "message/feedback-report":
			kind := strings.ToLower(strings.TrimSpace(loose.Fields(part.Body).Get("Feedback-Type")))
			// The other kinds are about signatures, or take a complaint back.
			r.Complaint = r.Complaint || slices.Contains([]string{"abuse", "fraud", "virus", "other", "opt-out", "opt-out-list", ""}, kind)
			ok = true
		case part.Kind == "message/delivery-status", part.Kind == "message/global-delivery-status", isStatus(part):
			r.Recipients = append(r.Recipients, recipients(part.Body)...)
		case part.Inner() != nil:
			inside = append(inside, part.Inner())
		}
		return true
	})
	if ok || len(r.Recipients) > 0 {
		return r, true
	}
	for _, inner := range inside {
		if depth < maxInner && (fromMachine(p.Header) || inner.Kind == "multipart/report") {
			if r, ok := standardAt(inner, depth+1); ok {
				return r, true
			}
		}
	}
	return r, false
}

// isStatus reports whether a text is a delivery status that lost its type.
func isStatus(p *loose.Part) bool {
	return strings.HasPrefix(p.Kind, "text/") && statusBegins.Match(p.Body[:min(len(p.Body), 2000)]) && finalRecipient.Match(p.Body[:min(len(p.Body), maxSaid)])
}

var (
	statusBegins   = regexp.MustCompile(`(?i)^\s*(reporting-mta|original-envelope-id|arrival-date|received-from-mta)[ \t]*:`)
	finalRecipient = regexp.MustCompile(`(?im)^(final|original)-recipient[ \t]*:`)
	groups         = regexp.MustCompile(`\r?\n[ \t]*\r?\n`)
)

// recipients reads the groups of fields of a delivery status: the first is about the
// letter, each other about a recipient.
func recipients(body []byte) (all []Bounce) {
	for _, group := range groups.Split(string(body[:min(len(body), MaxReport)]), maxRecipients) {
		if b, ok := recipient(loose.Fields([]byte(group))); ok {
			all = append(all, b)
		}
	}
	return all
}

func recipient(h loose.Header) (Bounce, bool) {
	b := Bounce{Recipient: typed(h.Text("Original-Recipient")), Diagnostic: typed(h.Text("Diagnostic-Code"))}
	if !strings.Contains(b.Recipient, "@") {
		b.Recipient = typed(h.Text("Final-Recipient"))
	}
	action := strings.ToLower(strings.TrimSpace(h.Get("Action")))
	if b.Recipient == "" && action == "" {
		return b, false
	}
	b.Status = statusOf(h.Get("Status"), b.Diagnostic)
	switch {
	case strings.HasPrefix(action, "fail"):
		b.Action = "failed"
	case strings.HasPrefix(action, "delay"):
		b.Action = "delayed"
	case action != "":
		b.Action, _, _ = strings.Cut(action, " ")
	case strings.HasPrefix(b.Status, "4"):
		b.Action = "delayed"
	case strings.HasPrefix(b.Status, "2"):
		b.Action = "delivered"
	default:
		b.Action = "failed"
	}
	return b, true
}

// typed takes the value out of "rfc822; anna@example.org".
func typed(s string) string {
	if kind, value, ok := strings.Cut(s, ";"); ok && !strings.Contains(kind, "@") {
		s = value
	}
	return strings.Join(strings.Fields(strings.Trim(strings.TrimSpace(s), "<>")), " ")
}

var (
	enhancedCode = regexp.MustCompile(`(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:[^\d.]|$|\.(?:\D|$))`)
	replyCode    = regexp.MustCompile(`(?:^|[^\d.])([45])\d\d[ -]`)

	// What servers say when nobody has an address, or its mailbox is full.
	nobodyThere = regexp.MustCompile(`(?i)user unknown|unknown user|no such user|no such (recipient|mailbox|person)|user (does not|doesn'?t) exist|mailbox (not found|unavailable|does not exist|unknown)|` +
		`unknown (recipient|address|local part|mailbox)|recipient (not found|unknown|does not exist)|(address|account|recipient)[^.\n]{0,60}(does not|doesn'?t) exist|invalid (recipient|mailbox)|` +
		`recipientnotfound|no mailbox here|not a (known|valid) (user|mailbox|recipient)|(wasn'?t|couldn'?t be|not) found at|domain (name )?not found|host (or domain name )?not found|` +
		`unrouteable address|unroutable address|account (that you tried to reach |has been )?(is )?(disabled|closed|deleted)|` +
		`not listed in|(may|might) not exist|no longer (valid|exists?|available|in use|active)|existiert nicht|n'existe pas|non esiste|unbekannte?r? (empf|adress)|` +
		`utente sconosciuto|indirizzo (non valido|inesistente|sconosciuto)|casella (inesistente|non esiste)|destinatario (sconosciuto|inesistente)|empf(ä|ae)nger unbekannt|adresse inconnue|utilisateur inconnu`)
	boxFull = regexp.MustCompile(`(?i)quota|mailbox (is )?full|over ?quota|insufficient (system )?storage|casella (è )?piena|voll\b|boîte pleine`)
)

// statusOf is the status that is given, else the one that the other server's words
// hold. "5.0.0" says only that it failed: the words may know more.
func statusOf(given, said string) string {
	status := ""
	for _, text := range []string{given, said} {
		if m := enhancedCode.FindStringSubmatch(text); m != nil && (status == "" || vague(status) && status[0] == m[1][0]) {
			status = m[1]
		}
	}
	if m := replyCode.FindStringSubmatch(said); status == "" && m != nil {
		status = m[1] + ".0.0"
	}
	if strings.HasPrefix(status, "4") || status != "" && !vague(status) {
		return status
	}
	switch {
	case boxFull.MatchString(said):
		return "5.2.2"
	case nobodyThere.MatchString(said):
		return "5.1.1"
	}
	return status
}

// vague reports whether a status names no reason; servers of Microsoft refuse unknown
// recipients with 5.4.1, and some others with 5.7.1.
func vague(status string) bool {
	return slices.Contains([]string{"5.0.0", "4.0.0", "5.5.0", "5.3.0", "5.7.1", "5.7.0", "5.4.1", "5.4.4", "5.2.0", "5.2.1", "5.4.6"}, status)
}

// inWords reads a report that keeps to no standard: a mail server wrote it, and it
// says that a letter did not arrive.
func inWords(p *loose.Part) (r Report, ok bool) {
	if !fromMachine(p.Header) || p.Header.Has("X-Autoreply") || p.Header.Has("X-Autorespond") {
		return r, false
	}
	said := p.Header.Text("Subject") + "\n" + firstText(p)
	if at := originalBelow.FindStringIndex(said); at != nil {
		said = said[:at[0]] // what the letter itself said is no report
	}
	late, failed := delayedWords.MatchString(said), failedWords.MatchString(said)
	named := p.Header.Text("X-Failed-Recipients")
	if !late && !failed && named == "" {
		return r, false
	}
	b := Bounce{Action: "failed", Status: statusOf("", said), Recipient: loose.FirstAddress(named).Addr}
	if m := qmailRecipient.FindStringSubmatch(said); b.Recipient == "" && m != nil {
		b.Recipient = m[1]
	}
	if late && !permanentWords.MatchString(said) {
		b.Action = "delayed"
	}
	b.Diagnostic = diagnostic(said)
	r.Recipients = []Bounce{b}
	return r, true
}

var (
	failedWords = regexp.MustCompile(`(?i)undeliver|delivery (has )?(failed|failure|status notification|problem|error|report)|failure notice|failed delivery|returned mail|returning message|returned to sender|` +
		`could(n'?t| not) be delivered|can(no|')t be delivered|was not delivered|(was|were) unable to deliver|wasn'?t able to deliver|unable to deliver|not delivered to|` +
		`mail delivery (failed|system)|message (rejected|not delivered|blocked)|did not reach|not be reached|you tried to contact|delivery to the following recipients? failed|rejected by|` +
		`mancat[oa] (recapito|consegna)|non (è stato possibile (recapitare|consegnare)|recapitat|consegnat|recapitabile)|impossibile (recapitare|consegnare)|errore di consegna|consegna (non riuscita|fallita)|` +
		`unzustellbar|nicht zugestellt|zustellung fehlgeschlagen|konnte nicht zugestellt|non remis|n'a pas pu être (remis|délivré|distribué)|échec de (la )?remise|nedostavljiv`)
	delayedWords = regexp.MustCompile(`(?i)delayed|has not (yet )?been delivered|not yet been delivered|will (be retried|retry|continue to (try|be attempted)|keep trying)|still (being )?(tried|trying|retrying)|` +
		`warning: (could not send|message)|temporar(y|ily) (problem|failure|unable)|consegna ritardata|in ritardo|verzögert|retardé|delivery incomplete`)
	permanentWords = regexp.MustCompile(`(?i)permanent (fatal )?error|permanently|given up|giving up|gave up|too long|retry time(out)? exceeded|has failed`)
	originalBelow  = regexp.MustCompile(`(?im)^[-_ >]*(this is a copy of (your|the) message|below this line is a copy|original message( follows| headers)?|included is a copy|copy of the message|il messaggio originale|messaggio originale|ursprüngliche nachricht|message headers? follow|-+ headers of the original)[^\n]*$`)
	qmailRecipient = regexp.MustCompile(`(?m)^\s*<([^<>@\s]+@[^<>@\s]+)>:?\s*$`)
)

// fromMachine reports whether a mail server wrote a letter: the null sender (RFC
// 5321, 4.5.5), its name, or a field that only reports have.
func fromMachine(h loose.Header) bool {
	if h.Has("X-Failed-Recipients") || strings.TrimSpace(h.Get("Return-Path")) == "<>" {
		return true
	}
	if auto := strings.ToLower(strings.TrimSpace(h.Get("Auto-Submitted"))); strings.HasPrefix(auto, "auto-") && failedWords.MatchString(h.Text("Subject")) {
		return true
	}
	if machineName.MatchString(loose.FirstAddress(h.Get("From")).Name) {
		return true
	}
	for _, name := range []string{"From", "Sender", "Return-Path"} {
		user, _, _ := strings.Cut(strings.ToLower(loose.FirstAddress(h.Get(name)).Addr), "@")
		if user == "" {
			user = strings.ToLower(strings.Trim(h.Get(name), "<> \""))
		}
		for _, machine := range []string{"mailer-daemon", "mailerdaemon", "postmaster", "mail-daemon", "maildaemon", "mail delivery"} {
			if strings.HasPrefix(user, machine) {
				return true
			}
		}
	}
	return false
}

var machineName = regexp.MustCompile(`(?i)^(internet )?(mail (delivery|administrator|router)( (sub)?system| service)?|mailer[- ]daemon|postmaster|servizio di posta|mail delivery)$`)

// firstText is what the report itself says.
func firstText(p *loose.Part) (text string) {
	p.Walk(func(part *loose.Part) bool {
		if strings.HasPrefix(part.Kind, "text/") && len(part.Parts) == 0 {
			text = part.Text()
		}
		return text == ""
	})
	return text[:min(len(text), maxSaid)]
}

// diagnostic is the line in which the other server speaks.
func diagnostic(said string) string {
	for line := range strings.Lines(said) {
		if enhancedCode.MatchString(line) || replyCode.MatchString(line) || nobodyThere.MatchString(line) || boxFull.MatchString(line) {
			return strings.Join(strings.Fields(line), " ")
		}
	}
	return ""
}

// idsIn finds whatever has the form of a letter's name, in the fields and the text of
// a letter, of its parts and of the letters within it.
func idsIn(p *loose.Part) (ids []string) {
	seen := map[string]bool{}
	look := func(b []byte) {
		for at := 0; len(ids) < maxIDs; at++ {
			n := bytes.IndexByte(b[at:], '@')
			if n < 0 {
				return
			}
			at += n
			if id := idAround(b, at); id != "" && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	var visit func(p *loose.Part, depth int)
	visit = func(p *loose.Part, depth int) {
		p.Walk(func(part *loose.Part) bool {
			for _, f := range part.Header {
				look([]byte(f.Value))
				if strings.Contains(f.Value, "=?") {
					look([]byte(loose.Words(f.Value)))
				}
			}
			look(part.Body)
			if bytes.IndexByte(part.Body, 0) >= 0 { // letters of two bytes
				look([]byte(part.Text()))
			}
			// Some programs break long lines, and a name in two.
			look(lineEnds.ReplaceAll(part.Body, nil))
			if inner := part.Inner(); inner != nil && depth < maxInner {
				visit(inner, depth+1)
			}
			return true
		})
	}
	visit(p, 0)
	return ids
}

// idAround is the name of a letter that stands around an "@"; "" when it is none.
func idAround(b []byte, at int) string {
	from, to := at, at+1
	for from > 0 && at-from <= maxIDSide && isIDByte(b[from-1]) {
		from--
	}
	for to < len(b) && to-at <= maxIDSide && (b[to] == '.' || b[to] == '-' || isIDByte(b[to]) && strings.IndexByte(idSigns, b[to]) < 0) {
		to++
	}
	id := strings.Trim(string(b[from:to]), ".")
	if at-from > maxIDSide || to-at > maxIDSide || strings.HasPrefix(id, "@") || strings.HasSuffix(id, "@") {
		return ""
	}
	return id
}

const (
	maxIDSide = 200 // bytes
	idSigns   = "!#$%&*+/=?^_{|}~.-"
)

func isIDByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(idSigns, c) >= 0
}

var lineEnds = regexp.MustCompile(`=?\r?\n[ \t>]*`)

// ParseReport reads a report from the bytes of a letter.
func ParseReport(raw []byte) (Report, bool) {
	return ReadReport(loose.Read(bytes.TrimLeft(raw, "\r\n")))
}
