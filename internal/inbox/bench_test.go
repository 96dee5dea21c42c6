package inbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// crowd is an institution with many conversations, put in row by row.
type crowd struct {
	institution, person, office string
	now                         time.Time
}

// newCrowd makes n conversations: nine in ten are closed, one in twenty private;
// each has a comment, which is indexed under ten words, some rare, some common.
func newCrowd(t testing.TB, d *db.DB, n int) crowd {
	t.Helper()
	ctx := t.Context()
	w := crowd{now: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC), person: db.NewID(), office: db.NewID()}
	err := d.InTx(ctx, func(tx *db.Tx) error {
		i, err := institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now)
		if err != nil {
			return err
		}
		w.institution = i.ID
		for start := 0; start < n; start += 1000 {
			if err := w.insert(ctx, tx, start, min(start+1000, n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.Engine == db.Postgres {
		if err := d.InTx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, `ANALYZE`); return err }); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func (w crowd) insert(ctx context.Context, tx *db.Tx, from, to int) error {
	var authors, talks, words, stems []string
	base := db.At(w.now.AddDate(-1, 0, 0))
	for i := from; i < to; i++ {
		id, author, at := fmt.Sprintf("c%07d", i), fmt.Sprintf("a%05d", i%20_000), base+int64(i)*200_000_000
		state, waiting, due := "closed", "FALSE", int64(0)
		if i%10 == 0 {
			state, waiting = "open", "TRUE"
			if i%20 == 0 {
				due = at + 3600_000_000
			}
		}
		if i < 20_000 {
			authors = append(authors, fmt.Sprintf("('%s', '%s', 'mastodon', '%s', '@%s@square.example', 'Anna', 1)", w.institution, author, author, author))
		}
		office, person := "", ""
		if i%3 == 0 {
			office, person = w.office, w.person
		}
		talks = append(talks, fmt.Sprintf("('%s', '%s', %d, 'p%d', 'ch%d', 'mastodon', 'm%d', '%s', %t, 'Quanto costa la mensa?', '%s', %s, 1, '%s', '%s', %d, %d, %d, %d)",
			w.institution, id, db.Number(w.institution, id), i%5, i%7, i%900, author, i%20 == 7, state, waiting, office, person, due, at, at, closedAt(state, at)))
		words = append(words, fmt.Sprintf("('%s', 'w%s', '%s', 'ch%d', 'r%d', '%s', 'Quanto costa la mensa della scuola di via Roma numero %d?', %d, %d, %t)",
			w.institution, id, id, i%7, i, author, i, at, at, i%5000 == 0))
		for _, s := range []string{"mens", "scuol", fmt.Sprint("via", i%50), fmt.Sprint("raro", i%5000), fmt.Sprint("n", i), "rom", "cost", fmt.Sprint("x", i%3), fmt.Sprint("y", i%300), "quant"} {
			stems = append(stems, fmt.Sprintf("(%d, %d)", db.Number(w.institution, s), db.Number(w.institution, id)))
		}
	}
	for _, rows := range []struct {
		into   string
		values []string
	}{
		{`author (institution_id, id, platform, remote_id, handle, name, created_at)`, authors},
		{`conversation (institution_id, id, number, profile_id, channel_id, platform, message_id, author_id, private, subject, state, waiting, comments, office_id, person_id, due_at, first_at, last_at, closed_at)`, talks},
		{`comment (institution_id, id, conversation_id, channel_id, remote_id, author_id, text, said_at, received_at, held)`, words},
		{`conversation_word (word, conversation)`, stems},
	} {
		if len(rows.values) == 0 {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO `+rows.into+` VALUES `+strings.Join(rows.values, ", ")); err != nil {
			return err
		}
	}
	return nil
}

func closedAt(state string, at int64) int64 {
	if state == "closed" {
		return at
	}
	return 0
}

// filters are the lists that people look at.
func (w crowd) filters() map[string]Filter {
	middle := Cursor{At: w.now.AddDate(0, -6, 0), ID: "c0050000"}
	return map[string]Filter{
		"all":            {},
		"public waiting": {Public: true, Waiting: true},
		"private":        {Private: true},
		"overdue":        {Public: true, Overdue: true},
		"mine":           {State: Open, PersonID: w.person},
		"office":         {OfficeID: w.office, Public: true},
		"no office":      {OfficeID: NoOffice, Waiting: true},
		"closed":         {State: Closed, Public: true},
		"oldest":         {Sort: Oldest},
		"deadline":       {Sort: Deadline, Public: true},
		"held":           {Held: true, Public: true},
		"to approve":     {ToApprove: true},
		"unsent":         {Unsent: true},
		"message":        {MessageID: "m7"},
		"profile":        {ProfileID: "p3", Waiting: true},
		"author":         {AuthorID: "a00077"},
		"channel":        {ChannelID: "ch2", State: Closed},
		"nothing there":  {Public: true, Platform: channel.Bluesky},
		"common words":   {Text: "mensa scuola"},
		"rare word":      {Text: "raro77", Public: true},
		"one in a crowd": {Text: "mensa n4711"},
		"no such word":   {Text: "zanzariera"},
		"deep page":      {Before: middle, Public: true},
		"deep search":    {Before: middle, Text: "mensa via7"},
	}
}

// BenchmarkList reads the page of the inbox, counts and rows, at 100,000
// conversations. The figure asked for is a 95th percentile under 100 ms, with a
// number of queries that does not depend on what is in it.
func BenchmarkList(b *testing.B) {
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(engine), func(b *testing.B) {
			d := testkit.Open(b, testkit.Address(b, engine))
			n := 100_000
			if testing.Short() {
				n = 5_000 // whether it runs; the figure needs them all
			}
			w := newCrowd(b, d, n)
			for name, f := range w.filters() {
				b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
					var took []time.Duration
					var queries int64
					for b.Loop() {
						ctx, n := db.CountQueries(b.Context())
						begin := time.Now()
						if err := d.Read(ctx, func(tx *db.Tx) error {
							if _, err := CountAll(ctx, tx, w.institution, w.person, w.now); err != nil {
								return err
							}
							_, err := List(ctx, tx, w.institution, f, w.now)
							return err
						}); err != nil {
							b.Fatal(err)
						}
						took = append(took, time.Since(begin))
						queries = n.Load()
					}
					slices.Sort(took)
					p95 := took[len(took)*95/100]
					b.ReportMetric(float64(p95.Microseconds())/1000, "p95-ms")
					b.ReportMetric(float64(queries), "queries")
					// A plan that reads everything shows on any machine; a busy one only
					// stretches the tail. With few conversations there is nothing to show.
					if median := took[len(took)/2]; !testing.Short() && median > 100*time.Millisecond {
						b.Errorf("the median is %s", median)
					}
					if queries != 2 && f.Text == "" || queries > 3 {
						b.Errorf("%d queries", queries)
					}
				})
			}
		})
	}
}

func TestListAndThreadTakeAFixedNumberOfQueries(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.message("post-1")
		cost := func() (list, counts, thread int64) {
			rows := w.list(Filter{})
			for _, m := range []struct {
				into *int64
				do   func(context.Context, *db.Tx) error
			}{
				{&list, func(ctx context.Context, tx *db.Tx) error {
					_, err := List(ctx, tx, w.inst.ID, Filter{Public: true, Text: "testo"}, w.now)
					return err
				}},
				{&counts, func(ctx context.Context, tx *db.Tx) error {
					_, err := CountAll(ctx, tx, w.inst.ID, "p", w.now)
					return err
				}},
				{&thread, func(ctx context.Context, tx *db.Tx) error {
					_, err := w.inbox.Thread(ctx, tx, w.inst.ID, rows[0].ID, w.now)
					return err
				}},
			} {
				ctx, n := db.CountQueries(t.Context())
				if err := d.Read(ctx, func(tx *db.Tx) error { return m.do(ctx, tx) }); err != nil {
					t.Fatal(err)
				}
				*m.into = n.Load()
			}
			return list, counts, thread
		}
		w.hear(w.says("anna", "x0", "post-1", "Testo", 1))
		l1, c1, t1 := cost()
		for i := range 40 {
			w.hear(w.says(fmt.Sprint("tizio", i), fmt.Sprint("x", i+1), "x0", "Testo", i), w.says("anna", fmt.Sprint("y", i), "post-1", "Testo", i))
		}
		l2, c2, t2 := cost()
		if l1 != 2 || c1 != 1 || l2 != l1 || c2 != c1 || t2 != t1 {
			t.Fatalf("list %d→%d, counts %d→%d, thread %d→%d", l1, l2, c1, c2, t1, t2)
		}
	})
}

func TestCountsAgreeWithLists(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newCrowd(t, d, 400)
		ctx := t.Context()
		if err := d.Read(ctx, func(tx *db.Tx) error {
			n, err := CountAll(ctx, tx, w.institution, w.person, w.now)
			if err != nil {
				return err
			}
			for _, c := range []struct {
				name string
				got  int
				f    Filter
			}{
				{"public waiting", n.Public.Waiting, Filter{Public: true, Waiting: true}},
				{"public overdue", n.Public.Overdue, Filter{Public: true, Overdue: true}},
				{"public mine", n.Public.Mine, Filter{Public: true, State: Open, PersonID: w.person}},
				{"public held", n.Public.Held, Filter{Public: true, Held: true}},
				{"private", n.Private.All, Filter{Private: true}},
				{"private closed", n.Private.Closed, Filter{Private: true, State: Closed}},
			} {
				f, seen := c.f, map[string]bool{}
				f.Limit = 7
				for {
					rows, err := List(ctx, tx, w.institution, f, w.now)
					if err != nil {
						return err
					}
					if len(rows) == 0 {
						break
					}
					for _, r := range rows {
						if seen[r.ID] {
							t.Fatalf("%s: %s is on two pages", c.name, r.ID)
						}
						seen[r.ID] = true
					}
					f.Before = rows[len(rows)-1].After(f.Sort)
				}
				if len(seen) != c.got || c.got == 0 && c.name != "private closed" {
					t.Errorf("%s: counted %d, listed %d", c.name, c.got, len(seen))
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// BenchmarkHear hears comments of 200 characters, each of another citizen about
// another thing, twenty at a time. It reports how many bytes of the database such a
// conversation takes.
func BenchmarkHear(b *testing.B) {
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(e), func(b *testing.B) {
			w := newTown(b, testkit.Open(b, testkit.Address(b, e)))
			w.message("post-1")
			before, n := testkit.Size(b, w.db), 0
			for b.Loop() {
				var said []channel.Said
				for range 20 {
					n++
					said = append(said, w.says(fmt.Sprint("citizen", n), fmt.Sprint("c", n), "post-1",
						fmt.Sprintf("Buongiorno, in via %d il lampione numero %d è spento da giorni: quando viene riparato? Di sera i ragazzi tornano da scuola al buio, e con la pioggia non si vede la buca davanti al cancello. Grazie, cordiali saluti", n%97, n), n))
				}
				w.hear(said...)
			}
			b.ReportMetric(float64(testkit.Size(b, w.db)-before)/float64(n), "B/conversation")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "conversations/s")
		})
	}
}
