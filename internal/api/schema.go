package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"
)

// schemas makes JSON Schemas (2020-12) of Go types; structs become named
// components.
type schemas struct {
	defined object
	names   map[reflect.Type]string
}

var rawType = reflect.TypeFor[json.RawMessage]()

// of is the schema of what goes out.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t == timeType:
		return object{"type": "string", "format": "date-time"}
	case t == rawType:
		return object{}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Pointer:
		return object{"anyOf": []object{s.of(t.Elem()), {"type": "null"}}}
	case reflect.Struct:
		return s.component(t)
	}
	return object{} // an interface: anything
}

// component is a reference to a struct's schema, which is made the first time.
func (s *schemas) component(t reflect.Type) object {
	name, known := s.names[t]
	if !known {
		name = s.name(t)
		s.names[t] = name
		// Claimed before its members are visited: a type may hold itself.
		s.defined[name] = object{}
		s.defined[name] = s.structure(t, false)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

// name is the type's name, with its package when two packages use it.
func (s *schemas) name(t reflect.Type) string {
	base := clean(t.Name())
	if base == "" {
		base = "Object"
	}
	name := base
	if _, taken := s.defined[name]; taken {
		pkg := t.PkgPath()[strings.LastIndexByte(t.PkgPath(), '/')+1:]
		name = clean(pkg) + base
	}
	for i := 2; ; i++ {
		if _, taken := s.defined[name]; !taken {
			return name
		}
		name = fmt.Sprint(base, i)
	}
}

// clean turns a generic's name, "List[a/b.Message]", into "ListMessage".
func clean(name string) string {
	var b strings.Builder
	for word := range strings.FieldsFuncSeq(name, func(c rune) bool { return c == '[' || c == ']' || c == ',' }) {
		word = word[strings.LastIndexAny(word, "./·")+1:]
		for i, c := range word {
			switch {
			case i == 0:
				b.WriteRune(unicode.ToUpper(c))
			case unicode.IsLetter(c) || unicode.IsDigit(c):
				b.WriteRune(c)
			}
		}
	}
	return b.String()
}

// input is the schema of a JSON body: only tagged members are required, and no
// other is accepted.
func (s *schemas) input(t reflect.Type) object { return s.structure(t, true) }

func (s *schemas) structure(t reflect.Type, input bool) object {
	properties, required := object{}, []string{}
	s.members(t, input, properties, &required)
	out := object{"type": "object", "properties": properties}
	if input {
		out["additionalProperties"] = false
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func (s *schemas) members(t reflect.Type, input bool, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag.Get("json") == "" {
			s.members(f.Type, input, properties, required)
			continue
		}
		name := jsonName(f)
		if name == "" {
			continue
		}
		if (input && f.Tag.Get("required") == "true") || (!input && !omits(f)) {
			*required = append(*required, name)
		}
		if input && f.Type.Kind() == reflect.Struct && f.Type != timeType {
			properties[name] = s.described(f, s.input(f.Type))
			continue
		}
		properties[name] = s.field(f)
	}
}

// field is the schema of a struct field, with what its tags say.
func (s *schemas) field(f reflect.StructField) object {
	t := f.Type
	if t.Kind() == reflect.Pointer && omits(f) {
		t = t.Elem()
	}
	return s.described(f, s.of(t))
}

// example is the value of a tag: JSON where the type is no text.
func example(t reflect.Type, text string) any {
	if t.Kind() == reflect.String || t == timeType {
		return text
	}
	return json.RawMessage(text)
}

func (s *schemas) described(f reflect.StructField, schema object) object {
	if choices := enum(f); len(choices) > 0 {
		target := schema
		if items, ok := schema["items"].(object); ok {
			target = items
		}
		target["enum"] = choices
	}
	if low := bound(f, "min"); low != nil {
		schema["minimum"] = *low
	}
	if high := bound(f, "max"); high != nil {
		schema["maximum"] = *high
	}
	if doc := f.Tag.Get("doc"); doc != "" {
		schema["description"] = doc
	}
	if text := f.Tag.Get("example"); text != "" {
		schema["examples"] = []any{example(f.Type, text)}
	}
	return schema
}
