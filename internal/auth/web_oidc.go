package auth

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// identityPath is where a person binds an identity of the provider to the account.
const identityPath = accountPath + "/identita"

func (s *Service) startOIDC(w http.ResponseWriter, r *http.Request) error {
	return s.depart(w, r, target(r.URL.Query().Get("next")))
}

func (s *Service) finishOIDC(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	j, err := s.journeyOf(r)
	s.setJourney(w, "", -1)
	var c claims
	if err == nil {
		c, err = s.arrive(ctx, r, j)
	}
	if j.Citizen {
		if err != nil {
			return err
		}
		return s.citizenIsBack(w, r, j, c)
	}
	if j.Bind != "" {
		if err != nil {
			return err
		}
		return s.finishBinding(w, r, j, c)
	}
	var personID string
	if err == nil {
		err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
			personID, err = s.personOf(ctx, tx, c, s.now())
			return err
		})
	}
	if kind := fault.Of(err).Kind; err != nil && (kind == fault.Invalid || kind == fault.Forbidden) {
		form := web.NewForm()
		form.Text, form.Errors = s.kit.Printer(r).Fault(err)
		return s.renderSignIn(w, r, form, j.Next)
	}
	if err != nil {
		return err
	}
	if err := s.begin(w, r, personID, "oidc"); err != nil {
		return err
	}
	return web.Redirect(w, r, target(j.Next))
}

// startBinding sends a signed-in person to the provider, to bind the identity that
// comes back. It is a link and no form: browsers let no form lead to another site.
func (s *Service) startBinding(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	if !s.proved(r) {
		return fault.New(fault.Forbidden, "auth.confirm.signin")
	}
	return s.leave(w, r, journey{Next: accountPath, Bind: who.PersonID})
}

// finishBinding binds who came back to the account of who left, if that person is
// still signed in here.
func (s *Service) finishBinding(w http.ResponseWriter, r *http.Request, j journey, c claims) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	if who.PersonID != j.Bind {
		return fault.New(fault.Invalid, "auth.oidc.broken")
	}
	ctx := r.Context()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if err := s.bind(ctx, tx, c, who.PersonID, s.now()); err != nil {
			return err
		}
		if err := s.note(ctx, tx, who.PersonID, "auth.oidc.bind"); err != nil {
			return err
		}
		p, err := people.ByID(ctx, tx, who.PersonID)
		if err != nil {
			return err
		}
		return s.write(ctx, tx, p, "auth.mail.bound.subject", "auth.mail.bound.text", s.oidc.Name)
	})
	if err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.oidc.bound", s.oidc.Name)
	return web.Redirect(w, r, accountPath)
}

// dropIdentity takes every identity of the provider off the account.
func (s *Service) dropIdentity(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM oidc_identity WHERE person_id = $1`, who.PersonID); err != nil {
			return err
		}
		return s.note(ctx, tx, who.PersonID, "auth.oidc.drop")
	})
	if err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.oidc.dropped", s.oidc.Name)
	return web.Redirect(w, r, accountPath)
}
