package comments

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
)

// confirm is the job that sends the link with which a comment is confirmed. The
// link is sealed: who reads the queue cannot use it.
type confirm struct {
	InstitutionID string `json:"institution_id"`
	Sealed        string `json:"sealed"`
}

func (confirm) Kind() string { return "comments.confirm" }

const letterPurpose = "site.comment.letter"

// sealedLink is the work of sending a link.
func (c *Comments) sealedLink(institutionID, link string) confirm {
	return confirm{institutionID, c.o.Box.Seal(letterPurpose+"/"+institutionID, link)}
}

// workConfirm sends the letter. It may arrive twice after a crash: the link works
// once. A draft that is confirmed or expired needs no letter.
func (c *Comments) workConfirm(ctx context.Context, j confirm) error {
	link, err := c.o.Box.Open(letterPurpose+"/"+j.InstitutionID, j.Sealed)
	if err != nil {
		return jobs.Never(err)
	}
	now := c.o.Clock()
	var i institution.Institution
	var d draft
	var m subject
	err = c.o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if i, err = institution.ByID(ctx, tx, j.InstitutionID); err != nil {
			return err
		}
		if d, err = c.openDraft(ctx, tx, i.ID, link, now); err != nil {
			return jobs.Never(err)
		}
		if m, err = subjectByID(ctx, tx, i.ID, d.MessageID); err != nil {
			return jobs.Never(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t := c.o.Bundle.For(d.Lang, i.Location()).T
	r := c.send(ctx, i, d.Email, d.Lang, "comment."+hashLink(link)[:20], t("comments.letter.confirm.subject", i.Name),
		t("comments.letter.confirm.text", m.Title, c.o.Address(i)+linkPath(link), i.Name), now)
	switch {
	case r.Outcome == mail.Sent, r.Outcome == mail.Unknown:
		return nil
	case r.Outcome == mail.Refused && !r.Ours:
		return jobs.Never(errors.Join(errors.New("the mail server refuses the address"), r.Err))
	}
	return errors.New("the mail server does not take the letter")
}

func (c *Comments) send(ctx context.Context, i institution.Institution, to, lang, key, title, text string, now time.Time) mail.Result {
	host := "localhost.localdomain"
	if u, err := url.Parse(c.o.Address(i)); err == nil && u.Hostname() != "" && u.Hostname()[0] > '9' {
		host = u.Hostname()
	}
	l := mail.Letter{From: mail.Address{Name: i.Name, Addr: c.o.From}, To: mail.Address{Addr: to}, Subject: title, Text: text,
		MessageID: key + "@" + host, Date: now.In(i.Location()), Language: lang}
	if i.Email != "" {
		l.ReplyTo = mail.Address{Name: i.Name, Addr: i.Email}
	}
	return c.o.Sender.Send(ctx, l)
}

// announce is the job that tells a commenter of our answer.
type announce struct {
	InstitutionID string `json:"institution_id"`
	AnswerID      string `json:"answer_id"`
}

func (announce) Kind() string { return "comments.announce" }

// notice is a letter about an answer, ready to be written.
type notice struct {
	i       institution.Institution
	message subject
	contact contact
	locale  string
	text    string // of the answer
	hidden  bool   // the comment is not on the page, and neither is the answer
}

// workAnnounce writes to the commenter, once: the ledger says "attempting" before
// the letter leaves, and who finds that after a crash does not send it again.
func (c *Comments) workAnnounce(ctx context.Context, j announce) error {
	now := c.o.Clock()
	var n notice
	claimed := false
	err := c.o.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		n, claimed = notice{}, false
		if _, err := tx.Exec(ctx, `UPDATE site_answer SET notice = 'unconfirmed' WHERE institution_id = $1 AND id = $2 AND notice = 'attempting'`, j.InstitutionID, j.AnswerID); err != nil {
			return err
		}
		changed, err := tx.Change(ctx, `UPDATE site_answer SET notice = 'attempting' WHERE institution_id = $1 AND id = $2 AND notice = 'waiting' AND withdrawn_at = 0`, j.InstitutionID, j.AnswerID)
		if err != nil || changed == 0 {
			return err
		}
		n, claimed, err = c.noticeOf(ctx, tx, j)
		if err == nil && !claimed {
			_, err = tx.Exec(ctx, `UPDATE site_answer SET notice = 'none' WHERE institution_id = $1 AND id = $2`, j.InstitutionID, j.AnswerID)
		}
		return err
	})
	if err != nil || !claimed {
		return err
	}
	r := c.send(ctx, n.i, n.contact.Email, n.locale, "answer."+j.AnswerID, n.subject(c), n.body(c, j.AnswerID), now)
	state := map[mail.Outcome]string{mail.Sent: "sent", mail.Unknown: "unconfirmed", mail.Deferred: "waiting", mail.Refused: "refused"}[r.Outcome]
	if r.Ours && state == "refused" {
		state = "waiting"
	}
	// What became of the letter is written down even when the server is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE site_answer SET notice = $3 WHERE institution_id = $1 AND id = $2 AND notice = 'attempting'`, j.InstitutionID, j.AnswerID, state)
		return err
	})
	if err == nil && state == "waiting" {
		err = errors.New("the mail server does not take the letter")
	}
	return err
}

