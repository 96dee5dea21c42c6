package office

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// linkLife is how long a link opens what it is for.
const linkLife = 30 * 24 * time.Hour

// letterKind is why an office gets a letter.
type letterKind string

const (
	letterAssigned letterKind = "assigned"
	letterAgain    letterKind = "again" // the citizen wrote again
	letterAsked    letterKind = "asked" // an officer asks something
	letterRequest  letterKind = "request"
	letterReminder letterKind = "reminder"
	letterAlarm    letterKind = "alarm" // to the office's head
)

// stored is the kind as the table knows it.
func (k letterKind) stored() string {
	if k == letterAgain {
		return string(letterAssigned)
	}
	return string(k)
}

// letter is a letter to an office, or to its head, about a conversation or a request.
type letter struct {
	kind         letterKind
	office       institution.Office
	to, name     string
	question     string
	askedBy      string
	conversation *inbox.Conversation
	request      *Request
}

// dueAt is by when what the letter is about must be answered.
func (l letter) dueAt() time.Time {
	if l.request != nil {
		return l.request.DueAt
	}
	return l.conversation.DueAt
}

// write makes a link and sends the letter with it, in the transaction. The letter
// tells nothing of what the citizen said, nor who: mail is read on the way.
func (o *Offices) write(ctx context.Context, tx *db.Tx, h house, l letter) error {
	now := o.Clock()
	token, expires := rand.Text()+rand.Text(), now.Add(linkLife)
	conversationID, requestID := "", ""
	if l.request != nil {
		requestID = l.request.ID
		expires = later(expires, l.request.DueAt.Add(linkLife))
	} else {
		conversationID = l.conversation.ID
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO office_link (institution_id, id, hash, kind, office_id, conversation_id, request_id, question, asked_by, email, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		h.inst.ID, db.NewID(), hash(token), l.kind.stored(), l.office.ID, conversationID, requestID, l.question, l.askedBy, l.to, db.At(now), db.At(expires))
	if err != nil {
		return err
	}
	p := o.Bundle.For(h.inst.Locale, h.inst.Location())
	name := bare(l.office.Name)
	subject, lead := p.T("offices.letter."+string(l.kind), name), p.T("offices.letter."+string(l.kind)+".text", name, h.inst.Name)
	parts := []string{lead}
	about, err := o.about(ctx, tx, p, h, l)
	if err != nil {
		return err
	}
	parts = append(parts, strings.Join(about, "\n"))
	if l.question != "" {
		parts = append(parts, p.T("offices.letter.question")+"\n"+l.question)
	}
	parts = append(parts, p.T("offices.letter.link")+"\n"+o.Address(h.inst)+"/ufficio/"+token, p.T("offices.letter.keep", p.Date(expires)), h.inst.Name)
	return o.Mail.SendMail(ctx, tx, auth.Mail{To: l.to, Name: l.name, Subject: subject, Text: strings.Join(parts, "\n\n")})
}

// about is where and about what something was asked, and by when it must be answered.
func (o *Offices) about(ctx context.Context, tx *db.Tx, p *i18n.Printer, h house, l letter) (lines []string, err error) {
	if l.request != nil {
		lines = append(lines, p.T("offices.letter.request.title", l.request.Title))
	} else {
		lines = append(lines, p.T("offices.letter.square", p.T("channel.platform."+string(l.conversation.Platform)+".name")))
		title, err := messageTitle(ctx, tx, h.inst.ID, l.conversation.MessageID)
		if err != nil {
			return nil, err
		}
		if title != "" {
			lines = append(lines, p.T("offices.letter.message", title))
		}
	}
	if due := l.dueAt(); !due.IsZero() {
		lines = append(lines, p.T("offices.letter.due", p.DateTime(due)))
	}
	return lines, nil
}

// bare is an office's name after the word "office", which some names begin with.
func bare(name string) string {
	const word = "ufficio "
	if len(name) > len(word) && strings.EqualFold(name[:len(word)], word) {
		return strings.TrimSpace(name[len(word):])
	}
	return name
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// hash is how a link's token is stored: whoever reads the database opens nothing.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// report tells the officer who asked, or whose conversation it is, that an office
// has answered. Nobody is told when neither works here any more; the desk shows it
// all the same.
func (o *Offices) report(ctx context.Context, tx *db.Tx, h house, personID, officeName, path string, request *Request) error {
	if personID == "" {
		return nil
	}
	m, err := people.MemberByID(ctx, tx, h.inst.ID, personID)
	if fault.Is(err, fault.NotFound) || err == nil && !m.DisabledAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	p, officeName := o.Bundle.For(m.Locale, h.inst.Location()), bare(officeName)
	parts := []string{p.T("offices.letter.answered.text", officeName)}
	if request != nil {
		parts[0] = p.T("offices.letter.answered.request", officeName, request.Title)
	}
	parts = append(parts, o.Address(h.inst)+path, h.inst.Name)
	return o.Mail.SendMail(ctx, tx, auth.Mail{To: m.Email, Name: m.Name, Subject: p.T("offices.letter.answered", officeName), Text: strings.Join(parts, "\n\n")})
}
