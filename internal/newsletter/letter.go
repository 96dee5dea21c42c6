package newsletter

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/mail"
)

// shownLetter is what the templates of a letter show. All words are ready.
type shownLetter struct {
	Lang, Title, Institution, Home string
	Colour                         string
	Intro                          string
	Items                          []shownItem
	Button, ButtonURL              string
	Why                            string
	Manage, ManageURL              string
	Unsubscribe, UnsubscribeURL    string
	Privacy, PrivacyURL            string
	Address                        string
}

type shownItem struct {
	Title, Link, Lang, Meta, Read string
	Paragraphs                    []string
	HTML                          template.HTML // instead of the paragraphs, where there is HTML
	Pictures                      []Picture
	Head                          bool // several items: each has a heading
}

// writer writes the letters of an issue. Readers who get the same, in the same
// language, share a form.
type writer struct {
	l     *List
	i     institution.Institution
	issue Issue
	mu    sync.Mutex
	forms map[string]formOf
}

// formOf is a form and when it was made: a letter's date is that of its form.
type formOf struct {
	*mail.Form
	at time.Time
}

const (
	// formLife is how much older than its sending a letter may say it is.
	formLife = time.Minute
	// maxForms bounds what is kept: readers of a digest choose among many topics.
	maxForms = 64
)

func newWriter(l *List, i institution.Institution, issue Issue) *writer {
	return &writer{l: l, i: i, issue: issue, forms: map[string]formOf{}}
}

// letter writes the letter of one subscriber.
func (w *writer) letter(to letterTo, now time.Time) (mail.Letter, error) {
	u := to.subscriber
	f, err := w.form(u, now)
	if err != nil {
		return mail.Letter{}, err
	}
	return f.Letter(u.Email, messageID(u.ID, w.issue.ID, mailHost(w.l.address(w.i))), w.l.token(w.i.ID, u.ID))
}

// messageID is the Message-ID of an issue's letter to a subscriber, by which a
// letter that comes back is known.
func messageID(subscriberID, issueID, host string) string {
	return subscriberID + "." + issueID + "@" + host
}

// readMessageID takes a Message-ID apart; ok is false when it is none of a letter.
func readMessageID(id string) (subscriberID, issueID string, ok bool) {
	left, _, _ := strings.Cut(id, "@")
	subscriberID, issueID, _ = strings.Cut(strings.ToLower(left), ".")
	return subscriberID, issueID, isID(subscriberID) && isID(issueID)
}

