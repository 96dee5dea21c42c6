package testkit

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Who uses a route in a Scenario, besides the roles by their names.
const (
	Nobody   = "nobody"   // not signed in
	Stranger = "stranger" // signed in, but serves only another institution
	Others   = "*"        // in Want: everybody who is not named
)

// Everybody lists who is tried on each route.
func Everybody() []string {
	return []string{Nobody, Stranger, "reader", "writer", "approver", "duty", "administrator"}
}

// Desk is a fresh installation in which one person has signed in.
type Desk struct {
	Handler http.Handler
	Host    string         // of the requests; example.com when empty
	Cookies []*http.Cookie // of the person's browser
	Names   map[string]string
}

// Scenario says what everybody gets from a route.
type Scenario struct {
	Route string         // the pattern as it was registered: "POST /a/{id}"
	Path  string         // what is asked for, the route's own path when empty; {name} is replaced from Desk.Names
	Form  url.Values     // sent by any method but GET; values are replaced too
	JSON  string         // sent instead of a form
	Want  map[string]int // status for each of Everybody, or Others
}

// Routes tries every route as everybody and compares the status. It fails for a
// route without a scenario, and for a scenario whose route no longer exists. What
// should change something runs in a fresh installation made by open; reading and
// what should be refused share one for each of everybody, since they change nothing.
func Routes(t *testing.T, routes []string, open func(t *testing.T, who string) Desk, scenarios []Scenario) {
	t.Helper()
	if len(routes) == 0 || len(scenarios) == 0 {
		t.Fatal("no routes or no scenarios: nothing would be tested")
	}
	shared := map[string]Desk{}
	for _, who := range Everybody() {
		shared[who] = open(t, who)
	}
	covered := map[string]bool{}
	for _, s := range scenarios {
		if covered[s.Route] = true; !slices.Contains(routes, s.Route) {
			t.Errorf("scenario for %q, which is no route", s.Route)
			continue
		}
		for _, who := range Everybody() {
			t.Run(strings.NewReplacer("/", "_", " ", "").Replace(s.Route)+"/"+who, func(t *testing.T) {
				t.Parallel()
				want, ok := s.wanted(who)
				if !ok {
					t.Fatalf("the scenario does not say what %s gets", who)
				}
				d := shared[who]
				if want < 400 && !strings.HasPrefix(s.Route, "GET ") {
					d = open(t, who)
				}
				s.try(t, who, want, d)
			})
		}
	}
	for _, r := range routes {
		if !covered[r] {
			t.Errorf("route %q has no scenario: who may use it?", r)
		}
	}
}

func (s Scenario) wanted(who string) (status int, ok bool) {
	if status, ok = s.Want[who]; !ok {
		status, ok = s.Want[Others]
	}
	return status, ok
}

func (s Scenario) try(t *testing.T, who string, want int, d Desk) {
	method, path, _ := strings.Cut(s.Route, " ")
	if s.Path != "" {
		path = s.Path
	}
	body, kind := s.JSON, "application/json"
	if s.JSON == "" && method != http.MethodGet {
		form := url.Values{}
		for name, values := range s.Form {
			for _, v := range values {
				form.Add(name, d.fill(v))
			}
		}
		body, kind = form.Encode(), "application/x-www-form-urlencoded"
	}
	r := httptest.NewRequest(method, d.fill(path), strings.NewReader(body))
	if method != http.MethodGet {
		r.Header.Set("Content-Type", kind)
	}
	if s.JSON != "" {
		r.Header.Set("Accept", "application/json")
	}
	if d.Host != "" {
		r.Host = d.Host
	}
	for _, c := range d.Cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	d.Handler.ServeHTTP(w, r)
	if w.Code != want {
		t.Errorf("%s %s as %s: %d, want %d", method, path, who, w.Code, want)
	}
}

func (d Desk) fill(text string) string {
	for name, value := range d.Names {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}
