package inbox

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// Thread returns a conversation with all that was said and done in it, in the
// order of time. It takes a fixed number of queries. Fault: NotFound.
func (in *Inbox) Thread(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) (t Thread, err error) {
	if t.Conversation, err = Find(ctx, tx, institutionID, id); err != nil {
		return t, err
	}
	if err = in.surroundings(ctx, tx, &t); err != nil {
		return t, err
	}
	words, err := threadWords(ctx, tx, &t)
	if err != nil {
		return t, err
	}
	answers, err := Answers(ctx, tx, institutionID, t.ID)
	if err != nil {
		return t, err
	}
	for i := range words {
		t.Entries = append(t.Entries, Entry{At: words[i].SaidAt, Comment: &words[i]})
	}
	for i := range answers {
		if a := &answers[i]; a.State != AnswerWithdrawn || a.SentRev > 0 {
			t.Entries = append(t.Entries, Entry{At: a.shownAt(), Answer: a})
		}
	}
	if err := addNotesAndEvents(ctx, tx, &t); err != nil {
		return t, err
	}
	slices.SortStableFunc(t.Entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	t.nest()
	t.WhyNot = whyNot(t.Conversation, t.Channel, t.Caps, lastWord(words))
	return t, nil
}

// surroundings reads what a conversation stands in.
func (in *Inbox) surroundings(ctx context.Context, tx *db.Tx, t *Thread) (err error) {
	if t.Channel, err = channel.ByID(ctx, tx, t.InstitutionID, t.ChannelID); err != nil {
		return err
	}
	t.Caps = in.channels.Capabilities(t.Channel)
	profile, err := institution.ProfileByID(ctx, tx, t.InstitutionID, t.ProfileID)
	if err != nil {
		return err
	}
	t.ProfileName, t.FourEyes = profile.Name, profile.FourEyesAnswers
	if t.People, err = people.Names(ctx, tx, t.InstitutionID); err != nil {
		return err
	}
	var slug string
	err = tx.QueryRow(ctx, `
		SELECT coalesce((SELECT title FROM message WHERE institution_id = $1 AND id = $2), ''),
			coalesce((SELECT slug FROM publication WHERE institution_id = $1 AND message_id = $2 AND withdrawn_at = 0), ''),
			coalesce((SELECT name FROM office WHERE institution_id = $1 AND id = $3), '')`,
		t.InstitutionID, t.MessageID, t.OfficeID).Scan(&t.MessageTitle, &slug, &t.OfficeName)
	if slug != "" {
		t.MessagePath = "/m/" + slug
	}
	return err
}

// threadWords reads the comments with their authors, earlier texts and reactions.
func threadWords(ctx context.Context, tx *db.Tx, t *Thread) ([]Word, error) {
	words, err := db.All(ctx, tx, func(s db.Scanner) (w Word, err error) { w.Comment, err = scanComment(s); return w, err }, `
		SELECT `+commentColumns+` FROM comment m WHERE m.institution_id = $1 AND m.conversation_id = $2
		ORDER BY m.said_at DESC, m.remote_id DESC LIMIT $3`, t.InstitutionID, t.ID, MaxEntries)
	if err != nil {
		return nil, err
	}
	slices.Reverse(words)
	authors, err := db.All(ctx, tx, scanAuthor, `
		SELECT `+authorColumns+` FROM author a WHERE a.institution_id = $1 AND (a.id = $3
			OR a.id IN (SELECT author_id FROM comment WHERE institution_id = $1 AND conversation_id = $2))`, t.InstitutionID, t.ID, t.AuthorID)
	if err != nil {
		return nil, err
	}
	t.Authors = make(map[string]Author, len(authors))
	for _, a := range authors {
		t.Authors[a.ID] = a
	}
	t.Author = t.Authors[t.AuthorID]
	if len(words) == MaxEntries {
		var all int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM comment WHERE institution_id = $1 AND conversation_id = $2`, t.InstitutionID, t.ID).Scan(&all); err != nil {
			return nil, err
		}
		t.Older = all - len(words)
	}
	index := map[string]*Word{}
	for i := range words {
		words[i].Author = t.Authors[words[i].AuthorID]
		index[words[i].ID] = &words[i]
	}
	return words, addToWords(ctx, tx, t, index)
}

func addToWords(ctx context.Context, tx *db.Tx, t *Thread, index map[string]*Word) error {
	type row struct {
		id, text string
		n        int64
	}
	scan := func(s db.Scanner) (r row, err error) { err = s.Scan(&r.id, &r.text, &r.n); return r, err }
	earlier, err := db.All(ctx, tx, scan, `
		SELECT e.comment_id, e.text, e.until FROM comment_earlier e JOIN comment m ON m.institution_id = e.institution_id AND m.id = e.comment_id
		WHERE m.institution_id = $1 AND m.conversation_id = $2 ORDER BY e.until`, t.InstitutionID, t.ID)
	if err != nil {
		return err
	}
	for _, e := range earlier {
		if w := index[e.id]; w != nil {
			w.Earlier = append(w.Earlier, Earlier{db.When(e.n), e.text})
		}
	}
	reactions, err := db.All(ctx, tx, scan, `
		SELECT r.comment_id, r.reaction, count(*) FROM reaction r JOIN comment m ON m.institution_id = r.institution_id AND m.id = r.comment_id
		WHERE m.institution_id = $1 AND m.conversation_id = $2 AND r.comment_id <> ''
		GROUP BY r.comment_id, r.reaction ORDER BY count(*) DESC, r.reaction`, t.InstitutionID, t.ID)
	for _, r := range reactions {
		if w := index[r.id]; w != nil {
			w.Reactions = append(w.Reactions, Reaction{r.text, int(r.n)})
		}
	}
	if err != nil {
		return err
	}
	return threadFiles(ctx, tx, t, index)
}

func addNotesAndEvents(ctx context.Context, tx *db.Tx, t *Thread) error {
	notes, err := db.All(ctx, tx, scanNote, `SELECT `+noteColumns+` WHERE n.institution_id = $1 AND n.conversation_id = $2 ORDER BY n.at, n.id`, t.InstitutionID, t.ID)
	if err != nil {
		return err
	}
	for i := range notes {
		t.Entries = append(t.Entries, Entry{At: notes[i].At, Note: &notes[i]})
	}
	events, err := db.All(ctx, tx, func(s db.Scanner) (e Event, err error) {
		var at int64
		err = s.Scan(&e.What, &e.Detail, &e.PersonID, &at)
		e.At = db.When(at)
		return e, err
	}, `
		SELECT what, detail, person_id, at FROM (
			SELECT what, detail, person_id, at, id FROM conversation_event WHERE institution_id = $1 AND conversation_id = $2 ORDER BY at DESC, id DESC LIMIT $3) AS latest
		ORDER BY at, id`, t.InstitutionID, t.ID, MaxEntries)
	for i := range events {
		t.Entries = append(t.Entries, Entry{At: events[i].At, Event: &events[i]})
	}
	return err
}

const noteColumns = `n.id, n.conversation_id, n.person_id, n.office_id, coalesce(o.name, ''), n.signed, n.text, n.at
	FROM note n LEFT JOIN office o ON o.institution_id = n.institution_id AND o.id = n.office_id`

func scanNote(s db.Scanner) (n Note, err error) {
	var at int64
	err = s.Scan(&n.ID, &n.ConversationID, &n.PersonID, &n.OfficeID, &n.OfficeName, &n.Signed, &n.Text, &at)
	n.At = db.When(at)
	return n, err
}

// NoteByID returns a note. Fault: NotFound.
func NoteByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Note, error) {
	n, err := scanNote(tx.QueryRow(ctx, `SELECT `+noteColumns+` WHERE n.institution_id = $1 AND n.id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return n, missingNote()
	}
	return n, err
}

// maxDepth bounds how deep a thread is drawn.
const maxDepth = 8

// nest finds what each comment and answer answers, and how deep it stands.
func (t *Thread) nest() {
	at := map[string]int{} // depth by our ID
	names := map[string]string{}
	for _, e := range t.Entries {
		switch {
		case e.Comment != nil:
			names[e.Comment.RemoteID] = e.Comment.ID
		case e.Answer != nil:
			for _, id := range strings.Split(e.Answer.Delivery.Remote.ID, ",") {
				if id != "" {
					names[id] = e.Answer.ID
				}
			}
		}
	}
	parent := map[string]string{}
	for _, e := range t.Entries {
		switch {
		case e.Comment != nil:
			e.Comment.Answers = names[e.Comment.ParentID]
			parent[e.Comment.ID] = e.Comment.Answers
		case e.Answer != nil:
			parent[e.Answer.ID] = e.Answer.CommentID
		}
	}
	for id := range parent {
		depth := 0
		for p := parent[id]; p != "" && depth < maxDepth; p = parent[p] {
			depth++
		}
		at[id] = depth
	}
	for i, e := range t.Entries {
		switch {
		case e.Comment != nil:
			t.Entries[i].Depth = at[e.Comment.ID]
		case e.Answer != nil:
			t.Entries[i].Depth = at[e.Answer.ID]
		}
	}
}

// lastWord is the citizens' last word that an answer could answer.
func lastWord(words []Word) Comment {
	for _, w := range slices.Backward(words) {
		if !w.Ours && w.DeletedAt.IsZero() && w.HiddenAt.IsZero() {
			return w.Comment
		}
	}
	return Comment{}
}

// whyNot is the catalogue key of why a comment cannot be answered where it was
// said, or empty.
func whyNot(c Conversation, ch channel.Channel, caps channel.Capabilities, word Comment) string {
	switch {
	case !c.ReducedAt.IsZero():
		return "inbox.answer.why.reduced"
	case !caps.Answers:
		return "inbox.answer.why.platform"
	case !ch.State.Usable():
		return "inbox.answer.why.channel"
	case word.ID == "" || !word.DeletedAt.IsZero():
		return "inbox.answer.why.gone"
	case word.Held:
		return "inbox.answer.why.held"
	}
	return ""
}

// shownAt is where an answer stands in its thread.
func (a Answer) shownAt() time.Time {
	return cmp.Or(a.OutAt, a.SentAt, a.UpdatedAt)
}
