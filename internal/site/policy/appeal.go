package policy

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// maxAppeal bounds what somebody has to say, in characters.
const maxAppeal = 3000

func appealPurpose(institutionID string) string { return "policy.appeal/" + institutionID }

// AppealPath is where the author of words that were moderated asks for another
// judgement. It is told only to that author, and it is signed: nobody finds the one
// of another.
func (p *Policy) AppealPath(institutionID, moderationID string) string {
	return appealPath + "/" + base64.RawURLEncoding.EncodeToString([]byte(moderationID+" "+p.o.Box.MAC(appealPurpose(institutionID), moderationID)))
}

// entryOf is the entry that a link is about. Fault: NotFound.
func (p *Policy) entryOf(ctx context.Context, tx *db.Tx, institutionID, token string) (Entry, error) {
	bad := fault.Missing("policy.appeal.bad")
	if len(token) > 400 {
		return Entry{}, bad
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return Entry{}, bad.Because(err)
	}
	id, mac, ok := strings.Cut(string(text), " ")
	if !ok || !p.o.Box.Same(appealPurpose(institutionID), id, mac) {
		return Entry{}, bad
	}
	e, err := scanEntry(tx.QueryRow(ctx, `SELECT `+entryColumns+` FROM `+entryTables+` WHERE moderation.institution_id = $1 AND moderation.id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return e, bad
	}
	return e, err
}

// appealShown is the page on which somebody asks for another judgement.
type appealShown struct {
	Form      *web.Form
	Entry     Entry
	Action    string
	MaxAppeal int
	Privacy   string
}

func (p *Policy) appealPage(w http.ResponseWriter, r *http.Request) error {
	return p.showAppeal(w, r, web.NewForm())
}

func (p *Policy) showAppeal(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	page := appealShown{Form: form, Action: r.URL.EscapedPath(), MaxAppeal: maxAppeal, Privacy: i.PrivacyURL}
	if err := p.o.DB.Read(r.Context(), func(tx *db.Tx) error {
		page.Entry, err = p.entryOf(r.Context(), tx, i.ID, r.PathValue("token"))
		return err
	}); err != nil {
		return err
	}
	t := p.o.Kit.Printer(r).T
	return p.o.Kit.Render(w, r, form.Status(), "site-appeal", layout.Page{Layout: layout.Site, Content: page, Title: t("policy.appeal.title"), NoIndex: true,
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}, {Label: t("policy.title"), URL: publicPath}}})
}

// appeal keeps what the author has to say, once.
func (p *Policy) appeal(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	i, err := institution.Of(ctx)
	if err != nil {
		return err
	}
	form, err := p.o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	text := form.Required("text")
	form.Limited("text", maxAppeal)
	form.Label("text", p.o.Kit.Printer(r).T("policy.appeal.text"))
	if err = form.Err(); err == nil {
		err = p.o.DB.InTx(ctx, func(tx *db.Tx) error {
			e, err := p.entryOf(ctx, tx, i.ID, r.PathValue("token"))
			if err != nil {
				return err
			}
			if !e.AppealedAt.IsZero() {
				return fault.Clash("policy.appeal.twice")
			}
			return p.o.Appeal(ctx, tx, i.ID, e.ID, text)
		})
	}
	if err != nil {
		if !form.Fail(p.o.Kit.Printer(r), err) {
			return err
		}
		return p.showAppeal(w, r, form)
	}
	return web.Redirect(w, r, appealPath+"/"+r.PathValue("token"))
}
