package institution

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/people"
)

// Institution is a tenant.
type Institution struct {
	ID, Slug, Name   string
	Kind             string // comune, unione, biblioteca, …
	Locale           string // language of the site: it, en
	Zone             string // IANA name; every time a person reads or types is in it
	Colour           string // #rrggbb, or empty for the default
	Motto            string
	SiteURL          string // the institutional site this one accompanies
	PrivacyURL       string
	AccessibilityURL string // of the declaration on AgID's form
	LegalURL         string
	Address          string
	Email, Phone     string
	KeepDays         int   // how long others' words are kept after a conversation was closed
	Version          int64 // grows with each change of the institution, its profiles or offices
	CreatedAt        time.Time
	Hosts            []string

	zone *time.Location // of Zone, loaded once for all requests of a host
}

// DefaultKeepDays is how long others' words are kept unless somebody says
// otherwise; MaxKeepDays is ten years.
const (
	DefaultKeepDays = 180
	MaxKeepDays     = 3650
)

// Location is the institution's zone. The zone was checked when it was stored.
func (i Institution) Location() *time.Location {
	if i.zone != nil && i.zone.String() == i.Zone {
		return i.zone
	}
	l, err := time.LoadLocation(i.Zone)
	if err != nil {
		return time.UTC
	}
	return l
}

// Profile is a public voice of an institution.
type Profile struct {
	InstitutionID, ID, Slug, Name string
	Bio                           string
	AvatarHash                    string // blob, or empty
	FourEyes                      bool   // what it says must be approved by somebody else
	FourEyesAnswers               bool   // so must its answers to citizens
	Position                      int
	CreatedAt, ArchivedAt         time.Time
}

// Office answers and supplies information.
type Office struct {
	InstitutionID, ID, Slug, Name string
	Email, Phone                  string
}

var slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Slug makes the part of an address out of a name: "Biblioteca di Cesate" →
// "biblioteca-di-cesate".
func Slug(name string) string {
	return strings.Trim(slugOther.ReplaceAllString(foldASCII(strings.ToLower(name)), "-"), "-")
}

var slugOther = regexp.MustCompile(`[^a-z0-9]+`)

var accents = strings.NewReplacer(
	"à", "a", "á", "a", "â", "a", "ä", "a", "ã", "a", "è", "e", "é", "e", "ê", "e", "ë", "e",
	"ì", "i", "í", "i", "î", "i", "ï", "i", "ò", "o", "ó", "o", "ô", "o", "ö", "o", "õ", "o",
	"ù", "u", "ú", "u", "û", "u", "ü", "u", "ç", "c", "ñ", "n", "ß", "ss", "œ", "oe", "æ", "ae", "š", "s", "ž", "z", "č", "c", "ć", "c")

func foldASCII(s string) string { return accents.Replace(s) }

// check refuses what cannot be kept, and brings names to the form that is.
func (i *Institution) check() error {
	var f fault.Fields
	if strings.TrimSpace(i.Name) == "" {
		f.Add("name", "institution.name.missing")
	}
	checkLine(&f, "name", i.Name)
	checkLine(&f, "kind", i.Kind)
	for n, h := range i.Hosts {
		name, err := hostname.HostPort(h)
		if err != nil {
			f.Add("hosts", "institution.host.form", h)
		}
		i.Hosts[n] = Host(name)
	}
	// Letters are answered to it: one that nobody can write to would keep them from leaving.
	if address, ok := people.Address(i.Email); ok {
		i.Email = address
	} else if i.Email != "" {
		f.Add("email", "people.email.form")
	}
	checkSlug(&f, i.Slug)
	if _, err := time.LoadLocation(i.Zone); err != nil || i.Zone == "" || i.Zone == "Local" {
		f.Add("zone", "institution.zone.unknown", i.Zone)
	}
	if i.Locale != "it" && i.Locale != "en" {
		f.Add("locale", "institution.locale.unknown", i.Locale)
	}
	if i.Colour != "" && !colourForm.MatchString(i.Colour) {
		f.Add("colour", "institution.colour.form")
	}
	if i.KeepDays < 1 || i.KeepDays > MaxKeepDays {
		f.Add("keep_days", "fault.field.range", 1, MaxKeepDays)
	}
	for _, a := range []struct{ name, url string }{{"site_url", i.SiteURL}, {"privacy_url", i.PrivacyURL}, {"accessibility_url", i.AccessibilityURL}, {"legal_url", i.LegalURL}} {
		if a.url != "" && !strings.HasPrefix(a.url, "https://") && !strings.HasPrefix(a.url, "http://") && !strings.HasPrefix(a.url, "/") {
			f.Add(a.name, "institution.url.form")
		}
	}
	return f.Err()
}

var colourForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

func (p Profile) check() error {
	var f fault.Fields
	if strings.TrimSpace(p.Name) == "" {
		f.Add("name", "profile.name.missing")
	}
	checkLine(&f, "name", p.Name)
	checkSlug(&f, p.Slug)
	return f.Err()
}

// The longest texts, in characters.
const (
	maxLine = 200
	maxText = 1000
	maxURL  = 500
)

// checkLine bounds a text of one line and refuses what no page can show; forms
// have done so already, a command line has not.
func checkLine(f *fault.Fields, field, text string) {
	if utf8.RuneCountInString(text) > maxLine {
		f.Add(field, "fault.field.long", maxLine)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		f.Add(field, "fault.field.encoding")
	}
}

func checkSlug(f *fault.Fields, slug string) {
	switch {
	case len(slug) > maxLine:
		f.Add("slug", "fault.field.long", maxLine)
	case slug == "": // the name has no letter of which one can be made
		f.Add("slug", "institution.slug.missing")
	case !slugForm.MatchString(slug):
		f.Add("slug", "institution.slug.form")
	}
}

// Host is a host name as it is compared: in ASCII, lower case, without port.
func Host(h string) string {
	if strings.ContainsFunc(h, func(r rune) bool { return r >= utf8.RuneSelf }) {
		if ascii, err := hostname.HostPort(h); err == nil {
			h = ascii
		}
	}
	h = strings.ToLower(strings.TrimSpace(h))
	if i := strings.LastIndexByte(h, ':'); i > 0 && !strings.HasSuffix(h, "]") {
		h = h[:i]
	}
	return strings.TrimSuffix(h, ".")
}

// String names the institution in logs.
func (i Institution) String() string { return fmt.Sprintf("%s (%s)", i.Slug, i.ID) }
