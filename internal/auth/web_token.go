package auth

import (
	"net/http"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// tokensPage is what the page "auth-tokens" shows.
type tokensPage struct {
	Form   *web.Form
	Tokens []Token
	Names  map[string]string // of the people who made them
	Roles  []people.Role     // that may be given
	Made   string            // the text of a token just made: shown once
}

func (s *Service) showTokens(w http.ResponseWriter, r *http.Request) error {
	return s.renderTokens(w, r, web.NewForm("days", "365"), "")
}

func (s *Service) renderTokens(w http.ResponseWriter, r *http.Request, form *web.Form, made string) error {
	i, err := here(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	who, err := people.Can(ctx, people.Staff, i.ID)
	if err != nil {
		return err
	}
	page := tokensPage{Form: form, Made: made, Roles: slices.DeleteFunc(people.Roles(), func(role people.Role) bool { return !people.Covers(who.Roles, role) })}
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		if page.Tokens, err = Tokens(ctx, tx, i.ID); err != nil {
			return err
		}
		page.Names, err = people.Names(ctx, tx, i.ID)
		return err
	})
	if err != nil {
		return err
	}
	return s.kit.Render(w, r, form.Status(), "auth-tokens", page)
}

// maxTokenDays is how long a token made on the desk holds at most.
const maxTokenDays = 730

func (s *Service) createToken(w http.ResponseWriter, r *http.Request) error {
	i, err := here(r)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), s.now()
	who, err := people.Can(ctx, people.Staff, i.ID)
	if err != nil {
		return err
	}
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	days := form.Int("days", 1, maxTokenDays)
	roles, err := people.ParseRoles(form.Strings("roles"))
	var text string
	if err == nil {
		err = form.Err()
	}
	if err == nil {
		err = s.db.InTx(ctx, func(tx *db.Tx) (err error) {
			text, _, err = CreateToken(ctx, tx, Token{InstitutionID: i.ID, Name: form.String("name"), Roles: roles,
				PersonID: who.PersonID, ExpiresAt: now.Add(time.Duration(days) * 24 * time.Hour)}, now)
			return err
		})
	}
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.renderTokens(w, r, form, "")
	}
	return s.renderTokens(w, r, web.NewForm("days", "365"), text)
}

func (s *Service) revokeToken(w http.ResponseWriter, r *http.Request) error {
	i, err := here(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if _, err := people.Can(ctx, people.Staff, i.ID); err != nil {
		return err
	}
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return RevokeToken(ctx, tx, i.ID, r.PathValue("id"), s.now()) }); err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.token.revoked")
	return web.Redirect(w, r, "/redazione/token")
}
