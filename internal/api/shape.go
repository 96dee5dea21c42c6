package api

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Upload is a file sent by a program, as multipart/form-data (the first file of
// it) or as the body itself. It is read as it arrives, and only once.
type Upload struct {
	io.Reader
	Name        string // file name as sent, may be empty; not to be trusted
	ContentType string // as sent; not to be trusted
}

// shape is what the kit knows about an input or output type.
type shape struct {
	typ    reflect.Type
	none   bool
	body   bool // there are JSON members
	upload bool
	params []param
}

// param is a member that comes from the path or the query.
type param struct {
	name     string
	in       string // path, query
	index    []int  // of the struct field
	field    reflect.StructField
	required bool
}

var (
	timeType   = reflect.TypeFor[time.Time]()
	noneType   = reflect.TypeFor[None]()
	uploadType = reflect.TypeFor[Upload]()
	wildcard   = regexp.MustCompile(`\{([a-z_]+)(?:\.\.\.)?\}`)
)

func outShape[Out any]() shape {
	t := reflect.TypeFor[Out]()
	return shape{typ: t, none: t == noneType}
}

// inShape reads the tags of an input type and checks that they agree with the path.
func inShape[In any](path string) (shape, error) {
	t := reflect.TypeFor[In]()
	s := shape{typ: t, none: t == noneType}
	if t.Kind() != reflect.Struct {
		return s, errors.New("In is not a struct")
	}
	if err := s.collect(t, nil); err != nil {
		return s, err
	}
	var have, want []string
	for _, p := range s.params {
		if p.in == "path" {
			have = append(have, p.name)
		}
	}
	for _, m := range wildcard.FindAllStringSubmatch(path, -1) {
		want = append(want, m[1])
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		return s, fmt.Errorf("the path has %v, In has %v", want, have)
	}
	if s.upload && s.body {
		return s, errors.New("an Upload and JSON members cannot be sent together")
	}
	return s, nil
}

func (s *shape) collect(t reflect.Type, index []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(slices.Clone(index), i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			if err := s.collect(f.Type, at); err != nil {
				return err
			}
			continue
		}
		if !f.IsExported() {
			continue
		}
		if err := s.member(f, at); err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name(), f.Name, err)
		}
	}
	return nil
}

func (s *shape) member(f reflect.StructField, at []int) error {
	hidden := f.Tag.Get("json") == "-"
	for _, in := range []string{"path", "query"} {
		name, ok := f.Tag.Lookup(in)
		if !ok {
			continue
		}
		if !hidden {
			return errors.New(`needs the tag json:"-"`)
		}
		if !readable(f.Type) {
			return fmt.Errorf("a %s cannot be read from the %s", f.Type, in)
		}
		s.params = append(s.params, param{name, in, at, f, in == "path" || f.Tag.Get("required") == "true"})
		return nil
	}
	switch {
	case f.Type == uploadType:
		if !hidden {
			return errors.New(`needs the tag json:"-"`)
		}
		s.upload = true
	case hidden:
		return errors.New("comes from nowhere: tag it path or query")
	case f.Tag.Get("json") == "":
		return errors.New("has no json name")
	default:
		s.body = true
	}
	return nil
}

// readable reports whether a parameter's text can become a value of the type.
func readable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64:
		return true
	case reflect.Slice:
		return t.Elem().Kind() == reflect.String
	}
	return t == timeType
}

// jsonName is the name of a struct field in JSON; "" when it has none there.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return ""
	}
	return name
}
