package demo

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

//go:embed citizens.toml
var citizensText string

// citizen is one who says something to the town, and what the town does about it.
type citizen struct {
	On      string  `toml:"on"`   // square or site
	From    string  `toml:"from"` // handle of a follower, or a name
	Email   string  `toml:"email"`
	Profile string  `toml:"profile"`
	About   string  `toml:"about"` // the beginning of a message's title
	Ago     int     `toml:"ago"`
	Time    string  `toml:"time"`
	Private bool    `toml:"private"`
	Text    string  `toml:"text"`
	Then    []doing `toml:"then"`
}

// doing is one thing that somebody does about what a citizen said.
type doing struct {
	By      string `toml:"by"`
	Do      string `toml:"do"`
	After   string `toml:"after"`
	Office  string `toml:"office"`
	Signed  string `toml:"signed"`
	Text    string `toml:"text"`
	Rule    int    `toml:"rule"`
	Reason  string `toml:"reason"`
	Warning string `toml:"warning"`
	Stance  string `toml:"stance"`
}

// feeling is what many feel about a message without a word.
type feeling struct {
	Profile string `toml:"profile"`
	About   string `toml:"about"`
	Ago     int    `toml:"ago"`
	Likes   int    `toml:"likes"`
	Boosts  int    `toml:"boosts"`
}

func readCitizens() ([]citizen, []feeling, error) {
	var s struct {
		Citizens []citizen `toml:"citizen"`
		Feelings []feeling `toml:"feeling"`
	}
	m, err := toml.Decode(citizensText, &s)
	if err != nil {
		return nil, nil, fmt.Errorf("the citizens' script: %w", err)
	}
	if unknown := m.Undecoded(); len(unknown) > 0 {
		return nil, nil, fmt.Errorf("the citizens' script: unknown %v", unknown)
	}
	return s.Citizens, s.Feelings, nil
}

// listen plans what citizens say, and what becomes of it.
func (t *town) listen(now time.Time) error {
	all, felt, err := readCitizens()
	if err != nil {
		return err
	}
	for _, c := range all {
		at, err := entry{Ago: c.Ago, Time: c.Time, Title: c.From}.moment(now, t.cesate.Location())
		if err != nil {
			return err
		}
		h := &hearing{town: t, citizen: c}
		t.later(at, now, h.say)
		for _, d := range c.Then {
			after, err := time.ParseDuration(d.After)
			if err != nil {
				return fmt.Errorf("%s: after %q: %w", c.From, d.After, err)
			}
			if at.Add(after).After(now) {
				break // a young demo: it is still to be done
			}
			t.later(at.Add(after), now, func(ctx context.Context) error { return h.do(ctx, d) })
		}
	}
	for _, f := range felt {
		at, err := entry{Ago: f.Ago, Time: "20:00", Title: f.About}.moment(now, t.cesate.Location())
		if err != nil {
			return err
		}
		t.later(at, now, func(ctx context.Context) error { return t.feel(ctx, f) })
	}
	t.later(now.Add(-26*time.Hour), now, t.request)
	// Now and then somebody goes through what the square said by itself.
	for _, days := range []int{90, 62, 41, 20, 7} {
		t.later(now.Add(-time.Duration(days)*24*time.Hour), now, t.clearUp)
	}
	t.later(now.Add(-time.Minute), now, t.hearAll)
	return nil
}

// hearing is what a citizen said on its way through the town.
type hearing struct {
	*town
	citizen
	conversation string
	comment      string
}

// say lets the citizen speak, and the town hear.
func (h *hearing) say(ctx context.Context) error {
	about, err := h.message(ctx)
	if err != nil {
		return err
	}
	if h.On == "site" {
		return h.onSite(ctx, about)
	}
	visibility := "public"
	if h.Private {
		visibility = "direct"
	}
	var handle, parent string
	for _, v := range voices() {
		if v.part == h.Profile {
			handle = v.handle
		}
	}
	if about.ID != "" {
		if parent, err = h.copyOf(ctx, about); err != nil {
			return err
		}
	}
	id, err := h.square.Say(square.Saying{By: h.From, Text: "@" + handle + " " + h.Text, ReplyTo: parent, Visibility: visibility, At: h.clock.now()})
	if err != nil {
		return err
	}
	// A reading that was under way when the citizen spoke ends without the words.
	return until(ctx, "what "+h.From+" said is heard", func() (bool, error) {
		if err := h.hear(ctx, h.channels[h.Profile]); err != nil {
			return false, err
		}
		err := h.find(ctx, h.channels[h.Profile], id)
		if errors.Is(err, db.ErrNone) {
			return false, nil
		}
		return err == nil, err
	})
}

