package i18n

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
)

// Args are arguments by name, for texts with {name}.
type Args map[string]any

// Printer writes texts, numbers and dates in one language and one time zone.
// It is immutable and safe for concurrent use.
type Printer struct {
	lang     string
	loc      *time.Location
	messages map[string]message
	style    style
}

// Lang is the language code, "it" or "en".
func (p *Printer) Lang() string { return p.lang }

// Location is the time zone in which dates are written.
func (p *Printer) Location() *time.Location { return p.loc }

// T is the text of a key. Arguments fill {0}, {1}… in order, or {name} from
// Args; the first whole number among them chooses the plural. A key that is not
// in the catalogue is shown as it is: TestEveryKeyUsedIsInTheCatalogue keeps
// that from happening.
func (p *Printer) T(key string, args ...any) string {
	m, ok := p.messages[key]
	if !ok {
		return key
	}
	parts := m.other
	if m.plural {
		if n, found := count(args); found && n == 1 {
			parts = m.one
		}
	}
	var b strings.Builder
	for _, part := range parts {
		if part.arg == "" {
			b.WriteString(part.text)
			continue
		}
		value, found := lookup(part.arg, args)
		if !found {
			b.WriteString("{" + part.arg + "}")
			continue
		}
		b.WriteString(p.value(value))
	}
	return b.String()
}

// Has reports whether the catalogue holds the key, for texts that are optional
// for some of a family ("channel.bluesky.help").
func (p *Printer) Has(key string) bool { _, ok := p.messages[key]; return ok }

// Fault is the text of an error that may be shown, and the text for each form
// field at fault. Internal errors say nothing of their cause.
func (p *Printer) Fault(err error) (text string, fields map[string]string) {
	if err == nil {
		return "", nil
	}
	e := fault.Of(err)
	key := e.Text.Key
	if key == "" || e.Kind == fault.Internal {
		key = "fault." + e.Kind.String()
	}
	fields = make(map[string]string, len(e.Fields))
	for _, f := range e.Fields {
		said := p.T(f.Key, f.Args...)
		if before := fields[f.Name]; before != "" && before != said {
			said = before + " " + said
		}
		fields[f.Name] = said
	}
	return p.T(key, e.Text.Args...), fields
}

func lookup(name string, args []any) (any, bool) {
	if i, err := strconv.Atoi(name); err == nil {
		if i < len(args) {
			return args[i], true
		}
		return nil, false
	}
	for _, a := range args {
		if named, ok := a.(Args); ok {
			v, found := named[name]
			return v, found
		}
	}
	return nil, false
}

// count finds the number that chooses the plural: the first whole number, or
// the argument named n.
func count(args []any) (int64, bool) {
	for _, a := range args {
		if named, ok := a.(Args); ok {
			return whole(named["n"])
		}
		if n, ok := whole(a); ok {
			return n, true
		}
	}
	return 0, false
}

func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int8:
		return int64(n), true
	case int16:
		return int64(n), true
	case int32:
		return int64(n), true
	case int64:
		return n, true
	case uint8:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint32:
		return int64(n), true
	case uint:
		return int64(n), true
	case uint64:
		return int64(n), true
	}
	return 0, false
}

func (p *Printer) value(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case time.Time:
		return p.DateTime(x)
	case float64, float32:
		return p.Number(x)
	case fault.Text:
		return p.T(x.Key, x.Args...)
	case fmt.Stringer:
		return x.String()
	}
	if _, ok := whole(v); ok {
		return p.Number(v)
	}
	return fmt.Sprint(v)
}