// form is what a subscriber's letter has in common with those of others.
func (w *writer) form(u Subscriber, now time.Time) (*mail.Form, error) {
	items := itemsFor(w.issue, u)
	key := fmt.Sprint(u.Locale, " ", len(u.ID))
	if w.issue.Kind != OfMessage {
		for n, it := range w.issue.Items {
			if u.wants(it.ProfileID, it.Tags) {
				key += fmt.Sprint(" ", n)
			}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f, ok := w.forms[key]; ok && now.Sub(f.at) < formLife {
		return f.Form, nil
	}
	// A token like any other in length, and nobody's.
	mark := w.l.token(w.i.ID, strings.Repeat("0", len(u.ID)))
	letter, err := w.common(items, u.Locale, mark, now)
	if err != nil {
		return nil, err
	}
	f, err := mail.NewForm(letter, mark)
	if err != nil {
		return nil, err
	}
	if len(w.forms) >= maxForms {
		clear(w.forms)
	}
	w.forms[key] = formOf{f, now}
	return f, nil
}

// common writes a letter whose links end in a token.
func (w *writer) common(items []Item, locale, token string, now time.Time) (mail.Letter, error) {
	l, i, issue := w.l, w.i, w.issue
	p := l.bundle.For(locale, i.Location())
	s := l.frame(i, p)
	s.Why = p.T("newsletter.letter.why", i.Name)
	s.Manage, s.ManageURL = p.T("newsletter.letter.manage"), l.address(i)+"/newsletter/gestisci/"+token
	s.Unsubscribe, s.UnsubscribeURL = p.T("newsletter.letter.unsubscribe"), l.address(i)+"/newsletter/disiscrivi/"+token
	subject := issue.Title
	if issue.Kind == OfMessage {
		s.Button, s.ButtonURL = p.T("newsletter.letter.read"), issue.Link
	} else {
		subject = p.T("newsletter.letter."+string(issue.Kind), len(items), i.Name)
		s.Intro = p.T("newsletter.letter." + string(issue.Kind) + ".intro")
		s.Button, s.ButtonURL = p.T("newsletter.letter.all"), issue.Link
	}
	s.Title = subject
	for _, it := range items {
		s.Items = append(s.Items, showItem(p, it, issue.Kind != OfMessage))
	}
	letter, err := l.write("issue", s)
	if err != nil {
		return letter, err
	}
	letter.Subject, letter.Date, letter.Language = subject, now.In(i.Location()), p.Lang()
	letter.ListID = "newsletter." + mailHost(l.address(i))
	if u, err := url.Parse(s.UnsubscribeURL); err == nil && (u.Scheme == "https" || u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1") {
		letter.Unsubscribe = s.UnsubscribeURL
	}
	return l.signed(i, letter), nil
}

func showItem(p *i18n.Printer, it Item, head bool) shownItem {
	out := shownItem{Title: it.Title, Link: it.Link, Lang: it.Lang, Meta: it.Profile, Pictures: it.Pictures, Head: head, Read: p.T("newsletter.letter.read")}
	if it.Event != nil {
		var end time.Time
		if it.EventEnd != nil {
			end = *it.EventEnd
		}
		out.Meta = strings.TrimPrefix(out.Meta+" · "+p.Span(*it.Event, end, it.EventDays), " · ")
	}
	out.HTML = template.HTML(it.HTML) // the sanitiser of package publishing made it
	for _, part := range strings.Split(it.Text, "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			out.Paragraphs = append(out.Paragraphs, part)
		}
	}
	return out
}

// confirmation writes the letter with the link that confirms a subscription.
func (l *List) confirmation(i institution.Institution, a asked, link string, now time.Time) (mail.Letter, error) {
	p := l.bundle.For(a.Locale, i.Location())
	s := l.frame(i, p)
	s.Title = p.T("newsletter.letter.confirm", i.Name)
	s.Items = []shownItem{{Paragraphs: []string{p.T("newsletter.letter.confirm.text", i.Name), p.T("newsletter.letter.confirm.ignore")}}}
	s.Button, s.ButtonURL = p.T("newsletter.letter.confirm.action"), link
	letter, err := l.write("issue", s)
	if err != nil {
		return letter, err
	}
	letter.Subject, letter.MessageID, letter.Date = s.Title, "confirm."+strings.ToLower(a.Nonce)+"@"+mailHost(l.address(i)), now.In(i.Location())
	letter.To, letter.Language = mail.Address{Addr: a.Email}, p.Lang()
	return l.signed(i, letter), nil
}

// frame is what surrounds every letter.
func (l *List) frame(i institution.Institution, p *i18n.Printer) shownLetter {
	s := shownLetter{Lang: p.Lang(), Institution: i.Name, Home: l.address(i) + "/", Colour: i.Colour, Address: i.Address}
	if s.Colour == "" {
		s.Colour = "#0066cc"
	}
	if i.PrivacyURL != "" {
		s.Privacy, s.PrivacyURL = p.T("newsletter.privacy"), absolute(l.address(i), i.PrivacyURL)
	}
	return s
}

func absolute(base, link string) string {
	if strings.HasPrefix(link, "/") {
		return base + link
	}
	return link
}

// signed says who writes and to whom one answers.
func (l *List) signed(i institution.Institution, letter mail.Letter) mail.Letter {
	letter.From = mail.Address{Name: i.Name, Addr: l.from}
	letter.Bounces = l.bounces
	if i.Email != "" {
		letter.ReplyTo = mail.Address{Name: i.Name, Addr: i.Email}
	}
	return letter
}

func (l *List) write(name string, s shownLetter) (letter mail.Letter, err error) {
	var text, html bytes.Buffer
	if err := l.text.ExecuteTemplate(&text, name+".txt", s); err != nil {
		return letter, fmt.Errorf("letter: %w", err)
	}
	if err := l.html.ExecuteTemplate(&html, name+".html", s); err != nil {
		return letter, fmt.Errorf("letter: %w", err)
	}
	return mail.Letter{Text: text.String(), HTML: html.String()}, nil
}
