package inbox

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// query gathers the arguments of a statement.
type query struct{ args []any }

// arg adds an argument and returns its placeholder.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return fmt.Sprintf("$%d", len(q.args))
}

// list adds arguments and returns their placeholders.
func (q *query) list(all []int64) string {
	marks := make([]string, len(all))
	for i, v := range all {
		marks[i] = q.arg(v)
	}
	return strings.Join(marks, ", ")
}

// having selects the conversations with a word, in any of its forms. It is a union,
// since a DISTINCT would make SQLite read the whole index in another order.
func (q *query) having(forms []int64) string {
	each := make([]string, len(forms))
	for i, n := range forms {
		each[i] = `SELECT conversation AS it FROM conversation_word WHERE word = ` + q.arg(n)
	}
	return strings.Join(each, " UNION ")
}

// maxSearch bounds the words of a search.
const maxSearch = 8

// search is a word of a filter's text in the forms under which it may be indexed, as
// their numbers.
type search struct {
	forms []int64
	rare  bool // few conversations have it
}

// rareWord is how many conversations a word may be in and still be where a search
// begins. A more common one is looked up for each conversation, newest first, until
// the page is full.
const rareWord = 2000

// conditions are what a filter demands of the conversation's own row. What a
// partial index covers is written as the index has it.
func (f Filter) conditions(q *query, now time.Time) []string {
	all := []string{"c.institution_id = $1"}
	add := func(condition string) { all = append(all, condition) }
	switch {
	case f.Waiting || f.Overdue || f.Sort == Deadline:
		add("c.state = 'open' AND c.waiting")
		if f.State == Closed {
			add("FALSE")
		}
	case f.State == Open:
		add("c.state = 'open'")
	case f.State == Closed:
		add("c.state = 'closed'")
	}
	if f.Sort == Deadline || f.Overdue {
		add("c.due_at > 0")
	}
	if f.Overdue {
		add("c.due_at < " + q.arg(db.At(now)))
	}
	switch {
	case f.Public && !f.Private:
		add("c.private = FALSE")
	case f.Private && !f.Public:
		add("c.private = TRUE")
	}
	switch f.OfficeID {
	case "":
	case NoOffice:
		add("c.office_id = ''")
	default:
		add("c.office_id = " + q.arg(f.OfficeID))
	}
	if f.PersonID != "" {
		add("c.person_id <> '' AND c.person_id = " + q.arg(f.PersonID))
	}
	if f.MessageID != "" {
		add("c.message_id <> '' AND c.message_id = " + q.arg(f.MessageID))
	}
	for _, is := range []struct{ column, value string }{{"profile_id", f.ProfileID}, {"platform", string(f.Platform)}, {"channel_id", f.ChannelID}, {"author_id", f.AuthorID}} {
		if is.value != "" {
			add("c." + is.column + " = " + q.arg(is.value))
		}
	}
	return all
}

// from is the tables and the condition that select the conversations c of a
// filter. Where a small set restricts it, the set comes first: SQLite reads the
// tables of a CROSS JOIN in the order in which they are written.
func (f Filter) from(q *query, words []search, now time.Time) string {
	type set struct{ column, of string } // of selects what the column is among, as "it"
	all, sets := f.conditions(q, now), []set(nil)
	add := func(condition string) { all = append(all, condition) }
	if f.Held {
		sets = append(sets, set{"id", `SELECT DISTINCT conversation_id AS it FROM comment WHERE institution_id = $1 AND held`})
	}
	if f.ToApprove {
		sets = append(sets, set{"id", `SELECT DISTINCT conversation_id AS it FROM answer WHERE institution_id = $1 AND state = 'submitted'`})
	}
	if f.Unsent {
		sets = append(sets, set{"id", unsent})
	}
	for _, w := range words {
		if w.rare {
			sets = append(sets, set{"number", q.having(w.forms)})
		} else {
			// Counted, not asked with EXISTS: PostgreSQL would read all conversations that
			// have a common word in order to ask a few.
			add(`(SELECT count(*) FROM (SELECT 1 FROM conversation_word t WHERE t.word IN (` + q.list(w.forms) + `) AND t.conversation = c.number LIMIT 1) AS one) > 0`)
		}
	}
	if len(sets) == 0 {
		return "conversation c WHERE " + strings.Join(all, " AND ")
	}
	for _, set := range sets[1:] {
		add("c." + set.column + " IN (" + set.of + ")")
	}
	return "(" + sets[0].of + ") AS k CROSS JOIN conversation c WHERE c." + sets[0].column + " = k.it AND " + strings.Join(all, " AND ")
}

