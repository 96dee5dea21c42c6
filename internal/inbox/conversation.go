package inbox

import (
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// State is whether a conversation is still ours to do something about.
type State string

// The states. A new word of the citizen opens a closed conversation again.
const (
	Open   State = "open"
	Closed State = "closed"
)

// Conversation is what one citizen asked or said to us in one square, with all
// that followed.
type Conversation struct {
	InstitutionID, ID    string
	ProfileID, ChannelID string
	Platform             channel.Platform
	MessageID            string // our message that it is about; empty when about none
	AuthorID             string
	Private              bool
	Subject              string // the first words, on one line
	State                State
	Waiting              bool // the last word is the citizen's, and nobody has closed it
	Comments             int  // things the citizens said in it and did not take back
	OfficeID, PersonID   string
	AssignedAt, DueAt    time.Time // DueAt is zero without a deadline
	RemindedAt           time.Time
	AlarmedAt            time.Time
	FirstAt, LastAt      time.Time
	AnsweredAt, ClosedAt time.Time // AnsweredAt is the first answer's
	ReducedAt            time.Time // when others' words were no longer kept
	Version              int64
}

// Overdue reports whether the answer should have been given by now.
func (c Conversation) Overdue(now time.Time) bool {
	return c.State == Open && c.Waiting && !c.DueAt.IsZero() && now.After(c.DueAt)
}

// Stance is what a comment says of what it answers.
type Stance string

// The stances. An empty Stance is not known yet.
const (
	Agrees   Stance = "agree"
	Against  Stance = "against"
	Neutral  Stance = "neutral"
	Question Stance = "question"
)

// Comment is one thing somebody outside said.
type Comment struct {
	InstitutionID, ID, ConversationID string
	ChannelID, RemoteID, ParentID     string
	URL                               string
	AuthorID                          string
	Ours                              bool // said by the account itself, with another program
	Quotes, Private                   bool
	Subject, Text, Lang               string
	Whole                             string // all of a letter, where Text leaves out what it quotes
	Media                             []channel.SaidMedia
	Stance                            Stance
	StanceBy                          string // "rule", or the person who corrected it
	SaidAt, ReceivedAt                time.Time
	EditedAt, DeletedAt               time.Time
	Held                              bool // waits for our approval before others see it
	HiddenAt                          time.Time

	refs string
}

// Author is somebody outside.
type Author struct {
	ID        string
	Platform  channel.Platform
	RemoteID  string
	Handle    string
	Name      string
	URL       string
	Avatar    string
	BlockedAt time.Time
}
