package app_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
)

// needs says what each route of the API asks of a token. A route that is missing
// here fails the test.
var needs = map[string]people.Action{
	"GET /channels": people.See, "POST /channels": people.Configure, "POST /channels/{id}/test": people.Configure, "POST /channels/{id}/disconnect": people.Configure,
	"GET /profiles": people.See, "GET /freeze": people.See, "POST /freeze": people.Freeze, "POST /freeze/lift": people.Freeze,
	"POST /media": people.Write, "GET /media/{id}": people.See,
	"GET /messages": people.See, "POST /messages": people.Write, "GET /messages/{id}": people.See, "PUT /messages/{id}": people.Write,
	"POST /messages/{id}/submit": people.Write, "POST /messages/{id}/approve": people.Approve, "POST /messages/{id}/send-back": people.Approve,
	"POST /messages/{id}/schedule": people.Publish, "POST /messages/{id}/unschedule": people.Publish, "POST /messages/{id}/publish": people.Publish,
	"POST /messages/{id}/correct": people.Publish, "POST /messages/{id}/withdraw": people.Publish,
	"GET /messages/{id}/deliveries": people.See, "GET /deliveries/troubled": people.See,
	"GET /conversations": people.See, "GET /conversations/{id}": people.See, "POST /conversations/{id}/assign": people.Answer,
	"POST /conversations/{id}/close": people.Answer, "POST /conversations/{id}/reopen": people.Answer, "POST /conversations/{id}/notes": people.Answer,
	"GET /conversations/{id}/answers": people.See, "POST /conversations/{id}/answers": people.Answer,
	"GET /answers/{id}": people.See, "PUT /answers/{id}": people.Answer, "POST /answers/{id}/submit": people.Answer, "POST /answers/{id}/approve": people.Approve,
	"POST /answers/{id}/send-back": people.Approve, "POST /answers/{id}/send": people.Answer, "POST /answers/{id}/correct": people.Answer, "POST /answers/{id}/withdraw": people.Answer,
	"POST /comments/{id}/stance": people.Answer, "POST /comments/{id}/release": people.Moderate, "POST /comments/{id}/refuse": people.Moderate,
	"POST /comments/{id}/hide": people.Moderate, "POST /comments/{id}/unhide": people.Moderate, "POST /comments/{id}/report": people.Moderate,
	"POST /authors/{id}/block": people.Moderate, "POST /authors/{id}/unblock": people.Moderate,
	"GET /moderation": people.Moderate, "GET /moderation/{id}": people.Moderate, "POST /moderation/{id}/decide": people.Moderate,
	"GET /offices": people.See, "GET /policies": people.See, "GET /messages/{id}/consent": people.See,
	"POST /deliveries/{id}/retry": people.Publish, "POST /deliveries/{id}/give-up": people.Publish, "POST /deliveries/{id}/confirm": people.Publish,
}

func TestEveryRouteOfTheAPIAsksForItsRole(t *testing.T) {
	w := newTown(t, settings(t, db.SQLite))
	ctx := t.Context()
	tokens := map[people.Role]string{"": ""}
	if err := w.app.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		for _, role := range people.Roles() {
			if tokens[role], _, err = auth.CreateToken(ctx, tx, auth.Token{InstitutionID: w.inst.ID, Name: string(role), Roles: []people.Role{role}}, time.Now()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, token string) int {
		body := "{}"
		if method == http.MethodGet {
			body = ""
		}
		r := httptest.NewRequest(method, "http://cesate.localhost/api/v1"+strings.ReplaceAll(path, "{id}", db.NewID()), strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		rec := httptest.NewRecorder()
		w.app.Handler().ServeHTTP(rec, r)
		return rec.Code
	}
	for _, route := range documented(t, w) {
		action, known := needs[route]
		if !known {
			t.Errorf("%s: who may use it?", route)
		}
		method, path, _ := strings.Cut(route, " ")
		for role, token := range tokens {
			got := ask(method, path, token)
			switch may := (people.Actor{Roles: []people.Role{role}}).May(action); {
			case role == "" && got != http.StatusUnauthorized:
				t.Errorf("%s without a token: %d", route, got)
			case role != "" && !may && got != http.StatusForbidden:
				t.Errorf("%s as %s: %d, want 403", route, role, got)
			case may && (got == http.StatusForbidden || got == http.StatusUnauthorized || got >= 500):
				t.Errorf("%s as %s: %d", route, role, got)
			}
		}
	}
}

// documented lists the routes of the OpenAPI document.
func documented(t *testing.T, w *town) (routes []string) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(get(w, "/api/v1/openapi.json").Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			switch m := strings.ToUpper(method); m {
			case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch:
				routes = append(routes, m+" "+strings.TrimPrefix(path, "/api/v1"))
			}
		}
	}
	if len(routes) != len(needs) {
		t.Errorf("the document has %d routes, the table %d", len(routes), len(needs))
	}
	return routes
}
