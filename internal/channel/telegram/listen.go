package telegram

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/prose"
)

var (
	_ channel.Listener  = (*Adapter)(nil)
	_ channel.Moderator = (*Adapter)(nil)
)

const (
	batch = 100 // updates in one call, the most that the API gives

	// kept updates are not confirmed: one bot may serve several channels, and each
	// must hear what the others have read already. The rest is forgotten by Telegram.
	kept = 50

	// stale is after how long without updates their numbers are chosen anew, so that
	// an old one says nothing (core.telegram.org/bots/api#update: a week).
	stale = 6 * 24 * time.Hour

	maxForwards = 200    // copies of our posts in the discussion group that are remembered
	maxCounted  = 50     // posts whose anonymous reactions are remembered
	maxCount    = 10_000 // anonymous reactions of one kind to one post
)

// cursor is where listening goes on.
type cursor struct {
	Next int64     `json:"next"` // the first update not heard yet
	At   time.Time `json:"at"`   // when the last one came

	// Forwards says which of our posts a message of the discussion group copies.
	Forwards []forward `json:"forwards,omitempty"`
	Counts   []counted `json:"counts,omitempty"`
}

type forward struct {
	Copy int64 `json:"copy"`
	Post int64 `json:"post"`
}

// counted is how many people reacted to a post of the channel, of which Telegram
// tells no more than the number.
type counted struct {
	Post int64          `json:"post"`
	N    map[string]int `json:"n"`
}

// What we use of the objects of the API.
type (
	user struct {
		ID       int64  `json:"id"`
		IsBot    bool   `json:"is_bot"`
		First    string `json:"first_name"`
		Last     string `json:"last_name"`
		Username string `json:"username"`
	}
	file struct {
		Name string `json:"file_name"`
	}
	heardMessage struct {
		ID       int64         `json:"message_id"`
		Date     int64         `json:"date"`
		EditDate int64         `json:"edit_date"`
		Chat     chat          `json:"chat"`
		From     *user         `json:"from"`
		Sender   *chat         `json:"sender_chat"`
		ReplyTo  *heardMessage `json:"reply_to_message"`
		Forward  bool          `json:"is_automatic_forward"`
		Origin   struct {
			Chat chat  `json:"chat"`
			ID   int64 `json:"message_id"`
		} `json:"forward_origin"`
		Text     string            `json:"text"`
		Marks    []mark            `json:"entities"`
		Caption  string            `json:"caption"`
		Below    []mark            `json:"caption_entities"`
		Photo    []json.RawMessage `json:"photo"`
		Video    *file             `json:"video"`
		Document *file             `json:"document"`
		Audio    *file             `json:"audio"`
		Voice    *file             `json:"voice"`
		Sticker  *struct {
			Emoji string `json:"emoji"`
		} `json:"sticker"`
	}
	emoji struct {
		Type  string `json:"type"`
		Emoji string `json:"emoji"`
		ID    string `json:"custom_emoji_id"`
	}
	update struct {
		ID       int64         `json:"update_id"`
		Message  *heardMessage `json:"message"`
		Edited   *heardMessage `json:"edited_message"`
		Reaction *struct {
			Chat  chat    `json:"chat"`
			ID    int64   `json:"message_id"`
			User  *user   `json:"user"`
			Actor *chat   `json:"actor_chat"`
			Date  int64   `json:"date"`
			Old   []emoji `json:"old_reaction"`
			New   []emoji `json:"new_reaction"`
		} `json:"message_reaction"`
		Counts *struct {
			Chat chat  `json:"chat"`
			ID   int64 `json:"message_id"`
			Date int64 `json:"date"`
			All  []struct {
				Type  emoji `json:"type"`
				Total int   `json:"total_count"`
			} `json:"reactions"`
		} `json:"message_reaction_count"`
	}
)

