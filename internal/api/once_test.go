package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/api/apitest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func (s *server) keyed(t *testing.T, key string) *apitest.Client {
	t.Helper()
	return apitest.New(t, s, "token-writer").With("Idempotency-Key", key)
}

func TestRepeatedRequestIsDoneOnceAndAnsweredTheSame(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newServer(t, d)
		c := s.keyed(t, "k1")
		first := c.JSON("POST", "/notes/one", full)
		again := c.JSON("POST", "/notes/one", full)
		if first.Status != 201 || again.Status != 201 || string(first.Raw) != string(again.Raw) {
			t.Errorf("first %d %s, again %d %s", first.Status, first.Raw, again.Status, again.Raw)
		}
		if first.Header.Get("Idempotency-Replayed") != "" || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Error("Idempotency-Replayed must mark the repetition only")
		}
		if n := s.count(t, "one"); n != 1 {
			t.Errorf("done %d times, want once", n)
		}
		if a := c.JSON("POST", "/notes/one", map[string]any{"name": "y"}); a.Status != 409 {
			t.Errorf("another body with the same key: %d, want 409", a.Status)
		}
		if a := c.JSON("POST", "/notes/two", full); a.Status != 409 || s.count(t, "two") != 0 {
			t.Errorf("another path with the same key: %d, want 409 and no effect", a.Status)
		}
		other := apitest.New(t, s, "token-approver").With("Idempotency-Key", "k1")
		if a := other.JSON("POST", "/notes/one", full); a.Status != 201 || s.count(t, "one") != 2 {
			t.Errorf("the same key of another token: %d, want its own effect", a.Status)
		}
	})
}

func TestSimultaneousRepetitionsAreDoneOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newServer(t, d)
		c := s.keyed(t, "k")
		var wg sync.WaitGroup
		answers := make([]apitest.Answer, 8)
		for i := range answers {
			wg.Go(func() { answers[i] = c.JSON("POST", "/notes/one", full) })
		}
		wg.Wait()
		for _, a := range answers {
			if a.Status != 201 || string(a.Raw) != string(answers[0].Raw) {
				t.Errorf("%d %s", a.Status, a.Raw)
			}
		}
		if n := s.count(t, "one"); n != 1 {
			t.Errorf("done %d times, want once", n)
		}
	})
}

func TestFaultChangesNothingAndFreesTheKey(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newServer(t, d)
		c := s.keyed(t, "k")
		for range 2 {
			if a := c.JSON("POST", "/notes/one", `{"name":"refused"}`); a.Status != 422 || s.count(t, "one") != 0 {
				t.Errorf("%d, written %d times", a.Status, s.count(t, "one"))
			}
		}
		if a := c.JSON("POST", "/notes/one", full); a.Status != 201 {
			t.Errorf("corrected request with the same key: %d", a.Status)
		}
	})
}

func TestKeyWithSpacesOrTooLongIsRefused(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	for _, key := range []string{"a b", strings.Repeat("x", 201), "è"} {
		if a := s.keyed(t, key).JSON("POST", "/notes/one", full); a.Status != 422 {
			t.Errorf("key %.10q: %d", key, a.Status)
		}
	}
}

// die is a step that does its work, if any, and then fails as a process that
// loses its machine would: without a record of what happened.
func (s *server) die(write bool) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		if write {
			if err := s.db.InTx(ctx, func(tx *db.Tx) error { return add(ctx, tx, name) }); err != nil {
				return err
			}
		}
		panic(http.ErrAbortHandler)
	}
}

// crash calls a route whose step dies, and swallows the broken connection.
func crash(c *apitest.Client, path string) {
	defer func() { _ = recover() }()
	c.JSON("POST", path, full)
}

func TestLostOutcomeIsNeverRepeatedBlindly(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newServer(t, d)
		c := s.keyed(t, "k")
		s.do = s.die(true)
		crash(c, "/steps")
		if a := c.JSON("POST", "/steps", full); a.Status != 409 || !strings.Contains(a.Field("detail"), "in corso") {
			t.Errorf("while it may still be under way: %d %s", a.Status, a.Raw)
		}
		s.pass(3 * time.Minute)
		if a := c.JSON("POST", "/steps", full); a.Status != 409 || !strings.Contains(a.Field("detail"), "Non si sa") {
			t.Errorf("after the lease: %d %s", a.Status, a.Raw)
		}
		if n := s.count(t, "x"); n != 1 {
			t.Errorf("done %d times, want once", n)
		}
	})
}

func TestKeptAnswerSurvivesACrash(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newServer(t, d)
		c := s.keyed(t, "k")
		keep := func(ctx context.Context, name string) error {
			return s.db.InTx(ctx, func(tx *db.Tx) error {
				return errors.Join(add(ctx, tx, name), api.Keep(ctx, tx, note{Name: name}))
			})
		}
		s.do = s.die(false) // dies before the effect
		crash(c, "/kept")
		s.pass(3 * time.Minute)
		s.do = func(ctx context.Context, name string) error { // dies after it
			if err := keep(ctx, name); err != nil {
				return err
			}
			panic(http.ErrAbortHandler)
		}
		crash(c, "/kept")
		if a := c.JSON("POST", "/kept", full); a.Status != 200 || a.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("repetition after the crash: %d %s", a.Status, a.Raw)
		}
		if n := s.count(t, "x"); n != 1 {
			t.Errorf("done %d times, want once", n)
		}
	})
}

