package auth

import (
	"mime"
	"net/http"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// againPage is what the pages "auth-again" and "auth-confirm" show: a form that
// was sent and not accepted yet, with all that was typed.
type againPage struct {
	Form        *web.Form
	Action      string
	SignIn      string
	Files       bool // files were chosen; browsers do not let a page keep them
	HasPassword bool
}

// lostForm reports whether the request is a form sent to the desk. A request of
// htmx is not: the page that made it is still there with everything in it.
func lostForm(r *http.Request) bool {
	if r.Method != http.MethodPost || !strings.HasPrefix(r.URL.Path, homePath+"/") || r.Header.Get("HX-Request") == "true" ||
		strings.Contains(r.Header.Get("Accept"), "json") {
		return false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (kind == "application/x-www-form-urlencoded" || kind == "multipart/form-data")
}

// offerAgain answers a form of somebody whose session has ended with a page that
// holds all that was typed: sign in beside it, then send it again. It works
// without JavaScript and stores nothing.
func (s *Service) offerAgain(w http.ResponseWriter, r *http.Request) error {
	// Not a megabyte of text: nothing that a person typed.
	r.Body = http.MaxBytesReader(w, r.Body, web.DefaultMaxBody)
	form, err := s.kit.ReadForm(r)
	if err != nil {
		// Too large to be carried through a page: the usual answer.
		return fault.New(fault.Unsigned, "people.unsigned").Because(err)
	}
	dropPasswords(form)
	return s.kit.Render(w, r, http.StatusUnauthorized, "auth-again", layout.Page{Layout: layout.Bare, NoIndex: true, Content: againPage{
		Form: form, Action: r.URL.RequestURI(), SignIn: withNext(SignInPath, "/accesso/fatto"), Files: len(form.Files) > 0,
	}})
}

func dropPasswords(form *web.Form) {
	for name := range form.Values {
		if strings.Contains(name, "password") || name == "again" {
			form.Values.Del(name)
		}
	}
}

// confirmField carries the password that confirms a dangerous act.
const confirmField = "confirm_password"

// Confirmed lets a POST pass only when the person proved who they are less than
// 15 minutes ago; else it asks for the password, and passes the form on with it.
func (s *Service) Confirmed(next web.Handler) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		who, err := signedIn(r)
		if err != nil {
			return err
		}
		if s.proved(r) {
			return next(w, r)
		}
		form, err := s.kit.ReadForm(r)
		if err != nil {
			return err
		}
		if password := form.Raw(confirmField); password != "" {
			if _, err = s.checkPassword(r.Context(), who.Email, password, s.placeOf(r), s.now()); err == nil {
				s.kit.Sessions.Put(r.Context(), provedKey, s.now().UnixMicro())
				return next(w, r)
			}
			if fault.Is(err, fault.Invalid) {
				err = fault.InvalidField(confirmField, "auth.confirm.wrong")
			}
			if fault.Is(err, fault.TooMany) {
				form.Text, form.Errors = s.kit.Printer(r).Fault(err)
			} else if !form.Fail(s.kit.Printer(r), err) {
				return err
			}
		}
		return s.askPassword(w, r, form, who)
	}
}

func (s *Service) askPassword(w http.ResponseWriter, r *http.Request, form *web.Form, who Identity) error {
	has, err := s.hasPassword(r.Context(), who.PersonID)
	if err != nil {
		return err
	}
	dropPasswords(form)
	status := http.StatusForbidden
	if form.Text != "" {
		status = form.Status()
	}
	return s.kit.Render(w, r, status, "auth-confirm", layout.Page{Layout: layout.Bare, NoIndex: true, Content: againPage{
		Form: form, Action: r.URL.RequestURI(), SignIn: withNext(SignInPath, "/accesso/fatto"), HasPassword: has,
	}})
}
