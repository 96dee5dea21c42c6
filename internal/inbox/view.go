package inbox

import (
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// Sort is the order of a list.
type Sort string

// The orders. Deadline shows only conversations that have one and wait.
const (
	Newest   Sort = "newest" // the latest word first; the default
	Oldest   Sort = "oldest"
	Deadline Sort = "deadline" // the nearest deadline first
)

// Filter says which conversations a list shows. Zero values do not restrict.
type Filter struct {
	State     State
	Waiting   bool // only those whose last word is the citizen's
	Overdue   bool
	Public    bool
	Private   bool
	OfficeID  string // NoOffice: those that no office has
	PersonID  string
	ProfileID string
	Platform  channel.Platform
	ChannelID string
	MessageID string
	AuthorID  string
	Held      bool   // with a comment that waits for approval
	ToApprove bool   // with an answer that waits for approval
	Unsent    bool   // with an answer that the channel refused or nobody can confirm
	Text      string // every word of it was said, in any form of the word
	Sort      Sort
	Before    Cursor // the next page
	Limit     int    // 0: 50; at most MaxList
}

// NoOffice is a Filter's OfficeID for the conversations that no office has.
const NoOffice = "-"

// MaxList bounds one page of a list.
const MaxList = 200

// Cursor is where a page of a list ended.
type Cursor struct {
	At time.Time // LastAt of the last row, or DueAt when sorted by deadline
	ID string
}

// After is the cursor that continues a list sorted by s after the row.
func (r Row) After(s Sort) Cursor {
	if s == Deadline {
		return Cursor{r.DueAt, r.ID}
	}
	return Cursor{r.LastAt, r.ID}
}

// Row is a conversation in a list.
type Row struct {
	Conversation
	Author       Author
	Excerpt      string // the start of the citizens' last word, on one line
	LastOurs     bool   // the last word is ours
	MessageTitle string
	ProfileName  string
	OfficeName   string
	PersonName   string
	ChannelName  string
	Held         bool // a comment waits for approval
	ToApprove    bool // an answer waits for approval
	Unsent       bool // an answer did not reach its channel
}

// MaxCount is where Counts stop: as many as that, or more.
const MaxCount = 1000

// Tab counts the conversations of each kind, each up to MaxCount.
type Tab struct {
	Waiting   int // open, the last word is the citizen's
	Overdue   int
	Mine      int // open and assigned to the person
	ToApprove int
	Held      int
	Unsent    int
	Open      int
	Closed    int
	All       int
}

// Counts are what the menu and the tabs of the list show.
type Counts struct{ Public, Private Tab }

// MaxEntries bounds the comments of one thread that are shown: the newest.
const MaxEntries = 500

// Thread is one conversation with all that was said and done in it.
type Thread struct {
	Conversation
	Author       Author // who began it
	MessageTitle string
	MessagePath  string // of its page on the site, "/m/…"; empty when it is not public
	ProfileName  string
	OfficeName   string
	FourEyes     bool // an answer must be approved by somebody else
	Channel      channel.Channel
	Caps         channel.Capabilities
	WhyNot       string // catalogue key: why no answer can be given here; empty when one can
	Older        int    // comments before the first shown
	Entries      []Entry
	Authors      map[string]Author // by ID
	People       map[string]string // names of ours, by ID
}

// CanAnswer reports whether an answer may be given in the conversation.
func (t Thread) CanAnswer() bool { return t.WhyNot == "" }

// Entry is one thing in a thread. Exactly one of the pointers is set.
type Entry struct {
	At      time.Time
	Depth   int // 0: begins the conversation, or answers our message
	Comment *Word
	Answer  *Answer
	Note    *Note
	Event   *Event
}

// Word is a comment with what belongs to it.
type Word struct {
	Comment
	Author    Author
	Answers   string // ID of the comment or the answer of ours that it answers; empty when none is shown
	Earlier   []Earlier
	Reactions []Reaction
	Files     []LetterFile
}

// Earlier is what a comment said before its author changed it.
type Earlier struct {
	Until time.Time
	Text  string
}

// Reaction counts one kind of reaction.
type Reaction struct {
	Reaction string // channel.Like, channel.Boost, or an emoji
	N        int
}

// Note is what was said among ourselves.
type Note struct {
	ID, ConversationID string
	PersonID           string // empty when an office wrote it through a link
	OfficeID           string // the office whose information it is; empty for an officer's note
	OfficeName         string
	Signed             string // who wrote it, as they signed
	Text               string
	At                 time.Time
}

// Event is one thing that was done with a conversation.
type Event struct {
	What     string // one of the events
	Detail   string // an identifier, or empty
	PersonID string // empty when the server did it
	At       time.Time
}

// The events. Detail is in brackets.
const (
	EventAssigned  = "assigned" // [office ID]
	EventDeadline  = "deadline" // [moment, RFC 3339; empty: taken away]
	EventClosed    = "closed"
	EventReopened  = "reopened" // by a person
	EventReturned  = "returned" // a new word opened it again
	EventMerged    = "merged"   // [ID of the conversation that was joined to it]
	EventNoted     = "noted"    // [note ID]
	EventSubmitted = "answer_submitted"
	EventSentBack  = "answer_sent_back"
	EventSent      = "answer_sent" // given to the ledger [answer ID]
	EventAnswered  = "answered"    // the answer is out [answer ID]
	EventUnsent    = "answer_unsent"
	EventWithdrawn = "answer_withdrawn"
	EventHidden    = "hidden"   // [comment ID]
	EventUnhidden  = "unhidden" // [comment ID]
	EventReleased  = "released" // [comment ID]
	EventRefused   = "refused"  // [comment ID]
	EventReported  = "reported" // [comment ID]
	EventBlocked   = "blocked"  // [author ID]
	EventUnblocked = "unblocked"
	EventAppealed  = "appealed" // [moderation ID]
	EventDecided   = "decided"  // [moderation ID]
	EventReduced   = "reduced"  // others' words are no longer kept
	EventFate      = "letter_"  // and one of channel's fates: what a mail server told of an answer [answer ID]
)

// AnswerState is where the newest revision of an answer stands.
type AnswerState string

// The states. What is out is said by the ledger (Answer.Delivery).
const (
	AnswerDrafted   AnswerState = "draft"
	AnswerSubmitted AnswerState = "submitted"
	AnswerSent      AnswerState = "sent" // given to the ledger
	AnswerWithdrawn AnswerState = "withdrawn"
)

// Answer is what we say in a conversation.
type Answer struct {
	InstitutionID, ID, ConversationID string
	CommentID                         string // what it answers
	State                             AnswerState
	Text, Lang                        string
	Private                           bool
	Rev                               int64  // grows with each saved edit
	SentRev                           int64  // the revision given to the ledger; 0: none yet
	Hash                              string // of what an approval is bound to
	AuthorID, EditedBy                string
	SubmittedBy, ApprovedBy           string
	ApprovedHash                      string
	SentBack                          string    // the approver's reason, until it is submitted again
	ModerationID                      string    // of the moderation whose warning it is
	FailedAt                          time.Time // when a mail server said that it did not arrive
	FailedWhy                         string    // in that server's words
	SentAt, OutAt                     time.Time
	CreatedAt, UpdatedAt              time.Time

	// Delivery is its way to the channel; its ID is empty before the ledger has it.
	// Only Thread and Answers fill it.
	Delivery  publishing.Delivery
	Reactions []Reaction
}

// AnswerDraft is what a person typed.
type AnswerDraft struct {
	ID             string // empty for a new one
	ConversationID string
	CommentID      string // what is answered; empty: the citizen's last word
	Text           string
	Lang           string // empty: that of the comment
	Private        bool   // always true where what is answered was private
	Rev            int64  // the revision the person started from
}

// AnswerCheck is how a text stands on the channel where it would go.
type AnswerCheck struct {
	Have, Most int // as the channel counts; Most 0: no limit
	Prefix     string
	Problems   []channel.Problem
}

// To says whom a conversation is assigned to.
type To struct {
	OfficeID string
	PersonID string
	DueAt    time.Time // zero: no deadline
}

// ModerationAct is what was done about words that broke the policy.
type ModerationAct string

// The acts.
const (
	ActHide    ModerationAct = "hide"
	ActUnhide  ModerationAct = "unhide"
	ActReport  ModerationAct = "report"
	ActBlock   ModerationAct = "block"
	ActUnblock ModerationAct = "unblock"
	ActRefuse  ModerationAct = "refuse" // a held comment was not released
)

// Moderation is an entry of the moderation log.
type Moderation struct {
	InstitutionID, ID, ConversationID, CommentID string
	Act                                          ModerationAct
	Rule, Reason                                 string
	Text, Author                                 string // as they were then
	PersonID                                     string
	At                                           time.Time
	Warning                                      string // what its author was told
	WarnedAt                                     time.Time
	Appeal                                       string
	AppealedAt                                   time.Time
	Outcome                                      Outcome
	DecidedBy                                    string
	DecidedAt                                    time.Time
	RemoteError                                  string // code: why the platform did not do it too
}

// Outcome is how an appeal ended.
type Outcome string

// The outcomes.
const (
	Upheld     Outcome = "upheld"     // what was done stays
	Overturned Outcome = "overturned" // it was undone
)
