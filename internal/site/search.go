package site

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

const (
	maxQuery = 200  // characters that are read of what somebody searches for
	maxWords = 12   // words beyond are left out
	maxHits  = 2000 // the newest hits that are ranked
	perFound = 20
)

// word is one word searched for, as each language stems it.
type word []string

// query reads what somebody typed: the words that can find something.
func query(text string) []word {
	var out []word
	seen := map[string]bool{}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) }) {
		var stems word
		for _, lang := range []string{"it", "en"} {
			for stem := range publishing.Stems(w, lang) {
				if !slices.Contains(stems, stem) {
					stems = append(stems, stem)
				}
			}
		}
		if len(stems) == 0 || seen[stems[0]] || len(out) == maxWords {
			continue
		}
		seen[stems[0]] = true
		out = append(out, stems)
	}
	return out
}

// hits returns the ids of the publications that have all the words: those that
// have more of them in the title first, then the newest.
func hits(ctx context.Context, tx *db.Tx, institutionID string, words []word) ([]string, error) {
	var rows []string
	args := []any{institutionID}
	for n, w := range words {
		for _, stem := range w {
			args = append(args, db.Number(institutionID, stem))
			rows = append(rows, fmt.Sprintf("(%d, CAST($%d AS BIGINT))", n, len(args)))
		}
	}
	args = append(args, len(words), maxHits)
	type hit struct {
		id, title, lang string
		at              int64
		inTitle         int
	}
	found, err := db.All(ctx, tx, func(s db.Scanner) (h hit, err error) {
		err = s.Scan(&h.id, &h.title, &h.lang, &h.at)
		return h, err
	}, fmt.Sprintf(`
		WITH asked (n, word) AS (VALUES %s),
		found AS (
			SELECT w.publication FROM publication_word w JOIN asked a ON a.word = w.word
			GROUP BY w.publication HAVING count(DISTINCT a.n) = $%d)
		SELECT p.message_id, p.title, p.lang, p.published_at FROM publication p JOIN found f ON f.publication = p.number
		WHERE p.institution_id = $1 AND p.withdrawn_at = 0
		ORDER BY p.published_at DESC, p.message_id DESC LIMIT $%d`, strings.Join(rows, ", "), len(args)-1, len(args)), args...)
	if err != nil {
		return nil, err
	}
	for i, h := range found {
		title := publishing.Stems(h.title, h.lang)
		for _, w := range words {
			if slices.ContainsFunc(w, func(stem string) bool { return title[stem] > 0 }) {
				found[i].inTitle++
			}
		}
	}
	slices.SortStableFunc(found, func(a, b hit) int { return b.inTitle - a.inTitle })
	ids := make([]string, len(found))
	for i, h := range found {
		ids[i] = h.id
	}
	return ids, nil
}

// byIDs returns publications with their texts, in the order of the ids.
func byIDs(ctx context.Context, tx *db.Tx, institutionID string, ids []string) ([]Publication, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args, in := []any{institutionID}, make([]string, len(ids))
	for i, id := range ids {
		args = append(args, id)
		in[i] = fmt.Sprintf("$%d", len(args))
	}
	all, err := db.All(ctx, tx, scanFull, `SELECT `+fullColumns+` FROM publication WHERE institution_id = $1 AND message_id IN (`+strings.Join(in, ", ")+`)`, args...)
	slices.SortFunc(all, func(a, b Publication) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
	return all, err
}

// found is one result with the words marked.
type found struct {
	card
	TitleHTML, Excerpt template.HTML
}

type searchPage struct {
	Query  string
	Words  int // that could find something
	Total  int
	Found  []found
	Paging layout.Paging
	Topics []topic
}

func (s *Site) search(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	n, err := pageNumber(r)
	if err != nil {
		return err
	}
	page := searchPage{Query: cut(strings.Join(strings.Fields(strings.ToValidUTF8(r.URL.Query().Get("q"), "")), " "), maxQuery)}
	words := query(page.Query)
	page.Words = len(words)
	err = s.db.Read(r.Context(), func(tx *db.Tx) error {
		v := &visit{Request: r, tx: tx, i: i, origin: Origin(s.base, i), now: s.clock()}
		if v.profiles, err = institution.Profiles(r.Context(), tx, i.ID); err != nil {
			return err
		}
		return s.find(v, words, n, &page)
	})
	if err != nil {
		return err
	}
	t := s.kit.Printer(r).T
	title := t("site.search.title")
	if page.Query != "" {
		title = t("site.search.title_for", page.Query)
	}
	return s.kit.Render(w, r, http.StatusOK, "site-search", layout.Page{Layout: layout.Site, Content: page, Title: title, Search: page.Query, NoIndex: true,
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}})
}

func (s *Site) find(v *visit, words []word, n int, page *searchPage) (err error) {
	ctx := v.Context()
	if len(words) == 0 {
		page.Topics, err = topics(ctx, v.tx, v.i.ID, 24)
		return err
	}
	ids, err := hits(ctx, v.tx, v.i.ID, words)
	if err != nil {
		return err
	}
	page.Total = len(ids)
	if page.Total == 0 {
		page.Topics, err = topics(ctx, v.tx, v.i.ID, 24)
		return err
	}
	page.Paging = paging("/cerca?q="+url.QueryEscape(page.Query), n, len(ids), perFound)
	ids = ids[min((n-1)*perFound, len(ids)):min(n*perFound, len(ids))]
	all, err := byIDs(ctx, v.tx, v.i.ID, ids)
	for _, p := range all {
		page.Found = append(page.Found, found{card: s.card(v, p), TitleHTML: mark(p.Title, p.Lang, words), Excerpt: mark(excerpt(p.Text, p.Lang, words), p.Lang, words)})
	}
	return err
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

// span is a word of a text, by bytes.
type span struct{ from, to int }

// matches finds the words of a text that a query looks for.
func matches(text, lang string, words []word) []span {
	var out []span
	look := func(from, to int) {
		for stem := range publishing.Stems(text[from:to], lang) {
			for _, w := range words {
				if slices.Contains(w, stem) {
					out = append(out, span{from, to})
					return
				}
			}
		}
	}
	from := -1
	for i, r := range text {
		if in := unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mn, r); in && from < 0 {
			from = i
		} else if !in && from >= 0 {
			look(from, i)
			from = -1
		}
	}
	if from >= 0 {
		look(from, len(text))
	}
	return out
}

// mark escapes a text and wraps the words that were searched for in <mark>.
func mark(text, lang string, words []word) template.HTML {
	var b strings.Builder
	at := 0
	for _, m := range matches(text, lang, words) {
		b.WriteString(template.HTMLEscapeString(text[at:m.from]))
		b.WriteString("<mark>" + template.HTMLEscapeString(text[m.from:m.to]) + "</mark>")
		at = m.to
	}
	b.WriteString(template.HTMLEscapeString(text[at:]))
	return template.HTML(b.String())
}

// excerpt is about 240 characters of a text around the first word that was found.
func excerpt(text, lang string, words []word) string {
	text = strings.Join(strings.Fields(cut(text, 20_000)), " ")
	start := 0
	if m := matches(text, lang, words); len(m) > 0 && m[0].from > 100 {
		start = strings.LastIndexByte(text[:m[0].from-60], ' ') + 1
	}
	part := publishing.Summary(text[start:], 240)
	if start > 0 {
		part = "… " + part
	}
	return part
}