// Listen reads the bot's updates: what is said in the channel's discussion group,
// or in the group itself, and to the bot alone.
func (a *Adapter) Listen(ctx context.Context, account channel.Account, from json.RawMessage) (channel.Heard, error) {
	b, apiErr := a.on(account)
	if apiErr != nil {
		return channel.Heard{}, apiErr
	}
	e := ear{own: b.Chat}
	if e.group, apiErr = b.discussion(ctx, account); apiErr != nil {
		return channel.Heard{}, apiErr
	}
	if len(from) > 0 && json.Unmarshal(from, &e.at) != nil {
		e.at = cursor{} // of an older program: told twice is harmless
	}
	anew := time.Since(e.at.At) > stale
	list, apiErr := b.updates(ctx, e.at, anew)
	if apiErr != nil {
		return channel.Heard{}, apiErr
	}
	for _, raw := range list {
		var u update
		// One that makes no sense is passed over: its number alone is needed.
		if json.Unmarshal(raw, &u) != nil {
			var known struct {
				ID int64 `json:"update_id"`
			}
			json.Unmarshal(raw, &known) // 0 is older than all
			u = update{ID: known.ID}
		}
		if !anew && u.ID < e.at.Next {
			continue
		}
		e.hear(u)
		e.at.Next, e.at.At = u.ID+1, time.Now().UTC().Truncate(time.Second)
	}
	e.at.Forwards = slices.Clone(e.at.Forwards[max(len(e.at.Forwards)-maxForwards, 0):])
	e.at.Counts = slices.Clone(e.at.Counts[max(len(e.at.Counts)-maxCounted, 0):])
	next, err := json.Marshal(e.at)
	if err != nil {
		return channel.Heard{}, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: err}
	}
	return channel.Heard{Said: e.said, Cursor: next, More: len(list) == batch}, nil
}

// updates reads what the bot has not confirmed.
func (b bot) updates(ctx context.Context, at cursor, anew bool) ([]json.RawMessage, *channel.Error) {
	in := map[string]any{"limit": batch, "timeout": 0,
		"allowed_updates": []string{"message", "edited_message", "message_reaction", "message_reaction_count"}}
	if !anew && at.Next > kept {
		in["offset"] = at.Next - kept
	}
	var list []json.RawMessage
	err := b.call(ctx, "getUpdates", in, &list)
	if err != nil && err.Class == channel.Refused && strings.Contains(strings.ToLower(err.Detail), "conflict") {
		err.Class, err.Code = channel.Transient, CodeListened
	}
	return list, err
}

// discussion is the group linked to the channel, from what Test read; 0 for none.
func (b bot) discussion(ctx context.Context, account channel.Account) (int64, *channel.Error) {
	var l limits
	if json.Unmarshal(account.Limits, &l) == nil && l.Linked != nil {
		return *l.Linked, nil
	}
	var found chat
	err := b.call(ctx, "getChat", map[string]any{"chat_id": b.Chat}, &found)
	return found.Linked, err
}

// ear turns updates into what was said.
type ear struct {
	own   int64 // the account's chat
	group int64 // its discussion group, 0 for none
	at    cursor
	said  []channel.Said
}

func (e *ear) hear(u update) {
	switch {
	case u.Message != nil:
		e.message(*u.Message, channel.Comments)
	case u.Edited != nil:
		e.message(*u.Edited, channel.Edited)
	case u.Reaction != nil:
		r := u.Reaction
		if r.User == nil && r.Actor == nil || !e.concerns(r.Chat) {
			return
		}
		s := channel.Said{Act: channel.Reacts, Parent: e.post(r.Chat.ID, r.ID), Author: author(r.User, r.Actor), At: time.Unix(r.Date, 0).UTC()}
		e.changed(s, names(r.Old), names(r.New))
	case u.Counts != nil && u.Counts.Chat.ID == e.own:
		n := map[string]int{}
		for _, c := range u.Counts.All {
			if name := c.Type.name(); name != "" {
				n[name] = min(max(c.Total, 0), maxCount)
			}
		}
		e.counts(u.Counts.ID, n, time.Unix(u.Counts.Date, 0).UTC())
	}
}

