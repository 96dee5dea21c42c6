package square

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
)

// Saying is something that a person of the square says of their own accord.
type Saying struct {
	By         string // handle of a follower, or of somebody new
	Name       string // of somebody new
	Text       string // with the mentions in it
	ReplyTo    string // id of what it answers; empty for none
	Visibility string // "" means public
	Warning    string
	Language   string // "" means it
	At         time.Time
}

// Say makes a person say something. Accounts that it mentions are notified.
func (s *Square) Say(x Saying) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := s.person(x.By, x.Name)
	if by == nil {
		return "", fmt.Errorf("%q cannot be a person of the square", x.By)
	}
	if x.ReplyTo != "" && s.anyStatus(x.ReplyTo) == nil {
		return "", fmt.Errorf("there is no status %q to answer", x.ReplyTo)
	}
	if x.Visibility == "" {
		x.Visibility = "public"
	}
	if x.Language == "" {
		x.Language = "it"
	}
	if x.At.IsZero() {
		x.At = s.o.Now()
	}
	st := &status{
		ID: s.newID(), Account: by.ID, Text: x.Text, Warning: x.Warning, Language: x.Language,
		Visibility: x.Visibility, ReplyTo: x.ReplyTo, Created: x.At,
	}
	s.state.Statuses = append(s.state.Statuses, st)
	return st.ID, s.save()
}

// Change makes its author say something else under the same id.
func (s *Square) Change(id, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status(id)
	if st == nil {
		return fmt.Errorf("there is no status %q", id)
	}
	st.Text, st.Edited = text, s.o.Now()
	return s.save()
}

// TakeBack makes its author delete a status. What answered it answers nothing
// from then on, as on the real server.
func (s *Square) TakeBack(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status(id) == nil {
		return fmt.Errorf("there is no status %q", id)
	}
	s.state.Statuses = slices.DeleteFunc(s.state.Statuses, func(x *status) bool { return x.ID == id })
	for _, st := range s.state.Statuses {
		if st.ReplyTo == id {
			st.ReplyTo = ""
		}
	}
	return s.save()
}

// React makes a person like or boost a status.
func (s *Square) React(by, id string, boosts bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.person(by, "")
	if who == nil || s.status(id) == nil {
		return fmt.Errorf("%q cannot react to %q", by, id)
	}
	r := reacted{ID: s.newID(), By: who.ID, Do: like, Status: id, At: s.o.Now()}
	if boosts {
		r.Do = boost
	}
	s.state.Reacted = append(s.state.Reacted, r)
	return s.save()
}

// reacted is a reaction that React made.
type reacted struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	Do     act       `json:"do"`
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// Report is what an account told the moderators of the square.
type Report struct {
	By      string   `json:"by"`
	About   string   `json:"about"` // id of the person
	Posts   []string `json:"posts,omitempty"`
	Comment string   `json:"comment"`
}

// Reports lists what was reported, oldest first.
func (s *Square) Reports() []Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.state.Reports)
}

// person finds a follower or one of the others, or makes them.
func (s *Square) person(handle, name string) *account {
	if handle == "" || strings.ContainsAny(handle, "@ /") || s.byHandle(handle) != nil {
		return nil
	}
	for _, f := range s.crowd.Followers {
		if strings.EqualFold(f.Handle, handle) {
			return s.byID(f.ID)
		}
	}
	for _, a := range s.state.People {
		if strings.EqualFold(a.Handle, handle) {
			return a
		}
	}
	if name == "" {
		name = handle
	}
	a := &account{ID: s.newID(), Handle: handle, Name: name, Created: s.o.Now()}
	s.state.People = append(s.state.People, a)
	return a
}

// outsider reports whether an id is of a person of the square and not of an
// account that somebody connects.
func (s *Square) outsider(id string) bool {
	return s.follower(id) != nil || slices.ContainsFunc(s.state.People, func(a *account) bool { return a.ID == id })
}

