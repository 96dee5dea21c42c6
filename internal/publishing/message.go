package publishing

import (
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
)

// State is where the newest revision of a message stands.
type State string

// The states. A message that is out and edited goes through Draft, Submitted and
// Approved again as a correction, while the site still shows what was approved.
const (
	Draft     State = "draft"
	Submitted State = "submitted"
	Approved  State = "approved"
	Scheduled State = "scheduled"
	Out       State = "out"
	Withdrawn State = "withdrawn"
)

// The reasons for which a message that was due is held until a person decides.
const (
	HeldFreeze  = "freeze"  // everything was frozen when it came due
	HeldLate    = "late"    // the server was down too long after its moment
	HeldExpired = "expired" // its not-after had passed
	HeldSame    = "same"    // the same text went out a short time ago
)

// MaxLate is how long after its moment a message without a not-after may still
// go out by itself. Past it, a person is asked: a server that comes back after a
// day must not announce yesterday's concert.
const MaxLate = 3 * time.Hour

// Message is what a profile says.
type Message struct {
	InstitutionID, ID string
	AuthorID          string
	State             State
	Content           Content
	Rev               int64 // grows with each saved edit
	Hash              string
	EditedBy          string // who saved Rev
	SubmittedBy       string
	SubmittedAt       time.Time
	ApprovedBy        string
	ApprovedAt        time.Time
	ApprovedHash      string
	SentBack          string // the approver's reason, until it is submitted again
	Plan              Plan
	Held              string
	OutRev            int64 // revision that is out; 0 while none is
	OutAt             time.Time
	WithdrawnAt       time.Time
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// Live reports whether citizens can see some revision of the message.
func (m Message) Live() bool { return m.OutRev > 0 && m.WithdrawnAt.IsZero() }

// Correction reports whether the newest revision differs from the one that is out.
func (m Message) Correction() bool { return m.Live() && m.Rev != m.OutRev }

// canEdit says whether a person may still save a revision.
func (m Message) canEdit() error {
	if m.State == Withdrawn {
		return fault.Clash("message.state.withdrawn")
	}
	return nil
}

// canApprove is the rule of the four eyes: who wrote, edited or submitted this
// revision does not approve it, and what is approved is exactly what was read.
func (m Message) canApprove(personID, hash string, fourEyes bool) error {
	switch {
	case m.State != Submitted:
		return fault.Clash("message.state.not_submitted")
	case hash != "" && hash != m.Hash:
		return fault.Clash("message.approve.changed")
	case fourEyes && (personID == m.EditedBy || personID == m.SubmittedBy || personID == m.AuthorID):
		return fault.Refused("message.approve.own")
	}
	return nil
}

// approvedNow reports whether the content as it is now was approved.
func (m Message) approvedNow() bool { return m.ApprovedHash != "" && m.ApprovedHash == m.Hash }
