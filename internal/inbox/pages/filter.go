package pages

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel"
)

// queue is one of the piles in which the list shows the conversations.
type queue string

// The queues, by the word in the list's address.
const (
	toAnswer   queue = "da-rispondere"
	overdue    queue = "in-ritardo"
	mine       queue = "assegnate-a-me"
	toApprove  queue = "da-approvare"
	toModerate queue = "da-moderare"
	unsent     queue = "non-uscite"
	closed     queue = "chiuse"
	everything queue = "tutte"
)

// queues are all of them, in the order of an officer's day.
func queues() []queue {
	return []queue{toAnswer, overdue, mine, toApprove, toModerate, unsent, closed, everything}
}

// Orders of the list, by the word in its address.
const (
	newestFirst = "recenti"
	oldestFirst = "vecchie"
	dueFirst    = "scadenza"
)

func orders() []string { return []string{newestFirst, oldestFirst, dueFirst} }

// noOffice is the filter's word for conversations that no office has.
const noOffice = "-"

// maxSearch bounds the words that are searched for, in characters.
const maxSearch = 200

// filter is what the list is asked for. Its address is the only form in which it
// is kept: in a link, in a saved view.
type filter struct {
	Private  bool
	Queue    queue
	Office   string // an office's id, or noOffice
	Profile  string
	Platform channel.Platform
	Message  string // one of our messages
	Author   string
	Text     string
	Order    string
	After    string // cursor of the page
}

// parseFilter reads a list's query. An address is not a form: a word that means
// nothing asks for nothing.
func parseFilter(q url.Values) filter {
	f := filter{Queue: toAnswer, Order: newestFirst,
		Private: q.Get("dove") == "privati", Office: identifier(q.Get("ufficio")), Profile: identifier(q.Get("profilo")),
		Platform: channel.Platform(identifier(q.Get("piazza"))), Message: identifier(q.Get("messaggio")), Author: identifier(q.Get("autore")),
		Text: strings.TrimSpace(strings.ToValidUTF8(strings.Join(strings.FieldsFunc(q.Get("testo"), unprintable), " "), "")), After: q.Get("dopo")}
	if utf8.RuneCountInString(f.Text) > maxSearch {
		f.Text = strings.TrimSpace(string([]rune(f.Text)[:maxSearch]))
	}
	if asked := queue(q.Get("coda")); slices.Contains(queues(), asked) {
		f.Queue = asked
	}
	if asked := q.Get("ordine"); slices.Contains(orders(), asked) {
		f.Order = asked
	}
	return f
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }

// identifier is a word that may be an identifier, or nothing.
func identifier(text string) string {
	if len(text) > 64 || strings.ContainsFunc(text, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		return ""
	}
	return text
}

// query is the filter in its canonical form, without what is usual.
func (f filter) query() url.Values {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Private {
		q.Set("dove", "privati")
	}
	if f.Queue != toAnswer {
		set("coda", string(f.Queue))
	}
	if f.Order != newestFirst {
		set("ordine", f.Order)
	}
	set("ufficio", f.Office)
	set("profilo", f.Profile)
	set("piazza", string(f.Platform))
	set("messaggio", f.Message)
	set("autore", f.Author)
	set("testo", f.Text)
	set("dopo", f.After)
	return q
}

// url is the address of the list with this filter.
func (f filter) url() string {
	if q := f.query(); len(q) > 0 {
		return listPath + "?" + q.Encode()
	}
	return listPath
}

// narrowed reports whether the filter leaves out more than the queue does.
func (f filter) narrowed() bool {
	return f.Office != "" || f.Profile != "" || f.Platform != "" || f.Message != "" || f.Author != "" || f.Text != ""
}

// in is the filter for another queue, from its first page.
func (f filter) in(q queue) filter { f.Queue, f.After = q, ""; return f }

// where is the filter for public or private conversations, from the first page.
func (f filter) where(private bool) filter { f.Private, f.After = private, ""; return f }

// first is the filter from its first page.
func (f filter) first() filter { f.After = ""; return f }

// plain is the queue without anything narrower.
func (f filter) plain() filter { return filter{Private: f.Private, Queue: f.Queue, Order: newestFirst} }
