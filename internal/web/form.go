package web

import (
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/prose"
)

// formMemory is how much of an uploaded form stays in memory; files beyond it
// are spooled to disk by net/http.
const formMemory = 1 << 20

// Form is what a person typed. Its files are gone once the request has ended. It is kept as typed when something is wrong with
// it, so that the page can be shown again with everything in place. The reading
// methods gather faults; Err returns them all at once.
type Form struct {
	Values url.Values
	Files  map[string][]*multipart.FileHeader
	Errors map[string]string // field → text, set by Fail
	Text   string            // summary of what is wrong, set by Fail

	faults fault.Fields
	order  []string          // fields at fault, as they were found
	labels map[string]string // field → label, for the summary
}

// NewForm is a form filled with values, to show for the first time.
func NewForm(pairs ...string) *Form {
	f := &Form{Values: url.Values{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.Values.Add(pairs[i], pairs[i+1])
	}
	return f
}

// ReadForm reads a form from the query of a GET or the body of any other
// method. Text comes as browsers send it: line ends of any kind become
// \n, characters that nobody can see are dropped. It fails with TooLarge, or with
// Invalid when the form is broken.
func (k *Kit) ReadForm(r *http.Request) (*Form, error) {
	if err := parseForm(r); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, fault.New(fault.TooLarge, "fault.form.too_large", k.Printer(r).Bytes(large.Limit)).Because(err)
		}
		if fault.Is(err, fault.Unavailable) { // there is no room for it now
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "fault.form.unreadable").Because(err)
	}
	values := r.PostForm
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		values = r.Form
	}
	f := &Form{Values: url.Values{}}
	for name, all := range values {
		for _, v := range all {
			if !utf8.ValidString(v) {
				f.faults.Add(name, "fault.field.encoding")
				v = strings.ToValidUTF8(v, "\uFFFD")
			}
			f.Values.Add(name, prose.Visible(v))
		}
	}
	if r.MultipartForm != nil {
		f.Files = r.MultipartForm.File
		state := stateOf(r)
		state.spooled = append(state.spooled, r.MultipartForm)
	}
	return f, nil
}

func parseForm(r *http.Request) error {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return r.ParseMultipartForm(formMemory)
	}
	return r.ParseForm()
}

// String is a field's text without surrounding space.
func (f *Form) String(name string) string { return strings.TrimSpace(f.Values.Get(name)) }

// Raw is a field's text as typed: for passwords.
func (f *Form) Raw(name string) string { return f.Values.Get(name) }

// Required is String, and a fault when it is empty.
func (f *Form) Required(name string) string {
	v := f.String(name)
	if v == "" {
		f.faults.Add(name, "fault.field.missing")
	}
	return v
}

// Limited is String, and a fault beyond max characters.
func (f *Form) Limited(name string, max int) string {
	v := f.String(name)
	if utf8.RuneCountInString(v) > max {
		f.faults.Add(name, "fault.field.long", max)
	}
	return v
}

// Strings are all values of a field, without the empty ones.
func (f *Form) Strings(name string) []string {
	var all []string
	for _, v := range f.Values[name] {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// Bool tells whether a checkbox is ticked.
func (f *Form) Bool(name string) bool {
	switch f.String(name) {
	case "", "0", "false", "off":
		return false
	}
	return true
}

// Int is a whole number between min and max; an empty field is min.
func (f *Form) Int(name string, min, max int) int {
	v := f.String(name)
	if v == "" {
		return min
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		f.faults.Add(name, "fault.field.number")
		return min
	case n < min || n > max:
		f.faults.Add(name, "fault.field.range", min, max)
		return min
	}
	return n
}

// Choice is one of the allowed values; an empty field is the first.
func (f *Form) Choice(name string, allowed ...string) string {
	v := f.String(name)
	switch {
	case v == "" && len(allowed) > 0:
		return allowed[0]
	case !slices.Contains(allowed, v):
		f.faults.Add(name, "fault.field.choice")
		return ""
	}
	return v
}

// Date is a day written as 2026-05-04, at midnight of the zone. An empty field
// is the zero time.
func (f *Form) Date(name string, loc *time.Location) time.Time {
	return f.moment(name, loc, "fault.field.date", "2006-01-02")
}

// DateTime is a wall time written as 2026-05-04T18:30. A time that the zone
// skips or repeats is the caller's to judge: compare the result's clock with
// what was typed.
func (f *Form) DateTime(name string, loc *time.Location) time.Time {
	return f.moment(name, loc, "fault.field.datetime", "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04")
}

func (f *Form) moment(name string, loc *time.Location, fault string, formats ...string) time.Time {
	v := f.String(name)
	if v == "" {
		return time.Time{}
	}
	for _, format := range formats {
		if t, err := time.ParseInLocation(format, v, loc); err == nil && t.Year() >= 1900 && t.Year() < 2200 {
			return t
		}
	}
	f.faults.Add(name, fault)
	return time.Time{}
}

// Add records a fault of a field, found by the handler itself.
func (f *Form) Add(name, key string, args ...any) { f.faults.Add(name, key, args...) }

// Err returns what is wrong so far, an Invalid fault with its fields, or nil.
func (f *Form) Err() error { return f.faults.Err() }

// Fail keeps the texts of an error to be shown in the form and reports whether
// the page should be shown again: true for what the person can correct
// (Invalid, Conflict, TooLarge), false for anything else, which the handler
// returns.
//
//	if err := publishing.Save(ctx, …); err != nil {
//		if !form.Fail(k.Printer(r), err) {
//			return err
//		}
//		return k.Render(w, r, form.Status(), "compose", page)
//	}
func (f *Form) Fail(p *i18n.Printer, err error) bool {
	switch fault.Of(err).Kind {
	case fault.Invalid, fault.Conflict, fault.TooLarge:
	default:
		return false
	}
	f.Text, f.Errors = p.Fault(err)
	f.order = nil
	for _, field := range fault.Of(err).Fields {
		if !slices.Contains(f.order, field.Name) {
			f.order = append(f.order, field.Name)
		}
	}
	return true
}

// Status is the HTTP status of a page that shows the form: 422 with faults.
func (f *Form) Status() int {
	if f.Text != "" || len(f.Errors) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// Label names a field in the summary of faults: pairs of a field and its label,
// already in the reader's language. A field without one is summed up by its
// text alone.
func (f *Form) Label(pairs ...string) {
	if f.labels == nil {
		f.labels = map[string]string{}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		f.labels[pairs[i]] = pairs[i+1]
	}
}

// Fault is one line of the summary.
type Fault struct{ Name, Label, Text string }

// Faults are the lines of the summary, in the order in which they were found.
func (f *Form) Faults() []Fault {
	all := make([]Fault, 0, len(f.order))
	for _, name := range f.order {
		all = append(all, Fault{name, f.labels[name], f.Errors[name]})
	}
	return all
}
