// Package layout is what surrounds the content of every page: the public site
// and the desk of those who work in it, with the partials that repeat.
package layout

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"slices"
	"strconv"
)

//go:embed all:templates
var templates embed.FS

// Templates are the layouts ("site-layout", "desk-layout"), the partials that
// all pages share, and the kit's own pages.
func Templates() fs.FS { return templates }

// The layouts. Auto is Desk for a signed-in person and Site for anybody else.
const (
	Site = "site"
	Desk = "desk"
	Bare = "bare" // no menu: sign-in, embeds
	Auto = "auto"
)

// The kinds of message; they are the suffixes of Bootstrap's alert classes.
const (
	Success = "success"
	Info    = "info"
	Warning = "warning"
	Danger  = "danger"
)

// Page is a whole page. A handler sets Content and what differs from the usual;
// the kit and the application's shell fill the rest.
type Page struct {
	Layout  string // Site, Desk (when empty), Bare or Auto
	Content any    // the dot of the page's own template

	Title       string // instead of the page's "title" block
	TitleHTML   template.HTML
	Description string
	Lang        string
	Path        string // of the request, to mark the current menu entry
	RequestPath string // with the query, to come back to

	Institution  Institution
	Institutions []Link // those this person serves, for the switcher
	Nav          []NavItem
	Crumbs       []Link // from the home page to the parent of this page
	Person       *Person
	Flash        []Flash
	Banner       *Banner // emergency or freeze, above everything
	Feeds        []Feed
	Canonical    string // absolute address of the page, "" when it has none
	NoIndex      bool
	Scripts      bool // a site page with modules of its own
	Wide         bool // content uses the full width
	ThemeURL     string
	Demo         bool   // says that nothing here is real
	SearchURL    string // address of the search page, "" for no search box
	Search       string // what was searched for, shown in the search box
}

// Institution is what a page says about whose it is.
type Institution struct {
	Name    string
	Tagline string // "Biblioteche, uffici e piazze di Cesate"
	Parent  Link   // the region or the union, in the slim header
	URL     string // home page of this site
	LogoURL string // square, may be empty
	Color   string // #0066cc, "" for the default
	Footer  Footer
}

// Footer holds the addresses that the law asks for and how to reach the office.
type Footer struct {
	Contacts      []string // address, telephone, e-mail: one line each
	Links         []Link   // the institution's other sites and profiles
	Accessibility string
	Privacy       string
	Legal         string
	Feedback      string // the accessibility feedback form
	Rules         string // of taking part: what may be said here
	Licences      string // of the program and of what it is made of
}

// Link is a label with an address. Labels are already in the reader's language.
type Link struct {
	Label   string
	URL     string
	Current bool
}

// NavItem is an entry of the menu.
type NavItem struct {
	Label   string
	URL     string
	Icon    string // a symbol such as "it-calendar"; desk only
	Current bool
	Count   int    // what waits there; 0 shows nothing
	Section string // a heading before the first item of a group; desk only
	Element string // data-element of the public sector's conformance test
}

// Person is who is signed in, as far as a page shows it.
type Person struct {
	Name       string
	Role       string // in words
	ProfileURL string
	SignOutURL string // POST
}

// Initials are one or two letters for the avatar.
func (p Person) Initials() string {
	letters, start := []rune{}, true
	for _, c := range p.Name {
		switch {
		case c == ' ' || c == '-':
			start = true
		case start:
			letters, start = append(letters, c), false
		}
	}
	if len(letters) > 2 {
		letters = []rune{letters[0], letters[len(letters)-1]}
	}
	return string(letters)
}

// Flash is a message about what has just happened.
type Flash struct {
	Kind        string `json:"kind"`
	Text        string `json:"text"`
	ActionURL   string `json:"action_url,omitempty"` // POST
	ActionLabel string `json:"action_label,omitempty"`
}

// Icon is the symbol for the kind of message.
func (f Flash) Icon() string { return iconOf(f.Kind) }

// Banner is a message above every page until its cause is gone.
type Banner struct {
	Kind string
	Text string
	Link Link
}