func TestAttemptThatWasTakenOverHasNoEffect(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newServer(t, d)
		c := s.keyed(t, "k")
		keep := func(ctx context.Context, name string) error {
			return s.db.InTx(ctx, func(tx *db.Tx) error {
				if err := add(ctx, tx, name); err != nil {
					return err
				}
				return api.Keep(ctx, tx, note{Name: name})
			})
		}
		s.do = func(ctx context.Context, name string) error {
			// Slower than its lease: the repetition overtakes it.
			s.pass(3 * time.Minute)
			s.do = keep
			if a := c.JSON("POST", "/kept", full); a.Status != 200 {
				t.Errorf("overtaking repetition: %d %s", a.Status, a.Raw)
			}
			return keep(ctx, name)
		}
		if a := c.JSON("POST", "/kept", full); a.Status != 409 {
			t.Errorf("overtaken attempt: %d, want 409", a.Status)
		}
		if n := s.count(t, "x"); n != 1 {
			t.Errorf("done %d times, want once", n)
		}
	})
}

func TestInternalFailureLeavesTheOutcomeUnknown(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	c := s.keyed(t, "k")
	for _, step := range []struct {
		err    error
		status int
	}{{fault.Clash("fault.conflict"), 409}, {errors.New("connection lost"), 500}, {nil, 409}} {
		s.do = func(context.Context, string) error { return step.err }
		if a := c.JSON("POST", "/steps", full); a.Status != step.status {
			t.Errorf("after %v: %d, want %d", step.err, a.Status, step.status)
		}
	}
}

func TestOldAnswersAreForgotten(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	c := s.keyed(t, "k")
	for i, pass := range []time.Duration{0, 47 * time.Hour, 2 * time.Hour} {
		s.pass(pass)
		if err := retain.Work(t.Context(), s.db, api.Retention(), s.clock(), nil); err != nil {
			t.Fatal(err)
		}
		c.JSON("POST", "/notes/one", full)
		if got, want := s.count(t, "one"), []int{1, 1, 2}[i]; got != want {
			t.Errorf("after %v: done %d times, want %d", pass, got, want)
		}
	}
}

func TestBadDeclarationsAreReportedTogether(t *testing.T) {
	type noTag struct{ Name string }
	type noPath struct {
		Name string `json:"name"`
	}
	k := api.New(api.Options{})
	do := func(context.Context, noPath) (api.None, error) { return api.None{}, nil }
	api.Register(k, api.Route[noPath, api.None]{Method: "POST", Path: "/a/{id}", Summary: "s", Tag: "t", Action: "see", Do: do})
	api.Register(k, api.Route[noPath, api.None]{Method: "GET", Path: "/b", Summary: "s", Tag: "t", Action: "see", Do: do})
	api.Register(k, api.Route[noPath, api.None]{Method: "POST", Path: "/c", Summary: "s", Tag: "t", Action: "see"})
	api.Register(k, api.Route[noPath, api.None]{Method: "POST", Path: "/d", Summary: "s", Tag: "t", Do: do})
	api.Register(k, api.Route[noTag, api.None]{Method: "POST", Path: "/e", Summary: "s", Tag: "t", Action: "see",
		Do: func(context.Context, noTag) (api.None, error) { return api.None{}, nil }})
	err := k.Mount()
	for _, path := range []string{"/a/{id}", "/b", "/c", "/d", "/e"} {
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("the error says nothing of %s: %v", path, err)
		}
	}
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{`{"name":"x","at":"2026-05-04T18:30:00+02:00","tags":["a"]}`, `{"name":1}`, `{"of":{"of":{}}}`, `[]`, `null`, `"x"`, `{`, "\xff"} {
		f.Add(seed)
	}
	d := testkit.SQLite(f)
	s := newServer(f, d)
	c := apitest.New(f, s, "token-writer")
	f.Fuzz(func(t *testing.T, body string) {
		if a := c.For(t).JSON("PUT", "/notes/1", body); a.Status != 200 && a.Status != 400 && a.Status != 422 && !(a.Status == 500 && strings.Contains(body, "broken")) {
			t.Errorf("%q: %d %s", body, a.Status, a.Raw)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(api.Cursor("a", "b"), 2)
	f.Add("!", 1)
	f.Fuzz(func(t *testing.T, cursor string, n int) {
		n = max(0, min(n, 9))
		parts, err := api.Place(cursor, n)
		if err == nil && len(parts) != n {
			t.Errorf("%q gives %v, want %d parts", cursor, fmt.Sprint(parts), n)
		}
	})
}