// unsent selects the conversations with an answer that did not reach its channel.
const unsent = `SELECT DISTINCT a.conversation_id AS it FROM delivery d JOIN answer a ON a.institution_id = d.institution_id AND a.id = d.message_id
	WHERE d.institution_id = $1 AND d.kind = 'answer' AND d.state IN ('refused', 'unconfirmed', 'given_up') AND NOT d.withdraw`

// searched lists the words of a search, each in the forms under which either
// language's rules index it. A word that is too common to be indexed is left out.
func searched(institutionID, text string) (words []search) {
	for _, w := range strings.FieldsFunc(cut(text, 400), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.M, r) }) {
		forms := map[int64]bool{}
		for _, lang := range []string{"it", "en"} {
			for s := range publishing.Stems(w, lang) {
				forms[db.Number(institutionID, s)] = true
			}
		}
		if len(forms) > 0 && len(words) < maxSearch {
			words = append(words, search{forms: slices.Sorted(maps.Keys(forms))})
		}
	}
	return words
}

// weigh finds out which words of a search are rare.
func weigh(ctx context.Context, tx *db.Tx, words []search) ([]search, error) {
	if len(words) == 0 {
		return nil, nil
	}
	q := &query{}
	var columns []string
	found, into := make([]int, len(words)), make([]any, len(words))
	for i, w := range words {
		columns = append(columns, fmt.Sprintf(`(SELECT count(*) FROM (SELECT 1 FROM conversation_word WHERE word IN (%s) LIMIT %d) AS n)`, q.list(w.forms), rareWord+1))
		into[i] = &found[i]
	}
	if err := tx.QueryRow(ctx, "SELECT "+strings.Join(columns, ", "), q.args...).Scan(into...); err != nil {
		return nil, err
	}
	for i, n := range found {
		words[i].rare = n <= rareWord
	}
	return words, nil
}

// order is how a list is sorted, and what lies after the cursor.
func (f Filter) order(q *query) (order, after string) {
	column, sign := "last_at", "<"
	order = "%[1]s.last_at DESC, %[1]s.id DESC"
	switch f.Sort {
	case Oldest:
		order, sign = "%[1]s.last_at, %[1]s.id", ">"
	case Deadline:
		order, column, sign = "%[1]s.due_at, %[1]s.id", "due_at", ">"
	}
	if f.Before.ID != "" {
		after = fmt.Sprintf(" AND (c.%s, c.id) %s (%s, %s)", column, sign, q.arg(db.At(f.Before.At)), q.arg(f.Before.ID))
	}
	return fmt.Sprintf(order, "c"), after
}

// maxExcerpt bounds a row's excerpt, in characters.
const maxExcerpt = 200

