package square

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
)

// The entities of the API, as far as anybody here reads them.
type (
	accountEntity struct {
		ID          string    `json:"id"`
		Username    string    `json:"username"`
		Acct        string    `json:"acct"`
		DisplayName string    `json:"display_name"`
		Note        string    `json:"note"`
		URL         string    `json:"url"`
		URI         string    `json:"uri"`
		Bot         bool      `json:"bot"`
		CreatedAt   time.Time `json:"created_at"`
		Followers   int       `json:"followers_count"`
		Statuses    int       `json:"statuses_count"`
	}
	mentionEntity struct {
		ID       string `json:"id"`
		Username string `json:"username"`
		Acct     string `json:"acct"`
		URL      string `json:"url"`
	}
	size struct {
		Width  int `json:"width"`
		Height int `json:"height"`
	}
	fileEntity struct {
		ID          string          `json:"id"`
		Type        string          `json:"type"`
		URL         *string         `json:"url"` // null while processing
		Description string          `json:"description"`
		Meta        map[string]size `json:"meta"`
	}
	statusEntity struct {
		ID         string          `json:"id"`
		URI        string          `json:"uri"`
		URL        string          `json:"url"`
		CreatedAt  time.Time       `json:"created_at"`
		EditedAt   *time.Time      `json:"edited_at"`
		Account    accountEntity   `json:"account"`
		Content    string          `json:"content"`
		Text       string          `json:"text,omitempty"`
		Warning    string          `json:"spoiler_text"`
		Visibility string          `json:"visibility"`
		Language   *string         `json:"language"`
		ReplyTo    *string         `json:"in_reply_to_id"`
		Media      []fileEntity    `json:"media_attachments"`
		Favourites int             `json:"favourites_count"`
		Reblogs    int             `json:"reblogs_count"`
		Replies    int             `json:"replies_count"`
		Reblog     *statusEntity   `json:"reblog"`
		Mentions   []mentionEntity `json:"mentions"`
	}
)

func (s *Square) accountEntity(a *account) accountEntity {
	e := accountEntity{
		ID: a.ID, Username: a.Handle, Acct: a.Handle, DisplayName: a.Name, Note: "<p>" + html.EscapeString(a.Note) + "</p>",
		URL: s.state.BaseURL + "/@" + a.Handle, URI: s.state.BaseURL + "/users/" + a.Handle, CreatedAt: a.Created.UTC(),
	}
	for _, st := range s.state.Statuses {
		if st.Account == a.ID {
			e.Statuses++
		}
	}
	if s.o.Followers && len(a.Tokens) > 0 {
		e.Followers = len(s.crowd.Followers)
	}
	return e
}

func (s *Square) fileEntity(f *file) fileEntity {
	e := fileEntity{ID: f.ID, Type: "video", Description: f.Alt, Meta: map[string]size{}}
	if strings.HasPrefix(f.Type, "image/") {
		e.Type, e.Meta["original"] = "image", size{f.Width, f.Height}
	}
	if f.Looks == 0 {
		address := s.state.BaseURL + "/media/" + f.ID
		e.URL = &address
	}
	return e
}

func (s *Square) statusEntity(st *status) statusEntity {
	a := s.byID(st.Account)
	e := statusEntity{
		ID: st.ID, URL: s.address(st), URI: s.state.BaseURL + "/users/" + a.Handle + "/statuses/" + st.ID,
		CreatedAt: st.Created.UTC(), Account: s.accountEntity(a), Content: s.content(st), Text: s.shownSource(st), Warning: st.Warning,
		Visibility: st.Visibility, Media: []fileEntity{}, Mentions: []mentionEntity{},
	}
	for _, m := range s.mentioned(st) {
		e.Mentions = append(e.Mentions, mentionEntity{m.ID, m.Handle, m.Handle, s.state.BaseURL + "/@" + m.Handle})
	}
	if !st.Edited.IsZero() {
		at := st.Edited.UTC()
		e.EditedAt = &at
	}
	if st.Language != "" {
		e.Language = &st.Language
	}
	if st.ReplyTo != "" {
		e.ReplyTo = &st.ReplyTo
	}
	for _, id := range st.Files {
		e.Media = append(e.Media, s.fileEntity(s.state.Files[id]))
	}
	e.Favourites, e.Reblogs = len(s.reactions(st, like)), len(s.reactions(st, boost))
	for _, d := range s.descendants(st) {
		if d.ReplyTo == st.ID && s.sees(caller{}, d) {
			e.Replies++
		}
	}
	return e
}

