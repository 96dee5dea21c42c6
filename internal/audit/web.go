package audit

import (
	"context"
	"embed"
	"fmt"
	"net/http"
	"strconv"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

const (
	path    = "/redazione/registro"
	perPage = 50
)

// Mount registers the pages of the audit log.
func Mount(k *web.Kit, mux *http.ServeMux, d *db.DB) error {
	if err := k.AddTemplates(templates); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	g := &pages{k, d}
	k.Handle(mux, "GET "+path, g.list)
	k.Handle(mux, "POST "+path+"/verifica", g.verify)
	return nil
}

type pages struct {
	kit *web.Kit
	db  *db.DB
}

// listPage is what the page "audit-list" shows.
type listPage struct {
	Entries []Entry
	Names   map[string]string
	Older   int64 // where the next page begins; 0: there is none
	First   bool  // the newest entries

	Verified bool
	Holding  int64
	Broken   int64 // the first entry that does not hold, or 0
	Sealed   int64 // from which on they are sealed; 0: none is
}

func (g *pages) list(w http.ResponseWriter, r *http.Request) error {
	// A page number that is none shows the newest entries.
	before, _ := strconv.ParseInt(r.URL.Query().Get("prima"), 10, 64)
	return g.render(w, r, max(before, 0), false)
}

func (g *pages) verify(w http.ResponseWriter, r *http.Request) error {
	return g.render(w, r, 0, true)
}

func (g *pages) render(w http.ResponseWriter, r *http.Request, before int64, verify bool) error {
	ctx := r.Context()
	a, err := people.Here(ctx, people.Staff)
	if err != nil {
		return err
	}
	p := listPage{First: before == 0, Verified: verify}
	err = g.db.Read(ctx, func(tx *db.Tx) error { return p.read(ctx, tx, a.InstitutionID, before) })
	if err != nil {
		return err
	}
	return g.kit.Render(w, r, http.StatusOK, "audit-list", p)
}

func (p *listPage) read(ctx context.Context, tx *db.Tx, institutionID string, before int64) (err error) {
	if p.Entries, err = Latest(ctx, tx, institutionID, before, perPage+1); err != nil {
		return err
	}
	if len(p.Entries) > perPage {
		p.Entries = p.Entries[:perPage]
		p.Older = p.Entries[perPage-1].Seq
	}
	if p.Names, err = people.Names(ctx, tx, institutionID); err != nil {
		return err
	}
	if p.Verified {
		var r Report
		r, err = Verify(ctx, tx, institutionID)
		p.Holding, p.Broken, p.Sealed = r.Entries, r.Broken, r.Sealed
	}
	return err
}
