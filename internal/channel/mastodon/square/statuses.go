package square

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// keyLife is how long Mastodon remembers an Idempotency-Key.
const keyLife = time.Hour

// draft is what makes or changes a status.
type draft struct {
	text, kind, warning, language string
	files                         []*file
}

// post makes a status, unless the key already made one.
func (s *Square) post(c caller) (any, *problem) {
	key := c.r.Header.Get("Idempotency-Key")
	if s.o.GoToSocial {
		key = ""
	}
	if u, known := s.state.Keys[c.ID+" "+key]; key != "" && known && s.o.Now().Sub(u.At) <= keyLife {
		if st := s.status(u.Status); st != nil {
			return s.statusEntity(st), nil
		}
	}
	d, p := s.readDraft(c, nil)
	if p != nil {
		return nil, p
	}
	visibility := c.params.one("visibility")
	if visibility == "" {
		visibility = "public"
	}
	if !slices.Contains([]string{"public", "unlisted", "private", "direct"}, visibility) {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Visibility is not included in the list")
	}
	replyTo, asked := c.params.one("in_reply_to_id"), ""
	if replyTo != "" {
		parent := s.anyStatus(replyTo)
		if parent == nil {
			return nil, refuse(http.StatusNotFound, "The post you are trying to reply to does not appear to exist.")
		}
		if !s.sees(c, parent) {
			return nil, refuse(http.StatusNotFound, "The post you are trying to reply to does not appear to exist.")
		}
		if s.outsider(parent.Account) {
			asked = parent.Account
		}
	}
	st := &status{
		ID: s.newID(), Account: c.ID, Created: s.o.Now(), Text: d.text, Kind: d.kind, Warning: d.warning, Language: d.language,
		Visibility: visibility, ReplyTo: replyTo, Asked: asked,
	}
	s.attach(st, d.files)
	s.state.Statuses = append(s.state.Statuses, st)
	if key != "" {
		s.state.Keys[c.ID+" "+key] = used{st.ID, s.o.Now()}
	}
	s.accepted = append(s.accepted, Accepted{ID: st.ID, Handle: c.Handle, Key: key, Text: st.Text, At: st.Created})
	return s.saved(s.statusEntity(st))
}

// saved answers with v once the state is on disk.
func (s *Square) saved(v any) (any, *problem) {
	if err := s.save(); err != nil {
		return nil, refuse(http.StatusInternalServerError, "The simulated square cannot write its state")
	}
	return v, nil
}

func (s *Square) attach(st *status, files []*file) {
	st.Files = nil
	for _, f := range files {
		f.Status = st.ID
		st.Files = append(st.Files, f.ID)
	}
}

// readDraft checks what Mastodon checks. now is the status that is changed, nil
// for a new one.
func (s *Square) readDraft(c caller, now *status) (draft, *problem) {
	d := draft{text: strings.TrimSpace(c.params.one("status")), kind: c.params.one("content_type"), warning: c.params.one("spoiler_text"), language: c.params.one("language")}
	var p *problem
	if d.files, p = s.attachable(c, now); p != nil {
		return d, p
	}
	if d.text == "" && len(d.files) == 0 {
		return d, refuse(http.StatusUnprocessableEntity, "Validation failed: Text can't be blank")
	}
	if length(d.warning, d.text) > s.o.MaxCharacters {
		return d, refuse(http.StatusUnprocessableEntity, "Validation failed: Text character limit of %d exceeded", s.o.MaxCharacters)
	}
	return d, nil
}

func (s *Square) attachable(c caller, now *status) ([]*file, *problem) {
	ids := c.params.list("media_ids")
	if now != nil && !c.params.has("media_ids") {
		ids = now.Files
	}
	if len(ids) > s.o.MaxMedia {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Cannot attach more than %d files", s.o.MaxMedia)
	}
	var files []*file
	for _, id := range ids {
		f := s.state.Files[id]
		if f == nil || f.Account != c.ID || f.Status != "" && (now == nil || f.Status != now.ID) {
			return nil, refuse(http.StatusUnprocessableEntity, "Media %s not found or already attached to another post", id)
		}
		if f.Looks > 0 {
			return nil, refuse(http.StatusUnprocessableEntity, "Cannot attach files that have not finished processing. Try again in a moment!")
		}
		files = append(files, f)
	}
	for _, f := range files {
		if len(files) > 1 && !strings.HasPrefix(f.Type, "image/") {
			return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Cannot attach a video to a post that already contains images")
		}
	}
	return files, nil
}

