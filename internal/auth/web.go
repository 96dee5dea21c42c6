package auth

import (
	"context"
	"embed"
	"fmt"
	"net/http"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed all:templates
var templates embed.FS

// SignInPath is web.Options.SignIn.
const SignInPath = "/accesso"

const (
	accountPath   = "/redazione/account"
	forgottenPath = "/accesso/dimenticata"
	homePath      = "/redazione"
)

// Mount registers the pages of signing in, of one's own account and of tokens.
// Call it before serving: Identify needs the kit.
func (s *Service) Mount(k *web.Kit, mux *http.ServeMux) error {
	s.kit = k
	if err := k.AddTemplates(templates); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	for _, p := range []struct {
		pattern string
		handler web.Handler
	}{
		{"GET /accesso", s.showSignIn},
		{"POST /accesso", s.signIn},
		{"GET /accesso/codice", s.showCode},
		{"POST /accesso/codice", s.enterCode},
		{"GET /accesso/fatto", s.showDone},
		{"POST /uscita", s.signOut},
		{"GET " + forgottenPath, s.showForgotten},
		{"POST " + forgottenPath, s.forgotten},
		{"GET /accesso/collegamento/{token}", s.showLink},
		{"POST /accesso/collegamento/{token}", s.followLink},
		{"GET /accesso/passaggio/{token}", s.showHandover},
		{"POST /accesso/passaggio/{token}", s.handover},
		{"POST /accesso/passkey/inizio", s.beginPasskey},
		{"POST /accesso/passkey/fine", s.finishPasskey},
		{"GET /redazione/enti", s.showInstitutions},
		{"GET /redazione/enti/{slug}", s.switchInstitution},
		{"GET /redazione/account", s.showAccount},
		{"POST /redazione/account", s.saveAccount},
		{"GET /redazione/account/password", s.showPassword},
		{"POST /redazione/account/password", s.changePassword},
		{"POST /redazione/account/sessioni", s.endOthers},
		{"POST /redazione/account/sessioni/{id}", s.endSession},
		{"GET /redazione/account/codici", s.showTOTP},
		{"POST /redazione/account/codici", s.Confirmed(s.prepareTOTP)},
		{"POST /redazione/account/codici/conferma", s.confirmTOTP},
		{"POST /redazione/account/codici/recupero", s.Confirmed(s.renewRecovery)},
		{"POST /redazione/account/codici/disattiva", s.Confirmed(s.dropTOTP)},
		{"POST /redazione/account/passkey/inizio", s.beginRegistration},
		{"POST /redazione/account/passkey/fine", s.finishRegistration},
		{"POST /redazione/account/passkey/{id}/elimina", s.Confirmed(s.dropPasskey)},
		{"GET /redazione/token", s.showTokens},
		{"POST /redazione/token", s.Confirmed(s.createToken)},
		{"POST /redazione/token/{id}/revoca", s.revokeToken},
	} {
		k.Handle(mux, p.pattern, p.handler)
	}
	if s.oidc != nil {
		k.Handle(mux, "GET /accesso/oidc", s.startOIDC)
		k.Handle(mux, "GET "+callbackPath, s.finishOIDC)
		k.Handle(mux, "GET "+identityPath, s.startBinding)
		k.Handle(mux, "POST "+identityPath+"/togli", s.Confirmed(s.dropIdentity))
	}
	if s.demo {
		k.Handle(mux, "POST /accesso/demo", s.demoSignIn)
	}
	return nil
}

// signInPage is what the page "auth-signin" shows.
type signInPage struct {
	Form     *web.Form
	Next     string
	Provider string // name of the identity provider, or empty
	Forgot   bool   // there is e-mail, so a password can be set again
	Demo     []demoAccount
	As       string // who is signed in already
}

type demoAccount struct {
	ID, Name string
	Roles    []people.Role
}

func (s *Service) showSignIn(w http.ResponseWriter, r *http.Request) error {
	var flash []layout.Flash
	if r.URL.Query().Get("esito") == "tardi" {
		flash = append(flash, layout.Flash{Kind: web.Info, Text: s.kit.Printer(r).T("auth.code.late")})
	}
	return s.renderSignIn(w, r, web.NewForm(), r.URL.Query().Get("next"), flash...)
}

func (s *Service) renderSignIn(w http.ResponseWriter, r *http.Request, form *web.Form, next string, flash ...layout.Flash) error {
	page := signInPage{Form: form, Next: target(next), Forgot: s.mail != nil}
	if s.oidc != nil {
		page.Provider = s.oidc.Name
	}
	if who, ok := Who(r.Context()); ok {
		page.As = who.Name
	}
	if s.demo {
		var err error
		if page.Demo, err = s.demoAccounts(r.Context()); err != nil {
			return err
		}
	}
	return s.kit.Render(w, r, form.Status(), "auth-signin", layout.Page{Layout: layout.Bare, Scripts: true, NoIndex: true, Content: page, Flash: flash})
}

// target is where a person goes after signing in: a path of this site, and not
// one that would sign out again.
func target(next string) string {
	path := web.LocalPath(next)
	if path == "/" || path == "/uscita" || len(path) > 2000 {
		return homePath
	}
	return path
}

func (s *Service) signIn(w http.ResponseWriter, r *http.Request) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	next := target(form.String("next"))
	email, password := form.Required("email"), form.Raw("password")
	if password == "" {
		form.Add("password", "fault.field.missing")
	}
	err = form.Err()
	var p people.Person
	if err == nil {
		p, err = s.checkPassword(r.Context(), email, password, s.placeOf(r), s.now())
	}
	if err != nil {
		return s.signInAgain(w, r, form, next, err)
	}
	return s.afterPassword(w, r, p.ID, "password", next)
}

