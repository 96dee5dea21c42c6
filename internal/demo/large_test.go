package demo

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// BenchmarkLargeTown makes of the invented town one with 20,000 messages and 50,000
// conversations, and opens each kind of page forty times, as a citizen and as each
// account, none from memory. It reports the slowest p95 in ms and the largest page in
// KB, and searches the site 400 times for other words: p95 and searches a second.
func BenchmarkLargeTown(b *testing.B) {
	messages, talks, times, words := 20_000, 50_000, 40, 400
	if testing.Short() {
		messages, talks, times, words = 1_000, 1_000, 2, 20 // whether it runs
	}
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(e), func(b *testing.B) {
			w, a := filledOn(b, e)
			l := large{b: b, w: w, a: a}
			visits := l.visits()
			l.grow(messages, talks)
			if err := a.DB.Optimize(b.Context()); err != nil {
				b.Fatal(err)
			}
			if to := os.Getenv("ARENGO_KEEP"); to != "" {
				l.must(a.DB.Snapshot(b.Context(), to))
			}
			for b.Loop() {
				l.measure(visits, times)
				l.search(words)
			}
		})
	}
}

const townHost = "127.0.0.1:8080"

type large struct {
	b *testing.B
	w *town
	a *app.App
}

// visit is a page, and who looks at it.
type visit struct{ who, path, cookie string }

// visits are one page of each kind for a citizen and each account.
func (l large) visits() (all []visit) {
	for _, who := range append([]string{"citizen"}, parts()...) {
		cookie, pages := "", map[string]string{}
		if who != "citizen" {
			cookie = signIn(l.b, l.a.Handler(), townHost, l.w.people[who])
		}
		crawl(l.b, l.a.Handler(), who, townHost, cookie, pages)
		for name := range sample(pages) {
			_, path, _ := strings.Cut(name, townHost)
			all = append(all, visit{who, path, cookie})
		}
	}
	return all
}

func parts() (names []string) {
	for _, s := range allStaff() {
		names = append(names, s.part)
	}
	return names
}

// open opens a page; nothing is kept of an earlier version.
func (l large) open(v visit) (took time.Duration, size int) {
	l.exec(`UPDATE institution SET version = version + 1`)
	return l.look(v)
}

// look opens a page. What is searched for is never kept.
func (l large) look(v visit) (took time.Duration, size int) {
	r := httptest.NewRequest(http.MethodGet, "http://"+townHost+v.path, nil)
	if v.cookie != "" {
		r.Header.Set("Cookie", v.cookie)
	}
	rec := httptest.NewRecorder()
	began := time.Now()
	l.a.Handler().ServeHTTP(rec, r)
	took = time.Since(began)
	if rec.Code != http.StatusOK {
		l.b.Fatalf("%s, for %s: %d", v.path, v.who, rec.Code)
	}
	return took, rec.Body.Len()
}

func (l large) measure(visits []visit, times int) {
	type result struct {
		visit
		p95  time.Duration
		size int
	}
	var all []result
	for _, v := range visits {
		r := result{visit: v}
		var took []time.Duration
		l.open(v)
		for range times {
			d, size := l.open(v)
			took, r.size = append(took, d), size
		}
		r.p95 = p95(took)
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b result) int { return int(b.size - a.size) })
	largest := all[0]
	for _, r := range all[:min(len(all), 8)] {
		l.b.Logf("%4d KB  %s, for %s", r.size>>10, r.path, r.who)
	}
	slices.SortFunc(all, func(a, b result) int { return int(b.p95 - a.p95) })
	for _, r := range all[:min(len(all), 15)] {
		l.b.Logf("%6.1f ms  %s, for %s", ms(r.p95), r.path, r.who)
	}
	l.b.ReportMetric(ms(all[0].p95), "slowest-p95-ms")
	l.b.ReportMetric(float64(largest.size)/1024, "largest-KB")
	l.b.ReportMetric(float64(len(all)), "pages")
}

// search looks for words that the town's texts hold, each once.
func (l large) search(n int) {
	var texts []string
	l.must(l.a.DB.Read(l.b.Context(), func(tx *db.Tx) (err error) {
		texts, err = db.All(l.b.Context(), tx, db.Col[string], `SELECT body_text FROM publication WHERE institution_id = $1 ORDER BY message_id LIMIT 2000`, l.w.cesate.ID)
		return err
	}))
	seen := map[string]bool{}
	for _, w := range strings.Fields(strings.Join(texts, " ")) {
		w = strings.Trim(w, ".,;:!?()«»\"'")
		if len(publishing.Stems(w, "it")) == 1 {
			seen[w] = true
		}
	}
	var took []time.Duration
	all, sum := slices.Sorted(maps.Keys(seen)), time.Duration(0)
	for k := range n { // alone, then two together
		q := all[k%len(all)]
		if k >= len(all) {
			q += " " + all[k*7919%len(all)]
		}
		d, _ := l.look(visit{"citizen", "/cerca?q=" + url.QueryEscape(q), ""})
		took, sum = append(took, d), sum+d
	}
	l.b.ReportMetric(ms(p95(took)), "search-p95-ms")
	l.b.ReportMetric(float64(n)/sum.Seconds(), "searches/s")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func p95(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[(len(all)*95+99)/100-1]
}

func (l large) must(err error) {
	l.b.Helper()
	if err != nil {
		l.b.Fatal(err)
	}
}

func (l large) exec(q string, args ...any) {
	l.b.Helper()
	l.must(l.a.DB.InTx(l.b.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(l.b.Context(), q, args...)
		return err
	}))
}

