package activitypub

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// deskPath is the page about our part of the Fediverse.
const deskPath = "/redazione/fediverso"

func (s *Server) mountDesk(mux *http.ServeMux) {
	for pattern, h := range map[string]handler{
		"GET " + deskPath:                               s.deskPage,
		"POST " + deskPath + "/blocchi":                 s.postBlock,
		"POST " + deskPath + "/blocchi/togli":           s.postUnblock,
		"POST " + deskPath + "/rilanci":                 s.postBoost,
		"POST " + deskPath + "/rilanci/{id}/togli":      s.postUnboost,
		"POST " + deskPath + "/segnalazioni/{id}/vista": s.postHandled,
	} {
		s.kit.Handle(mux, pattern, s.placed(func(w http.ResponseWriter, r *http.Request, p place) error {
			if _, err := people.Can(r.Context(), people.Configure, p.ID); err != nil {
				return err
			}
			return h(w, r, p)
		}))
	}
}

// deskShown is the page: who speaks, who listens, what does not arrive, who is
// kept out, what was passed on and what was reported.
type deskShown struct {
	Actors  []shownActor
	Servers []shownServer // by followers
	Trouble []shownServer
	Blocks  []Block
	Boosts  []Boost
	Reports []shownReport

	BlockForm, BoostForm *web.Form
	Names                []layout.Option
}

type shownActor struct {
	Name, Profile, Handle, URL string
	Followers                  int
}

type shownServer struct {
	Host      string
	Followers int
	Waiting   int
	Since     time.Time // it does not answer since
	Code      string
	Dead      bool
}

type shownReport struct {
	ID, By, Content string
	Objects         []string
	At              time.Time
}

func (s *Server) deskPage(w http.ResponseWriter, r *http.Request, p place) error {
	return s.showDesk(w, r, p, nil, nil)
}

// showDesk shows the page; block and boost are forms that were refused.
func (s *Server) showDesk(w http.ResponseWriter, r *http.Request, p place, block, boost *web.Form) error {
	ctx := r.Context()
	page := deskShown{BlockForm: block, BoostForm: boost}
	if err := s.db.Read(ctx, func(tx *db.Tx) error { return s.readDesk(ctx, tx, p, &page) }); err != nil {
		return err
	}
	t := s.kit.Printer(r)
	status := http.StatusOK
	if block == nil {
		page.BlockForm = web.NewForm()
	} else {
		status = block.Status()
	}
	if boost == nil {
		page.BoostForm = web.NewForm()
	} else {
		status = boost.Status()
	}
	page.BlockForm.Label("whom", t.T("activitypub.block.field"), "reason", t.T("activitypub.block.reason"))
	page.BoostForm.Label("actor", t.T("activitypub.boost.actor"), "address", t.T("activitypub.boost.address"))
	return s.kit.Render(w, r, status, "activitypub-desk", layout.Page{Layout: layout.Desk, Content: page, Title: t.T("activitypub.desk")})
}

// shownMost bounds each list of the page.
const shownMost = 50

