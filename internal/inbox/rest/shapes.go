package rest

import (
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/inbox"
)

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// author is somebody outside, as a platform names them.
type author struct {
	ID      string `json:"id"`
	Handle  string `json:"handle,omitempty" example:"@anna@social.example"`
	Name    string `json:"name,omitempty"`
	URL     string `json:"url,omitempty"`
	Blocked bool   `json:"blocked"`
}

func authorOf(a inbox.Author) author {
	return author{ID: a.ID, Handle: a.Handle, Name: a.Name, URL: a.URL, Blocked: !a.BlockedAt.IsZero()}
}

// conversation is where a conversation stands.
type conversation struct {
	ID         string     `json:"id"`
	State      string     `json:"state" enum:"open,closed"`
	Waiting    bool       `json:"waiting" doc:"The last word is the citizen's, and nobody has closed it."`
	Overdue    bool       `json:"overdue"`
	Private    bool       `json:"private"`
	Subject    string     `json:"subject" doc:"The first words, on one line." example:"Aprite anche la domenica?"`
	Platform   string     `json:"platform"`
	ChannelID  string     `json:"channel_id"`
	ProfileID  string     `json:"profile_id"`
	MessageID  string     `json:"message_id,omitempty" doc:"Our message that it is about."`
	Author     author     `json:"author"`
	Comments   int        `json:"comments" doc:"Things the citizens said in it." example:"2"`
	OfficeID   string     `json:"office_id,omitempty"`
	PersonID   string     `json:"person_id,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`
	FirstAt    time.Time  `json:"first_at"`
	LastAt     time.Time  `json:"last_at"`
	AnsweredAt *time.Time `json:"answered_at,omitempty" doc:"The first answer's."`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
	ReducedAt  *time.Time `json:"reduced_at,omitempty" doc:"When others' words were no longer kept."`
}

func conversationOf(c inbox.Conversation, a inbox.Author, now time.Time) conversation {
	return conversation{ID: c.ID, State: string(c.State), Waiting: c.Waiting, Overdue: c.Overdue(now), Private: c.Private, Subject: c.Subject,
		Platform: string(c.Platform), ChannelID: c.ChannelID, ProfileID: c.ProfileID, MessageID: c.MessageID, Author: authorOf(a), Comments: c.Comments,
		OfficeID: c.OfficeID, PersonID: c.PersonID, DueAt: moment(c.DueAt), FirstAt: c.FirstAt, LastAt: c.LastAt,
		AnsweredAt: moment(c.AnsweredAt), ClosedAt: moment(c.ClosedAt), ReducedAt: moment(c.ReducedAt)}
}

// row is a conversation in a list.
type row struct {
	conversation
	Excerpt   string `json:"excerpt" doc:"The start of the citizens' last word."`
	LastOurs  bool   `json:"last_ours" doc:"The last word is ours."`
	Held      bool   `json:"held" doc:"A comment waits for our approval."`
	ToApprove bool   `json:"to_approve" doc:"An answer waits for approval."`
	Unsent    bool   `json:"unsent" doc:"An answer did not reach its channel."`

	after inbox.Cursor
}

func rowOf(r inbox.Row, sort inbox.Sort, now time.Time) row {
	return row{conversation: conversationOf(r.Conversation, r.Author, now), Excerpt: r.Excerpt, LastOurs: r.LastOurs, Held: r.Held,
		ToApprove: r.ToApprove, Unsent: r.Unsent, after: r.After(sort)}
}

// comment is one thing somebody outside said.
type comment struct {
	ID        string      `json:"id"`
	RemoteID  string      `json:"remote_id"`
	Answers   string      `json:"answers,omitempty" doc:"Comment or answer that it answers."`
	URL       string      `json:"url,omitempty"`
	Author    author      `json:"author"`
	Ours      bool        `json:"ours" doc:"Said by our own account, with another program."`
	Private   bool        `json:"private"`
	Subject   string      `json:"subject,omitempty"`
	Text      string      `json:"text"`
	Whole     string      `json:"whole,omitempty" doc:"All of a letter, where text leaves out what it quotes."`
	Lang      string      `json:"lang,omitempty"`
	Media     []saidMedia `json:"media"`
	Files     []saidFile  `json:"files,omitempty" doc:"That came with a letter; people at the desk download them."`
	Stance    string      `json:"stance,omitempty" enum:"agree,against,neutral,question"`
	StanceBy  string      `json:"stance_by,omitempty" doc:"rule, or the person who corrected it."`
	Reactions []reaction  `json:"reactions"`
	SaidAt    time.Time   `json:"said_at"`
	EditedAt  *time.Time  `json:"edited_at,omitempty"`
	DeletedAt *time.Time  `json:"deleted_at,omitempty"`
	HiddenAt  *time.Time  `json:"hidden_at,omitempty"`
	Held      bool        `json:"held" doc:"Waits for our approval before others see it."`
}