// Icon is the symbol for the kind of banner.
func (b Banner) Icon() string { return iconOf(b.Kind) }

func iconOf(kind string) string {
	switch kind {
	case Success:
		return "it-check-circle"
	case Warning:
		return "it-warning-circle"
	case Danger:
		return "it-error"
	}
	return "it-info-circle"
}

// Feed is announced to feed readers in the head of a page.
type Feed struct {
	Title string
	URL   string
	Type  string // application/rss+xml, application/atom+xml, application/feed+json
}

// Paging leads through the pages of a list. Lists that are read by cursor have
// no Pages.
type Paging struct {
	Previous string
	Next     string
	Pages    []Link // an entry without address is a gap
}

// Confirm asks before something that cannot be undone.
type Confirm struct {
	Question     string
	Text         string
	Consequences []string
	Action       string // address of the POST
	Label        string // of the button: says what it does, never "yes"
	Cancel       string // where to go back to
	Danger       bool
	Values       map[string][]string // hidden fields
}

// Option is a choice of a field.
type Option struct {
	Value    string
	Label    string
	Hint     string
	Disabled bool
}

// Field is one field of a form as the partial "field" shows it.
type Field struct {
	Name, ID, Label, Hint, Error string
	Type                         string // text, textarea, select, checkbox, radio, checkboxes, file, hidden, any input type
	Value                        string
	Values                       []string
	Required, Disabled, Multiple bool
	Toolbar                      bool // buttons for Markdown above a textarea
	Autocomplete, Placeholder    string
	InputMode, Accept, Class     string
	Min, Max, Step, Module       string
	Rows, MaxLength              int
	Spellcheck                   string
	Options                      []Option
}

// Describes lists the ids of the hint and the error, for aria-describedby.
func (f Field) Describes() string {
	switch {
	case f.Hint != "" && f.Error != "":
		return f.ID + "-hint " + f.ID + "-error"
	case f.Hint != "":
		return f.ID + "-hint"
	case f.Error != "":
		return f.ID + "-error"
	}
	return ""
}

// MustFill tells whether the browser is asked to refuse an empty field. A select of
// one always has a choice, for which we say ourselves whether it will do: an option
// without a value means "all" or "nobody" here, and required, it could not be sent.
func (f Field) MustFill() bool { return f.Required && (f.Type != "select" || f.Multiple) }

// Has tells whether a choice is made.
func (f Field) Has(value string) bool {
	return slices.Contains(f.Values, value) || (len(f.Values) == 0 && f.Value == value)
}

// Set gives the field an option by name.
func (f *Field) Set(option string, value any) error {
	texts := map[string]*string{
		"type": &f.Type, "value": &f.Value, "autocomplete": &f.Autocomplete, "placeholder": &f.Placeholder, "id": &f.ID,
		"inputmode": &f.InputMode, "accept": &f.Accept, "class": &f.Class, "min": &f.Min, "max": &f.Max, "step": &f.Step,
		"module": &f.Module, "spellcheck": &f.Spellcheck, "label": &f.Label,
	}
	flags := map[string]*bool{"required": &f.Required, "disabled": &f.Disabled, "multiple": &f.Multiple, "toolbar": &f.Toolbar}
	numbers := map[string]*int{"rows": &f.Rows, "maxlength": &f.MaxLength}
	if target, ok := texts[option]; ok {
		*target = fmt.Sprint(value)
		return nil
	}
	if target, ok := flags[option]; ok {
		b, isBool := value.(bool)
		if !isBool {
			return fmt.Errorf("option %s is %v, want true or false", option, value)
		}
		*target = b
		return nil
	}
	if target, ok := numbers[option]; ok {
		n, err := strconv.Atoi(fmt.Sprint(value))
		if err != nil {
			return fmt.Errorf("option %s is %v, want a number", option, value)
		}
		*target = n
		return nil
	}
	if choices, ok := value.([]Option); ok && option == "options" {
		f.Options = choices
		return nil
	}
	return fmt.Errorf("no option %q with a value of type %T", option, value)
}