func (s *Server) readDesk(ctx context.Context, tx *db.Tx, p place, page *deskShown) (err error) {
	dead := s.clock().Add(-deadAfter)
	if page.Actors, err = db.All(ctx, tx, func(r db.Scanner) (a shownActor, err error) {
		err = r.Scan(&a.Name, &a.Profile, &a.Followers)
		a.Handle, a.URL = p.handle(a.Name), p.actor(a.Name)
		return a, err
	}, `SELECT a.name, f.name, (SELECT count(*) FROM ap_follower w WHERE w.institution_id = a.institution_id AND w.actor = a.name)
		FROM ap_actor a JOIN profile f ON f.institution_id = a.institution_id AND f.id = a.profile_id
		JOIN channel c ON c.institution_id = a.institution_id AND c.profile_id = a.profile_id AND c.platform = 'activitypub' AND c.state <> 'disconnected'
		WHERE a.institution_id = $1 AND a.name <> '' ORDER BY f.position, a.name`, p.ID); err != nil {
		return err
	}
	for _, a := range page.Actors {
		page.Names = append(page.Names, layout.Option{Value: a.Name, Label: a.Profile})
	}
	if page.Servers, err = db.All(ctx, tx, func(r db.Scanner) (h shownServer, err error) {
		err = r.Scan(&h.Host, &h.Followers)
		return h, err
	}, `SELECT r.host, count(*) FROM ap_follower f JOIN ap_remote r ON r.institution_id = f.institution_id AND r.id = f.remote_id
		WHERE f.institution_id = $1 GROUP BY r.host ORDER BY count(*) DESC, r.host LIMIT $2`, p.ID, shownMost); err != nil {
		return err
	}
	if page.Trouble, err = db.All(ctx, tx, func(r db.Scanner) (h shownServer, err error) {
		var since int64
		err = r.Scan(&h.Host, &since, &h.Code, &h.Waiting)
		h.Since, h.Dead = db.When(since), since > 0 && db.When(since).Before(dead)
		return h, err
	}, `SELECT h.host, h.failing_since, h.code, (SELECT count(*) FROM ap_delivery d WHERE d.institution_id = h.institution_id AND d.host = h.host AND d.state = 'waiting')
		FROM ap_host h WHERE h.institution_id = $1 AND h.failing_since > 0 ORDER BY h.failing_since, h.host LIMIT $2`, p.ID, shownMost); err != nil {
		return err
	}
	if page.Blocks, err = db.All(ctx, tx, func(r db.Scanner) (b Block, err error) {
		var at int64
		err = r.Scan(&b.Kind, &b.Target, &b.Reason, &at)
		b.At = db.When(at)
		return b, err
	}, `SELECT kind, target, reason, at FROM ap_block WHERE institution_id = $1 AND kind IN ('domain', 'actor') ORDER BY at DESC, target LIMIT 500`, p.ID); err != nil {
		return err
	}
	if page.Boosts, err = db.All(ctx, tx, func(r db.Scanner) (b Boost, err error) {
		var at int64
		err = r.Scan(&b.ID, &b.Actor, &b.Address, &at)
		b.At = db.When(at)
		return b, err
	}, `SELECT id, actor, object, at FROM ap_activity WHERE institution_id = $1 AND type = 'Announce' AND undone_at = 0 ORDER BY at DESC, id DESC LIMIT $2`, p.ID, shownMost); err != nil {
		return err
	}
	page.Reports, err = db.All(ctx, tx, scanReport, `
		SELECT id, actor_id, objects, content, at FROM ap_report WHERE institution_id = $1 AND handled_at = 0 ORDER BY at DESC, id DESC LIMIT $2`, p.ID, shownMost)
	return err
}

func scanReport(r db.Scanner) (x shownReport, err error) {
	var objects string
	var at int64
	if err = r.Scan(&x.ID, &x.By, &objects, &x.Content, &at); err != nil {
		return x, err
	}
	x.At = db.When(at)
	if u, err := url.Parse(x.By); err == nil && u.Host != "" {
		x.By = u.Host // servers report in their own name, not in that of who complained
	}
	return x, json.Unmarshal([]byte(objects), &x.Objects)
}

func (s *Server) postBlock(w http.ResponseWriter, r *http.Request, p place) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	whom := form.Required("whom")
	form.Limited("whom", 500)
	reason := form.Limited("reason", 300)
	if err = form.Err(); err == nil {
		err = s.Block(r.Context(), p.ID, whom, reason)
	}
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.showDesk(w, r, p, form, nil)
	}
	s.kit.Flash(r, web.Success, "activitypub.block.done")
	return web.Redirect(w, r, deskPath+"#blocchi")
}

func (s *Server) postUnblock(w http.ResponseWriter, r *http.Request, p place) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := s.Unblock(r.Context(), p.ID, form.String("kind"), form.String("target")); err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "activitypub.block.undone")
	return web.Redirect(w, r, deskPath+"#blocchi")
}

func (s *Server) postBoost(w http.ResponseWriter, r *http.Request, p place) error {
	form, err := s.kit.ReadForm(r)
	if err != nil {
		return err
	}
	name, address := form.Required("actor"), form.Required("address")
	form.Limited("address", 2000)
	if err = form.Err(); err == nil {
		err = s.Boost(r.Context(), p.ID, name, address)
		if fault.Is(err, fault.NotFound) {
			err = fault.InvalidField("actor", "activitypub.actor.missing").Because(err)
		}
	}
	if err != nil {
		if !form.Fail(s.kit.Printer(r), err) {
			return err
		}
		return s.showDesk(w, r, p, nil, form)
	}
	s.kit.Flash(r, web.Success, "activitypub.boost.done")
	return web.Redirect(w, r, deskPath+"#rilanci")
}

func (s *Server) postUnboost(w http.ResponseWriter, r *http.Request, p place) error {
	if err := s.Unboost(r.Context(), p.ID, r.PathValue("id")); err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "activitypub.boost.undone")
	return web.Redirect(w, r, deskPath+"#rilanci")
}

func (s *Server) postHandled(w http.ResponseWriter, r *http.Request, p place) error {
	if err := s.handled(r.Context(), p.ID, r.PathValue("id")); err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "activitypub.report.done")
	return web.Redirect(w, r, deskPath+"#segnalazioni")
}
