package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Bounds of what strangers send, in bytes where nothing else is said.
const (
	maxID       = 800 // longer identifiers are kept as their hash: an index holds them
	maxURL      = 2000
	maxLine     = 300 // characters of a name, a handle, a subject
	maxAlt      = 1500
	maxReaction = 40 // characters; a custom emoji has a name
	maxRefs     = 16 << 10
	maxMarks    = 6 // combining marks on one letter
)

// clean makes what a stranger sent safe to keep: bounded, without control or
// direction-changing characters, with no address that is not of the web. ok is
// false when nothing can be made of it.
func clean(s channel.Said, now time.Time) (out channel.Said, ok bool) {
	s.ID, s.Parent = identifier(s.ID), identifier(s.Parent)
	s.URL = webAddress(s.URL)
	s.Author = cleanAuthor(s.Author)
	s.Reaction = line(s.Reaction, maxReaction)
	s.Text, s.Subject = paragraphs(s.Text, channel.MaxSaid), line(s.Subject, maxLine)
	if !langForm.MatchString(s.Lang) {
		s.Lang = ""
	}
	s.Media = cleanMedia(s.Media)
	s.Whole, s.Files = paragraphs(s.Whole, channel.MaxWhole), cleanFiles(s.Files)
	if len(s.Refs) > maxRefs || !json.Valid(s.Refs) || strings.Contains(string(s.Refs), `\u0000`) {
		s.Refs = nil
	}
	if s.At.Unix() <= 0 || s.At.After(now) {
		s.At = now
	}
	s.At = s.At.UTC().Truncate(time.Microsecond)
	if s.Parent == s.ID {
		s.Parent = ""
	}
	if s.Author.ID == "" && s.ID != "" {
		s.Author.ID = "said:" + s.ID
	}
	switch s.Act {
	case channel.Comments, channel.Edited, channel.Deleted:
		return s, s.ID != ""
	case channel.Reports:
		return s, s.ID != ""
	case channel.Reacts:
		return s, s.Parent != "" && s.Reaction != "" && s.Author.ID != ""
	case channel.Unreacts:
		return s, s.ID != "" || s.Parent != "" && s.Reaction != "" && s.Author.ID != ""
	case channel.Vanished:
		return s, s.Author.ID != ""
	}
	return s, false
}

var langForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)

func cleanAuthor(a channel.Author) channel.Author {
	a = channel.Author{ID: identifier(a.ID), Handle: line(a.Handle, maxLine), Name: line(a.Name, maxLine), URL: webAddress(a.URL), Avatar: webAddress(a.Avatar)}
	for _, other := range []string{a.Handle, a.URL} {
		if a.ID == "" {
			a.ID = identifier(other)
		}
	}
	return a
}

func cleanMedia(all []channel.SaidMedia) (out []channel.SaidMedia) {
	for _, m := range all {
		if m.URL = webAddress(m.URL); m.URL == "" || len(out) == channel.MaxSaidMedia {
			continue
		}
		out = append(out, channel.SaidMedia{URL: m.URL, ContentType: line(m.ContentType, 100), Alt: paragraphs(m.Alt, maxAlt)})
	}
	return out
}

// cleanFiles bounds the files of a letter and what they are called.
func cleanFiles(all []channel.SaidFile) (out []channel.SaidFile) {
	for _, f := range all[:min(len(all), channel.MaxSaidFiles)] {
		if f.Name = line(f.Name, 150); f.Name == "" {
			f.Name = "?"
		}
		out = append(out, channel.SaidFile{Name: f.Name, ContentType: line(f.ContentType, 100), Size: f.Size, Hash: f.Hash})
	}
	return out
}

// identifier is a platform's name for something. One that no index could hold is
// kept as its hash, the same each time.
func identifier(id string) string {
	id = strings.Map(func(r rune) rune {
		if r == 0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(id), ""))
	if len(id) <= maxID {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// webAddress is an address that a browser may be sent to, or empty.
func webAddress(address string) string {
	address = strings.TrimSpace(address)
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || len(address) > maxURL || !utf8.ValidString(address) {
		return ""
	}
	return u.String()
}

// paragraphs is a text of strangers: line breaks stay, at most two in a row;
// longer than most bytes, it is cut and ends in an ellipsis.
func paragraphs(text string, most int) string {
	text = strings.TrimSpace(visible(strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(text)))
	text = manyBreaks.ReplaceAllString(text, "\n\n")
	return cut(text, most)
}

var manyBreaks = regexp.MustCompile(`[ \t]*\n(?:[ \t]*\n)+`)

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most - len("…")
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.TrimSpace(text[:end]) + "…"
}

// line is a text of strangers on one line, at most so many characters.
func line(text string, most int) string {
	text = strings.Join(strings.Fields(visible(cut(text, 40*most))), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return strings.TrimSpace(string([]rune(text)[:most-1])) + "…"
}

// visible drops what a reader cannot see or what makes text stand elsewhere than
// where it is: control characters, direction overrides (UAX 9), towers of
// combining marks.
func visible(text string) string {
	marks := 0
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			marks = 0
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0x061C, r == 0xFEFF,
			r >= 0xE0000 && r <= 0xE001F, r >= 0xFFF9 && r <= 0xFFFB:
			return -1
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks {
				return -1
			}
			return r
		}
		marks = 0
		return r
	}, strings.ToValidUTF8(text, ""))
}
