package square

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/i18n"
)

// Options make a square.
type Options struct {
	Now func() time.Time // nil: time.Now

	// BaseURL is the public address without a final slash; "" takes it from each
	// request, so that the first one decides.
	BaseURL string

	// File keeps the state over a restart, with the pictures in a folder named
	// FILE.media beside it; "" keeps everything in memory.
	File string

	Texts     *i18n.Bundle   // texts of the pages; nil: those built in
	Zone      *time.Location // of the dates on the pages; nil: UTC
	Followers bool           // whether the simulated followers react

	MaxCharacters int   // of a status; 0 means 500
	MaxMedia      int   // files of a status; 0 means 4
	MaxFile       int64 // bytes of a file; 0 means 40 MiB
	Processing    int   // how many times a file is asked for before it is ready
	Pace          bool  // 30 uploads in 30 minutes for an account, like Mastodon

	// GoToSocial makes it the server that obliges least: see gotosocial.go.
	GoToSocial bool
	// Stubborn with GoToSocial takes every text for Markdown, whatever its
	// content_type says, as servers do that do not know it.
	Stubborn bool
	// Sourceless keeps from everybody how a text was typed: only its HTML is shown.
	Sourceless bool
	// Hold is called when a status has arrived and before it is made: a slow server,
	// which makes it also when nobody waits for its answer any more.
	Hold func()
}

// Square is the server. It is safe for concurrent use.
type Square struct {
	o     Options
	texts *i18n.Bundle
	crowd crowd
	views *views

	mu       sync.Mutex
	state    state
	accepted []Accepted
}

// state is what a restart keeps.
type state struct {
	BaseURL  string           `json:"base_url"`
	LastID   int64            `json:"last_id"`
	Accounts []*account       `json:"accounts"`
	People   []*account       `json:"people,omitempty"` // who are no followers
	Apps     []*app           `json:"apps,omitempty"`
	Statuses []*status        `json:"statuses"`
	Files    map[string]*file `json:"files"`
	Keys     map[string]used  `json:"keys,omitempty"` // account and Idempotency-Key
	Reacted  []reacted        `json:"reacted,omitempty"`
	Reports  []Report         `json:"reports,omitempty"`
}

type account struct {
	ID      string      `json:"id"`
	Handle  string      `json:"handle"`
	Name    string      `json:"name"`
	Note    string      `json:"note,omitempty"`
	Tokens  []token     `json:"tokens"`
	Created time.Time   `json:"created"`
	Uploads []time.Time `json:"uploads,omitempty"` // of the last half hour
}

type token struct {
	Value  string `json:"value"`
	Scopes string `json:"scopes"`
	Ended  bool   `json:"ended,omitempty"`
}

type status struct {
	ID         string    `json:"id"`
	Account    string    `json:"account"`
	Text       string    `json:"text"`
	Kind       string    `json:"kind,omitempty"` // content_type
	Warning    string    `json:"warning,omitempty"`
	Language   string    `json:"language,omitempty"`
	Visibility string    `json:"visibility"`
	Files      []string  `json:"files,omitempty"`
	ReplyTo    string    `json:"reply_to,omitempty"`
	Asked      string    `json:"asked,omitempty"` // the follower whom it answers
	Created    time.Time `json:"created"`
	Edited     time.Time `json:"edited,omitzero"`
}

// used is a key that made a status.
type used struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// Accepted is one status that the square made, whether it still exists or not.
type Accepted struct {
	ID, Handle, Key, Text string
	At                    time.Time
}

// New makes a square, with the state of Options.File if the file exists. It
// fails when that file or the catalogues cannot be read.
func New(o Options) (*Square, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxCharacters == 0 {
		o.MaxCharacters = 500
	}
	if o.MaxMedia == 0 {
		o.MaxMedia = 4
	}
	if o.MaxFile == 0 {
		o.MaxFile = 40 << 20
	}
	s := &Square{o: o, texts: o.Texts, state: state{Files: map[string]*file{}, Keys: map[string]used{}}}
	var err error
	if s.texts == nil {
		if s.texts, err = i18n.Load(); err != nil {
			return nil, err
		}
	}
	if s.crowd, err = readCrowd(); err != nil {
		return nil, err
	}
	if s.views, err = readViews(s.texts, o.Zone); err != nil {
		return nil, err
	}
	if err := s.restore(); err != nil {
		return nil, err
	}
	if o.BaseURL != "" {
		s.state.BaseURL = strings.TrimSuffix(o.BaseURL, "/")
	}
	return s, nil
}