// content is a text as the HTML that the server makes of it. Mastodon makes
// paragraphs, line breaks, and links cut into a visible and two invisible parts.
func (s *Square) content(st *status) string {
	if s.o.GoToSocial && !s.outsider(st.Account) && (s.o.Stubborn || st.Kind != "text/plain") {
		return rendered(st.Text)
	}
	return shown(st.Text, s.state.BaseURL)
}

func shown(text, base string) string {
	var b strings.Builder
	last := 0
	plain := func(part string) {
		part = html.EscapeString(part)
		part = strings.ReplaceAll(part, "\n\n", "</p><p>")
		b.WriteString(strings.ReplaceAll(part, "\n", "<br />"))
	}
	b.WriteString("<p>")
	for _, e := range count.Entities(text) {
		shown := html.EscapeString(text[e.Start:e.End])
		plain(text[last:e.Start])
		last = e.End
		switch {
		case e.Kind == count.URL && !e.Bare:
			b.WriteString(anchor(text[e.Start:e.End]))
		case e.Kind == count.Hashtag:
			fmt.Fprintf(&b, `<a href="%s/tags/%s" class="mention hashtag" rel="tag">#<span>%s</span></a>`, base, url.PathEscape(e.Name), html.EscapeString(e.Name))
		default:
			b.WriteString(shown)
		}
	}
	plain(text[last:])
	b.WriteString("</p>")
	return b.String()
}

// anchor shows at most 30 characters of a link after its scheme.
func anchor(address string) string {
	const visible = 30
	scheme, rest, _ := strings.Cut(address, "://")
	runes := []rune(rest)
	head, tail, class := rest, "", ""
	if len(runes) > visible {
		head, tail, class = string(runes[:visible]), string(runes[visible:]), "ellipsis"
	}
	return fmt.Sprintf(`<a href="%s" target="_blank" rel="nofollow noopener" translate="no"><span class="invisible">%s://</span><span class="%s">%s</span><span class="invisible">%s</span></a>`,
		html.EscapeString(address), scheme, class, html.EscapeString(head), html.EscapeString(tail))
}

func (s *Square) instance(caller) (any, *problem) {
	host := s.state.BaseURL
	if u, err := url.Parse(s.state.BaseURL); err == nil {
		host = u.Host
	}
	return map[string]any{
		"domain": host, "title": "Piazza simulata", "version": s.version(),
		"languages": []string{"it"},
		"configuration": map[string]any{
			"statuses": map[string]int{
				"max_characters": s.o.MaxCharacters, "max_media_attachments": s.o.MaxMedia, "characters_reserved_per_url": reservedPerURL,
			},
			"media_attachments": map[string]any{
				"supported_mime_types": mediaTypes(), "image_size_limit": s.o.MaxFile, "video_size_limit": s.o.MaxFile,
				"description_limit": maxAlt,
			},
		},
	}, nil
}

func (s *Square) verify(c caller) (any, *problem) { return s.accountEntity(c.account), nil }

func (s *Square) verifyApp(c caller) (any, *problem) {
	return map[string]any{"name": "Arengo", "scopes": strings.Fields(c.scopes)}, nil
}

func (s *Square) showAccount(c caller) (any, *problem) {
	a := s.byID(c.r.PathValue("id"))
	if a == nil {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	return s.accountEntity(a), nil
}
