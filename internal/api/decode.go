package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/prose"
)

// decode reads the request into in, a pointer to the input struct, and returns
// the request's fingerprint. Fault: Invalid with every field that is wrong, and
// TooLarge.
func decode(r *http.Request, s shape, in any) (fingerprint string, err error) {
	v := reflect.ValueOf(in).Elem()
	var faults fault.Fields
	for _, p := range s.params {
		setParam(r, p, v.FieldByIndex(p.index), &faults)
	}
	if s.none || !s.body {
		if err := checkQuery(r, s, &faults); err != nil {
			return "", err
		}
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", r.Method, r.URL.RequestURI())
	switch {
	case s.upload:
		// The file is not read twice: the fingerprint goes by its size and type.
		fmt.Fprintf(sum, "%d %s", r.ContentLength, mediaType(r))
		err = setUpload(r, v)
	case s.body:
		var body []byte
		if body, err = readJSON(r); err == nil {
			sum.Write(body)
			err = unmarshal(body, in)
		}
	}
	if err != nil {
		return "", err
	}
	check(v, s.typ, "", &faults)
	return hex.EncodeToString(sum.Sum(nil)), faults.Err()
}

// checkQuery refuses what would be left out in silence, and a list then show more
// than was asked for: a query that cannot be read, names that nobody knows, and a
// second value where there is room for one.
func checkQuery(r *http.Request, s shape, faults *fault.Fields) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "api.query.unreadable").Because(err)
	}
	for name, texts := range query {
		i := slices.IndexFunc(s.params, func(p param) bool { return p.in == "query" && p.name == name })
		switch {
		case i < 0:
			faults.Add(name, "api.field.unknown", name)
		case len(texts) > 1 && s.params[i].field.Type.Kind() != reflect.Slice:
			faults.Add(name, "api.field.twice", name)
		}
	}
	return nil
}

func setParam(r *http.Request, p param, v reflect.Value, faults *fault.Fields) {
	texts := r.URL.Query()[p.name]
	if p.in == "path" {
		texts = []string{r.PathValue(p.name)}
	}
	if len(texts) == 0 || texts[0] == "" {
		if p.required {
			faults.Add(p.name, "fault.field.missing")
			return
		}
		if texts = []string{p.field.Tag.Get("default")}; texts[0] == "" {
			return
		}
	}
	setText(p, texts, v, faults)
}

func setText(p param, texts []string, v reflect.Value, faults *fault.Fields) {
	var err error
	switch {
	case v.Type() == timeType:
		var t time.Time
		t, err = time.Parse(time.RFC3339, texts[0])
		v.Set(reflect.ValueOf(t))
	case v.Kind() == reflect.String:
		v.SetString(texts[0])
	case v.Kind() == reflect.Slice:
		for _, text := range texts {
			v.Set(reflect.Append(v, reflect.ValueOf(text).Convert(v.Type().Elem())))
		}
	case v.Kind() == reflect.Bool:
		var b bool
		b, err = strconv.ParseBool(texts[0])
		v.SetBool(b)
	default:
		var n int64
		n, err = strconv.ParseInt(texts[0], 10, 64)
		v.SetInt(n)
	}
	if err != nil {
		faults.Add(p.name, "api.field.type", kindName(v.Type()))
	}
}

func mediaType(r *http.Request) string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

func readJSON(r *http.Request) ([]byte, error) {
	if t := mediaType(r); t != "application/json" && !strings.HasSuffix(t, "+json") {
		return nil, fault.New(fault.WrongType, "api.body.type")
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fault.New(fault.TooLarge, "api.body.too_large", large.Limit).Because(err)
	case fault.Is(err, fault.Unavailable): // there is no room for it now
		return nil, err
	case err != nil:
		return nil, fault.New(fault.Unreadable, "api.body.unreadable").Because(err)
	case !utf8.Valid(body):
		return nil, fault.New(fault.Unreadable, "api.body.encoding")
	}
	return body, nil
}

// unmarshal reads JSON as strictly as it can be read (RFC 8259, I-JSON of RFC 7493):
// names in their own case, none twice, none unknown, no half of a surrogate pair.
func unmarshal(body []byte, in any) error {
	err := json.Unmarshal(body, in, json.RejectUnknownMembers(true))
	var form *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jsontext.ErrDuplicateName):
		errors.As(err, &form)
		return fault.InvalidField(member(form.JSONPointer), "api.field.twice", form.JSONPointer.LastToken())
	case errors.As(err, &form):
		return fault.New(fault.Unreadable, "api.body.syntax", int(form.ByteOffset)).Because(err)
	case errors.Is(err, json.ErrUnknownName):
		errors.As(err, &meaning)
		return fault.InvalidField(member(meaning.JSONPointer), "api.field.unknown", meaning.JSONPointer.LastToken())
	case errors.As(err, &meaning) && meaning.JSONPointer != "":
		return fault.InvalidField(member(meaning.JSONPointer), "api.field.type", kindName(meaning.GoType))
	case errors.As(err, &meaning):
		return fault.New(fault.Invalid, "api.body.object").Because(err)
	}
	// An empty body ends before anything was said.
	return fault.New(fault.Unreadable, "api.body.syntax", 0).Because(err)
}

