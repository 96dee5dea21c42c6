package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
)

// letter is the job that sends one letter to a person who works here: an
// invitation, a reset link. It is sealed, since it holds a link that opens doors.
type letter struct {
	ID     string `json:"id"`
	Sealed string `json:"sealed"`
}

func (letter) Kind() string { return "app.letter" }

func letterPurpose(id string) string { return "letter/" + id }

// letters hands auth's mail to the queue.
type letters struct{ app *App }

func (a *App) letters() auth.Mailer { return letters{a} }

// SendMail stores the letter in the transaction that caused it.
func (l letters) SendMail(ctx context.Context, tx *db.Tx, m auth.Mail) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	id := db.NewID()
	return l.app.Jobs.Enqueue(ctx, tx, letter{id, l.app.Box.Seal(letterPurpose(id), string(text))}, jobs.When{Queue: jobs.Letters})
}

// sendLetter sends a stored letter. One whose fate is unknown is not sent again:
// the person asks for another.
func (a *App) sendLetter(ctx context.Context, j letter) error {
	text, err := a.Box.Open(letterPurpose(j.ID), j.Sealed)
	if err != nil {
		return jobs.Never(err)
	}
	var m auth.Mail
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return jobs.Never(err)
	}
	r := a.Mail.Send(ctx, mail.Letter{
		From: a.from(), To: mail.Address{Name: m.Name, Addr: m.To}, Subject: m.Subject, Text: m.Text,
		MessageID: j.ID + "@" + a.base.Hostname(), Date: time.Now(),
	})
	switch r.Outcome {
	case mail.Sent:
		return nil
	case mail.Deferred:
		return fmt.Errorf("letter %s: %s", j.ID, r.Text)
	}
	return jobs.Never(errors.Join(fmt.Errorf("letter %s: %s %s", j.ID, r.Outcome, r.Text), r.Err))
}

// from is the address that letters come from.
func (a *App) from() mail.Address {
	if a.Config.SMTP.From != "" {
		return mail.Address{Addr: a.Config.SMTP.From}
	}
	return mail.Address{Addr: "arengo@" + host(a.base)}
}

// host is a name that a mail address can have.
func host(u *url.URL) string {
	if h := u.Hostname(); h != "" && h != "localhost" && h[0] > '9' {
		return h
	}
	return "localhost.localdomain"
}
