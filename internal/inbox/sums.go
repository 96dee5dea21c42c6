package inbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// maxSubject bounds a conversation's subject, in characters.
const maxSubject = 120

// sumUp makes a conversation's row say what is in it. It reads the whole and so
// does not depend on the order in which things came.
//
// The citizen waits while there is a word of theirs that we saw after our last
// answer went out (and did not come back), and that they said after the last word of
// our account. A
// conversation in which no words are left is closed: there is nothing to answer.
func (in *Inbox) sumUp(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error {
	var all, kept, live, first, last, oursFirst, oursLast, outFirst, outLast int64
	err := tx.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE NOT ours), count(*) FILTER (WHERE NOT ours AND deleted_at = 0), count(*) FILTER (WHERE NOT ours AND deleted_at = 0 AND hidden_at = 0),
			coalesce(min(said_at) FILTER (WHERE NOT ours), 0), coalesce(max(said_at), 0),
			coalesce(min(said_at) FILTER (WHERE ours AND deleted_at = 0), 0), coalesce(max(said_at) FILTER (WHERE ours AND deleted_at = 0), 0),
			(SELECT coalesce(min(out_at), 0) FROM answer WHERE institution_id = $1 AND conversation_id = $2 AND out_at > 0 AND failed_at = 0),
			(SELECT coalesce(max(out_at), 0) FROM answer WHERE institution_id = $1 AND conversation_id = $2 AND out_at > 0 AND failed_at = 0)
		FROM comment WHERE institution_id = $1 AND conversation_id = $2`, institutionID, id).Scan(&all, &kept, &live, &first, &last, &oursFirst, &oursLast, &outFirst, &outLast)
	if err != nil {
		return err
	}
	if all == 0 {
		return nil // reduced: the row is all that is left
	}
	subject, err := subjectOf(ctx, tx, institutionID, id)
	if err != nil {
		return err
	}
	answered := min(outFirst, oursFirst)
	if answered == 0 {
		answered = max(outFirst, oursFirst)
	}
	if live == 0 {
		closes, err := tx.Change(ctx, `UPDATE conversation SET state = 'closed', closed_at = $3 WHERE institution_id = $1 AND id = $2 AND state = 'open'`, institutionID, id, db.At(now))
		if err == nil && closes > 0 {
			err = in.happened(ctx, tx, institutionID, id, EventClosed, "", "", now)
		}
		if err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		UPDATE conversation SET comments = $3, first_at = $4, last_at = $5, answered_at = $6, subject = $7, version = version + 1,
			waiting = (state = 'open' AND EXISTS (SELECT 1 FROM comment m WHERE m.institution_id = $1 AND m.conversation_id = $2
				AND NOT m.ours AND m.deleted_at = 0 AND m.hidden_at = 0 AND m.said_at > $8 AND m.received_at > $9)),
			(author_id, private) = (SELECT m.author_id, m.private FROM comment m WHERE m.institution_id = $1 AND m.conversation_id = $2 AND NOT m.ours
				ORDER BY m.said_at, m.remote_id LIMIT 1)
		WHERE institution_id = $1 AND id = $2`,
		institutionID, id, kept, first, max(last, outLast), answered, subject, oursLast, outLast)
	return err
}

// subjectOf is how a conversation is called: the subject of the first letter, or
// the first words that are still there.
func subjectOf(ctx context.Context, tx *db.Tx, institutionID, id string) (string, error) {
	var subject, text string
	err := tx.QueryRow(ctx, `
		SELECT subject, text FROM comment WHERE institution_id = $1 AND conversation_id = $2 AND NOT ours AND deleted_at = 0 AND hidden_at = 0
		ORDER BY said_at, remote_id LIMIT 1`, institutionID, id).Scan(&subject, &text)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	if subject == "" {
		subject = text
	}
	return excerpt(subject, maxSubject), err
}