// member is how a program calls the value that a JSON Pointer leads to: of.name.
func member(p jsontext.Pointer) string { return strings.Join(slices.Collect(p.Tokens()), ".") }

// kindName is what a value should have been, in the words of JSON.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Struct, reflect.Map:
		if t == timeType {
			return "date-time"
		}
		return "object"
	case reflect.Pointer:
		return kindName(t.Elem())
	}
	return "integer"
}

// check enforces the tags required, enum, min and max, and refuses control
// characters, which no text of a message has and PostgreSQL may not store.
func check(v reflect.Value, t reflect.Type, prefix string, faults *fault.Fields) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			check(v.Field(i), f.Type, prefix, faults)
			continue
		}
		name := memberName(f)
		if name == "" {
			continue
		}
		if f.Tag.Get("required") == "true" && v.Field(i).IsZero() {
			if f.Tag.Get("query") == "" {
				faults.Add(prefix+name, "fault.field.missing")
			}
			continue
		}
		checkValue(v.Field(i), f, prefix+name, faults)
	}
}

// memberName is how a program calls a member, wherever it comes from.
func memberName(f reflect.StructField) string {
	for _, tag := range []string{"path", "query"} {
		if name := f.Tag.Get(tag); name != "" {
			return name
		}
	}
	return jsonName(f)
}

func checkValue(v reflect.Value, f reflect.StructField, name string, faults *fault.Fields) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			checkValue(v.Elem(), f, name, faults)
		}
	case reflect.Struct:
		if v.Type() != timeType && v.Type() != uploadType {
			check(v, v.Type(), name+".", faults)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			item := fmt.Sprintf("%s.%d", name, i)
			if v.Index(i).Kind() == reflect.String && v.Index(i).String() == "" {
				faults.Add(item, "fault.field.missing")
				continue
			}
			checkValue(v.Index(i), f, item, faults)
		}
	case reflect.String:
		if text := v.String(); v.CanSet() {
			v.SetString(prose.Lines(text)) // line ends of any kind, as in a form
		}
		checkText(v.String(), f, name, faults)
	case reflect.Int, reflect.Int64:
		low, high := bound(f, "min"), bound(f, "max")
		if (low != nil && v.Int() < *low) || (high != nil && v.Int() > *high) {
			faults.Add(name, "fault.field.range", f.Tag.Get("min"), f.Tag.Get("max"))
		}
	}
}

func checkText(text string, f reflect.StructField, name string, faults *fault.Fields) {
	if choices := enum(f); len(choices) > 0 && text != "" && !slices.Contains(choices, text) {
		faults.Add(name, "api.field.choice", strings.Join(choices, ", "))
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool {
		return unicode.IsControl(c) && c != '\n' && c != '\t' && c != '\r'
	}) {
		faults.Add(name, "api.field.control")
	}
}

func enum(f reflect.StructField) []string {
	if list := f.Tag.Get("enum"); list != "" {
		return strings.Split(list, ",")
	}
	return nil
}

func bound(f reflect.StructField, tag string) *int64 {
	n, err := strconv.ParseInt(f.Tag.Get(tag), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// setUpload finds the file: the body itself, or the first file of a form.
func setUpload(r *http.Request, v reflect.Value) error {
	u := Upload{Reader: r.Body, ContentType: mediaType(r)}
	if _, p, err := mime.ParseMediaType(r.Header.Get("Content-Disposition")); err == nil {
		u.Name = p["filename"]
	}
	if u.ContentType == "multipart/form-data" {
		form, err := r.MultipartReader()
		if err != nil {
			return fault.New(fault.Unreadable, "api.body.unreadable").Because(err)
		}
		part, err := form.NextPart()
		for err == nil && part.FileName() == "" {
			part, err = form.NextPart()
		}
		if errors.Is(err, io.EOF) {
			return fault.InvalidField("file", "api.file.missing")
		}
		if err != nil {
			return fault.New(fault.Unreadable, "api.body.unreadable").Because(err)
		}
		u = Upload{Reader: part, Name: part.FileName(), ContentType: part.Header.Get("Content-Type")}
	}
	for i := range v.NumField() {
		if v.Field(i).Type() == uploadType {
			v.Field(i).Set(reflect.ValueOf(u))
		}
	}
	return nil
}
