package telegramtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
)

// User is a person.
type User struct {
	ID       int64  `json:"id"`
	IsBot    bool   `json:"is_bot"`
	First    string `json:"first_name"`
	Last     string `json:"last_name,omitempty"`
	Username string `json:"username,omitempty"`
}

// update is what a bot is told, once, in order.
type update struct {
	id   int64
	kind string
	body any
}

// Link makes a group the discussion group of a channel: what is posted in the
// channel is copied into it.
func (s *Server) Link(channel, group int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, g := s.chat(strconv.FormatInt(channel, 10)), s.chat(strconv.FormatInt(group, 10))
	c.Linked, g.Linked = group, channel
}

// Webhook makes a bot's updates go elsewhere, so that nobody may ask for them.
func (s *Server) Webhook(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bots[token].webhook = true
}

// tell adds an update for each bot that is told of a chat: administrators of all
// that is said there, others only of what concerns them, which here is nothing.
func (s *Server) tell(c *chatState, kind string, body any) {
	for _, b := range s.bots {
		if m, in := c.members[b.ID]; !in || m.Status != "administrator" && m.Status != "creator" && c.Type != "private" {
			continue
		}
		b.updates = append(b.updates, update{s.updateID(), kind, body})
	}
}

func (s *Server) updateID() int64 {
	if s.lastUpdate == 0 {
		s.lastUpdate = 730_000_000 // they begin anywhere
	}
	s.lastUpdate++
	return s.lastUpdate
}

// Renumber lets the next update have any number, as after a week of silence.
func (s *Server) Renumber(next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastUpdate = next - 1
}

// Say makes somebody write into a group, or to the bot alone when chat is the
// person's own number. replyTo is the message that it answers there, or 0.
func (s *Server) Say(u User, chat int64, text string, replyTo int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chat(strconv.FormatInt(chat, 10))
	if c == nil && chat == u.ID {
		c = &chatState{Chat: Chat{ID: u.ID, Type: "private", First: u.First}, members: map[int64]Member{}}
		for _, b := range s.bots {
			c.members[b.ID] = Member{Status: "member"}
		}
		s.chats = append(s.chats, c)
	}
	m := &Message{ID: c.next(), Text: text, At: s.o.Now(), chat: c.ID, from: u.ID, who: &u, replyTo: replyTo}
	c.messages = append(c.messages, m)
	s.tell(c, "message", s.body(c, m))
	return m.ID
}

// Comment makes somebody write below a post of a channel with a discussion group.
func (s *Server) Comment(u User, channel, post int64, text string) int64 {
	s.mu.Lock()
	group := s.chat(strconv.FormatInt(s.chat(strconv.FormatInt(channel, 10)).Linked, 10))
	copied := int64(0)
	for _, m := range group.messages {
		if m.copyOf == post {
			copied = m.ID
		}
	}
	s.mu.Unlock()
	return s.Say(u, group.ID, text, copied)
}

// Change makes the author of a message change it.
func (s *Server) Change(chat, id int64, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chat(strconv.FormatInt(chat, 10))
	for _, m := range c.messages {
		if m.ID == id {
			m.Text, m.Edited = text, true
			body := s.body(c, m)
			body["edit_date"] = s.o.Now().Unix()
			s.tell(c, "edited_message", body)
		}
	}
}

// Remove makes somebody delete a message. Bots are not told.
func (s *Server) Remove(chat, id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chat(strconv.FormatInt(chat, 10))
	c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.ID == id })
}

// Block makes a person refuse all that bots write to them.
func (s *Server) Block(user int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chat(strconv.FormatInt(user, 10)).blocked = true
}

// React changes somebody's reaction to a message of a group: from one emoji to
// another, either may be empty.
func (s *Server) React(u User, chat, id int64, before, after string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := func(e string) []any {
		if e == "" {
			return []any{}
		}
		return []any{map[string]string{"type": "emoji", "emoji": e}}
	}
	c := s.chat(strconv.FormatInt(chat, 10))
	s.tell(c, "message_reaction", map[string]any{"chat": c.Chat, "message_id": id, "user": u, "date": s.o.Now().Unix(),
		"old_reaction": list(before), "new_reaction": list(after)})
}

