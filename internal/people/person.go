package people

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
)

// Person is somebody who works in one institution or in several.
type Person struct {
	ID, Email, Name string
	Locale          string // it, en: the language of the e-mails sent to this person
	HasPassword     bool
	CreatedAt       time.Time
	DisabledAt      time.Time // zero when the person may sign in
}

// Member is a person with the roles held in one institution.
type Member struct {
	Person
	Roles      []Role
	LastSeenAt time.Time // of a session on the institution's site that is still open
	Elsewhere  bool      // also serves another institution
}

// Membership is what a person is in one institution.
type Membership struct {
	InstitutionID, Slug, Name string
	Roles                     []Role
}

// maxName and maxEmail bound what is stored, in characters; RFC 5321 allows an
// address no more than 254.
const (
	maxName  = 120
	maxEmail = 254
)

// Address is an e-mail address as it is stored and compared: in lower case, its
// domain in ASCII. ok is false for text that is no plain address: one that package
// mail would not write to must not be stored.
func Address(text string) (address string, ok bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	// A host without a dot is accepted only where no mail leaves the machine.
	if here, local := strings.CutSuffix(text, "@localhost"); local {
		_, err := mail.NormalAddress("email", here+"@localhost.localdomain")
		return text, err == nil
	}
	address, err := mail.NormalAddress("email", text)
	return address, err == nil
}

func (p *Person) check() error {
	var f fault.Fields
	if address, ok := Address(p.Email); ok {
		p.Email = address
	} else {
		f.Add("email", "people.email.form")
	}
	p.Name = strings.Join(strings.Fields(p.Name), " ")
	switch {
	case p.Name == "":
		f.Add("name", "people.name.missing")
	case utf8.RuneCountInString(p.Name) > maxName:
		f.Add("name", "fault.field.long", maxName)
	}
	if p.Locale == "" {
		p.Locale = "it"
	}
	if p.Locale != "it" && p.Locale != "en" {
		f.Add("locale", "people.locale.unknown", p.Locale)
	}
	return f.Err()
}

// ParseRoles reads role names and returns them once each, from the least to the
// most powerful. Fault: Invalid, about the field "roles".
func ParseRoles(names []string) ([]Role, error) {
	var out []Role
	for _, n := range names {
		if !slices.Contains(roles, Role(n)) {
			return nil, fault.InvalidField("roles", "people.role.unknown", n)
		}
	}
	for _, r := range roles {
		if slices.Contains(names, string(r)) {
			out = append(out, r)
		}
	}
	return out, nil
}
