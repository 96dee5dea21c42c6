package comments

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

// way is how an author proves to be somebody.
type way string

// The ways.
const (
	byLetter    way = "email"
	byFediverse way = "fediverse"
	byIdentity  way = "identity"
)

// draft is a comment whose author has not confirmed it. It is stored sealed with
// its link.
type draft struct {
	MessageID string `json:"m"`
	ParentID  string `json:"p,omitempty"` // what it answers: a comment, or an answer of ours
	Name      string `json:"n"`
	Text      string `json:"t"`
	Lang      string `json:"l"`
	Email     string `json:"e,omitempty"`
	Way       way    `json:"w"`

	Host    string          `json:"h,omitempty"` // where the author signs in
	State   string          `json:"s,omitempty"` // of the sign-in that has begun
	Pending []byte          `json:"o,omitempty"` // what the sign-in needs
	Who     *channel.Author `json:"a,omitempty"` // who signed in
}

// Proven reports whether its author is known. A letter proves itself: only its
// reader has the link.
func (d draft) Proven() bool { return d.Way == byLetter || d.Who != nil }

// newLink is a link that nobody can guess: 130 bits.
func newLink() string { return strings.ToLower(rand.Text()) }

// hashLink is what is stored of a link. No key is needed: what it hashes cannot be
// guessed.
func hashLink(link string) string {
	sum := sha256.Sum256([]byte(link))
	return hex.EncodeToString(sum[:])
}

// draftPurpose binds a draft to its row.
func draftPurpose(institutionID, linkHash string) string {
	return "site.comment/" + institutionID + "/" + linkHash
}

// room refuses a draft when too many wait for their authors. Fault: TooMany.
func room(ctx context.Context, tx *db.Tx, institutionID string) error {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM comment_pending WHERE institution_id = $1`, institutionID).Scan(&n)
	if err == nil && n >= limit.CommentsPending.N() {
		err = fault.New(fault.TooMany, "comments.too_many")
	}
	return err
}

// keepDraft stores a draft under its link, or what has changed of it.
func (c *Comments) keepDraft(ctx context.Context, tx *db.Tx, institutionID, link string, d draft, now time.Time) error {
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO comment_pending (institution_id, link_hash, sealed, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (institution_id, link_hash) DO UPDATE SET sealed = excluded.sealed`,
		institutionID, hashLink(link), c.o.Box.Seal(draftPurpose(institutionID, hashLink(link)), string(text)), db.At(now.Add(linkLife)))
	return err
}

// openDraft reads the draft of a link. Fault: NotFound.
func (c *Comments) openDraft(ctx context.Context, tx *db.Tx, institutionID, link string, now time.Time) (draft, error) {
	return c.unseal(institutionID, link, tx.QueryRow(ctx, `SELECT sealed FROM comment_pending WHERE institution_id = $1 AND link_hash = $2 AND expires_at > $3`,
		institutionID, hashLink(link), db.At(now)))
}

// takeDraft is openDraft, and the draft is gone. Of two who do it at the same time
// one finds nothing.
func (c *Comments) takeDraft(ctx context.Context, tx *db.Tx, institutionID, link string, now time.Time) (draft, error) {
	return c.unseal(institutionID, link, tx.QueryRow(ctx, `DELETE FROM comment_pending WHERE institution_id = $1 AND link_hash = $2 AND expires_at > $3 RETURNING sealed`,
		institutionID, hashLink(link), db.At(now)))
}

func (c *Comments) unseal(institutionID, link string, row db.Scanner) (d draft, err error) {
	var sealed string
	bad := fault.Missing("comments.link.bad")
	if err := row.Scan(&sealed); errors.Is(err, db.ErrNone) {
		return d, bad
	} else if err != nil {
		return d, err
	}
	text, err := c.o.Box.Open(draftPurpose(institutionID, hashLink(link)), sealed)
	if err != nil {
		return d, bad.Because(err)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return d, bad.Because(fmt.Errorf("draft: %w", err))
	}
	return d, nil
}

// author is who wrote a draft, as the inbox keeps it. An address is known there
// by a keyed hash only, so that the same person is recognised and nobody can read
// or guess who it is.
func (c *Comments) author(institutionID string, d draft) channel.Author {
	if d.Who != nil {
		a := *d.Who
		if a.Name == "" {
			a.Name = d.Name
		}
		return a
	}
	return channel.Author{ID: "email:" + c.o.Box.Pseudonym("site.author/"+institutionID, d.Email), Name: d.Name}
}