type saidMedia struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type,omitempty"`
	Alt         string `json:"alt,omitempty"`
}

type saidFile struct {
	Name        string `json:"name" doc:"As the citizen called it."`
	ContentType string `json:"content_type,omitempty" doc:"What the content is, where that is known."`
	Size        int64  `json:"size" doc:"In bytes."`
	Kept        bool   `json:"kept" doc:"False: it could not be kept, and is in the mailbox only."`
}

func filesOf(all []inbox.LetterFile) (out []saidFile) {
	for _, f := range all {
		out = append(out, saidFile{f.Name, f.ContentType, f.Size, f.Kept})
	}
	return out
}

type reaction struct {
	Reaction string `json:"reaction" doc:"like, boost or an emoji."`
	Count    int    `json:"count"`
}

func reactionsOf(all []inbox.Reaction) (out []reaction) {
	for _, r := range all {
		out = append(out, reaction{r.Reaction, r.N})
	}
	return out
}

func mediaOf(all []channel.SaidMedia) (out []saidMedia) {
	for _, m := range all {
		out = append(out, saidMedia(m))
	}
	return out
}

func commentOf(w inbox.Word) comment {
	return comment{ID: w.ID, RemoteID: w.RemoteID, Answers: w.Answers, URL: w.URL, Author: authorOf(w.Author), Ours: w.Ours, Private: w.Private,
		Subject: w.Subject, Text: w.Text, Whole: w.Whole, Lang: w.Lang, Media: mediaOf(w.Media), Files: filesOf(w.Files), Stance: string(w.Stance), StanceBy: w.StanceBy, Reactions: reactionsOf(w.Reactions),
		SaidAt: w.SaidAt, EditedAt: moment(w.EditedAt), DeletedAt: moment(w.DeletedAt), HiddenAt: moment(w.HiddenAt), Held: w.Held}
}

// answer is what we say in a conversation, with where it stands.
type answer struct {
	ID             string     `json:"id"`
	ConversationID string     `json:"conversation_id"`
	CommentID      string     `json:"comment_id" doc:"What it answers."`
	State          string     `json:"state" enum:"draft,submitted,sent,withdrawn"`
	Text           string     `json:"text"`
	Lang           string     `json:"lang,omitempty"`
	Private        bool       `json:"private"`
	Rev            int64      `json:"rev" doc:"Grows with each saved edit; send it back with an edit."`
	SentRev        int64      `json:"sent_rev" doc:"Revision that was sent; 0 before."`
	Hash           string     `json:"hash" doc:"Of the text; an approval names the hash that was read."`
	SentBack       string     `json:"sent_back,omitempty" doc:"The approver's reason."`
	AuthorID       string     `json:"author_id"`
	ApprovedBy     string     `json:"approved_by,omitempty"`
	SentAt         *time.Time `json:"sent_at,omitempty"`
	OutAt          *time.Time `json:"out_at,omitempty" doc:"When it was seen to be out."`
	FailedAt       *time.Time `json:"failed_at,omitempty" doc:"When a mail server said that the letter did not arrive."`
	FailedWhy      string     `json:"failed_why,omitempty" doc:"In that server's words."`
	DeliveryID     string     `json:"delivery_id,omitempty" doc:"For /deliveries; in lists and threads."`
	Delivery       string     `json:"delivery,omitempty" enum:"waiting,attempting,out,refused,unconfirmed,given_up,withdrawn,by_hand" doc:"In lists and threads."`
	URL            string     `json:"url,omitempty" doc:"Where citizens see it."`
	Reactions      []reaction `json:"reactions"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

func answerOf(a inbox.Answer) answer {
	return answer{ID: a.ID, ConversationID: a.ConversationID, CommentID: a.CommentID, State: string(a.State), Text: a.Text, Lang: a.Lang, Private: a.Private,
		Rev: a.Rev, SentRev: a.SentRev, Hash: a.Hash, SentBack: a.SentBack, AuthorID: a.AuthorID, ApprovedBy: a.ApprovedBy, SentAt: moment(a.SentAt), OutAt: moment(a.OutAt), FailedAt: moment(a.FailedAt), FailedWhy: a.FailedWhy,
		DeliveryID: a.Delivery.ID, Delivery: string(a.Delivery.State), URL: a.Delivery.Remote.URL, Reactions: reactionsOf(a.Reactions), UpdatedAt: a.UpdatedAt}
}

// note is what was said among ourselves.
type note struct {
	ID       string    `json:"id"`
	PersonID string    `json:"person_id,omitempty" doc:"Empty when an office wrote it through a link."`
	OfficeID string    `json:"office_id,omitempty" doc:"The office whose information it is."`
	Signed   string    `json:"signed,omitempty"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
}