// signInAgain shows the form with what is wrong. TooMany and Unavailable are shown
// there too: the page says what else the person can do.
func (s *Service) signInAgain(w http.ResponseWriter, r *http.Request, form *web.Form, next string, err error) error {
	if fault.Is(err, fault.Unavailable) {
		w.Header().Set("Retry-After", "5")
	}
	if fault.Is(err, fault.TooMany) || fault.Is(err, fault.Unavailable) {
		form.Text, form.Errors = s.kit.Printer(r).Fault(err)
	} else if !form.Fail(s.kit.Printer(r), err) {
		return err
	}
	return s.renderSignIn(w, r, form, next)
}

// afterPassword asks for the second factor, or signs the person in.
func (s *Service) afterPassword(w http.ResponseWriter, r *http.Request, personID, how, next string) error {
	ctx := r.Context()
	var second bool
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		second, err = hasGenerator(ctx, tx, personID)
		return err
	})
	if err != nil {
		return err
	}
	if !second {
		if err := s.begin(w, r, personID, how); err != nil {
			return err
		}
		return web.Redirect(w, r, next)
	}
	if err := s.kit.Sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.kit.Sessions.Remove(ctx, personKey)
	s.kit.Sessions.Put(ctx, pendingKey, personID)
	s.kit.Sessions.Put(ctx, pendingAt, s.now().UnixMicro())
	return web.Redirect(w, r, withNext("/accesso/codice", next))
}

// codePage is what the page "auth-code" shows.
type codePage struct {
	Form *web.Form
	Next string
}

func (s *Service) showCode(w http.ResponseWriter, r *http.Request) error {
	next := target(r.URL.Query().Get("next"))
	if _, ok := s.pending(r); !ok {
		return web.Redirect(w, r, withNext(SignInPath, next))
	}
	return s.renderCode(w, r, web.NewForm(), next)
}

func (s *Service) renderCode(w http.ResponseWriter, r *http.Request, form *web.Form, next string) error {
	return s.kit.Render(w, r, form.Status(), "auth-code", layout.Page{Layout: layout.Bare, NoIndex: true, Content: codePage{form, next}})
}

