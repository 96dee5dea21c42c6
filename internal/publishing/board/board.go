package board

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
)

// Options are what the pages are built from; all are required.
type Options struct {
	Kit      *web.Kit
	Desk     *publishing.Desk
	DB       *db.DB
	Channels *channel.Switchboard
	Clock    func() time.Time
	// Address is the base URL of an institution's site, without a final slash:
	// where a platform sends a person back after a sign-in there.
	Address func(institution.Institution) string
}

// Board holds the pages. Safe for concurrent use.
type Board struct{ Options }

// New registers the templates of the pages with the kit.
func New(o Options) (*Board, error) { return &Board{o}, nil }

// Mount registers the routes.
func (b *Board) Mount(mux *http.ServeMux) {
	b.Kit.Handle(mux, "GET "+Stream, b.live, web.WithoutCompression())
}