// How many days earlier each copy is: fifteen years of messages, ten of conversations.
const messageDays, talkDays = 20, 7

// clone is how a table's rows are repeated: which of its columns name something that
// is repeated with them, and which rows are the originals.
type clone struct {
	table, where string
	names        []string
}

// grow repeats what went out, with all that belongs to it, and what was said, until
// there is so much.
func (l large) grow(messages, talks int) {
	out := `institution_id IN (SELECT id FROM institution) AND %s IN (SELECT id FROM message WHERE state = 'out' AND held = '')`
	of := func(column string) string { return fmt.Sprintf(out, column) }
	n := l.repeat(messages, `SELECT count(*) FROM message WHERE state = 'out'`, []clone{
		{"message_version", of("message_id"), []string{"message_id"}},
		{"publication_tag", of("message_id"), []string{"message_id"}},
		{"delivery_event", `delivery_id IN (SELECT id FROM delivery WHERE kind = 'message' AND state = 'out')`, []string{"id", "delivery_id"}},
		{"delivery", `kind = 'message' AND state = 'out'`, []string{"id", "message_id"}},
		{"publication", of("message_id"), []string{"message_id", "slug"}},
		{"message", of("id"), []string{"id"}},
	}, messageDays)
	l.copyWords(n, "publication", of("message_id"), messageDays)
	closed := `%s IN (SELECT id FROM conversation WHERE state = 'closed')`
	talk := func(column string) string { return fmt.Sprintf(closed, column) }
	n = l.repeat(talks, `SELECT count(*) FROM conversation WHERE state = 'closed'`, []clone{
		{"comment", talk("conversation_id"), []string{"id", "conversation_id", "remote_id"}},
		{"conversation_event", talk("conversation_id"), []string{"id", "conversation_id"}},
		{"conversation", talk("id"), []string{"id"}},
	}, talkDays)
	l.copyWords(n, "conversation", talk("id"), talkDays)
}

// repeat brings the rows of tables, which count counts the things of, to so many. The
// table that says which are the originals comes last.
func (l large) repeat(want int, count string, tables []clone, days int) (times int) {
	var have int
	l.must(l.a.DB.Read(l.b.Context(), func(tx *db.Tx) error { return tx.QueryRow(l.b.Context(), count).Scan(&have) }))
	if have == 0 {
		l.b.Fatal("nothing to repeat: ", count)
	}
	n := want/have + 1
	for _, c := range tables {
		l.exec(fmt.Sprintf(`WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %d) `, n) + l.copyRows(c, days))
	}
	return n
}

// copyRows writes each original row once for every k of n: with other names, and so
// many days earlier each.
func (l large) copyRows(c clone, days int) string {
	var columns []string
	l.must(l.a.DB.Read(l.b.Context(), func(tx *db.Tx) error {
		rows, err := tx.Query(l.b.Context(), `SELECT * FROM `+c.table+` LIMIT 0`)
		if err != nil {
			return err
		}
		defer rows.Close()
		columns, err = rows.Columns()
		return err
	}))
	values := slices.Clone(columns)
	for i, name := range columns {
		switch {
		case slices.Contains(c.names, name) && (name == "slug" || name == "remote_id"):
			values[i] = name + ` || '-' || CAST(k AS TEXT)`
		case slices.Contains(c.names, name):
			values[i] = another(name)
		case name == "number":
			values[i] = l.number(c.table, days)
		case strings.HasSuffix(name, "_at") || name == "at" || name == "event_start" || name == "event_end":
			values[i] = fmt.Sprintf(`CASE WHEN %[1]s > 0 THEN %[1]s - CAST(k AS BIGINT) * %[2]d ELSE 0 END`, name, 24*time.Hour.Microseconds()*int64(days))
		}
	}
	return `INSERT INTO ` + c.table + ` (` + strings.Join(columns, ", ") + `) SELECT ` + strings.Join(values, ", ") + ` FROM ` + c.table + ` CROSS JOIN n WHERE ` + c.where
}

// another is the name of the k-th copy: still a UUID.
func another(column string) string {
	return `substr(` + column + `, 1, 29) || CAST(1000000 + k AS TEXT)`
}

// number is that of the k-th copy, as publishing and inbox give it.
func (l large) number(table string, days int) string {
	if table == "publication" {
		return fmt.Sprintf(`number - CAST(k AS BIGINT) * %d`, 4096*24*time.Hour.Microseconds()*int64(days))
	}
	id := `institution_id || ' ' || ` + another("id")
	if l.a.DB.Engine == db.SQLite {
		return `number_of(` + id + `)`
	}
	return `('x' || encode(substring(sha256(convert_to(` + id + `, 'UTF8')) FROM 1 FOR 8), 'hex'))::bit(64)::bigint & 9223372036854775807`
}

// copyWords gives the copies the words of their originals, which alone have some yet.
func (l large) copyWords(n int, item, where string, days int) {
	l.exec(fmt.Sprintf(`
		WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %d)
		INSERT INTO %[2]s_word (word, %[2]s) SELECT w.word, %[3]s
		FROM %[2]s_word w JOIN %[2]s ON number = w.%[2]s CROSS JOIN n WHERE `+where, n, item, l.number(item, days)))
}
