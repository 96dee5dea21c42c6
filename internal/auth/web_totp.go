package auth

import (
	"context"
	"html/template"
	"net/http"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// totpPage is what the page "auth-totp" shows: how to begin, the seed to take
// into a generator, or that codes are asked for.
type totpPage struct {
	Form      *web.Form
	Confirmed bool
	Prepared  bool
	Key       string
	Image     template.URL
	Left      int
}

func (s *Service) showTOTP(w http.ResponseWriter, r *http.Request) error {
	return s.renderTOTP(w, r, web.NewForm())
}

func (s *Service) renderTOTP(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	page := totpPage{Form: form}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		g, found, err := s.generatorOf(ctx, tx, who.PersonID)
		if err != nil {
			return err
		}
		page.Confirmed, page.Prepared = g.confirmed, found && !g.confirmed
		if page.Prepared {
			setup, err := g.setup(who.Actor, hostname.Readable(s.base.Hostname()))
			page.Key, page.Image = setup.Key, template.URL(setup.Image)
			return err
		}
		page.Left, err = recoveryLeft(ctx, tx, who.PersonID)
		return err
	})
	if err != nil {
		return err
	}
	return s.kit.Render(w, r, form.Status(), "auth-totp", s.underAccount(r, page))
}

// underAccount is a page below the account's.
func (s *Service) underAccount(r *http.Request, content any) layout.Page {
	return layout.Page{Crumbs: []layout.Link{{Label: s.kit.Printer(r).T("auth.account.title"), URL: accountPath}}, Content: content}
}

func (s *Service) prepareTOTP(w http.ResponseWriter, r *http.Request) error {
	return s.changeTOTP(w, r, func(ctx context.Context, tx *db.Tx, personID string) error {
		return s.prepareGenerator(ctx, tx, personID)
	}, "/redazione/account/codici")
}

func (s *Service) dropTOTP(w http.ResponseWriter, r *http.Request) error {
	s.kit.Flash(r, web.Info, "auth.totp.dropped")
	return s.changeTOTP(w, r, func(ctx context.Context, tx *db.Tx, personID string) error {
		if err := dropGenerator(ctx, tx, personID); err != nil {
			return err
		}
		return s.note(ctx, tx, personID, "auth.totp.drop")
	}, accountPath)
}

func (s *Service) changeTOTP(w http.ResponseWriter, r *http.Request, change func(context.Context, *db.Tx, string) error, then string) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return change(ctx, tx, who.PersonID) }); err != nil {
		return err
	}
	return web.Redirect(w, r, then)
}

func (s *Service) confirmTOTP(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	var codes []string
	err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if codes, err = s.confirmGenerator(ctx, tx, who.PersonID, form.String("code"), s.now()); err != nil {
			return err
		}
		return s.note(ctx, tx, who.PersonID, "auth.totp")
	})
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.renderTOTP(w, r, form)
	}
	return s.showRecovery(w, r, codes)
}

func (s *Service) renewRecovery(w http.ResponseWriter, r *http.Request) error {
	var codes []string
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if codes, err = s.newRecoveryCodes(ctx, tx, who.PersonID); err != nil {
			return err
		}
		return s.note(ctx, tx, who.PersonID, "auth.totp.recovery")
	})
	if err != nil {
		return err
	}
	return s.showRecovery(w, r, codes)
}

// showRecovery shows the codes, the only time that anybody sees them.
func (s *Service) showRecovery(w http.ResponseWriter, r *http.Request, codes []string) error {
	return s.kit.Render(w, r, http.StatusOK, "auth-recovery", s.underAccount(r, codes))
}