// List returns a page of the conversations of a filter, in one query, or two when
// words are searched. The page after it begins at the last row's After.
//
// The page is picked first, from an index, and dressed afterwards. SQLite reads the
// tables of a CROSS JOIN in the order in which they are written: left to itself it
// may begin with all conversations.
func List(ctx context.Context, tx *db.Tx, institutionID string, f Filter, now time.Time) ([]Row, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	words, err := weigh(ctx, tx, searched(institutionID, f.Text))
	if err != nil {
		return nil, err
	}
	q := &query{args: []any{institutionID}}
	from := f.from(q, words, now)
	order, after := f.order(q)
	limit := q.arg(min(f.Limit, MaxList))
	return db.All(ctx, tx, scanRow, `
		WITH picked AS MATERIALIZED (SELECT c.id FROM `+from+after+` ORDER BY `+order+` LIMIT `+limit+`)
		SELECT `+conversationColumns+`,
			coalesce(a.platform, ''), coalesce(a.remote_id, ''), coalesce(a.handle, ''), coalesce(a.name, ''), coalesce(a.url, ''), coalesce(a.avatar, ''), coalesce(a.blocked_at, 0),
			coalesce(t.title, ''), coalesce(p.name, ''), coalesce(o.name, ''), coalesce(w.name, ''), coalesce(h.name, ''),
			coalesce((SELECT substr(m.text, 1, 800) FROM comment m WHERE m.institution_id = c.institution_id AND m.conversation_id = c.id
				AND NOT m.ours AND m.deleted_at = 0 AND m.hidden_at = 0 ORDER BY m.said_at DESC LIMIT 1), ''),
			c.last_at > coalesce((SELECT m.said_at FROM comment m WHERE m.institution_id = c.institution_id AND m.conversation_id = c.id
				AND NOT m.ours ORDER BY m.said_at DESC LIMIT 1), c.last_at),
			EXISTS (SELECT 1 FROM comment m WHERE m.institution_id = c.institution_id AND m.conversation_id = c.id AND m.held),
			EXISTS (SELECT 1 FROM answer x WHERE x.institution_id = c.institution_id AND x.conversation_id = c.id AND x.state = 'submitted'),
			EXISTS (SELECT 1 FROM answer x CROSS JOIN delivery d WHERE d.institution_id = x.institution_id AND d.message_id = x.id AND d.kind = 'answer'
				AND x.institution_id = c.institution_id AND x.conversation_id = c.id AND d.state IN ('refused', 'unconfirmed', 'given_up') AND NOT d.withdraw)
		FROM picked k CROSS JOIN conversation c
			LEFT JOIN author a ON a.institution_id = c.institution_id AND a.id = c.author_id
			LEFT JOIN message t ON t.institution_id = c.institution_id AND t.id = c.message_id
			LEFT JOIN profile p ON p.institution_id = c.institution_id AND p.id = c.profile_id
			LEFT JOIN office o ON o.institution_id = c.institution_id AND o.id = c.office_id
			LEFT JOIN channel h ON h.institution_id = c.institution_id AND h.id = c.channel_id
			LEFT JOIN person w ON w.id = c.person_id
		WHERE c.institution_id = $1 AND c.id = k.id
		ORDER BY `+order, q.args...)
}

func scanRow(s db.Scanner) (r Row, err error) {
	var blocked int64
	r.Conversation, err = scanConversation(s, &r.Author.Platform, &r.Author.RemoteID, &r.Author.Handle, &r.Author.Name, &r.Author.URL, &r.Author.Avatar, &blocked,
		&r.MessageTitle, &r.ProfileName, &r.OfficeName, &r.PersonName, &r.ChannelName, &r.Excerpt, &r.LastOurs, &r.Held, &r.ToApprove, &r.Unsent)
	r.Author.ID, r.Author.BlockedAt, r.Excerpt = r.AuthorID, db.When(blocked), excerpt(r.Excerpt, maxExcerpt)
	return r, err
}

// CountAll counts the conversations of the menu and the tabs, in one query: each
// number stops at MaxCount.
func CountAll(ctx context.Context, tx *db.Tx, institutionID, personID string, now time.Time) (n Counts, err error) {
	q := &query{args: []any{institutionID}}
	var columns []string
	var into []any
	count := func(dest *int, f Filter) {
		columns = append(columns, fmt.Sprintf(`(SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d) AS n)`, f.from(q, nil, now), MaxCount))
		into = append(into, dest)
	}
	for _, t := range []struct {
		tab  *Tab
		base Filter
	}{{&n.Public, Filter{Public: true}}, {&n.Private, Filter{Private: true}}} {
		with := func(change func(*Filter)) Filter { f := t.base; change(&f); return f }
		count(&t.tab.Waiting, with(func(f *Filter) { f.Waiting = true }))
		count(&t.tab.Overdue, with(func(f *Filter) { f.Overdue = true }))
		if personID != "" {
			count(&t.tab.Mine, with(func(f *Filter) { f.State, f.PersonID = Open, personID }))
		}
		count(&t.tab.ToApprove, with(func(f *Filter) { f.ToApprove = true }))
		count(&t.tab.Held, with(func(f *Filter) { f.Held = true }))
		count(&t.tab.Unsent, with(func(f *Filter) { f.Unsent = true }))
		count(&t.tab.Open, with(func(f *Filter) { f.State = Open }))
		count(&t.tab.Closed, with(func(f *Filter) { f.State = Closed }))
		count(&t.tab.All, t.base)
	}
	err = tx.QueryRow(ctx, "SELECT "+strings.Join(columns, ", "), q.args...).Scan(into...)
	return n, err
}
