package square

import (
	_ "embed"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

//go:embed crowd.toml
var crowdText string

// crowd is the people of the square and what they have to say.
type crowd struct {
	Followers []follower `toml:"follower"`
	Topics    []topic    `toml:"topic"`
	Thanks    topic      `toml:"thanks"`
}

type follower struct {
	ID     string  `toml:"-"`
	Handle string  `toml:"handle"`
	Name   string  `toml:"name"`
	Note   string  `toml:"note"`
	Eager  float64 `toml:"eager"`
	Talks  float64 `toml:"talks"`
}

type topic struct {
	Words []string `toml:"words"`
	Says  []string `toml:"says"`
}

func readCrowd() (crowd, error) {
	var c crowd
	if _, err := toml.Decode(crowdText, &c); err != nil {
		return c, fmt.Errorf("crowd of the simulated square: %w", err)
	}
	for i := range c.Followers {
		c.Followers[i].ID = strconv.Itoa(1001 + i) // far below any account's
	}
	return c, nil
}

// act is one thing that a follower does.
type act string

const (
	like  act = "favourite"
	boost act = "reblog"
	reply act = "mention"
)

// reaction is an act at a moment.
type reaction struct {
	By   *account
	Do   act
	At   time.Time
	Text string // of a reply
	Post *status
	own  string // identifier of a reaction that somebody made by themselves
}

// id orders reactions by time among all identifiers of the square. The low bits
// keep those of the same moment apart.
func (r reaction) id() string {
	if r.own != "" {
		return r.own
	}
	low := chance(r.Post.ID, r.By.ID, string(r.Do)) * (1 << 16)
	return strconv.FormatInt(snowflake(r.At)|int64(low), 10)
}

// chance is a number from 0 to 1 that always follows from the same words.
func chance(words ...string) float64 {
	h := fnv.New64a()
	h.Write([]byte(strings.Join(words, "\x00")))
	// The lowest bits of FNV are poor: mix, as SplitMix64 finishes.
	x := binary.BigEndian.Uint64(h.Sum(nil))
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return float64(x>>11) / (1 << 53)
}

// delay is how long after a post somebody reacts: some within a minute, most
// within hours, the last after a day.
func delay(u float64) time.Duration {
	return 20*time.Second + time.Duration(u*u*u*float64(30*time.Hour))
}

// crowdActs are all that followers will ever do about a status, in order of
// time. What they do follows from the status alone.
func (s *Square) crowdActs(st *status) []reaction {
	if !s.o.Followers || s.outsider(st.Account) || st.Visibility != "public" && st.Visibility != "unlisted" {
		return nil
	}
	var acts []reaction
	for _, f := range s.crowd.Followers {
		if st.Asked != "" && f.ID != st.Asked {
			continue // an answer to one person concerns that person
		}
		who := s.byID(f.ID)
		does := func(do act, odds float64, text string) {
			if chance(st.ID, f.ID, string(do), "odds") < odds {
				at := st.Created.Add(delay(chance(st.ID, f.ID, string(do), "when")))
				acts = append(acts, reaction{By: who, Do: do, At: at, Text: text, Post: st})
			}
		}
		if st.Asked != "" {
			does(like, 0.8, "")
			does(reply, 0.5, pick(s.crowd.Thanks.Says, st.ID, f.ID))
			continue
		}
		does(like, f.Eager*0.8, "")
		does(boost, f.Eager*0.25, "")
		does(reply, f.Talks*0.6, pick(s.crowd.about(st.Text), st.ID, f.ID))
	}
	slices.SortStableFunc(acts, func(a, b reaction) int { return a.At.Compare(b.At) })
	return acts
}

// follower finds a simulated person by id.
func (s *Square) follower(id string) *follower {
	for i := range s.crowd.Followers {
		if s.crowd.Followers[i].ID == id {
			return &s.crowd.Followers[i]
		}
	}
	return nil
}

// about finds what can be said about a text.
func (c crowd) about(text string) []string {
	text = strings.ToLower(text)
	for _, t := range c.Topics {
		if len(t.Words) == 0 || slices.ContainsFunc(t.Words, func(w string) bool { return strings.Contains(text, w) }) {
			return t.Says
		}
	}
	return nil
}

func pick(from []string, seed ...string) string {
	if len(from) == 0 {
		return ""
	}
	return from[int(chance(append(seed, "says")...)*float64(len(from)))]
}

// reactions are what followers and others have done about a status by now.
func (s *Square) reactions(st *status, only act) []reaction {
	now := s.o.Now()
	var done []reaction
	for _, r := range s.crowdActs(st) {
		if r.Do == only && !r.At.After(now) {
			done = append(done, r)
		}
	}
	for _, r := range s.state.Reacted {
		if r.Status == st.ID && r.Do == only {
			done = append(done, reaction{By: s.byID(r.By), Do: r.Do, At: r.At, Post: st, own: r.ID})
		}
	}
	return done
}

// replies are the followers' answers to a status by now.
func (s *Square) replies(st *status) []*status {
	var list []*status
	for _, r := range s.reactions(st, reply) {
		list = append(list, &status{
			ID: r.id(), Account: r.By.ID, Text: "@" + s.byID(st.Account).Handle + " " + r.Text, Language: "it",
			Visibility: "public", ReplyTo: st.ID, Created: r.At,
		})
	}
	return list
}

func (s *Square) reactedBy(do act) handler {
	return func(c caller) (any, *problem) {
		st, p := s.seen(c)
		if p != nil {
			return nil, p
		}
		list := []accountEntity{}
		for _, r := range s.reactions(st, do) {
			list = append(list, s.accountEntity(r.By))
		}
		return list, nil
	}
}

// wanted reads types[] and exclude_types[].
func wanted(p params, do act) bool {
	if only := p.list("types"); len(only) > 0 && !slices.Contains(only, string(do)) {
		return false
	}
	return !slices.Contains(p.list("exclude_types"), string(do))
}