// Counted says how many people reacted to a post of a channel, where they are not
// named.
func (s *Server) Counted(channel, post int64, n map[string]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []any{}
	for emoji, total := range n {
		all = append(all, map[string]any{"type": map[string]string{"type": "emoji", "emoji": emoji}, "total_count": total})
	}
	c := s.chat(strconv.FormatInt(channel, 10))
	s.tell(c, "message_reaction_count", map[string]any{"chat": c.Chat, "message_id": post, "date": s.o.Now().Unix(), "reactions": all})
}

// body is a Message object.
func (s *Server) body(c *chatState, m *Message) map[string]any {
	out := m.result(c.Chat)
	switch {
	case m.who != nil:
		out["from"] = m.who
	case m.copyOf != 0:
		channel := s.chat(strconv.FormatInt(c.Linked, 10))
		out["is_automatic_forward"], out["sender_chat"] = true, channel.Chat
		out["from"] = User{ID: 777000, First: "Telegram"}
		out["forward_origin"] = map[string]any{"type": "channel", "chat": channel.Chat, "message_id": m.copyOf, "date": m.At.Unix()}
	default:
		out["from"] = map[string]any{"id": m.from, "is_bot": true, "first_name": "bot"}
	}
	for _, r := range c.messages {
		if m.replyTo != 0 && r.ID == m.replyTo {
			to := s.body(c, r)
			delete(to, "reply_to_message")
			out["reply_to_message"] = to
		}
	}
	return out
}

// forward copies a post of a channel into its discussion group.
func (s *Server) forward(c *chatState, m *Message) {
	g := s.chat(strconv.FormatInt(c.Linked, 10))
	if c.Type != "channel" || g == nil {
		return
	}
	copied := *m
	copied.ID, copied.chat, copied.copyOf, copied.from = g.next(), g.ID, m.ID, 0
	g.messages = append(g.messages, &copied)
	s.tell(g, "message", s.body(g, &copied))
}

// getUpdates gives what was not confirmed and forgets what is before offset.
func (c call) getUpdates() (any, *refused) {
	if c.bot.webhook {
		return nil, refuse(http.StatusConflict, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}
	if offset, err := strconv.ParseInt(c.in.text("offset"), 10, 64); err == nil && offset > 0 {
		c.bot.updates = slices.DeleteFunc(c.bot.updates, func(u update) bool { return u.id < offset })
	}
	limit, err := strconv.Atoi(c.in.text("limit"))
	if err != nil || limit < 1 || limit > 100 {
		limit = 100
	}
	// Reactions come only to who asks for them by name.
	allowed := []string{"message", "edited_message"}
	if text := c.in.text("allowed_updates"); text != "" && json.Unmarshal([]byte(text), &allowed) != nil {
		return nil, bad("can't parse allowed updates")
	}
	list := []any{}
	for _, u := range c.bot.updates {
		if slices.Contains(allowed, u.kind) && len(list) < limit {
			list = append(list, map[string]any{"update_id": u.id, u.kind: u.body})
		}
	}
	return list, nil
}

// replied checks reply_parameters.
func (c call) replied(to *chatState) (int64, *refused) {
	text := c.in.text("reply_parameters")
	if text == "" {
		return 0, nil
	}
	var p struct {
		ID    int64 `json:"message_id"`
		Allow bool  `json:"allow_sending_without_reply"`
	}
	if json.Unmarshal([]byte(text), &p) != nil {
		return 0, bad("object expected as reply parameters")
	}
	if c.own(to, strconv.FormatInt(p.ID, 10)) != nil {
		return p.ID, nil
	}
	if p.Allow {
		return 0, nil
	}
	return 0, bad("message to be replied not found")
}

// Raw tells a bot something as it stands, as a newer version of the API might.
func (s *Server) Raw(token, kind string, body json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bots[token]
	b.updates = append(b.updates, update{s.updateID(), kind, body})
}

// Forget drops what a bot has not confirmed, as Telegram does after a day.
func (s *Server) Forget(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bots[token].updates = nil
}
