package auth

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
)

// People are the pages about people with what they need of this package. Call it
// after Mount.
func (s *Service) People() *people.Pages {
	return &people.Pages{
		DB: s.db, Kit: s.kit, Record: audit.Record, Confirmed: s.Confirmed,
		Invite: func(r *http.Request, tx *db.Tx, n people.Invitation) (people.Person, string, error) {
			u := NewUser{Email: n.Email, Name: n.Name, Locale: n.Locale, InstitutionID: n.InstitutionID, Roles: n.Roles}
			return s.Invite(r.Context(), tx, s.site(r), u, n.By, s.now())
		},
		InviteAgain: func(r *http.Request, tx *db.Tx, institutionID, personID, by string) (string, error) {
			return s.InviteAgain(r.Context(), tx, s.site(r), institutionID, personID, by, s.now())
		},
	}
}