// concerns reports whether a chat is one in which people speak to this account.
func (e *ear) concerns(c chat) bool {
	return c.ID == e.own || e.group != 0 && c.ID == e.group || c.Type == "private"
}

// message tells what a message says.
func (e *ear) message(m heardMessage, act channel.Act) {
	if !e.concerns(m.Chat) || m.ID == 0 {
		return
	}
	if m.Forward {
		if m.Origin.Chat.ID == e.own {
			e.at.Forwards = append(e.at.Forwards, forward{m.ID, m.Origin.ID})
		}
		return // our own post, come to the discussion group by itself
	}
	if m.From == nil && m.Sender == nil || m.From != nil && m.From.IsBot && m.Sender == nil {
		return
	}
	text := m.words()
	if text == "" {
		return // somebody joined, a title changed: nothing is said
	}
	s := channel.Said{
		Act: act, ID: e.id(m.Chat.ID, m.ID), Author: author(m.From, m.Sender), Text: text,
		Private: m.Chat.Type == "private", At: time.Unix(m.Date, 0).UTC(),
		// Who writes in the name of the channel or of the group is one of us.
		Ours: m.Sender != nil && (m.Sender.ID == e.own || m.Sender.ID == m.Chat.ID),
	}
	if act == channel.Edited && m.EditDate > 0 {
		s.At = time.Unix(m.EditDate, 0).UTC()
	}
	if !s.Private {
		s.URL = m.Chat.message(m.ID)
	}
	if r := m.ReplyTo; r != nil {
		s.Parent = e.post(m.Chat.ID, r.ID)
		if r.Forward && r.Origin.Chat.ID == e.own {
			s.Parent = strconv.FormatInt(r.Origin.ID, 10)
		}
	}
	e.said = append(e.said, s)
}

// id names a message: by its number alone in the account's own chat, where our
// posts are named so too, elsewhere with the chat.
func (e *ear) id(chat, message int64) string {
	if chat == e.own {
		return strconv.FormatInt(message, 10)
	}
	return strconv.FormatInt(chat, 10) + "/" + strconv.FormatInt(message, 10)
}

// post is id, but for the copy of a post of ours, which is that post.
func (e *ear) post(chat, message int64) string {
	if chat == e.group {
		for _, f := range e.at.Forwards {
			if f.Copy == message {
				return strconv.FormatInt(f.Post, 10)
			}
		}
	}
	return e.id(chat, message)
}

// mark is a MessageEntity: how a part of a text looks, in UTF-16 code units.
type mark struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"`
	Length int    `json:"length"`
	URL    string `json:"url"` // of a text_link
}

// marked is a text with what its marks say and its characters do not: where words
// lead, what is struck through, what is quoted.
func marked(text string, marks []mark) string {
	units := utf16.Encode([]rune(text))
	inserts := map[int]string{} // before the code unit
	for _, m := range marks {
		end := m.Offset + m.Length
		if m.Offset < 0 || m.Length <= 0 || end > len(units) || end < m.Offset {
			continue
		}
		words := string(utf16.Decode(units[m.Offset:end]))
		switch m.Type {
		case "text_link":
			if strings.HasPrefix(m.URL, "https://") || strings.HasPrefix(m.URL, "http://") {
				told := prose.Link(words, m.URL)
				if after, ok := strings.CutPrefix(told, words); ok {
					inserts[end] = after + inserts[end]
				} else if strings.HasSuffix(words, "…") { // cut short: the words are its beginning
					inserts[end] = " (" + m.URL + ")" + inserts[end]
				}
			}
		case "strikethrough":
			inserts[m.Offset] += "~~"
			inserts[end] = "~~" + inserts[end]
		case "blockquote", "expandable_blockquote":
			inserts[m.Offset] += "> "
			for i := m.Offset; i < end-1; i++ {
				if units[i] == '\n' {
					inserts[i+1] += "> "
				}
			}
		}
	}
	var out []uint16
	for i := range len(units) + 1 {
		out = append(out, utf16.Encode([]rune(inserts[i]))...)
		if i < len(units) {
			out = append(out, units[i])
		}
	}
	return string(utf16.Decode(out))
}

