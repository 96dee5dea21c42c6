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
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

const (
	maxQuery = 200  // characters that are read of what somebody searches for
	maxWords = 12   // words beyond are left out
	maxHits  = 1000 // the newest hits that are ranked
	rareWord = 2000 // more publications than these need not be counted
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

// hits returns the numbers of the newest publications that have all the words: those
// that have more of them in the title first, then the newest.
//
// It reads the publications that have the rarest word, the newest first, and looks
// each up under the others.
func hits(ctx context.Context, tx *db.Tx, institutionID string, words []word) ([]int64, error) {
	asked, err := rarestFirst(ctx, tx, institutionID, words)
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	args := []any{maxHits}
	in := func(forms []int64) string {
		marks := make([]string, len(forms))
		for i, n := range forms {
			args = append(args, n)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		return strings.Join(marks, ", ")
	}
	q := `SELECT f.publication FROM publication_word f WHERE f.word IN (` + in(asked[0]) + `)`
	if len(asked[0]) > 1 { // of a publication with two forms of it, one row
		q = strings.Replace(q, "SELECT", "SELECT DISTINCT", 1)
	}
	for _, forms := range asked[1:] {
		// It counts: asked with EXISTS, PostgreSQL would read all publications that have a
		// common word in order to ask a few.
		q += ` AND (SELECT count(*) FROM (SELECT 1 FROM publication_word w WHERE w.word IN (` + in(forms) + `) AND w.publication = f.publication LIMIT 1) AS one) > 0`
	}
	found, err := db.All(ctx, tx, db.Col[int64], q+` ORDER BY f.publication DESC LIMIT $1`, args...)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	titles, err := inTitles(ctx, tx, institutionID, words, found[len(found)-1])
	slices.SortStableFunc(found, func(a, b int64) int { return titles[b] - titles[a] })
	return found, err
}

// rarestFirst are the words as the numbers of those forms that there are, the word that
// fewest publications have first; nothing when there is none for one of them.
func rarestFirst(ctx context.Context, tx *db.Tx, institutionID string, words []word) ([][]int64, error) {
	var columns []string
	var args []any
	for _, w := range words {
		for _, stem := range w {
			args = append(args, db.Number(institutionID, stem))
			columns = append(columns, fmt.Sprintf(`(SELECT count(*) FROM (SELECT 1 FROM publication_word WHERE word = $%d LIMIT %d) AS n)`, len(args), rareWord))
		}
	}
	counts, into := make([]int, len(columns)), make([]any, len(columns))
	for i := range counts {
		into[i] = &counts[i]
	}
	if err := tx.QueryRow(ctx, "SELECT "+strings.Join(columns, ", "), args...).Scan(into...); err != nil {
		return nil, err
	}
	type asked struct {
		forms []int64
		n     int
	}
	var all []asked
	for _, w := range words {
		var a asked
		for _, stem := range w {
			if counts[0] > 0 {
				a.forms, a.n = append(a.forms, db.Number(institutionID, stem)), a.n+counts[0]
			}
			counts = counts[1:]
		}
		if a.n == 0 {
			return nil, nil
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b asked) int { return a.n - b.n })
	forms := make([][]int64, len(all))
	for i, a := range all {
		forms[i] = a.forms
	}
	return forms, nil
}

// inTitles counts the words in the titles of publications, from a number on.
func inTitles(ctx context.Context, tx *db.Tx, institutionID string, words []word, from int64) (map[int64]int, error) {
	args, marks, which := []any{from}, []string{}, map[int64]int{}
	for n, w := range words {
		for _, stem := range w {
			number := publishing.TitleWord(institutionID, stem)
			which[number] = n
			args = append(args, number)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
	}
	titles, last := map[int64]int{}, map[int64]int{}
	_, err := db.All(ctx, tx, func(s db.Scanner) (x struct{}, err error) {
		var word, publication int64
		err = s.Scan(&word, &publication)
		if n := which[word] + 1; last[publication] != n { // else another form of the same
			titles[publication]++
			last[publication] = n
		}
		return x, err
	}, `SELECT word, publication FROM publication_word WHERE word IN (`+strings.Join(marks, ", ")+`) AND publication >= $1`, args...)
	return titles, err
}

// byNumbers returns publications with their texts, in the order of the numbers.
func byNumbers(ctx context.Context, tx *db.Tx, institutionID string, numbers []int64) ([]Publication, error) {
	args, in := []any{institutionID}, make([]string, len(numbers))
	for i, n := range numbers {
		args = append(args, n)
		in[i] = fmt.Sprintf("$%d", len(args))
	}
	where := ` FROM publication WHERE institution_id = $1 AND number IN (` + strings.Join(in, ", ") + `)`
	order := map[string]int{}
	if _, err := db.All(ctx, tx, func(s db.Scanner) (n int64, err error) {
		var id string
		err = s.Scan(&id, &n)
		order[id] = slices.Index(numbers, n)
		return n, err
	}, `SELECT message_id, number`+where, args...); err != nil {
		return nil, err
	}
	all, err := db.All(ctx, tx, scanFull, `SELECT `+fullColumns+where, args...)
	slices.SortFunc(all, func(a, b Publication) int { return order[a.ID] - order[b.ID] })
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
	leave, err := s.enterSearch(r, len(words))
	if err != nil {
		return err
	}
	defer leave()
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

// enterSearch waits for room: whoever searches without end must leave the other pages
// their part of the machine. Fault: Unavailable.
func (s *Site) enterSearch(r *http.Request, words int) (leave func(), err error) {
	if words == 0 {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit.SearchWait.For())
	defer cancel()
	if leave, err = s.searches.Wait(ctx, web.From(r), 1); err != nil {
		return nil, fault.New(fault.Unavailable, "site.search.busy").Because(err)
	}
	return leave, nil
}

func (s *Site) find(v *visit, words []word, n int, page *searchPage) (err error) {
	ctx := v.Context()
	if len(words) == 0 {
		page.Topics, err = s.book.read(ctx, v.tx, v.i.ID, 24)
		return err
	}
	numbers, err := hits(ctx, v.tx, v.i.ID, words)
	if err != nil {
		return err
	}
	page.Total = len(numbers)
	if page.Total == 0 {
		page.Topics, err = s.book.read(ctx, v.tx, v.i.ID, 24)
		return err
	}
	page.Paging = paging("/cerca?q="+url.QueryEscape(page.Query), n, page.Total, perFound)
	numbers = numbers[min((n-1)*perFound, page.Total):min(n*perFound, page.Total)]
	all, err := byNumbers(ctx, v.tx, v.i.ID, numbers)
	m := newMatcher(words)
	for _, p := range all {
		page.Found = append(page.Found, found{card: s.card(v, p), TitleHTML: m.mark(p.Title, p.Lang), Excerpt: m.mark(m.excerpt(p.Text, p.Lang), p.Lang)})
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

// matcher finds the words of texts that a query looks for. It remembers those that it
// has seen: texts repeat them, and to find a stem is dear.
type matcher struct {
	words []word
	seen  map[string]bool // by language and word
}

func newMatcher(words []word) *matcher { return &matcher{words, map[string]bool{}} }

func (m *matcher) matches(lang, text string) bool {
	key := lang + " " + text
	is, known := m.seen[key]
	if known {
		return is
	}
	for stem := range publishing.Stems(text, lang) {
		if slices.ContainsFunc(m.words, func(w word) bool { return slices.Contains(w, stem) }) {
			is = true
		}
	}
	m.seen[key] = is
	return is
}

// in finds at most n words of a text.
func (m *matcher) in(text, lang string, n int) (out []span) {
	from := -1
	look := func(to int) {
		if m.matches(lang, text[from:to]) {
			out = append(out, span{from, to})
		}
		from = -1
	}
	for i, r := range text {
		if len(out) == n {
			return out
		}
		if in := unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Mn, r); in && from < 0 {
			from = i
		} else if !in && from >= 0 {
			look(i)
		}
	}
	if from >= 0 {
		look(len(text))
	}
	return out
}

// mark escapes a text and wraps the words that were searched for in <mark>.
func (m *matcher) mark(text, lang string) template.HTML {
	var b strings.Builder
	at := 0
	for _, s := range m.in(text, lang, len(text)) {
		b.WriteString(template.HTMLEscapeString(text[at:s.from]))
		b.WriteString("<mark>" + template.HTMLEscapeString(text[s.from:s.to]) + "</mark>")
		at = s.to
	}
	b.WriteString(template.HTMLEscapeString(text[at:]))
	return template.HTML(b.String())
}

// excerpt is about 240 characters of a text around the first word that was found.
func (m *matcher) excerpt(text, lang string) string {
	text = strings.Join(strings.Fields(cut(text, 20_000)), " ")
	start := 0
	if first := m.in(text, lang, 1); len(first) > 0 && first[0].from > 100 {
		start = strings.LastIndexByte(text[:first[0].from-60], ' ') + 1
	}
	part := publishing.Summary(text[start:], 240)
	if start > 0 {
		part = "… " + part
	}
	return part
}
