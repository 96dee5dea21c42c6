package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// judge compares what the ledger says with what the far sides have.
func (c *crash) judge(ids []string) {
	platform := map[string]string{}
	for name, id := range c.channels {
		platform[id] = name
	}
	seen, strays := c.truth(), c.strays()
	states := map[string]map[string]int{}
	for i, id := range ids {
		title := fmt.Sprintf("Avviso numero %d", i+1)
		var ds struct{ Items []delivered }
		c.call(http.MethodGet, "/messages/"+id+"/deliveries", nil, &ds)
		if len(ds.Items) != len(c.channels) {
			c.t.Errorf("%s: %d deliveries, want %d", title, len(ds.Items), len(c.channels))
		}
		for _, d := range ds.Items {
			name := platform[d.ChannelID]
			if states[name] == nil {
				states[name] = map[string]int{}
			}
			states[name][d.State]++
			n := seen[name][title]
			switch {
			case n > 1+strays[id+" "+d.ChannelID]:
				c.t.Errorf("%s is on %s %d times, and %d tasks name a copy that is too much", title, name, n, strays[id+" "+d.ChannelID])
			case d.State == "out" && n == 0 && name != "email":
				c.t.Errorf("%s: the ledger says out, %s has it %d times", title, name, n)
			case d.State == "out" && name != "email" && d.URL == "":
				c.t.Errorf("%s: out on %s without its address", title, name)
			case d.State != "out" && d.State != "unconfirmed":
				c.t.Errorf("%s on %s ended %s (%s)", title, name, d.State, d.Code)
			}
		}
	}
	c.judgeMail()
	c.t.Logf("ended: %v, second copies named: %v", states, strays)
	if c.t.Failed() {
		c.explain()
	}
}

// explain logs what is needed to understand a failed run: what is open, what the
// queue holds, what the servers said.
func (c *crash) explain() {
	for _, q := range []string{
		`SELECT state || ' ' || error_code || ' lease until ' || CAST(lease_until - $1 AS TEXT) || ' next ' || CAST(next_at - $1 AS TEXT) || ' attempts ' || CAST(attempts AS TEXT), count(*)
			FROM delivery WHERE state IN ('waiting', 'attempting') GROUP BY 1`,
		`SELECT kind || ' ' || CAST(state AS TEXT) || CASE WHEN $1 > 0 THEN '' ELSE '' END, count(*) FROM river_job GROUP BY 1`,
	} {
		c.query(func(tx *db.Tx) error {
			rows, err := db.All(c.t.Context(), tx, func(s db.Scanner) (line string, err error) {
				var what string
				var n int
				err = s.Scan(&what, &n)
				return fmt.Sprintf("%6d %s", n, what), err
			}, q, db.At(time.Now()))
			c.t.Logf("%s\n%v", strings.Join(rows, "\n"), err)
			return nil
		})
	}
	for _, n := range c.nodes {
		text, _ := os.ReadFile(n.log.Name())
		c.t.Logf("log of %s:\n%s", n.listen, tail(text, 6000))
	}
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// truth counts, for each platform, how often each title is there.
func (c *crash) truth() map[string]map[string]int {
	seen := map[string]map[string]int{"mastodon": {}, "gotosocial": {}, "telegram": {}, "bluesky": {}}
	count := func(name, text string) {
		first, _, _ := strings.Cut(text, "\n")
		seen[name][strings.TrimSpace(first)]++
	}
	for _, a := range c.square.Accepted() {
		count("mastodon", a.Text)
	}
	for _, a := range c.social.Accepted() {
		count("gotosocial", a.Text)
	}
	for _, m := range c.telegram.Accepted() {
		count("telegram", m.Text)
	}
	for _, r := range c.pds.Posts(c.t, c.account.DID) {
		var post struct{ Text string }
		if err := json.Unmarshal(r.Value, &post); err != nil {
			c.t.Fatal(err)
		}
		count("bluesky", post.Text)
	}
	return seen
}

// strays counts the tasks that name a copy too much, by what it brings and channel.
func (c *crash) strays() map[string]int {
	all := map[string]int{}
	c.query(func(tx *db.Tx) error {
		_, err := db.All(c.t.Context(), tx, func(s db.Scanner) (of string, err error) {
			var ch string
			err = s.Scan(&of, &ch)
			all[of+" "+ch]++
			return of, err
		}, `SELECT message_id, channel_id FROM task WHERE kind = 'stray' AND done_at = 0`)
		return err
	})
	return all
}
