package square_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
)

// What is said to one account alone is on no page and in no answer to others.
func TestPrivateWordsAreSeenByThoseTheyNameAlone(t *testing.T) {
	s, err := square.New(square.Options{BaseURL: "http://piazza.example"})
	if err != nil {
		t.Fatal(err)
	}
	ours, err := s.AddAccount("comune", "Comune")
	if err != nil {
		t.Fatal(err)
	}
	others, err := s.AddAccount("altri", "Altri")
	if err != nil {
		t.Fatal(err)
	}
	open, err := s.Say(square.Saying{By: "marisa", Name: "Marisa", Text: "@comune una domanda"})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := s.Say(square.Saying{By: "marisa", Text: "@comune il mio numero è riservatissimo", ReplyTo: open, Visibility: "direct"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path, token string) (int, string) {
		r := httptest.NewRequest("GET", path, nil)
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, r)
		return rec.Code, rec.Body.String()
	}
	if code, body := ask("/api/v1/statuses/"+secret, ours); code != http.StatusOK || !strings.Contains(body, "riservatissimo") {
		t.Errorf("the one it names: %d %s", code, body)
	}
	for _, token := range []string{"", others} {
		if code, _ := ask("/api/v1/statuses/"+secret, token); code != http.StatusNotFound {
			t.Errorf("somebody else: %d", code)
		}
		for _, path := range []string{"/api/v1/statuses/" + open + "/context", "/api/v1/statuses?id[]=" + secret, "/@marisa/" + open, "/@marisa", "/"} {
			if _, body := ask(path, token); strings.Contains(body, "riservatissimo") {
				t.Errorf("%s gives it away", path)
			}
		}
	}
	if _, body := ask("/api/v1/notifications", others); strings.Contains(body, "riservatissimo") {
		t.Error("somebody else is notified")
	}
}

func TestReactionsOfPeopleCountAndAreTold(t *testing.T) {
	s, err := square.New(square.Options{BaseURL: "http://piazza.example"})
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.AddAccount("comune", "Comune")
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/api/v1/statuses", strings.NewReader(`{"status":"Sabato il mercato"}`))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, r)
	var made struct {
		ID string
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &made); err != nil || made.ID == "" {
		t.Fatal(rec.Body, err)
	}
	for _, boosts := range []bool{false, true} {
		if err := s.React("marisa", made.ID, boosts); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.React("marisa", "nothing", false); err == nil {
		t.Error("somebody likes nothing")
	}
	if _, err := s.Say(square.Saying{By: "comune", Text: "x"}); err == nil {
		t.Error("an account speaks of its own accord")
	}
	r = httptest.NewRequest("GET", "/api/v1/notifications", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	rec = httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, r)
	var notes []struct {
		Type   string
		Status struct {
			Favourites int `json:"favourites_count"`
			Reblogs    int `json:"reblogs_count"`
		}
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &notes); err != nil || len(notes) != 2 || notes[0].Type != "reblog" || notes[1].Type != "favourite" ||
		notes[0].Status.Favourites != 1 || notes[0].Status.Reblogs != 1 {
		t.Fatalf("%s, %v", rec.Body, err)
	}
}