// mentioned are the accounts that a status names, each once.
func (s *Square) mentioned(st *status) []*account {
	host := s.state.BaseURL
	if u, err := url.Parse(s.state.BaseURL); err == nil {
		host = u.Host
	}
	var all []*account
	for _, e := range count.Entities(st.Text) {
		if e.Kind != count.Mention {
			continue
		}
		handle, domain, _ := strings.Cut(e.Name, "@")
		if domain != "" && !strings.EqualFold(domain, host) {
			continue
		}
		a := s.byHandle(handle)
		for _, p := range s.state.People {
			if a == nil && strings.EqualFold(p.Handle, handle) {
				a = p
			}
		}
		for _, f := range s.crowd.Followers {
			if a == nil && strings.EqualFold(f.Handle, handle) {
				a = s.byID(f.ID)
			}
		}
		if a != nil && !slices.ContainsFunc(all, func(x *account) bool { return x.ID == a.ID }) {
			all = append(all, a)
		}
	}
	return all
}

// sees reports whether the caller may see a status: everybody what is public, its
// author and those it names the rest.
func (s *Square) sees(c caller, st *status) bool {
	if st.Visibility == "public" || st.Visibility == "unlisted" {
		return true
	}
	if c.account == nil {
		return false
	}
	return c.ID == st.Account || slices.ContainsFunc(s.mentioned(st), func(a *account) bool { return a.ID == c.ID })
}

// notificationEntity is a Notification.
type notificationEntity struct {
	ID      string        `json:"id"`
	Type    act           `json:"type"`
	Created time.Time     `json:"created_at"`
	Account accountEntity `json:"account"`
	Status  statusEntity  `json:"status"`
}

// spoken are the notifications of what people said of their own accord.
func (s *Square) spoken(c caller) []notificationEntity {
	var list []notificationEntity
	for _, st := range s.state.Statuses {
		if s.outsider(st.Account) && slices.ContainsFunc(s.mentioned(st), func(a *account) bool { return a.ID == c.ID }) {
			list = append(list, notificationEntity{st.ID, reply, st.Created.UTC(), s.accountEntity(s.byID(st.Account)), s.statusEntity(st)})
		}
	}
	return list
}

// notifications are what people did about the caller's statuses or said to it,
// newest first.
func (s *Square) notifications(c caller) (any, *problem) {
	list := s.spoken(c)
	for _, st := range s.state.Statuses {
		if st.Account != c.ID {
			continue
		}
		answers := s.replies(st)
		for _, do := range []act{like, boost, reply} {
			for i, r := range s.reactions(st, do) {
				about := st
				if do == reply {
					about = answers[i]
				}
				list = append(list, notificationEntity{r.id(), do, r.At.UTC(), s.accountEntity(r.By), s.statusEntity(about)})
			}
		}
	}
	list = slices.DeleteFunc(list, func(n notificationEntity) bool { return !wanted(c.params, n.Type) })
	return page(c.params, list, 40, 80, func(n notificationEntity) string { return n.ID }), nil
}

// page cuts the asked part out of a list, newest first: the newest page, or with
// min_id the page right after that id.
func page[T any](p params, list []T, usual, most int, id func(T) string) []T {
	list = slices.DeleteFunc(list, func(x T) bool { return !p.within(id(x)) })
	slices.SortFunc(list, func(a, b T) int {
		switch {
		case id(a) == id(b):
			return 0
		case newer(id(a), id(b)):
			return -1
		}
		return 1
	})
	n := min(len(list), p.limit(usual, most))
	if p.one("min_id") != "" {
		return append([]T{}, list[len(list)-n:]...)
	}
	return append([]T{}, list[:n]...)
}

// severalStatuses gives those of the asked statuses that the caller may see.
func (s *Square) severalStatuses(c caller) (any, *problem) {
	list := []statusEntity{}
	for _, id := range c.params.list("id")[:min(len(c.params.list("id")), 20)] {
		if st := s.anyStatus(id); st != nil && s.sees(c, st) {
			list = append(list, s.statusEntity(st))
		}
	}
	return list, nil
}

// report takes a report to the moderators.
func (s *Square) report(c caller) (any, *problem) {
	about := c.params.one("account_id")
	if s.byID(about) == nil {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	for _, id := range c.params.list("status_ids") {
		if st := s.anyStatus(id); st == nil || st.Account != about {
			return nil, refuse(http.StatusNotFound, "Record not found")
		}
	}
	comment := c.params.one("comment")
	if len([]rune(comment)) > 1000 {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Comment is too long (maximum is 1000 characters)")
	}
	s.state.Reports = append(s.state.Reports, Report{By: c.Handle, About: about, Posts: c.params.list("status_ids"), Comment: comment})
	return s.saved(map[string]any{"id": s.newID(), "action_taken": false, "comment": comment})
}
