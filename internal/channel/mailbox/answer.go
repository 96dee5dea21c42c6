package mailbox

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/mail"
)

// ownMark ends the names of the letters that we send, so that a copy of one is
// never taken for somebody's.
const ownMark = ".answer.arengo.invalid"

// messageID is the name of an answer, made from the delivery's key: the same over
// every retry. Its right side is the box's domain, which a receiver may look at.
func messageID(key string, c credentials) string {
	_, domain, _ := strings.Cut(c.Address, "@")
	return strings.ToLower(key) + "@" + domain + ownMark
}

// progress is what Prepare found.
type progress struct {
	Sent string `json:"sent"` // the folder that keeps the books; "" when there is none
}

// Prepare checks the answer and finds the folder in which it will be booked.
func (a *Adapter) Prepare(ctx context.Context, account channel.Account, p channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	c, e := secretOf(account)
	if e != nil {
		return prior, e
	}
	if _, e := a.letter(c, p); e != nil {
		return prior, e
	}
	s, e := a.open(ctx, c)
	if e != nil {
		return prior, e
	}
	defer s.close()
	folder, e := s.sent()
	if e == nil && folder != "" {
		var data *imap.SelectData
		// A folder that does not keep the flag cannot keep the books.
		if data, e = s.enter(folder, false); e == nil && !slices.Contains(data.PermanentFlags, imap.FlagDraft) {
			folder = ""
		}
	}
	if e != nil {
		return prior, e
	}
	done, err := json.Marshal(progress{folder})
	if err != nil {
		return prior, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: err}
	}
	return done, nil
}

// letter writes the answer.
func (a *Adapter) letter(c credentials, p channel.Post) (mail.Letter, *channel.Error) {
	refuse := func(code string) (mail.Letter, *channel.Error) {
		return mail.Letter{}, &channel.Error{Class: channel.Refused, Code: code}
	}
	switch {
	case p.To == nil, len(p.Media) > 0:
		return refuse(channel.CodeRefused)
	case count.Length(count.Graphemes(), p.Text) > maxText:
		return refuse(channel.CodeTooLong)
	}
	var r refs
	if len(p.To.Refs) > 0 && json.Unmarshal(p.To.Refs, &r) != nil {
		r = refs{}
	}
	to := mail.Address{Name: p.To.Author.Name, Addr: p.To.Author.ID}
	if r.ReplyTo != "" {
		to.Addr = r.ReplyTo
	}
	if !reachable(to.Addr) || strings.HasSuffix(to.Addr, "@invalid") {
		return refuse(channel.CodeCannotAnswer)
	}
	l := mail.Letter{
		From: mail.Address{Addr: c.Address}, To: to, Subject: answered(p.To.Subject), Text: p.Text, Language: p.Lang,
		MessageID: messageID(p.Key, c), Date: a.o.Clock(),
	}
	if r.MessageID != "" {
		l.InReplyTo = r.MessageID
		l.References = append(slices.DeleteFunc(slices.Clone(r.References), func(id string) bool { return id == r.MessageID || !usableID(id) }), r.MessageID)
	}
	return l, nil
}

// answered is the subject of an answer: "Re:" once, in whatever language the others
// said it.
func answered(subject string) string {
	rest := oneLine(subject, maxSubject)
	for again := true; again; {
		again = false
		for _, mark := range []string{"re:", "r:", "rif:", "aw:", "antw:", "sv:"} {
			if len(rest) >= len(mark) && strings.EqualFold(rest[:len(mark)], mark) {
				rest, again = strings.TrimSpace(rest[len(mark):]), true
			}
		}
	}
	return strings.TrimSpace("Re: " + rest)
}

// Finalize books the letter as going out, sends it, and books it as sent.
func (a *Adapter) Finalize(ctx context.Context, account channel.Account, p channel.Post, done channel.Progress) (channel.Remote, error) {
	c, e := secretOf(account)
	if e != nil {
		return channel.Remote{}, e
	}
	l, e := a.letter(c, p)
	if e != nil {
		return channel.Remote{}, e
	}
	booked, sent, e := a.begin(ctx, c, l, done)
	switch {
	case e != nil:
		return channel.Remote{}, e
	case sent:
		return channel.Remote{ID: l.MessageID}, nil
	}
	result := a.o.Mail.Send(ctx, l)
	if booked {
		// What happened must be booked also when nobody waits for it any longer.
		a.end(context.WithoutCancel(ctx), c, l, done, result.Outcome)
	}
	return channel.Remote{ID: l.MessageID}, outcome(result)
}

// begin books a letter as going out. booked is false where the box keeps no books.
func (a *Adapter) begin(ctx context.Context, c credentials, l mail.Letter, done channel.Progress) (booked, sent bool, e *channel.Error) {
	b, e := a.books(ctx, c, done)
	if e != nil || b == nil {
		return false, false, e
	}
	// A mail server may take minutes: the connection is not kept meanwhile.
	defer b.close()
	sent, e = b.begin(l)
	return e == nil, sent, e
}

// end books what became of a letter. Whether that succeeds changes nothing of what
// happened: a copy that still says "going out" is left to a person, should anybody
// ever have to ask.
func (a *Adapter) end(ctx context.Context, c credentials, l mail.Letter, done channel.Progress, o mail.Outcome) {
	if b, e := a.books(ctx, c, done); e == nil && b != nil {
		defer b.close()
		b.end(l.MessageID, o)
	}
}

// outcome says what became of a letter. Nil means that it left.
func outcome(r mail.Result) error {
	e := &channel.Error{Detail: r.Text, Err: r.Err}
	switch r.Outcome {
	case mail.Sent:
		return nil
	case mail.Deferred:
		e.Class, e.Code = channel.Transient, channel.CodeServer
	case mail.Refused:
		e.Class, e.Code = channel.Refused, channel.CodeRefused
		if strings.HasPrefix(r.Enhanced, "5.1.") || r.Code == 550 && r.Enhanced == "" {
			e.Code = channel.CodeCannotAnswer // nobody has this address
		}
	default:
		e.Class, e.Code = channel.Unknown, channel.CodeTimeout
	}
	return e
}

// Find reads the books: see the package comment.
func (a *Adapter) Find(ctx context.Context, account channel.Account, p channel.Post, done channel.Progress) (channel.Remote, bool, error) {
	c, e := secretOf(account)
	if e != nil {
		return channel.Remote{}, false, e
	}
	unknown := &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead}
	books, e := a.books(ctx, c, done)
	switch {
	case e != nil && e.Class == channel.Refused, e == nil && books == nil:
		return channel.Remote{}, false, unknown
	case e != nil:
		return channel.Remote{}, false, e
	}
	defer books.close()
	id := messageID(p.Key, c)
	copies, e := books.find(id)
	if e != nil {
		return channel.Remote{}, false, e
	}
	switch {
	case gone(copies):
		return channel.Remote{ID: id}, true, nil
	case len(copies) > 0:
		return channel.Remote{}, false, unknown
	}
	return channel.Remote{}, false, nil
}

// Edit is refused: a letter that was sent cannot be changed.
func (*Adapter) Edit(context.Context, channel.Account, channel.Post, channel.Remote) (channel.Remote, error) {
	return channel.Remote{}, &channel.Error{Class: channel.Refused, Code: channel.CodeCannotEdit}
}

// Withdraw is refused: a letter that was sent cannot be taken back.
func (*Adapter) Withdraw(context.Context, channel.Account, channel.Remote) error {
	return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotEdit}
}
