package auth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
)

// Citizen is somebody whom the identity provider knows. It has no account here and
// no session: it signs one thing, such as a comment.
type Citizen struct {
	Subject string // issuer and subject: the same person for ever
	Name    string
}

// citizenLife is how long a page has to read who came back.
const citizenLife = 10 * time.Minute

const citizenPurpose = "oidc citizen"

// sealedCitizen is a Citizen on its way from the provider's answer to the page that
// asked.
type sealedCitizen struct {
	Citizen
	Next  string // the page it is for: another one cannot use it
	Until int64  // µs
}

// Provider is the name of the identity provider; empty without one.
func (s *Service) Provider() string {
	if s.oidc == nil {
		return ""
	}
	return s.oidc.Name
}

// DepartCitizen sends the browser to the identity provider in order to learn who is
// at it. It comes back to next, a path of this site, with the parameter "chi", which
// ReadCitizen reads. Fault: Unavailable when the provider is down, NotFound without
// one.
func (s *Service) DepartCitizen(w http.ResponseWriter, r *http.Request, next string) error {
	if s.oidc == nil {
		return fault.Missing("fault.not_found")
	}
	return s.leave(w, r, journey{Next: next, Citizen: true})
}

// citizenIsBack hands who came back over to the page that asked.
func (s *Service) citizenIsBack(w http.ResponseWriter, r *http.Request, j journey, c claims) error {
	sealed := sealedCitizen{Citizen{Subject: c.Issuer + " " + c.Subject, Name: c.Name}, j.Next, db.At(s.now().Add(citizenLife))}
	text, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	return web.Redirect(w, r, j.Next+"?chi="+url.QueryEscape(s.box.Seal(citizenPurpose, string(text))))
}

// ReadCitizen reads the parameter "chi" of a request for the page that asked. Fault:
// Invalid when it is not ours, for another page, or too old.
func (s *Service) ReadCitizen(r *http.Request, who string) (Citizen, error) {
	broken := fault.New(fault.Invalid, "auth.oidc.broken")
	var c sealedCitizen
	text, err := s.box.Open(citizenPurpose, who)
	if err != nil || json.Unmarshal([]byte(text), &c) != nil || db.At(s.now()) > c.Until || c.Next != r.URL.Path {
		return Citizen{}, broken.Because(err)
	}
	return c.Citizen, nil
}