// onSite lets the citizen comment on the page of a message and follow the link in
// the letter that comes, as everybody does.
func (h *hearing) onSite(ctx context.Context, about publishing.Message) error {
	var path string
	if err := h.app.DB.Read(ctx, func(tx *db.Tx) (err error) {
		path, err = publishing.PublicPath(ctx, tx, h.cesate.ID, about.ID)
		return err
	}); err != nil {
		return err
	}
	form := url.Values{"name": {h.From}, "email": {h.Email}, "text": {h.Text}, "way": {"email"}}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, h.config.BaseURL+path+"/commenta", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = fmt.Sprintf("198.18.%d.%d:1", len(h.From)%250, len(h.Text)%250) // each at home
	answer := httptest.NewRecorder()
	h.app.Handler().ServeHTTP(answer, r)
	if answer.Code != http.StatusSeeOther {
		return fmt.Errorf("the comment of %s: %d %s", h.From, answer.Code, answer.Body)
	}
	err := until(ctx, "the letter to "+h.From, func() (bool, error) {
		link, err := h.linkTo(h.Email, commentLink)
		if err != nil || link == "" {
			return false, err
		}
		return true, h.app.Comments.Confirm(ctx, h.cesate, link)
	})
	if err != nil {
		return err
	}
	return h.app.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `
			SELECT c.conversation_id, c.id FROM comment c JOIN site_comment s ON s.institution_id = c.institution_id AND s.id = c.remote_id
			WHERE c.institution_id = $1 AND s.message_id = $2 ORDER BY c.received_at DESC, c.id DESC LIMIT 1`,
			h.cesate.ID, about.ID).Scan(&h.conversation, &h.comment)
	})
}

var commentLink = regexp.MustCompile(`/commenti/([a-z0-9]+)`)

// rule is the numbered rule of the policy, from 1.
func (h *hearing) rule(ctx context.Context, n int) (rule string, err error) {
	err = h.app.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := h.app.Policy.Rules(ctx, tx, h.cesate.ID)
		if err != nil || n < 1 || n > len(all) {
			return errors.Join(err, fmt.Errorf("there is no rule %d", n))
		}
		rule = all[n-1]
		return nil
	})
	return rule, err
}

// message is what the citizen speaks about; the zero one when about nothing.
func (h *hearing) message(ctx context.Context) (m publishing.Message, err error) {
	if h.About == "" {
		return m, nil
	}
	err = h.app.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := publishing.List(ctx, tx, h.cesate.ID, publishing.Filter{States: []publishing.State{publishing.Out}, Text: h.About, Limit: 1})
		if err != nil || len(all) == 0 {
			return errors.Join(err, fmt.Errorf("%s speaks about %q, which is not out", h.From, h.About))
		}
		m = all[0]
		return nil
	})
	return m, err
}

// copyOf is the square's name for the copy of a message.
func (h *hearing) copyOf(ctx context.Context, m publishing.Message) (id string, err error) {
	err = h.app.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := publishing.Deliveries(ctx, tx, h.cesate.ID, m.ID)
		at := slices.IndexFunc(all, func(d publishing.Delivery) bool { return d.ChannelID == h.channels[h.Profile] && d.Remote.ID != "" })
		if err != nil || at < 0 {
			return errors.Join(err, fmt.Errorf("%q is not on the square", m.Content.Title))
		}
		id, _, _ = strings.Cut(all[at].Remote.ID, ",")
		return nil
	})
	return id, err
}

// find remembers the conversation in which something was heard; db.ErrNone when it
// was not.
func (h *hearing) find(ctx context.Context, channelID, remoteID string) error {
	return h.app.DB.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT conversation_id, id FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`,
			h.cesate.ID, channelID, remoteID).Scan(&h.conversation, &h.comment)
	})
}

// hear reads a channel now, without waiting for its turn, and waits until it was.
func (t *town) hear(ctx context.Context, channelID string) error {
	ctx, err := t.as(ctx, "admin", t.cesate)
	if err != nil {
		return err
	}
	if err := t.app.Sources.ReadNow(ctx, t.cesate.ID, channelID); err != nil {
		return err
	}
	return until(ctx, "the square is heard", func() (done bool, err error) {
		err = t.app.DB.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) > 0 FROM source WHERE institution_id = $1 AND channel_id = $2 AND next_at > $3 AND lease_until = 0`,
				t.cesate.ID, channelID, db.At(t.clock.now())).Scan(&done)
		})
		return done, err
	})
}

// do does one thing about what was said.
func (h *hearing) do(ctx context.Context, d doing) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s about %s: %w", d.Do, h.From, err)
		}
	}()
	in, i := h.app.Inbox, h.cesate.ID
	by := d.By
	if by == "" {
		by = "comune"
	}
	if ctx, err = h.as(ctx, by, h.cesate); err != nil {
		return err
	}
	switch d.Do {
	case "assign":
		return h.assign(ctx, d.Office)
	case "inform":
		return h.inform(ctx, d)
	case "note":
		_, err = in.Note(ctx, i, h.conversation, d.Text)
	case "answer", "submit", "draft":
		return h.answer(ctx, d)
	case "close":
		err = in.Close(ctx, i, []string{h.conversation})
	case "release":
		err = in.Release(ctx, i, h.comment)
	case "hide":
		rule, e := h.rule(ctx, d.Rule)
		if e != nil {
			return e
		}
		_, err = in.Refuse(ctx, i, h.comment, rule, d.Reason)
	case "label":
		err = in.SetStance(ctx, i, h.comment, inbox.Stance(d.Stance))
	default:
		err = errors.New("nobody knows how")
	}
	return err
}