// excerpt is the start of a text on one line, at most so many characters.
func excerpt(text string, most int) string {
	text = strings.Join(strings.Fields(cut(text, 8*most)), " ")
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	short := string([]rune(text)[:most-1])
	if i := strings.LastIndexByte(short, ' '); i > most/2 {
		short = short[:i]
	}
	return strings.TrimRight(short, " ,;:.–-…") + "…"
}

// happened records what was done with a conversation, and wakes the pages that
// show it.
func (in *Inbox) happened(ctx context.Context, tx *db.Tx, institutionID, id, what, detail, personID string, now time.Time) error {
	if id == "" {
		return tx.Notify(ctx, Topic, institutionID) // about an author who said nothing yet
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO conversation_event (institution_id, id, conversation_id, at, what, detail, person_id) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		institutionID, db.NewID(), id, db.At(now), what, detail, personID)
	if err != nil {
		return err
	}
	if in.changed != nil {
		if err := in.changed(ctx, tx, institutionID, id, what); err != nil {
			return err
		}
	}
	return tx.Notify(ctx, Topic, institutionID)
}

// maxStems bounds what is indexed of one comment, and of one conversation when it
// is indexed anew.
const (
	maxStems   = 400
	maxRestems = 200 // comments
)

// stemsOf are the words by which a comment is found: what it says, and who said it.
func stemsOf(c Comment, a Author) []string {
	stems := publishing.Stems(c.Subject+" "+c.Text, stemLang(c.Lang))
	maps.Copy(stems, publishing.Stems(a.Name+" "+a.Handle, stemLang(c.Lang)))
	all := slices.Sorted(maps.Keys(stems))
	return all[:min(len(all), maxStems)]
}

// stemLang is the language by whose rules words are stemmed.
func stemLang(lang string) string {
	if strings.HasPrefix(strings.ToLower(lang), "en") {
		return "en"
	}
	return "it"
}

func (in *Inbox) addStems(ctx context.Context, tx *db.Tx, institutionID, id string, stems []string) error {
	number := db.Number(institutionID, id)
	for part := range slices.Chunk(stems, 200) {
		args, rows := []any{number}, make([]string, len(part))
		for i, s := range part {
			args = append(args, db.Number(institutionID, s))
			rows[i] = fmt.Sprintf("($%d, $1)", i+2)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO conversation_word (word, conversation) VALUES `+strings.Join(rows, ", ")+` ON CONFLICT DO NOTHING`, args...); err != nil {
			return err
		}
	}
	return nil
}

func dropStems(ctx context.Context, tx *db.Tx, institutionID, id string) error {
	_, err := tx.Exec(ctx, `DELETE FROM conversation_word WHERE conversation = $1`, db.Number(institutionID, id))
	return err
}

// restem indexes a conversation anew, after words went or changed.
func (in *Inbox) restem(ctx context.Context, tx *db.Tx, institutionID, id string) error {
	type word struct {
		Comment
		author Author
	}
	all, err := db.All(ctx, tx, func(s db.Scanner) (w word, err error) {
		err = s.Scan(&w.Subject, &w.Text, &w.Lang, &w.author.Name, &w.author.Handle)
		return w, err
	}, `
		SELECT m.subject, m.text, m.lang, a.name, a.handle FROM comment m JOIN author a ON a.institution_id = m.institution_id AND a.id = m.author_id
		WHERE m.institution_id = $1 AND m.conversation_id = $2 AND m.deleted_at = 0 ORDER BY m.said_at DESC LIMIT $3`, institutionID, id, maxRestems)
	if err != nil {
		return err
	}
	if err := dropStems(ctx, tx, institutionID, id); err != nil {
		return err
	}
	stems := map[string]bool{}
	for _, w := range all {
		for _, s := range stemsOf(w.Comment, w.author) {
			stems[s] = true
		}
	}
	return in.addStems(ctx, tx, institutionID, id, sortedKeys(stems))
}
