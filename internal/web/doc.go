// Package web is how Arengo answers a browser.
//
// A domain writes handlers that return an error and templates that know only
// their own data; the kit does the rest, the same way on every page: request
// id, recovery from a crash, security headers, session, language, size limit,
// compression, and an error page that says in the reader's words what happened.
//
//	k.Handle(mux, "GET /redazione/messaggi/{id}", func(w http.ResponseWriter, r *http.Request) error {
//		m, err := publishing.Get(r.Context(), db, r.PathValue("id"))
//		if err != nil {
//			return err // a fault: shown by kind, logged only when internal
//		}
//		return k.Render(w, r, http.StatusOK, "message", m)
//	})
//
// Templates: AddTemplates takes a domain's file system. A file is a page, named
// by its path without "templates/" and ".html"; a file whose name starts with
// an underscore is shared by the pages of the same file system (embed them with
// "go:embed all:templates", which keeps such files). A page defines
// the blocks "title" and "content", and may define "head". Its dot is what was
// given to Render; the layout around it is layout.Page.
//
// Forms: ReadForm keeps what was typed, gathers what is wrong, and the partials
// in layout/ show both. Every page works without JavaScript; htmx requests get
// the same page, or a fragment with RenderFragment.
package web