// words is the text, after a symbol for what else there is.
func (m heardMessage) words() string {
	text := marked(m.Text, m.Marks) + marked(m.Caption, m.Below)
	attached := ""
	switch {
	case len(m.Photo) > 0:
		attached = "📷"
	case m.Video != nil:
		attached = "🎥"
	case m.Voice != nil:
		attached = "🎤"
	case m.Audio != nil:
		attached = "🎵 " + m.Audio.Name
	case m.Document != nil:
		attached = "📎 " + m.Document.Name
	case m.Sticker != nil:
		attached = m.Sticker.Emoji
	}
	return wire.Tidy(strings.TrimSpace(strings.TrimSpace(attached) + "\n\n" + text))
}

func author(u *user, c *chat) channel.Author {
	if c != nil { // a channel, or an anonymous administrator of a group
		return channel.Author{ID: strconv.FormatInt(c.ID, 10), Handle: handle(c.Username), Name: c.Title, URL: c.address()}
	}
	a := channel.Author{ID: strconv.FormatInt(u.ID, 10), Handle: handle(u.Username), Name: strings.TrimSpace(u.First + " " + u.Last)}
	if u.Username != "" {
		a.URL = "https://t.me/" + u.Username
	}
	return a
}

func handle(username string) string {
	if username == "" {
		return ""
	}
	return "@" + username
}

// name is a reaction as the inbox calls it; a thumb up is what others call a like.
func (x emoji) name() string {
	switch {
	case x.Type == "emoji" && x.Emoji == "👍":
		return channel.Like
	case x.Type == "emoji":
		return wire.Cut(x.Emoji, 64)
	case x.Type == "custom_emoji":
		return "✨"
	case x.Type == "paid":
		return "⭐"
	}
	return ""
}

func names(list []emoji) (all []string) {
	for _, x := range list {
		if n := x.name(); n != "" && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// changed tells what somebody's reactions have become.
func (e *ear) changed(s channel.Said, before, after []string) {
	for _, n := range before {
		if !slices.Contains(after, n) {
			s.Act, s.Reaction = channel.Unreacts, n
			e.said = append(e.said, s)
		}
	}
	for _, n := range after {
		if !slices.Contains(before, n) {
			s.Act, s.Reaction = channel.Reacts, n
			e.said = append(e.said, s)
		}
	}
}

// counts tells the difference between the anonymous reactions that a post has and
// those that it had. The first, the second … who reacted stand for people whom
// Telegram does not name.
func (e *ear) counts(post int64, now map[string]int, at time.Time) {
	place := slices.IndexFunc(e.at.Counts, func(c counted) bool { return c.Post == post })
	was := map[string]int{}
	if place >= 0 {
		was = e.at.Counts[place].N
		e.at.Counts = slices.Delete(e.at.Counts, place, place+1)
	}
	e.at.Counts = append(e.at.Counts, counted{post, now})
	kinds := []string{}
	for name := range now {
		kinds = append(kinds, name)
	}
	for name := range was {
		if _, still := now[name]; !still {
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	for _, name := range kinds {
		s := channel.Said{Act: channel.Reacts, Parent: strconv.FormatInt(post, 10), Reaction: name, At: at}
		if now[name] < was[name] {
			s.Act = channel.Unreacts
		}
		for n := min(now[name], was[name]) + 1; n <= max(now[name], was[name]); n++ {
			s.Author = channel.Author{ID: "anonymous/" + strconv.Itoa(n)}
			e.said = append(e.said, s)
		}
	}
}
