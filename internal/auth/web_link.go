package auth

import (
	"context"
	"net/http"
	"net/url"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

func withNext(path, next string) string { return path + "?next=" + url.QueryEscape(next) }

func institutionID(ctx context.Context) (string, bool) {
	i, ok := institution.From(ctx)
	return i.ID, ok
}

// forgottenPage is what the page "auth-forgotten" shows.
type forgottenPage struct {
	Form *web.Form
	Mail bool // there is e-mail
	Sent bool
}

func (s *Service) showForgotten(w http.ResponseWriter, r *http.Request) error {
	return s.renderForgotten(w, r, forgottenPage{Form: web.NewForm(), Mail: s.mail != nil})
}

func (s *Service) renderForgotten(w http.ResponseWriter, r *http.Request, p forgottenPage) error {
	return s.kit.Render(w, r, p.Form.Status(), "auth-forgotten", layout.Page{Layout: layout.Bare, NoIndex: true, Content: p})
}

// forgotten sends a link to set the password again. It answers the same whether
// or not there is such an account.
func (s *Service) forgotten(w http.ResponseWriter, r *http.Request) error {
	if s.mail == nil {
		return fault.Missing("fault.not_found")
	}
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	email, ok := people.Address(form.Required("email"))
	if !ok && form.Err() == nil {
		form.Add("email", "people.email.form")
	}
	if err = form.Err(); err == nil {
		err = s.sendReset(r, email)
	}
	if fault.Is(err, fault.TooMany) {
		form.Text, form.Errors = s.kit.Printer(r).Fault(err)
	} else if err != nil && !form.Fail(s.kit.Printer(r), err) {
		return err
	}
	return s.renderForgotten(w, r, forgottenPage{Form: form, Mail: true, Sent: err == nil})
}

func (s *Service) sendReset(r *http.Request, email string) error {
	ctx, now := r.Context(), s.now()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := s.spend(ctx, tx, []limit.Spend{limit.Links.From(web.From(r))}, now); err != nil {
			return err
		}
		p, err := people.ByEmail(ctx, tx, email)
		if fault.Is(err, fault.NotFound) || err == nil && !p.DisabledAt.IsZero() {
			return nil
		}
		if err != nil {
			return err
		}
		// A mailbox is not flooded: past the limit nothing is sent, silently.
		if wait, err := s.limits.Take(ctx, tx, now, limit.ResetLetters.Of(p.ID)); err != nil || wait > 0 {
			return err
		}
		token, err := newLink(ctx, tx, purposeReset, p.ID, "", now.Add(resetLife), now)
		if err != nil {
			return err
		}
		return s.write(ctx, tx, p, "auth.mail.reset.subject", "auth.mail.reset.text", s.site(r).JoinPath(linkPath, token).String())
	})
}

// linkPage is what the page "auth-link" shows.
type linkPage struct {
	Form   *web.Form
	Person people.Person
	Min    int
}

func (s *Service) showLink(w http.ResponseWriter, r *http.Request) error {
	p, err := s.linkPerson(r)
	if err != nil {
		return err
	}
	return s.renderLink(w, r, web.NewForm(), p)
}

// linkPerson is whose link it is. Fault: NotFound, TooMany.
func (s *Service) linkPerson(r *http.Request) (p people.Person, err error) {
	ctx := r.Context()
	network := []limit.Spend{limit.Links.From(web.From(r))}
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.spend(ctx, tx, network, s.now()) }); err != nil {
		return p, err
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		l, err := findLink(ctx, tx, r.PathValue("token"), s.now(), purposeSetup, purposeReset)
		if err != nil {
			return err
		}
		if p, err = people.ByID(ctx, tx, l.personID); err != nil {
			return err
		}
		return s.limits.GiveBack(ctx, tx, network...)
	})
	return p, err
}

func (s *Service) renderLink(w http.ResponseWriter, r *http.Request, form *web.Form, p people.Person) error {
	return s.kit.Render(w, r, form.Status(), "auth-link", layout.Page{Layout: layout.Bare, NoIndex: true, Content: linkPage{form, p, minPassword}})
}