// office finds an office of the town by name.
func (h *hearing) office(ctx context.Context, name string) (o institution.Office, err error) {
	err = h.app.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := institution.Offices(ctx, tx, h.cesate.ID)
		at := slices.IndexFunc(all, func(o institution.Office) bool { return o.Name == name })
		if err != nil || at < 0 {
			return errors.Join(err, fmt.Errorf("there is no office %q", name))
		}
		o = all[at]
		return nil
	})
	return o, err
}

func (h *hearing) assign(ctx context.Context, name string) error {
	o, err := h.office(ctx, name)
	if err != nil {
		return err
	}
	var due time.Time
	if err := h.app.DB.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = office.Due(ctx, tx, h.cesate.ID, o.ID, h.clock.now())
		return err
	}); err != nil {
		return err
	}
	return h.app.Inbox.Assign(ctx, h.cesate.ID, []string{h.conversation}, inbox.To{OfficeID: o.ID, DueAt: due})
}

// inform is what an employee of the office writes through the link of its letter.
func (h *hearing) inform(ctx context.Context, d doing) error {
	o, err := h.office(ctx, d.Office)
	if err != nil {
		return err
	}
	return h.app.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := h.app.Inbox.NoteTx(ctx, tx, h.cesate.ID, inbox.Note{ConversationID: h.conversation, OfficeID: o.ID, Signed: d.Signed, Text: d.Text}, h.clock.now())
		return err
	})
}

func (h *hearing) answer(ctx context.Context, d doing) error {
	in, i := h.app.Inbox, h.cesate.ID
	a, err := in.Draft(ctx, i, inbox.AnswerDraft{ConversationID: h.conversation, CommentID: h.comment, Text: d.Text, Private: h.Private})
	if err != nil || d.Do == "draft" {
		return err
	}
	if a, err = in.Submit(ctx, i, a.ID); err != nil || d.Do == "submit" {
		return err
	}
	if a.State == inbox.AnswerSubmitted { // the profile wants four eyes on answers too
		if ctx, err = h.as(ctx, "approver", h.cesate); err != nil {
			return err
		}
		if _, err := in.Approve(ctx, i, a.ID, a.Hash); err != nil {
			return err
		}
	}
	return h.awaitAnswer(ctx, a.ID)
}

func (t *town) awaitAnswer(ctx context.Context, id string) error {
	return until(ctx, "an answer reaches its channel", func() (done bool, err error) {
		err = t.app.DB.Read(ctx, func(tx *db.Tx) error {
			all, err := publishing.Deliveries(ctx, tx, t.cesate.ID, id)
			done = !slices.ContainsFunc(all, publishing.Delivery.Open)
			return err
		})
		return done, err
	})
}

// feel lets many neighbours react to a message on the square.
func (t *town) feel(ctx context.Context, f feeling) error {
	h := &hearing{town: t, citizen: citizen{From: "who likes", Profile: f.Profile, About: f.About}}
	m, err := h.message(ctx)
	if err != nil {
		return err
	}
	id, err := h.copyOf(ctx, m)
	if err != nil {
		return err
	}
	for n := range f.Likes + f.Boosts {
		if err := t.square.React(fmt.Sprintf("vicino_%d", n+1), id, n >= f.Likes); err != nil {
			return err
		}
	}
	return nil
}

// hearAll reads every channel of the town on the square.
func (t *town) hearAll(ctx context.Context) error {
	for _, v := range voices() {
		if !v.union {
			if err := t.hear(ctx, t.channels[v.part]); err != nil {
				return err
			}
		}
	}
	return nil
}

// clearUp is the round that somebody makes now and then through what the square
// said by itself: thanks and remarks are read and closed, as an officer would.
func (t *town) clearUp(ctx context.Context) error {
	if err := t.hearAll(ctx); err != nil {
		return err
	}
	ctx, err := t.as(ctx, "approver", t.cesate)
	if err != nil {
		return err
	}
	var ids []string
	err = t.app.DB.Read(ctx, func(tx *db.Tx) error {
		rows, err := inbox.List(ctx, tx, t.cesate.ID, inbox.Filter{State: inbox.Open, Waiting: true, Platform: channel.Mastodon, Limit: inbox.MaxList}, t.clock.now())
		for _, r := range rows {
			if r.OfficeID == "" {
				ids = append(ids, r.ID)
			}
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return err
	}
	return t.app.Inbox.Close(ctx, t.cesate.ID, ids)
}