func noteOf(n inbox.Note) note {
	return note{ID: n.ID, PersonID: n.PersonID, OfficeID: n.OfficeID, Signed: n.Signed, Text: n.Text, At: n.At}
}

type event struct {
	What     string `json:"what"`
	Detail   string `json:"detail,omitempty"`
	PersonID string `json:"person_id,omitempty"`
}

// entry is one thing in a thread; the member that Kind names is set.
type entry struct {
	At      time.Time `json:"at"`
	Kind    string    `json:"kind" enum:"comment,answer,note,event"`
	Depth   int       `json:"depth" doc:"0 begins the conversation, or answers our message."`
	Comment *comment  `json:"comment,omitempty"`
	Answer  *answer   `json:"answer,omitempty"`
	Note    *note     `json:"note,omitempty"`
	Event   *event    `json:"event,omitempty"`
}

// thread is one conversation with all that was said and done in it.
type thread struct {
	conversation
	CanAnswer bool    `json:"can_answer"`
	FourEyes  bool    `json:"four_eyes" doc:"An answer must be approved by somebody else."`
	Older     int     `json:"older" doc:"Comments before the first shown."`
	Entries   []entry `json:"entries"`
}

func threadOf(t inbox.Thread, now time.Time) thread {
	out := thread{conversation: conversationOf(t.Conversation, t.Author, now), CanAnswer: t.CanAnswer(), FourEyes: t.FourEyes, Older: t.Older}
	for _, e := range t.Entries {
		o := entry{At: e.At, Depth: e.Depth}
		switch {
		case e.Comment != nil:
			c := commentOf(*e.Comment)
			o.Kind, o.Comment = "comment", &c
		case e.Answer != nil:
			a := answerOf(*e.Answer)
			o.Kind, o.Answer = "answer", &a
		case e.Note != nil:
			n := noteOf(*e.Note)
			o.Kind, o.Note = "note", &n
		case e.Event != nil:
			o.Kind, o.Event = "event", &event{e.Event.What, e.Event.Detail, e.Event.PersonID}
		}
		out.Entries = append(out.Entries, o)
	}
	return out
}

// moderation is an entry of the moderation log.
type moderation struct {
	ID             string     `json:"id"`
	ConversationID string     `json:"conversation_id,omitempty"`
	CommentID      string     `json:"comment_id,omitempty"`
	Action         string     `json:"action" enum:"hide,unhide,report,block,unblock,refuse"`
	Rule           string     `json:"rule"`
	Reason         string     `json:"reason,omitempty"`
	Text           string     `json:"text" doc:"As it was then."`
	Author         string     `json:"author" doc:"As it was then."`
	PersonID       string     `json:"person_id"`
	At             time.Time  `json:"at"`
	Warning        string     `json:"warning,omitempty"`
	Appeal         string     `json:"appeal,omitempty"`
	AppealedAt     *time.Time `json:"appealed_at,omitempty"`
	Outcome        string     `json:"outcome,omitempty" enum:"upheld,overturned"`
	DecidedAt      *time.Time `json:"decided_at,omitempty"`
	RemoteError    string     `json:"remote_error,omitempty" doc:"Why the platform did not do it too."`
}

func moderationOf(m inbox.Moderation) moderation {
	return moderation{ID: m.ID, ConversationID: m.ConversationID, CommentID: m.CommentID, Action: string(m.Act), Rule: m.Rule, Reason: m.Reason, Text: m.Text,
		Author: m.Author, PersonID: m.PersonID, At: m.At, Warning: m.Warning, Appeal: m.Appeal, AppealedAt: moment(m.AppealedAt), Outcome: string(m.Outcome),
		DecidedAt: moment(m.DecidedAt), RemoteError: m.RemoteError}
}
