package web

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// funcs are what templates may call, beside the built-in functions:
//
//	t "key" args…       text of the catalogue
//	date, dateShort, datetime, datetimeShort, time, month   a time.Time in words
//	span START END DAYS when something takes place, see i18n.Printer.Span
//	iso                 a time.Time for <time datetime> and data attributes
//	relative            how far from now
//	number, bytes, percent, money
//	asset "desk.css"    address of an asset, with its hash
//	icon "it-calendar"  a decorative symbol; icon "it-x" "sm" for another size
//	query "/p" "k" v…   an address with its query, escaped
//	dict "k" v…         a map, to give a partial several values
//	field FORM "name" "label.key" "option" value…   for {{template "field"}}
//	option VALUE LABEL  a choice of a select, radio or checkbox field
//	lang                the language code
//	readable            a handle, address or host with its accents: for eyes only
func (k *Kit) funcs(p *i18n.Printer) template.FuncMap {
	return template.FuncMap{
		"t": p.T, "date": p.Date, "dateShort": p.DateShort, "datetime": p.DateTime, "span": p.Span, "datetimeShort": p.DateTimeShort,
		"time": p.Time, "month": p.Month, "number": p.Number, "bytes": p.Bytes, "percent": p.Percent, "money": p.Money,
		"iso":      func(t time.Time) string { return t.In(p.Location()).Format(time.RFC3339) },
		"relative": func(t time.Time) string { return p.Relative(k.now(), t) },
		"asset":    k.Assets.URL,
		"icon":     k.icon,
		"query":    query,
		"dict":     dict,
		"lang":     p.Lang,
		"readable": hostname.Readable,
		"field": func(form any, name, label string, options ...any) (layout.Field, error) {
			return newField(p, form, name, label, options)
		},
		"option": func(value, label any) layout.Option {
			return layout.Option{Value: fmt.Sprint(value), Label: fmt.Sprint(label)}
		},
		"options": func(o ...layout.Option) []layout.Option { return o },
	}
}

// icon is a symbol of the sprite, hidden from screen readers: the words beside
// it say what it means.
func (k *Kit) icon(name string, size ...string) (template.HTML, error) {
	sprite, err := k.Assets.Icon(name)
	if err != nil {
		return "", err
	}
	class := "icon"
	for _, s := range size {
		class += " icon-" + s
	}
	return template.HTML(`<svg class="` + template.HTMLEscapeString(class) + `" aria-hidden="true" focusable="false"><use href="` +
		template.HTMLEscapeString(sprite) + `"></use></svg>`), nil
}

func query(path string, pairs ...any) (string, error) {
	if len(pairs)%2 != 0 {
		return "", errors.New("query: a name without a value")
	}
	values := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if text := fmt.Sprint(pairs[i+1]); text != "" {
			values.Add(fmt.Sprint(pairs[i]), text)
		}
	}
	if len(values) == 0 {
		return path, nil
	}
	return path + "?" + values.Encode(), nil
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a name without a value")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m, nil
}

// newField joins what a form holds with how the page wants the field shown.
// Options by name: hint, type, required, autocomplete, options, rows, min, max,
// maxlength, placeholder, module, class, inputmode, accept, multiple, value,
// disabled, spellcheck, toolbar (labels and hints are keys of the catalogue).
func newField(p *i18n.Printer, form any, name, label string, options []any) (layout.Field, error) {
	f := layout.Field{Name: name, ID: "f-" + name, Label: p.T(label), Type: "text"}
	if typed, ok := form.(*Form); ok && typed != nil {
		f.Value, f.Values, f.Error = typed.Values.Get(name), typed.Values[name], typed.Errors[name]
	}
	if len(options)%2 != 0 {
		return f, fmt.Errorf("field %s: an option without a value", name)
	}
	for i := 0; i < len(options); i += 2 {
		option, ok := options[i].(string)
		if !ok {
			return f, fmt.Errorf("field %s: option %v is not a name", name, options[i])
		}
		if option == "hint" {
			f.Hint = p.T(fmt.Sprint(options[i+1]))
			continue
		}
		if err := f.Set(option, options[i+1]); err != nil {
			return f, fmt.Errorf("field %s: %w", name, err)
		}
	}
	return f, nil
}
