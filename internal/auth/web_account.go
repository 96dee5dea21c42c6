package auth

import (
	"context"
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// accountPage is what the page "auth-account" shows.
type accountPage struct {
	Form      *web.Form
	Person    people.Person
	Roles     []people.Role
	Sessions  []Session
	Current   string // identifier of this session
	TOTP      bool
	CodesLeft int
	Passkeys  []Passkey
	Provider  string // name of the identity provider, or empty
	Bound     bool   // an identity of the provider opens the account
}

func (s *Service) showAccount(w http.ResponseWriter, r *http.Request) error {
	return s.renderAccount(w, r, nil)
}

// renderAccount shows the account; form is what was typed, or nil.
func (s *Service) renderAccount(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page := accountPage{Roles: who.Roles, Current: s.currentSession(r), Provider: s.Provider()}
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		if page.Person, err = people.ByID(ctx, tx, who.PersonID); err != nil {
			return err
		}
		if page.Sessions, err = openSessions(ctx, tx, who.PersonID, s.now()); err != nil {
			return err
		}
		if page.TOTP, err = hasGenerator(ctx, tx, who.PersonID); err != nil {
			return err
		}
		if page.CodesLeft, err = recoveryLeft(ctx, tx, who.PersonID); err != nil {
			return err
		}
		if page.Passkeys, err = passkeysOf(ctx, tx, who.PersonID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT count(*) > 0 FROM oidc_identity WHERE person_id = $1`, who.PersonID).Scan(&page.Bound)
	})
	if err != nil {
		return err
	}
	if page.Form = form; form == nil {
		page.Form = web.NewForm("name", page.Person.Name, "locale", page.Person.Locale)
	}
	return s.kit.Render(w, r, page.Form.Status(), "auth-account", page)
}

// currentSession is the identifier of the request's session: the hash that the
// store knows it by.
func (s *Service) currentSession(r *http.Request) string {
	return sessionID(s.kit.Sessions.Token(r.Context()))
}

func (s *Service) saveAccount(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	name, locale := form.Required("name"), form.Choice("locale", "it", "en")
	if err = form.Err(); err == nil {
		err = s.db.InTx(ctx, func(tx *db.Tx) error { return people.Rename(ctx, tx, who.PersonID, name, locale) })
	}
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.renderAccount(w, r, form)
	}
	s.kit.Flash(r, web.Success, "auth.account.saved")
	return web.Redirect(w, r, accountPath)
}

// passwordPage is what the page "auth-password" shows.
type passwordPage struct {
	Form        *web.Form
	HasPassword bool
	Email       string
	Min         int
}

func (s *Service) showPassword(w http.ResponseWriter, r *http.Request) error {
	return s.renderPassword(w, r, web.NewForm())
}

func (s *Service) renderPassword(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	has, err := s.hasPassword(r.Context(), who.PersonID)
	if err != nil {
		return err
	}
	return s.kit.Render(w, r, form.Status(), "auth-password", layout.Page{
		Crumbs:  []layout.Link{{Label: s.kit.Printer(r).T("auth.account.title"), URL: accountPath}},
		Content: passwordPage{form, has, who.Email, minPassword},
	})
}

func (s *Service) hasPassword(ctx context.Context, personID string) (has bool, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		p, err := people.ByID(ctx, tx, personID)
		has = p.HasPassword
		return err
	})
	return has, err
}

// changePassword asks for the old password, and signs out every other browser.
// Somebody without a password must have signed in a moment ago.
func (s *Service) changePassword(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	hash, p, err := s.replacement(r, form, who)
	if err != nil {
		if fault.Is(err, fault.TooMany) {
			form.Text, form.Errors = s.kit.Printer(r).Fault(err)
		} else if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.renderPassword(w, r, form)
	}
	ctx, now := r.Context(), s.now()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := s.choosePassword(ctx, tx, p, hash, s.currentSession(r), now); err != nil {
			return err
		}
		if err := s.note(ctx, tx, p.ID, "auth.password"); err != nil {
			return err
		}
		return s.write(ctx, tx, p, "auth.mail.changed.subject", "auth.mail.changed.text")
	})
	if err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.password.changed")
	return web.Redirect(w, r, accountPath)
}

// replacement checks the old password and returns the hash of the new one.
func (s *Service) replacement(r *http.Request, form *web.Form, who Identity) (hash string, p people.Person, err error) {
	ctx := r.Context()
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		p, err = people.ByID(ctx, tx, who.PersonID)
		return err
	})
	if err != nil {
		return "", p, err
	}
	if p.HasPassword {
		_, err = s.checkPassword(ctx, p.Email, form.Raw("old_password"), s.placeOf(r), s.now())
		if fault.Is(err, fault.Invalid) {
			err = fault.InvalidField("old_password", "auth.confirm.wrong")
		}
	} else if !s.proved(r) {
		err = fault.New(fault.Invalid, "auth.confirm.signin")
	}
	if err != nil {
		return "", p, err
	}
	hash, err = s.newPassword(r, form, p)
	return hash, p, err
}

// endOthers signs the person out everywhere else.
func (s *Service) endOthers(w http.ResponseWriter, r *http.Request) error {
	return s.end(w, r, "", s.currentSession(r))
}

func (s *Service) endSession(w http.ResponseWriter, r *http.Request) error {
	return s.end(w, r, r.PathValue("id"), "")
}

func (s *Service) end(w http.ResponseWriter, r *http.Request, only, keep string) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	var n int64
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if n, err = endSessions(ctx, tx, who.PersonID, only, keep, s.now()); err != nil || n == 0 {
			return err
		}
		return s.note(ctx, tx, who.PersonID, "auth.sessions")
	})
	if err != nil {
		return err
	}
	s.kit.Streams.Recheck()
	s.kit.Flash(r, web.Success, "auth.sessions.ended", int(n))
	return web.Redirect(w, r, accountPath)
}
