package insight

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// Of makes the picture of a message. Fault: NotFound.
func Of(ctx context.Context, tx *db.Tx, institutionID, messageID string) (Picture, error) {
	m, err := aboutMessage(ctx, tx, institutionID, messageID)
	if err != nil {
		return Picture{}, err
	}
	return pictureOf(ctx, tx, institutionID, m)
}

func pictureOf(ctx context.Context, tx *db.Tx, institutionID string, m about) (Picture, error) {
	i, err := institution.ByID(ctx, tx, institutionID)
	if err != nil {
		return Picture{}, err
	}
	all, err := signals(ctx, tx, institutionID, m.id)
	if err != nil || len(all) == 0 {
		return Picture{}, err
	}
	return draw(all, m.out, i.Location()), nil
}

// about is what the page says of the message itself.
type about struct {
	id, title, slug string
	out             time.Time // zero while it was never published
}

// aboutMessage reads a message. Fault: NotFound.
func aboutMessage(ctx context.Context, tx *db.Tx, institutionID, id string) (m about, err error) {
	m.id = id
	var out int64
	err = tx.QueryRow(ctx, `
		SELECT m.title, COALESCE(p.slug, ''), COALESCE(p.published_at, 0) FROM message m
		LEFT JOIN publication p ON p.institution_id = m.institution_id AND p.message_id = m.id
		WHERE m.institution_id = $1 AND m.id = $2`, institutionID, id).Scan(&m.title, &m.slug, &out)
	if errors.Is(err, db.ErrNone) {
		return m, fault.Missing("insight.missing")
	}
	m.out = db.When(out)
	return m, err
}

// signals are the reactions to a message and what citizens said of it in public. A
// reply to another citizen counts only where an officer said what it means; a comment
// that was never admitted to the site does not; one that was hidden later does.
func signals(ctx context.Context, tx *db.Tx, institutionID, messageID string) ([]signal, error) {
	reacted, err := db.All(ctx, tx, func(s db.Scanner) (g signal, err error) {
		var at int64
		var reaction string
		err = s.Scan(&g.person, &g.platform, &at, &reaction)
		g.at, g.side = db.When(at), Reaction(reaction)
		return g, err
	}, `SELECT r.author_id, c.platform, r.at, r.reaction FROM reaction r JOIN channel c ON c.institution_id = r.institution_id AND c.id = r.channel_id
		WHERE r.institution_id = $1 AND r.message_id = $2`, institutionID, messageID)
	if err != nil {
		return nil, err
	}
	said, err := db.All(ctx, tx, func(s db.Scanner) (g signal, err error) {
		var at int64
		err = s.Scan(&g.person, &g.platform, &at, &g.side)
		g.at = db.When(at)
		return g, err
	}, `SELECT m.author_id, c.platform, m.said_at, m.stance FROM conversation c JOIN comment m ON m.institution_id = c.institution_id AND m.conversation_id = c.id
		WHERE c.institution_id = $1 AND c.message_id = $2 AND NOT c.private AND NOT m.private AND NOT m.ours AND NOT m.held AND m.deleted_at = 0
			AND (m.stance_by NOT IN ('', 'rule') OR NOT EXISTS (SELECT 1 FROM comment p
				WHERE p.institution_id = m.institution_id AND p.channel_id = m.channel_id AND p.remote_id = m.parent_id AND NOT p.ours))
			AND (m.hidden_at = 0 OR NOT EXISTS (SELECT 1 FROM moderation x
				WHERE x.institution_id = m.institution_id AND x.comment_id = m.id AND x.action = 'refuse'))`, institutionID, messageID)
	return append(reacted, said...), err
}

// Kept is a count that is left when others' words are no longer kept: of reactions
// and comments, not of people.
type Kept struct {
	What  string // agree, against, neutral, question, boost
	Count int    // zero when it is of fewer than five
}

// kept sums up what is left about a message.
func kept(ctx context.Context, tx *db.Tx, institutionID, messageID string) (all []Kept, err error) {
	sums := map[string]int{}
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var what string
		var n int
		err := s.Scan(&what, &n)
		if stance, ok := strings.CutPrefix(what, inbox.TallyStance); ok {
			sums[stance] += n
		} else if reaction, ok := strings.CutPrefix(what, inbox.TallyReaction); ok && reaction == channel.Boost {
			sums[channel.Boost] += n
		} else if ok {
			sums[string(Reaction(reaction))] += n
		}
		return struct{}{}, err
	}, `SELECT what, CAST(SUM(n) AS BIGINT) FROM reaction_tally WHERE institution_id = $1 AND message_id = $2 GROUP BY what`, institutionID, messageID)
	for _, what := range []string{string(inbox.Agrees), string(inbox.Against), string(inbox.Neutral), string(inbox.Question), channel.Boost} {
		if n := sums[what]; n >= Least {
			all = append(all, Kept{what, n})
		} else if n > 0 {
			all = append(all, Kept{what, 0})
		}
	}
	return all, err
}

// label is one comment of which an officer said what it says.
type label struct {
	id, lang, text string
	stance         inbox.Stance
}

// labelsAtOnce bounds one round of keeping labels.
const labelsAtOnce = 500

// keepLabels keeps the officers' corrections of an institution, after the comment
// with an id, as stems without author; it returns the last comment that it read,
// empty when there are no more.
func keepLabels(ctx context.Context, tx *db.Tx, i institution.Institution, after string, now time.Time) (string, error) {
	all, err := db.All(ctx, tx, func(s db.Scanner) (l label, err error) {
		err = s.Scan(&l.id, &l.lang, &l.text, &l.stance)
		return l, err
	}, `SELECT id, lang, text, stance FROM comment WHERE institution_id = $1 AND stance_by <> '' AND stance_by <> 'rule' AND id > $2 ORDER BY id LIMIT $3`, i.ID, after, labelsAtOnce)
	if err != nil || len(all) == 0 {
		return "", err
	}
	for _, l := range all {
		if strings.TrimSpace(l.text) == "" {
			continue // taken back by its author: there is nothing to learn from
		}
		of := sha256.Sum256([]byte(l.id))
		stems := slices.Sorted(maps.Keys(publishing.Stems(l.text, l.lang)))
		if _, err := tx.Exec(ctx, `
			INSERT INTO stance_label (institution_id, of, lang, stems, stance, rule, day) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (institution_id, of) DO UPDATE SET stance = excluded.stance, stems = excluded.stems, rule = excluded.rule
				WHERE stance_label.stance <> excluded.stance OR stance_label.stems <> excluded.stems OR stance_label.rule <> excluded.rule`,
			i.ID, hex.EncodeToString(of[:]), l.lang, strings.Join(stems, " "), l.stance, string(Judge(l.text, l.lang).Stance), now.In(i.Location()).Format(time.DateOnly)); err != nil {
			return "", err
		}
	}
	return all[len(all)-1].id, nil
}

// Corrections says how often officers said what a comment says, and how often the
// rules had said the same.
func Corrections(ctx context.Context, tx *db.Tx, institutionID string) (said, same int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*), count(*) FILTER (WHERE stance = rule) FROM stance_label WHERE institution_id = $1`, institutionID).Scan(&said, &same)
	return said, same, err
}