// followLink sets the password and signs the person in, unless a code is needed.
func (s *Service) followLink(w http.ResponseWriter, r *http.Request) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	p, err := s.linkPerson(r)
	if err != nil {
		return err
	}
	hash, err := s.newPassword(r, form, p)
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.renderLink(w, r, form, p)
	}
	ctx, now := r.Context(), s.now()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := useLink(ctx, tx, r.PathValue("token"), now, purposeSetup, purposeReset); err != nil {
			return err
		}
		if err := s.choosePassword(ctx, tx, p, hash, "", now); err != nil {
			return err
		}
		return s.note(ctx, tx, p.ID, "auth.password")
	})
	if err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.password.set")
	return s.afterPassword(w, r, p.ID, "link", homePath)
}

// newPassword reads and checks a password typed twice, and hashes it. Fault:
// Invalid.
func (s *Service) newPassword(r *http.Request, form *web.Form, p people.Person) (hash string, err error) {
	password := form.Raw("password")
	if err := CheckPassword(password, p.Email, p.Name); err != nil {
		return "", err
	}
	if form.Raw("again") != password {
		return "", fault.InvalidField("again", "auth.password.differs")
	}
	return s.hasher.Hash(r.Context(), password)
}

// note records what a person did to the own account, in every institution served.
func (s *Service) note(ctx context.Context, tx *db.Tx, personID, action string) error {
	serves, err := people.Serves(ctx, tx, personID)
	if err != nil {
		return err
	}
	for _, m := range serves {
		acting := people.With(ctx, people.Actor{PersonID: personID, InstitutionID: m.InstitutionID})
		if err := audit.Record(acting, tx, m.InstitutionID, action, personID, nil, s.now()); err != nil {
			return err
		}
	}
	return nil
}

// institutionsPage is what the page "auth-institutions" shows.
type institutionsPage struct {
	Serves  []people.Membership
	Current string // identifier
}

func (s *Service) showInstitutions(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	return s.kit.Render(w, r, http.StatusOK, "auth-institutions", institutionsPage{who.Serves, who.InstitutionID})
}

// switchInstitution leads to the desk of another institution that the person
// serves. Its host has a session of its own, so the browser carries a link there
// that holds for a minute, once.
func (s *Service) switchInstitution(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	var to people.Membership
	for _, m := range who.Serves {
		if m.Slug == r.PathValue("slug") {
			to = m
		}
	}
	switch to.InstitutionID {
	case "":
		return fault.Missing("institution.missing")
	case who.InstitutionID:
		return web.Redirect(w, r, homePath)
	}
	ctx, now := r.Context(), s.now()
	var token string
	var u *url.URL
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		i, err := institution.ByID(ctx, tx, to.InstitutionID)
		if err != nil {
			return err
		}
		if len(i.Hosts) == 0 {
			return fault.Clash("auth.switch.nohost", i.Name)
		}
		u = s.siteOf(i.Hosts[0])
		token, err = newLink(ctx, tx, purposeHandover, who.PersonID, i.ID, now.Add(handoverLife), now)
		return err
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, u.JoinPath("/accesso/passaggio", token).String(), http.StatusSeeOther)
	return nil
}

// showHandover asks before signing in: a link from elsewhere must not put a
// person into somebody else's account unnoticed.
func (s *Service) showHandover(w http.ResponseWriter, r *http.Request) error {
	p, err := s.handoverPerson(r)
	if err != nil {
		return err
	}
	return s.kit.Render(w, r, http.StatusOK, "auth-handover", layout.Page{Layout: layout.Bare, NoIndex: true, Content: p})
}

func (s *Service) handoverPerson(r *http.Request) (p people.Person, err error) {
	ctx := r.Context()
	i, err := here(r)
	if err != nil {
		return p, err
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		l, err := findLink(ctx, tx, r.PathValue("token"), s.now(), purposeHandover)
		if err == nil && l.institutionID != i.ID {
			err = fault.Missing("auth.link.gone")
		}
		if err != nil {
			return err
		}
		p, err = people.ByID(ctx, tx, l.personID)
		return err
	})
	return p, err
}

func (s *Service) handover(w http.ResponseWriter, r *http.Request) error {
	p, err := s.handoverPerson(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		return useLink(ctx, tx, r.PathValue("token"), s.now(), purposeHandover)
	})
	if err != nil {
		return err
	}
	if err := s.begin(w, r, p.ID, "handover"); err != nil {
		return err
	}
	return web.Redirect(w, r, homePath)
}
