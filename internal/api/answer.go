package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// answer is what goes out.
type answer struct {
	status   int
	body     []byte // JSON, or empty
	replayed bool   // the record of an earlier answer
}

func newAnswer(o operation, out any) (answer, error) {
	if o.out.none {
		return answer{status: o.status}, nil
	}
	body, err := marshal(out)
	if err != nil {
		return answer{}, fmt.Errorf("api answer of %s: %w", o.pattern, err)
	}
	return answer{status: o.status, body: body}, nil
}

func (a answer) write(w http.ResponseWriter) error {
	if a.replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	if len(a.body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	// A program that has left is no failure of ours.
	_, _ = w.Write(a.body)
	return nil
}

// marshal writes JSON in which a list without items is [], never null: what the
// OpenAPI document promises.
func marshal(out any) ([]byte, error) {
	v := reflect.New(reflect.TypeOf(out)).Elem()
	v.Set(reflect.ValueOf(out))
	fill(v)
	return json.Marshal(v.Interface())
}

// fill replaces nil slices and maps in what it can reach and set.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && v.Kind() == reflect.Pointer {
			fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !(omits(f) && v.Field(i).IsZero()) {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}

// omits reports whether a member is left out when it is empty.
func omits(f reflect.StructField) bool {
	tag := f.Tag.Get("json")
	return strings.Contains(tag, ",omitempty") || strings.Contains(tag, ",omitzero")
}

// Page is where a list goes on; embed it in the input of a list.
type Page struct {
	Cursor string `json:"-" query:"cursor" doc:"Where to go on: the member next of the page before."`
	Limit  int    `json:"-" query:"limit" min:"1" max:"100" default:"20" doc:"How many items at most."`
}

// List is a page of a list.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; absent on the last."`
}

// Cut makes a page out of up to limit+1 items that were read: the one too many
// only tells that there is a next page, which begins after the last item kept.
func Cut[T any](items []T, limit int, cursor func(last T) string) List[T] {
	if len(items) <= limit {
		return List[T]{Items: items}
	}
	items = items[:limit]
	return List[T]{Items: items, Next: cursor(items[limit-1])}
}

// Cursor is an opaque place in a list, made of the values it is sorted by.
func Cursor(parts ...string) string {
	text, err := json.Marshal(parts)
	if err != nil {
		return "" // strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Place reads a cursor of n parts. An empty cursor gives n empty parts: the
// beginning. Fault: Invalid, about the field "cursor".
func Place(cursor string, n int) ([]string, error) {
	if cursor == "" {
		return make([]string, n), nil
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	var parts []string
	if err == nil {
		err = json.Unmarshal(text, &parts)
	}
	if err != nil || len(parts) != n || strings.ContainsRune(strings.Join(parts, ""), 0) {
		return nil, fault.InvalidField("cursor", "api.cursor")
	}
	return parts, nil
}

// CursorAt is a place in a list that is sorted by time: the last row's moment, and its
// id, for several rows may share a moment.
func CursorAt(at time.Time, id string) string {
	return Cursor(strconv.FormatInt(db.At(at), 10), id)
}

// PlaceAt reads what CursorAt wrote. An empty cursor is the beginning: no id. Fault:
// Invalid, about the field "cursor".
func PlaceAt(cursor string) (at time.Time, id string, err error) {
	parts, err := Place(cursor, 2)
	if err != nil || cursor == "" {
		return at, "", err
	}
	us, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || parts[1] == "" {
		return at, "", fault.InvalidField("cursor", "api.cursor")
	}
	return db.When(us), parts[1], nil
}

func bearer(r *http.Request) (string, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", fault.New(fault.Unsigned, "api.token.missing")
	}
	return token, nil
}
