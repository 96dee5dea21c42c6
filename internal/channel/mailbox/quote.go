package mailbox

import (
	"regexp"
	"strings"
)

// signature begins what a mail program adds below each letter (RFC 3676, 4.3).
const signature = "-- "

// own is what the writer of a letter wrote: without the letters quoted in it and
// without the signature. A letter that holds nothing else stays whole.
func own(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	lines := strings.Split(text, "\n")
	pattern := intro()
	var kept []string
	for i := 0; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], " \t")
		switch {
		case lines[i] == signature || line == "--" && i > 0:
			i = len(lines) // the rest is the signature
		case strings.HasPrefix(strings.TrimSpace(line), ">"):
		case forwarded(line) || header(lines[i:]):
			i = len(lines) // the rest is the other letter
		case introduces(pattern, lines, i):
			// "Il giorno … ha scritto:", over one or two lines
			if !strings.HasSuffix(line, ":") {
				i++
			}
		default:
			kept = append(kept, line)
		}
	}
	if strings.TrimSpace(strings.Join(kept, "")) == "" {
		return text
	}
	return strings.Join(kept, "\n")
}

// intro is what mail programs write above a letter that they quote.
func intro() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(il (giorno )?.{4,200}(ha|hanno) scritto:|on .{4,200}wrote:|le .{4,200}a écrit\s?:|am .{4,200}schrieb.{0,200}:|el .{4,200}escribió:)$`)
}

// introduces reports whether the line, alone or with the next, introduces a letter
// that follows.
func introduces(pattern *regexp.Regexp, lines []string, i int) bool {
	line := strings.TrimSpace(lines[i])
	if len(line) < 8 || len(line) > 400 {
		return false
	}
	next := ""
	if i+1 < len(lines) {
		next = strings.TrimSpace(lines[i+1])
	}
	after := func(from int) bool { // what follows is quoted, or nothing
		for _, l := range lines[min(from, len(lines)):] {
			if l = strings.TrimSpace(l); l != "" {
				return strings.HasPrefix(l, ">")
			}
		}
		return true
	}
	switch {
	case strings.HasSuffix(line, ":") && pattern.MatchString(line):
		return after(i + 1)
	case strings.HasSuffix(next, ":") && pattern.MatchString(line+" "+next):
		return after(i + 2)
	}
	return false
}

// forwarded reports whether a line parts a letter from the one below it.
func forwarded(line string) bool {
	text := strings.ToLower(strings.Trim(strings.TrimSpace(line), "-_ "))
	if !strings.HasPrefix(strings.TrimSpace(line), "--") && !strings.HasPrefix(strings.TrimSpace(line), "__") {
		return false
	}
	switch text {
	case "messaggio originale", "messaggio inoltrato", "original message", "forwarded message", "ursprüngliche nachricht", "message d'origine":
		return true
	}
	return false
}

// header reports whether lines begin with the header that some programs write above
// a quoted letter: "Da: … Inviato: … A: … Oggetto: …".
func header(lines []string) bool {
	first := strings.ToLower(strings.TrimSpace(lines[0]))
	if !strings.HasPrefix(first, "da:") && !strings.HasPrefix(first, "from:") && !strings.HasPrefix(first, "von:") && !strings.HasPrefix(first, "de :") {
		return false
	}
	found := 0
	for _, line := range lines[1:min(len(lines), 7)] {
		line = strings.ToLower(strings.TrimSpace(line))
		for _, name := range []string{"inviato:", "data:", "a:", "oggetto:", "sent:", "date:", "to:", "subject:", "gesendet:", "an:", "betreff:", "envoyé", "objet"} {
			if strings.HasPrefix(line, name) {
				found++
				break
			}
		}
	}
	return found >= 2
}