func (n notice) subject(c *Comments) string {
	return c.o.Bundle.For(n.locale, n.i.Location()).T("comments.letter.answer.subject", n.i.Name)
}

// body says where the answer stands; when nobody can read it there, such as a warning
// about hidden words, it holds the answer.
func (n notice) body(c *Comments, answerID string) string {
	t := c.o.Bundle.For(n.locale, n.i.Location()).T
	home := c.o.Address(n.i)
	if n.hidden {
		return t("comments.letter.hidden.text", n.message.Title, n.text, home+linkPath(n.contact.Link), n.i.Name)
	}
	return t("comments.letter.answer.text", n.message.Title, home+n.message.Path()+"#"+anchor(answerID), home+linkPath(n.contact.Link), n.i.Name)
}

// noticeOf gathers what the letter says. ok is false when there is nobody to write
// to any more, or nothing to say yet.
func (c *Comments) noticeOf(ctx context.Context, tx *db.Tx, j announce) (n notice, ok bool, err error) {
	var id, messageID, sealed string
	err = tx.QueryRow(ctx, `
		SELECT site_comment.id, site_comment.message_id, site_comment.contact, site_comment.locale, site_answer.text, comment.held OR comment.hidden_at > 0
		FROM site_answer JOIN site_comment ON site_comment.institution_id = site_answer.institution_id AND site_comment.id = site_answer.comment_id
		JOIN comment ON comment.institution_id = site_comment.institution_id AND comment.channel_id = site_comment.channel_id AND comment.remote_id = site_comment.id
		WHERE site_answer.institution_id = $1 AND site_answer.id = $2`, j.InstitutionID, j.AnswerID).Scan(&id, &messageID, &sealed, &n.locale, &n.text, &n.hidden)
	if errors.Is(err, db.ErrNone) || err == nil && sealed == "" {
		return n, false, nil
	}
	if err != nil {
		return n, false, err
	}
	text, err := c.o.Box.Open(contactPurpose(j.InstitutionID, id), sealed)
	if err != nil {
		return n, false, err
	}
	if err := json.Unmarshal([]byte(text), &n.contact); err != nil {
		return n, false, err
	}
	if n.contact.Email == "" {
		return n, false, nil
	}
	if n.i, err = institution.ByID(ctx, tx, j.InstitutionID); err != nil {
		return n, false, err
	}
	n.message, err = subjectByID(ctx, tx, j.InstitutionID, messageID)
	if fault.Is(err, fault.NotFound) {
		return n, false, nil
	}
	return n, err == nil, err
}

// tidy is the job that forgets what nobody confirmed, and the addresses of those
// whose words are gone.
type tidy struct{}

func (tidy) Kind() string { return "comments.tidy" }

func (c *Comments) workTidy(ctx context.Context, _ tidy) error {
	return c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM comment_pending WHERE expires_at <= $1`, db.At(c.o.Clock())); err != nil {
			return err
		}
		if err := tidyServers(ctx, tx, c.o.Clock()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM site_comment WHERE NOT EXISTS (
			SELECT 1 FROM comment WHERE comment.institution_id = site_comment.institution_id AND comment.channel_id = site_comment.channel_id AND comment.remote_id = site_comment.id)`)
		return err
	})
}