// own finds the caller's status.
func (s *Square) own(c caller) (*status, *problem) {
	st := s.status(c.r.PathValue("id"))
	if st == nil || st.Account != c.ID {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	return st, nil
}

func (s *Square) edit(c caller) (any, *problem) {
	st, p := s.own(c)
	if p != nil {
		return nil, p
	}
	d, p := s.readDraft(c, st)
	if p != nil {
		return nil, p
	}
	before := *st
	beforeFiles := slices.Clone(st.Files)
	st.Text, st.Kind, st.Warning = d.text, d.kind, d.warning
	if d.language != "" {
		st.Language = d.language
	}
	s.attach(st, d.files)
	for _, id := range beforeFiles {
		if !slices.Contains(st.Files, id) {
			s.dropFile(id)
		}
	}
	if st.Text != before.Text || st.Warning != before.Warning || !slices.Equal(st.Files, beforeFiles) {
		st.Edited = s.o.Now()
	}
	return s.saved(s.statusEntity(st))
}

func (s *Square) delete(c caller) (any, *problem) {
	st, p := s.own(c)
	if p != nil {
		return nil, p
	}
	entity := s.statusEntity(st)
	s.state.Statuses = slices.DeleteFunc(s.state.Statuses, func(x *status) bool { return x.ID == st.ID })
	for _, id := range st.Files {
		s.dropFile(id)
	}
	return s.saved(entity)
}

// anyStatus finds a status of an account or of a follower.
func (s *Square) anyStatus(id string) *status {
	if st := s.status(id); st != nil {
		return st
	}
	for _, st := range s.state.Statuses {
		for _, r := range s.replies(st) {
			if r.ID == id {
				return r
			}
		}
	}
	return nil
}

func (s *Square) showStatus(c caller) (any, *problem) {
	st, p := s.seen(c)
	if p != nil {
		return nil, p
	}
	return s.statusEntity(st), nil
}

// seen finds the status of the address, if the caller may see it.
func (s *Square) seen(c caller) (*status, *problem) {
	st := s.anyStatus(c.r.PathValue("id"))
	if st == nil || !s.sees(c, st) {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	return st, nil
}

func (s *Square) accountStatuses(c caller) (any, *problem) {
	id := c.r.PathValue("id")
	if s.byID(id) == nil {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	if s.o.GoToSocial {
		delete(c.params.values, "since_id")
	}
	list := []statusEntity{}
	for _, st := range s.state.Statuses {
		if st.Account == id && s.sees(c, st) && (st.ReplyTo == "" || !c.params.yes("exclude_replies")) {
			list = append(list, s.statusEntity(st))
		}
	}
	return page(c.params, list, 20, 40, func(e statusEntity) string { return e.ID }), nil
}

// context is what a status answers, and what answers it.
func (s *Square) context(c caller) (any, *problem) {
	st, p := s.seen(c)
	if p != nil {
		return nil, p
	}
	above := []statusEntity{}
	for up := s.anyStatus(st.ReplyTo); up != nil && s.sees(c, up); up = s.anyStatus(up.ReplyTo) {
		above = append([]statusEntity{s.statusEntity(up)}, above...)
	}
	below := []statusEntity{}
	for _, d := range s.descendants(st) {
		if s.sees(c, d) {
			below = append(below, s.statusEntity(d))
		}
	}
	return map[string]any{"ancestors": above, "descendants": below}, nil
}

// publicly counts what everybody may see.
func (s *Square) publicly(list []*status) (n int) {
	for _, st := range list {
		if s.sees(caller{}, st) {
			n++
		}
	}
	return n
}

// descendants are the answers to a status and the answers to those, each after
// what it answers.
func (s *Square) descendants(st *status) []*status {
	answers := s.replies(st)
	for _, x := range s.state.Statuses {
		if x.ReplyTo == st.ID {
			answers = append(answers, x)
		}
	}
	slices.SortFunc(answers, func(a, b *status) int { return a.Created.Compare(b.Created) })
	var all []*status
	for _, a := range answers {
		all = append(all, a)
		all = append(all, s.descendants(a)...)
	}
	return all
}
