package inbox

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// reduce is the daily job that lets go of what may no longer be kept.
type reduce struct{}

// Kind names the work for ever.
func (reduce) Kind() string { return "inbox.reduce" }

const (
	reduceEvery = 24 * time.Hour
	// reduceAtOnce bounds one transaction: the writer is needed by others.
	reduceAtOnce = 100
	// goneFor is how long a deletion that overtook its words keeps them away, and
	// our own early words wait for what they answer.
	goneFor = 30 * 24 * time.Hour
)

// workReduce reduces conversations that were closed longer than the institution
// keeps others' words, and reactions as old, to counts.
func (in *Inbox) workReduce(ctx context.Context, _ reduce) error {
	now := in.clock()
	var all []institution.Institution
	err := in.db.Read(ctx, func(tx *db.Tx) (err error) { all, err = institution.All(ctx, tx); return err })
	for _, i := range all {
		err = errors.Join(err, in.reduceAll(ctx, i, now))
	}
	return errors.Join(err, in.db.InTx(ctx, func(tx *db.Tx) error {
		for _, table := range []string{"gone", "early"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE kept_at < $1`, db.At(now.Add(-goneFor))); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (in *Inbox) reduceAll(ctx context.Context, i institution.Institution, now time.Time) error {
	before := now.AddDate(0, 0, -i.KeepDays)
	for more := true; more && ctx.Err() == nil; {
		err := in.db.InTx(ctx, func(tx *db.Tx) error {
			ids, err := db.All(ctx, tx, db.Col[string], `
				SELECT id FROM conversation WHERE institution_id = $1 AND state = 'closed' AND reduced_at = 0 AND closed_at < $2 ORDER BY closed_at LIMIT $3`,
				i.ID, db.At(before), reduceAtOnce)
			if err != nil {
				return err
			}
			for _, id := range ids {
				if err := in.reduceOne(ctx, tx, i, id, now); err != nil {
					return err
				}
			}
			reactions, err := tallyReactions(ctx, tx, i, `r.at < $2`, db.At(before))
			more = len(ids) == reduceAtOnce || reactions == reduceReactions
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// reduceOne takes the words of a conversation away: comments, what they said
// before, notes about the person, who they were. What we said ourselves, what was
// done and the counts stay.
func (in *Inbox) reduceOne(ctx context.Context, tx *db.Tx, i institution.Institution, id string, now time.Time) error {
	c, err := lock(ctx, tx, i.ID, id)
	if err != nil {
		return err
	}
	if c.State != Closed || !c.ReducedAt.IsZero() {
		return nil
	}
	if err := tallyComments(ctx, tx, i, c); err != nil {
		return err
	}
	if _, err := tallyReactions(ctx, tx, i, `r.comment_id <> '' AND r.comment_id IN (SELECT id FROM comment WHERE institution_id = $1 AND conversation_id = $2)`, id); err != nil {
		return err
	}
	authors, err := db.All(ctx, tx, db.Col[string], `SELECT DISTINCT author_id FROM comment WHERE institution_id = $1 AND conversation_id = $2`, i.ID, id)
	if err != nil {
		return err
	}
	for _, drop := range []string{
		`DELETE FROM comment_earlier WHERE institution_id = $1 AND comment_id IN (SELECT id FROM comment WHERE institution_id = $1 AND conversation_id = $2)`,
		`DELETE FROM comment WHERE institution_id = $1 AND conversation_id = $2`,
		`DELETE FROM conversation_stem WHERE institution_id = $1 AND conversation_id = $2`,
		`DELETE FROM note WHERE institution_id = $1 AND conversation_id = $2`,
	} {
		if _, err := tx.Exec(ctx, drop, i.ID, id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, `UPDATE conversation SET subject = '', author_id = '', waiting = FALSE, reduced_at = $3, version = version + 1 WHERE institution_id = $1 AND id = $2`,
		i.ID, id, db.At(now)); err != nil {
		return err
	}
	for _, a := range authors {
		if err := dropAuthor(ctx, tx, i.ID, a); err != nil {
			return err
		}
	}
	return in.happened(ctx, tx, i.ID, id, EventReduced, "", "", now)
}

// dropAuthor takes away an author of whom nothing is kept any more. A blocked one
// stays: without its name the block would end.
func dropAuthor(ctx context.Context, tx *db.Tx, institutionID, id string) error {
	_, err := tx.Exec(ctx, `
		DELETE FROM author WHERE institution_id = $1 AND id = $2 AND blocked_at = 0
			AND NOT EXISTS (SELECT 1 FROM comment WHERE institution_id = $1 AND author_id = $2)
			AND NOT EXISTS (SELECT 1 FROM reaction WHERE institution_id = $1 AND author_id = $2)
			AND NOT EXISTS (SELECT 1 FROM conversation WHERE institution_id = $1 AND author_id = $2)`, institutionID, id)
	return err
}

// What is counted in reaction_tally, beside "reaction:KIND" to our messages and
// "comment_reaction:KIND" to comments.
const (
	TallyComments = "comment"
	TallyStance   = "stance:"
	TallyReaction = "reaction:"
	TallyOnWord   = "comment_reaction:"
)

// day is the day of a moment in the institution's zone, as reaction_tally has it.
func day(i institution.Institution, micros int64) string {
	return db.When(micros).In(i.Location()).Format(time.DateOnly)
}

type tallied struct{ message, day, what string }

func addTally(ctx context.Context, tx *db.Tx, institutionID string, n map[tallied]int) error {
	for k, count := range n {
		if _, err := tx.Exec(ctx, `
			INSERT INTO reaction_tally AS t (institution_id, message_id, day, what, n) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (institution_id, message_id, day, what) DO UPDATE SET n = t.n + excluded.n`, institutionID, k.message, k.day, k.what, count); err != nil {
			return err
		}
	}
	return nil
}

// tallyComments counts the citizens' comments of a conversation and their stances.
func tallyComments(ctx context.Context, tx *db.Tx, i institution.Institution, c Conversation) error {
	type row struct {
		at     int64
		stance string
	}
	rows, err := db.All(ctx, tx, func(s db.Scanner) (r row, err error) { err = s.Scan(&r.at, &r.stance); return r, err }, `
		SELECT said_at, stance FROM comment WHERE institution_id = $1 AND conversation_id = $2 AND NOT ours AND deleted_at = 0 AND hidden_at = 0`, i.ID, c.ID)
	if err != nil {
		return err
	}
	n := map[tallied]int{}
	for _, r := range rows {
		n[tallied{c.MessageID, day(i, r.at), TallyComments}]++
		if r.stance != "" {
			n[tallied{c.MessageID, day(i, r.at), TallyStance + r.stance}]++
		}
	}
	return addTally(ctx, tx, i.ID, n)
}

// reduceReactions bounds the reactions that are counted and dropped at once.
const reduceReactions = 2000

// tallyReactions counts reactions and lets them go; where selects them from r, with
// the institution as $1 and arg as $2. It returns how many there were, at most
// reduceReactions.
func tallyReactions(ctx context.Context, tx *db.Tx, i institution.Institution, where string, arg any) (int, error) {
	type row struct {
		channel, target, author, reaction, message, comment string
		at                                                  int64
	}
	rows, err := db.All(ctx, tx, func(s db.Scanner) (r row, err error) {
		err = s.Scan(&r.channel, &r.target, &r.author, &r.reaction, &r.message, &r.comment, &r.at)
		return r, err
	}, `
		SELECT r.channel_id, r.target, r.author_id, r.reaction, r.message_id, coalesce(c.message_id, ''), r.at FROM reaction r
			LEFT JOIN comment m ON m.institution_id = r.institution_id AND m.id = r.comment_id AND r.comment_id <> ''
			LEFT JOIN conversation c ON c.institution_id = m.institution_id AND c.id = m.conversation_id
		WHERE r.institution_id = $1 AND `+where+` LIMIT $3`, i.ID, arg, reduceReactions)
	if err != nil {
		return 0, err
	}
	n, authors := map[tallied]int{}, map[string]bool{}
	for _, r := range rows {
		k := tallied{r.message, day(i, r.at), TallyReaction + r.reaction}
		if r.message == "" {
			k.message, k.what = r.comment, TallyOnWord+r.reaction
		}
		n[k]++
		authors[r.author] = true
		if _, err := tx.Exec(ctx, `DELETE FROM reaction WHERE institution_id = $1 AND channel_id = $2 AND target = $3 AND author_id = $4 AND reaction = $5`,
			i.ID, r.channel, r.target, r.author, r.reaction); err != nil {
			return 0, err
		}
	}
	for a := range authors {
		if err := dropAuthor(ctx, tx, i.ID, a); err != nil {
			return 0, err
		}
	}
	return len(rows), addTally(ctx, tx, i.ID, n)
}
