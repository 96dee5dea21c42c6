package bluesky

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/fetch"
)

const citizen = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"

// feed is an AppView that shows what it is given, newest first, like the real one:
// sorted by the moment that each thing claims. See people_test.go for the real one.
type feed struct {
	notes []map[string]any // oldest first
	asked int
}

func (f *feed) add(n int, at time.Time) {
	f.notes = append(f.notes, map[string]any{
		"uri": fmt.Sprintf("at://%s/app.bsky.feed.post/n%d", citizen, n), "cid": "bafy", "reason": "reply", "indexedAt": at.Format(time.RFC3339Nano),
		"author": map[string]string{"did": citizen, "handle": "anna.test"}, "record": map[string]any{"text": fmt.Sprint("n", n), "reply": map[string]any{"parent": map[string]string{"uri": "x"}}},
	})
}

func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "listRecords") {
		w.Write([]byte(`{"records":[]}`))
		return
	}
	f.asked++
	end := len(f.notes)
	if c := r.URL.Query().Get("cursor"); c != "" {
		end, _ = strconv.Atoi(c)
	}
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	begin := max(end-limit, 0)
	page := map[string]any{"notifications": []any{}}
	list := []any{}
	for i := end - 1; i >= begin; i-- {
		list = append(list, f.notes[i])
	}
	page["notifications"] = list
	if begin > 0 {
		page["cursor"] = strconv.Itoa(begin)
	}
	json.NewEncoder(w).Encode(page)
}

// ears listens to a feed, call after call.
type ears struct {
	*testing.T
	adapter *Adapter
	account channel.Account
	cursor  json.RawMessage
}

func listenTo(t *testing.T, h http.Handler) *ears {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	secret := json.RawMessage(`{"did":"did:plc:bbbbbbbbbbbbbbbbbbbbbbbb","access":"a","refresh":"r"}`)
	return &ears{T: t, adapter: New(fetch.New(fetch.Options{AllowLoopback: true}), Options{}), account: channel.Account{Server: s.URL, Handle: "@comune.test", Secret: secret}}
}

func (e *ears) listen() (texts []string, calls int) {
	e.Helper()
	for calls = 1; ; calls++ {
		h, err := e.adapter.Listen(e.Context(), e.account, e.cursor)
		if err != nil {
			e.Fatal(err)
		}
		e.cursor = h.Cursor
		for _, s := range h.Said {
			texts = append(texts, s.Text)
		}
		if !h.More {
			return texts, calls
		}
	}
}

func TestFloodIsHeardWholeInSeveralCalls(t *testing.T) {
	f := &feed{}
	now := time.Now().UTC().Truncate(time.Second)
	f.add(-1, now.Add(-time.Hour))
	e := listenTo(t, f)
	e.listen()
	const flood = 2*maxPages*pageSize + 250
	for n := range flood {
		f.add(n, now.Add(time.Duration(n)*time.Millisecond))
	}
	texts, calls := e.listen()
	heard := map[string]int{}
	for _, x := range texts {
		heard[x]++
	}
	for n := range flood {
		if heard[fmt.Sprint("n", n)] != 1 {
			t.Fatalf("n%d was heard %d times among %d things in %d calls", n, heard[fmt.Sprint("n", n)], len(texts), calls)
		}
	}
	if calls < 3 {
		t.Errorf("%d calls: the flood was no flood", calls)
	}
	if len(e.cursor) > 64<<10 {
		t.Errorf("the cursor has %d bytes", len(e.cursor))
	}
}

// A phone whose clock is slow, or a bridge that copies from elsewhere: what is new
// stands behind what was heard.
func TestNotificationThatClaimsToBeOlderIsHeard(t *testing.T) {
	f := &feed{}
	now := time.Now().UTC().Truncate(time.Second)
	f.add(1, now.Add(-20*time.Minute))
	f.add(3, now)
	e := listenTo(t, f)
	e.listen()
	f.add(2, now.Add(-10*time.Minute))
	f.notes[1], f.notes[2] = f.notes[2], f.notes[1]
	if texts, _ := e.listen(); len(texts) != 1 || texts[0] != "n2" {
		t.Errorf("heard %q", texts)
	}
	if texts, _ := e.listen(); len(texts) != 0 {
		t.Errorf("told twice: %q", texts)
	}
}

func TestSpoiltNotificationsArePassedOver(t *testing.T) {
	f := &feed{}
	now := time.Now().UTC()
	f.notes = append(f.notes, map[string]any{"uri": 7}, map[string]any{"uri": "at://x", "reason": "reply", "indexedAt": now.Format(time.RFC3339), "record": "no record"},
		map[string]any{"uri": "at://y", "reason": "starterpack-joined", "indexedAt": now.Format(time.RFC3339)}, map[string]any{"uri": "at://z", "indexedAt": "ieri"})
	f.add(1, now)
	if texts, _ := listenTo(t, f).listen(); len(texts) != 1 || texts[0] != "n1" {
		t.Errorf("heard %q", texts)
	}
}

func FuzzComment(f *testing.F) {
	f.Add(`{"text":"ciao","reply":{"parent":{"uri":"at://did:plc:x/app.bsky.feed.post/1"}},"embed":{"images":[{"alt":"x","image":{"ref":{"$link":"b"}}}]}}`)
	f.Add(`{"text":7}`)
	f.Add(`{"embed":{"record":{"record":{"uri":"x"}}},"langs":["` + strings.Repeat("x", 100) + `"]}`)
	a := New(fetch.New(fetch.Options{}), Options{})
	f.Fuzz(func(t *testing.T, record string) {
		s, ok := a.hear(notification{URI: "at://did:plc:x/app.bsky.feed.post/1", Reason: "quote", Record: json.RawMessage(record), Author: profile{DID: citizen}})
		if ok && (s.ID == "" || s.Author.ID == "" || len(s.Text) > channel.MaxSaid || len(s.Media) > channel.MaxSaidMedia || !json.Valid(s.Refs)) {
			t.Fatalf("%+v", s)
		}
	})
}