func (s *Service) enterCode(w http.ResponseWriter, r *http.Request) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	next := target(form.String("next"))
	personID, ok := s.pending(r)
	if !ok {
		// Nothing is written down for a stranger: the address says what happened.
		return web.Redirect(w, r, withNext(SignInPath, next)+"&esito=tardi")
	}
	code := form.Required("code")
	if err = form.Err(); err == nil {
		err = s.checkSecond(r.Context(), personID, code, s.placeOf(r), s.now())
	}
	if fault.Is(err, fault.TooMany) {
		// Whoever has used up the tries starts again with the password.
		if endErr := s.kit.Sessions.Destroy(r.Context()); endErr != nil {
			return endErr
		}
		form = web.NewForm()
		form.Text, form.Errors = s.kit.Printer(r).Fault(err)
		return s.renderSignIn(w, r, form, next)
	}
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.renderCode(w, r, form, next)
	}
	if err := s.begin(w, r, personID, "code"); err != nil {
		return err
	}
	return web.Redirect(w, r, next)
}

func (s *Service) signOut(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	who, ok := Who(ctx)
	if !ok {
		return web.Redirect(w, r, SignInPath) // nothing to end, and nothing written down for a stranger
	}
	if len(who.Roles) > 0 {
		err := s.db.InTx(ctx, func(tx *db.Tx) error {
			return audit.Record(ctx, tx, who.InstitutionID, "auth.signout", who.PersonID, nil, s.now())
		})
		if err != nil {
			return err
		}
	}
	if err := s.kit.Sessions.Destroy(ctx); err != nil {
		return err
	}
	s.kit.Streams.Recheck()
	s.kit.Flash(r, web.Info, "auth.signedout")
	return web.Redirect(w, r, SignInPath)
}

// showDone tells somebody who signed in beside a waiting form to go back to it.
func (s *Service) showDone(w http.ResponseWriter, r *http.Request) error {
	return s.kit.Render(w, r, http.StatusOK, "auth-done", layout.Page{Layout: layout.Bare, NoIndex: true})
}

// demoAccounts lists the people of the institution for the demo's buttons.
func (s *Service) demoAccounts(ctx context.Context) (out []demoAccount, err error) {
	i, ok := institutionID(ctx)
	if !ok {
		return nil, nil
	}
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		all, err := people.Members(ctx, tx, i)
		for _, m := range all {
			out = append(out, demoAccount{m.ID, m.Name, m.Roles})
		}
		return err
	})
	return out, err
}

// demoSignIn is registered in the demo only.
func (s *Service) demoSignIn(w http.ResponseWriter, r *http.Request) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	all, err := s.demoAccounts(r.Context())
	if err != nil {
		return err
	}
	for _, a := range all {
		if a.ID == form.String("person") {
			if err := s.begin(w, r, a.ID, "demo"); err != nil {
				return err
			}
			return web.Redirect(w, r, target(form.String("next")))
		}
	}
	return fault.Missing("people.missing")
}

// Dress is for web.Options.Shell: it puts who is signed in, and the institutions
// to switch to, around a page.
func (s *Service) Dress(r *http.Request, p *layout.Page) {
	who, ok := Who(r.Context())
	if !ok {
		return
	}
	printer := s.kit.Printer(r)
	role := ""
	if n := len(who.Roles); n > 0 {
		role = printer.T(who.Roles[n-1].Key())
	}
	p.Person = &layout.Person{Name: who.Name, Role: role, ProfileURL: accountPath, SignOutURL: "/uscita"}
	for _, m := range who.Serves {
		p.Institutions = append(p.Institutions, layout.Link{Label: m.Name, URL: "/redazione/enti/" + m.Slug, Current: m.InstitutionID == who.InstitutionID})
	}
}
