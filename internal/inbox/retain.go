package inbox

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/retain"
)

const (
	// reduceAtOnce bounds one transaction: a conversation has many rows, and the
	// writer is needed by others.
	reduceAtOnce = 100
	// goneFor is how long a deletion that overtook its words keeps them away, and
	// our own early words wait for what they answer.
	goneFor = 30 * 24 * time.Hour
)

// Retention says what is let go of. Others' words are reduced to counts as soon as the
// institution keeps them no longer; what we said ourselves stays.
func (in *Inbox) Retention(drafts, history time.Duration) []retain.Rule {
	words := retain.Days(institution.DefaultKeepDays)
	return []retain.Rule{
		{Table: "comment", Keep: words, Setting: retain.Institution, Into: "reaction_tally", Step: in.reduce},
		{Table: "reaction", Keep: words, Setting: retain.Institution, Into: "reaction_tally", Step: reduceReactions},
		{Table: "gone", Keep: goneFor, Step: retain.Rows("gone", `kept_at < $1`, "institution_id", "channel_id", "kind", "remote_id")},
		{Table: "letter_aside", Keep: asideFor, Step: retain.Rows("letter_aside", `kept_at < $1`, "institution_id", "channel_id", "remote_id")},
		{Table: "letter_file", Step: in.tidyFiles},
		{Table: "early", Keep: goneFor, Step: retain.Rows("early", `kept_at < $1`, "institution_id", "channel_id", "remote_id")},
		{Table: "answer_version", Keep: drafts, Setting: "keep.drafts",
			Step: retain.Rows("answer_version", `NOT sent AND at < $1
				AND rev < (SELECT a.rev FROM answer a WHERE a.institution_id = answer_version.institution_id AND a.id = answer_version.answer_id)
				AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.institution_id = answer_version.institution_id AND d.message_id = answer_version.answer_id
					AND answer_version.rev IN (d.rev, d.out_rev, d.attempted_rev))`, "institution_id", "answer_id", "rev")},
		// What became of the citizen's question stays in the conversation's own row, and
		// what was moderated in the log of moderation.
		{Table: "conversation_event", Keep: history, Setting: "keep.history",
			Step: retain.Rows("conversation_event", `at < $1 AND what NOT IN ('`+EventAnswered+`', '`+EventReduced+`')
				AND EXISTS (SELECT 1 FROM conversation c WHERE c.institution_id = conversation_event.institution_id AND c.id = conversation_event.conversation_id AND c.reduced_at > 0)`,
				"institution_id", "id")},
		{Table: "conversation_alias", Keep: history, Setting: "keep.history",
			Step: retain.Rows("conversation_alias", `EXISTS (SELECT 1 FROM conversation c WHERE c.institution_id = conversation_alias.institution_id
				AND c.id = conversation_alias.into_id AND c.reduced_at > 0 AND c.reduced_at < $1)`, "institution_id", "id")},
	}
}

// past is the SQL for "longer ago than the institution i keeps others' words", $1
// being the present.
const past = ` < $1 - i.keep_days * CAST(86400000000 AS BIGINT)`

// reduce takes the words out of conversations that are closed for long enough.
func (in *Inbox) reduce(ctx context.Context, tx *db.Tx, now time.Time, n int) (int, error) {
	type which struct{ institution, id string }
	some, err := db.All(ctx, tx, func(s db.Scanner) (w which, err error) { err = s.Scan(&w.institution, &w.id); return w, err }, `
		SELECT c.institution_id, c.id FROM conversation c JOIN institution i ON i.id = c.institution_id
		WHERE c.state = 'closed' AND c.reduced_at = 0 AND c.closed_at`+past+` ORDER BY c.closed_at LIMIT $2`, db.At(now), min(n, reduceAtOnce))
	if err != nil {
		return 0, err
	}
	whose := map[string]institution.Institution{}
	for _, w := range some {
		i, ok := whose[w.institution]
		if !ok {
			if i, err = institution.ByID(ctx, tx, w.institution); err != nil {
				return 0, err
			}
			whose[w.institution] = i
		}
		if err := in.reduceOne(ctx, tx, i, w.id, now); err != nil {
			return 0, err
		}
	}
	return len(some), nil
}

// reduceReactions counts reactions that are as old, and lets them go.
func reduceReactions(ctx context.Context, tx *db.Tx, now time.Time, n int) (int, error) {
	id, err := db.All(ctx, tx, db.Col[string], `
		SELECT i.id FROM institution i WHERE EXISTS (SELECT 1 FROM reaction r WHERE r.institution_id = i.id AND r.at`+past+`) LIMIT 1`, db.At(now))
	if err != nil || len(id) == 0 {
		return 0, err
	}
	i, err := institution.ByID(ctx, tx, id[0])
	if err != nil {
		return 0, err
	}
	return tallyReactions(ctx, tx, i, n, `r.at < $2`, db.At(now)-int64(i.KeepDays)*24*time.Hour.Microseconds())
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
	if _, err := tallyReactions(ctx, tx, i, allReactions, `r.comment_id <> '' AND r.comment_id IN (SELECT id FROM comment WHERE institution_id = $1 AND conversation_id = $2)`, id); err != nil {
		return err
	}
	authors, err := db.All(ctx, tx, db.Col[string], `SELECT DISTINCT author_id FROM comment WHERE institution_id = $1 AND conversation_id = $2`, i.ID, id)
	if err != nil {
		return err
	}
	for _, drop := range []string{
		`DELETE FROM comment_earlier WHERE institution_id = $1 AND comment_id IN (SELECT id FROM comment WHERE institution_id = $1 AND conversation_id = $2)`,
		`DELETE FROM comment WHERE institution_id = $1 AND conversation_id = $2`,
		`DELETE FROM note WHERE institution_id = $1 AND conversation_id = $2`,
	} {
		if _, err := tx.Exec(ctx, drop, i.ID, id); err != nil {
			return err
		}
	}
	if err := dropStems(ctx, tx, i.ID, id); err != nil {
		return err
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

// allReactions bounds the reactions to one conversation that are counted: what is more
// is counted as old reactions are.
const allReactions = 2000

// tallyReactions counts at most n reactions and lets them go; where selects them from
// r, with the institution as $1 and arg as $2. It returns how many there were.
func tallyReactions(ctx context.Context, tx *db.Tx, i institution.Institution, n int, where string, arg any) (int, error) {
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
		WHERE r.institution_id = $1 AND `+where+` LIMIT $3`, i.ID, arg, n)
	if err != nil {
		return 0, err
	}
	counts, authors := map[tallied]int{}, map[string]bool{}
	for _, r := range rows {
		k := tallied{r.message, day(i, r.at), TallyReaction + r.reaction}
		if r.message == "" {
			k.message, k.what = r.comment, TallyOnWord+r.reaction
		}
		counts[k]++
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
	return len(rows), addTally(ctx, tx, i.ID, counts)
}