// AddAccount makes an account, or finds it, and returns a token that may read
// and write.
func (s *Square) AddAccount(handle, name string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byHandle(handle)
	if a == nil {
		a = &account{ID: s.newID(), Handle: handle, Name: name, Created: s.o.Now()}
		s.state.Accounts = append(s.state.Accounts, a)
	}
	for _, t := range a.Tokens {
		if !t.Ended && t.Scopes == "read write" {
			return t.Value, nil
		}
	}
	t := token{Value: random(), Scopes: "read write"}
	a.Tokens = append(a.Tokens, t)
	return t.Value, s.save()
}

// Revoke ends a token.
func (s *Square) Revoke(value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.state.Accounts {
		for i := range a.Tokens {
			if a.Tokens[i].Value == value {
				a.Tokens[i].Ended = true
				return s.save()
			}
		}
	}
	return fmt.Errorf("no such token")
}

// Accepted lists every status made since the start, in order: what a test
// counts to know whether something was posted twice.
func (s *Square) Accepted() []Accepted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Accepted(nil), s.accepted...)
}

// Post is a status as it can be seen now.
type Post struct {
	ID, URL, Text, Warning, Language, Visibility string
	ReplyTo                                      string // id of what it answers
	Media                                        []PostMedia
	Edited                                       bool
}

// PostMedia is one file of a Post.
type PostMedia struct{ Alt, ContentType string }

// Posts lists an account's statuses, oldest first.
func (s *Square) Posts(handle string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	var posts []Post
	a := s.byHandle(handle)
	for _, st := range s.state.Statuses {
		if a == nil || st.Account != a.ID {
			continue
		}
		p := Post{
			ID: st.ID, URL: s.address(st), Text: st.Text, Warning: st.Warning, Language: st.Language,
			Visibility: st.Visibility, ReplyTo: st.ReplyTo, Edited: !st.Edited.IsZero(),
		}
		for _, id := range st.Files {
			f := s.state.Files[id]
			p.Media = append(p.Media, PostMedia{Alt: f.Alt, ContentType: f.Type})
		}
		posts = append(posts, p)
	}
	return posts
}

func (s *Square) address(st *status) string {
	return s.state.BaseURL + "/@" + s.byID(st.Account).Handle + "/" + st.ID
}

func (s *Square) byHandle(handle string) *account {
	for _, a := range s.state.Accounts {
		if strings.EqualFold(a.Handle, handle) {
			return a
		}
	}
	return nil
}

// byID finds an account, a follower or one of the others.
func (s *Square) byID(id string) *account {
	for _, a := range slices.Concat(s.state.Accounts, s.state.People) {
		if a.ID == id {
			return a
		}
	}
	for _, f := range s.crowd.Followers {
		if f.ID == id {
			return &account{ID: f.ID, Handle: f.Handle, Name: f.Name, Note: f.Note}
		}
	}
	return nil
}

func (s *Square) status(id string) *status {
	for _, st := range s.state.Statuses {
		if st.ID == id {
			return st
		}
	}
	return nil
}

// newID makes an identifier that grows with time, as Mastodon's do: milliseconds
// and sixteen more bits.
func (s *Square) newID() string {
	s.state.LastID = max(s.state.LastID+1, snowflake(s.o.Now()))
	return strconv.FormatInt(s.state.LastID, 10)
}

func snowflake(t time.Time) int64 { return t.UnixMilli() << 16 }

// newer compares identifiers, which are whole numbers as text.
func newer(a, b string) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return a > b
}

// random is a secret of 128 bits.
func random() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Handler serves the API and the pages.
func (s *Square) Handler() http.Handler {
	api, pages := http.NewServeMux(), http.NewServeMux()
	s.routeAPI(api)
	s.routePages(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.settle(r)
		if strings.HasPrefix(r.URL.Path, "/api/") || r.URL.Path == "/oauth/token" {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// settle learns the public address from the first request.
func (s *Square) settle(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.BaseURL == "" {
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		s.state.BaseURL = scheme + "://" + r.Host
	}
}
