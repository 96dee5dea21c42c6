package comments

import (
	"context"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// shown bounds how many comments a page shows; the oldest come first.
const shown = 500

// Thread is a comment with all that was said below it.
type Thread struct {
	Entry
	Below []Entry
}

// Entry is one comment, or one answer of ours.
type Entry struct {
	ID      string
	Ours    bool
	Name    string // as the author wants to be called
	URL     string // of the author, where one signed in
	Handle  string
	Text    string
	Lang    string
	At      time.Time
	Edited  bool
	ReplyTo string // whom it answers, when that is not the thread's first

	conversation, parent string
}

// Anchor is the entry's place on the page.
func (e Entry) Anchor() string { return anchor(e.ID) }

func anchor(id string) string { return "commento-" + id }

// Paragraphs are the text as it is shown: paragraphs of lines of pieces.
func (e Entry) Paragraphs() (out [][]Piece) {
	for _, p := range strings.Split(e.Text, "\n\n") {
		if p = strings.Trim(p, "\n"); strings.TrimSpace(p) != "" {
			out = append(out, pieces(p))
		}
	}
	return out
}

// Piece is a part of a text: a link when URL is set.
type Piece struct{ Text, URL string }

var webAddress = regexp.MustCompile(`https?://[^\s<>"'\x60]+`)

// pieces part a text into words and the addresses in it. Only http and https
// become links; a full stop that ends a sentence stays outside.
func pieces(text string) (out []Piece) {
	at := 0
	for _, found := range webAddress.FindAllStringIndex(text, -1) {
		end := found[0] + len(strings.TrimRight(text[found[0]:found[1]], ".,;:!?)]}»”’…"))
		link := text[found[0]:end]
		if u, err := url.Parse(link); err != nil || u.Host == "" || u.User != nil {
			continue
		}
		if found[0] > at {
			out = append(out, Piece{Text: text[at:found[0]]})
		}
		out = append(out, Piece{link, link})
		at = end
	}
	if at < len(text) {
		out = append(out, Piece{Text: text[at:]})
	}
	return out
}

// threads are the approved comments under a message with our answers, oldest
// first, and how many entries there are.
func threads(ctx context.Context, tx *db.Tx, institutionID, messageID, ours string) (all []Thread, n int, err error) {
	entries, err := db.All(ctx, tx, func(s db.Scanner) (e Entry, err error) {
		var at, edited int64
		err = s.Scan(&e.ID, &e.conversation, &e.parent, &e.Name, &e.URL, &e.Handle, &e.Text, &e.Lang, &at, &edited)
		e.At, e.Edited = db.When(at), edited > 0
		return e, err
	}, `SELECT comment.remote_id, comment.conversation_id, comment.parent_id, author.name, author.url, author.handle, comment.text, comment.lang, comment.said_at, comment.edited_at
		FROM site_comment
		JOIN comment ON comment.institution_id = site_comment.institution_id AND comment.channel_id = site_comment.channel_id AND comment.remote_id = site_comment.id
		JOIN author ON author.institution_id = comment.institution_id AND author.id = comment.author_id
		WHERE site_comment.institution_id = $1 AND site_comment.message_id = $2 AND author.blocked_at = 0
			AND NOT comment.held AND NOT comment.private AND comment.hidden_at = 0 AND comment.deleted_at = 0
		ORDER BY comment.said_at, comment.id LIMIT $3`, institutionID, messageID, shown)
	if err != nil || len(entries) == 0 {
		return nil, 0, err
	}
	answers, err := db.All(ctx, tx, func(s db.Scanner) (e Entry, err error) {
		var at, edited int64
		err = s.Scan(&e.ID, &e.parent, &e.Text, &e.Lang, &at, &edited)
		e.Ours, e.Name, e.At, e.Edited = true, ours, db.When(at), edited > 0
		return e, err
	}, `SELECT site_answer.id, site_answer.comment_id, site_answer.text, site_answer.lang, site_answer.at, site_answer.edited_at
		FROM site_answer JOIN site_comment ON site_comment.institution_id = site_answer.institution_id AND site_comment.id = site_answer.comment_id
		WHERE site_answer.institution_id = $1 AND site_comment.message_id = $2 AND site_answer.withdrawn_at = 0
		ORDER BY site_answer.at, site_answer.id`, institutionID, messageID)
	if err != nil {
		return nil, 0, err
	}
	all = weave(entries, answers)
	for _, t := range all {
		n += 1 + len(t.Below)
	}
	return all, n, nil
}

// answersTo are our answers to one comment.
func answersTo(ctx context.Context, tx *db.Tx, institutionID, commentID string) ([]Entry, error) {
	return db.All(ctx, tx, func(s db.Scanner) (e Entry, err error) {
		var at int64
		err = s.Scan(&e.ID, &e.Text, &e.Lang, &at)
		e.Ours, e.At = true, db.When(at)
		return e, err
	}, `SELECT id, text, lang, at FROM site_answer WHERE institution_id = $1 AND comment_id = $2 AND withdrawn_at = 0 ORDER BY at, id`, institutionID, commentID)
}

// weave gathers comments by conversation and puts each answer where it belongs.
// An answer to a comment that nobody may read is not shown either.
func weave(entries, answers []Entry) []Thread {
	byID := map[string]Entry{}
	for _, e := range entries {
		byID[e.ID] = e
	}
	for _, a := range answers {
		if to, ok := byID[a.parent]; ok {
			a.conversation = to.conversation
			byID[a.ID] = a
			entries = append(entries, a)
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	var all []Thread
	at := map[string]int{}
	for _, e := range entries {
		n, ok := at[e.conversation]
		if !ok {
			at[e.conversation] = len(all)
			all = append(all, Thread{Entry: e})
			continue
		}
		if to, ok := byID[e.parent]; ok && to.ID != all[n].ID {
			e.ReplyTo = to.Name
		}
		all[n].Below = append(all[n].Below, e)
	}
	return all
}

// Mention is a page elsewhere that speaks of a message.
type Mention struct {
	Name, URL, Host string
	At              time.Time
}

// mentions are the approved pages elsewhere that link to a message.
func mentions(ctx context.Context, tx *db.Tx, institutionID, messageID string) ([]Mention, error) {
	return db.All(ctx, tx, func(s db.Scanner) (m Mention, err error) {
		var at int64
		err = s.Scan(&m.Name, &m.URL, &at)
		m.At = db.When(at)
		if u, bad := url.Parse(m.URL); bad == nil {
			m.Host = u.Hostname()
		}
		return m, err
	}, `SELECT author.name, comment.url, comment.said_at
		FROM conversation
		JOIN comment ON comment.institution_id = conversation.institution_id AND comment.conversation_id = conversation.id
		JOIN author ON author.institution_id = comment.institution_id AND author.id = comment.author_id
		WHERE conversation.institution_id = $1 AND conversation.message_id = $2 AND conversation.platform = 'webmention' AND author.blocked_at = 0
			AND NOT comment.held AND comment.hidden_at = 0 AND comment.deleted_at = 0 AND comment.url LIKE 'http%'
		ORDER BY comment.said_at LIMIT 50`, institutionID, messageID)
}

// Elsewhere is how much was said of a message in another square.
type Elsewhere struct {
	Platform            string
	Comments, Reactions int
}

// elsewhere counts what was said and felt in the other squares. Their words stay
// there: who wrote them did not write them for this page.
func elsewhere(ctx context.Context, tx *db.Tx, institutionID, messageID string) ([]Elsewhere, error) {
	return db.All(ctx, tx, func(s db.Scanner) (e Elsewhere, err error) {
		err = s.Scan(&e.Platform, &e.Comments, &e.Reactions)
		return e, err
	}, `SELECT platform, CAST(SUM(comments) AS BIGINT), CAST(SUM(reactions) AS BIGINT) FROM (
			SELECT conversation.platform AS platform, count(*) AS comments, 0 AS reactions
			FROM conversation JOIN comment ON comment.institution_id = conversation.institution_id AND comment.conversation_id = conversation.id
			WHERE conversation.institution_id = $1 AND conversation.message_id = $2 AND NOT conversation.private AND NOT comment.private
				AND NOT comment.held AND NOT comment.ours AND comment.hidden_at = 0 AND comment.deleted_at = 0
			GROUP BY conversation.platform
			UNION ALL
			SELECT channel.platform, 0, count(*)
			FROM reaction JOIN channel ON channel.institution_id = reaction.institution_id AND channel.id = reaction.channel_id
			WHERE reaction.institution_id = $1 AND reaction.message_id = $2
			GROUP BY channel.platform
		) AS heard WHERE platform IN ('mastodon', 'activitypub', 'bluesky', 'telegram', 'webmention') GROUP BY platform ORDER BY platform`, institutionID, messageID)
}
