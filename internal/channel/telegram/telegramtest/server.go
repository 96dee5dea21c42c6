package telegramtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"
)

// Options make a server.
type Options struct {
	Now  func() time.Time // nil: time.Now
	Pace bool             // 20 messages a minute in a chat, then 429
}

// Server is the fake. It is safe for concurrent use.
type Server struct {
	o  Options
	mu sync.Mutex

	bots     map[string]*bot // by token
	chats    []*chatState
	accepted []Message

	lastUpdate int64
}

type bot struct {
	ID       int64  `json:"id"`
	IsBot    bool   `json:"is_bot"`
	Name     string `json:"first_name"`
	Username string `json:"username"`
	revoked  bool
	webhook  bool
	updates  []update // not confirmed
}

// Chat is a channel or a group.
type Chat struct {
	ID       int64  `json:"id"`
	Type     string `json:"type"`
	Title    string `json:"title,omitempty"`
	First    string `json:"first_name,omitempty"` // of a private chat
	Username string `json:"username,omitempty"`
}

// Member is what a bot may do in a chat.
type Member struct {
	Status string // creator, administrator, member, restricted, left, kicked
	Post   bool   // can_post_messages, of an administrator of a channel
	Delete bool   // can_delete_messages, of an administrator of a group
}

type chatState struct {
	Chat
	members  map[int64]Member
	messages []*Message
	sent     []time.Time
	movedTo  int64
	Linked   int64 // the discussion group of a channel, the channel of a discussion group
	last     int64 // number of its last message
	blocked  bool  // a person who blocked the bot
}

// next is the number of the next message: each chat counts for itself.
func (c *chatState) next() int64 {
	if c.last == 0 {
		if c.last = 100; c.Type == "private" {
			c.last = 20
		}
	}
	c.last++
	return c.last
}

// Message is one message as it stands.
type Message struct {
	ID      int64
	Album   string // the same for all messages of an album
	Text    string // or caption
	Kind    string // photo, video, document; empty for a text
	Name    string
	Size    int64
	Spoiler bool
	Edited  bool
	At      time.Time
	chat    int64
	from    int64
	who     *User // a person; nil for a bot
	replyTo int64
	copyOf  int64 // the post of the channel that it copies
}

// ReplyTo is the number of the message that this one answers in its chat, or 0.
func (m Message) ReplyTo() int64 { return m.replyTo }

// New makes a server without bots and chats.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{o: o, bots: map[string]*bot{}}
}

// AddBot makes a bot.
func (s *Server) AddBot(token, username string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, _, _ := strings.Cut(token, ":")
	n, _ := strconv.ParseInt(id, 10, 64)
	s.bots[token] = &bot{ID: n, IsBot: true, Name: username, Username: username}
}

// AddChat makes a chat.
func (s *Server) AddChat(c Chat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chats = append(s.chats, &chatState{Chat: c, members: map[int64]Member{}})
}

// Join says what a bot may do in a chat.
func (s *Server) Join(token string, chat int64, m Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chat(strconv.FormatInt(chat, 10)).members[s.bots[token].ID] = m
}

// Move makes a supergroup of a group: the old number is refused from now on,
// with the new one in the answer.
func (s *Server) Move(chat, to int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.chat(strconv.FormatInt(chat, 10))
	c.movedTo = to
	s.chats = append(s.chats, &chatState{Chat: Chat{ID: to, Type: "supergroup", Title: c.Title}, members: c.members})
}

// Revoke ends a token.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bots[token].revoked = true
}

// Messages lists what can be seen in a chat, oldest first.
func (s *Server) Messages(chat int64) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Message
	for _, m := range s.chat(strconv.FormatInt(chat, 10)).messages {
		list = append(list, *m)
	}
	return list
}

// Accepted lists every message ever sent, deleted ones too, as it was sent.
func (s *Server) Accepted() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.accepted)
}

// chat finds a chat by number or @name.
func (s *Server) chat(name string) *chatState {
	for _, c := range s.chats {
		if strconv.FormatInt(c.ID, 10) == name || c.Username != "" && strings.EqualFold("@"+c.Username, name) {
			return c
		}
	}
	return nil
}

// refused is an answer that is not ok.
type refused struct {
	status     int
	text       string
	parameters map[string]any
}

func refuse(status int, text string) *refused { return &refused{status: status, text: text} }

func bad(text string) *refused { return refuse(http.StatusBadRequest, "Bad Request: "+text) }

// call is one request, read.
type call struct {
	s   *Server
	bot *bot
	in  inputs
}

// maxRequest is the longest upload that Telegram's own server takes, in bytes.
const maxRequest = 50 << 20

// Handler serves the API.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{bot}/{method}", func(w http.ResponseWriter, r *http.Request) {
		result, p := s.answer(w, r)
		out, status := map[string]any{"ok": true, "result": result}, http.StatusOK
		if p != nil {
			status = p.status
			out = map[string]any{"ok": false, "error_code": p.status, "description": p.text}
			if p.parameters != nil {
				out["parameters"] = p.parameters
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(out)
	})
	return mux
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request) (any, *refused) {
	token, found := strings.CutPrefix(r.PathValue("bot"), "bot")
	if id, key, ok := strings.Cut(token, ":"); !found || !ok || id == "" || key == "" {
		return nil, refuse(http.StatusNotFound, "Not Found")
	}
	in, p := readInputs(w, r)
	if p != nil {
		return nil, p
	}
	defer in.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bots[token]
	if b == nil || b.revoked {
		return nil, refuse(http.StatusUnauthorized, "Unauthorized")
	}
	do, known := methods()[strings.ToLower(r.PathValue("method"))]
	if !known {
		return nil, refuse(http.StatusNotFound, "Not Found: method not found")
	}
	if in.text("parse_mode") != "" {
		return nil, bad("unsupported parse_mode")
	}
	return do(call{s, b, in})
}

func methods() map[string]func(call) (any, *refused) {
	return map[string]func(call) (any, *refused){
		"getme":              func(c call) (any, *refused) { return c.bot, nil },
		"getchat":            call.getChat,
		"getchatmember":      call.getChatMember,
		"sendmessage":        call.sendMessage,
		"sendphoto":          func(c call) (any, *refused) { return c.sendFile("photo") },
		"sendvideo":          func(c call) (any, *refused) { return c.sendFile("video") },
		"senddocument":       func(c call) (any, *refused) { return c.sendFile("document") },
		"sendmediagroup":     call.sendMediaGroup,
		"editmessagetext":    func(c call) (any, *refused) { return c.edit("text") },
		"editmessagecaption": func(c call) (any, *refused) { return c.edit("caption") },
		"getupdates":         call.getUpdates,
		"deletemessage":      call.deleteMessage,
		"deletemessages":     call.deleteMessages,
	}
}

// target finds the chat of a call, if the bot knows it.
func (c call) target() (*chatState, *refused) {
	name := c.in.text("chat_id")
	if name == "" {
		return nil, bad("chat_id is empty")
	}
	found := c.s.chat(name)
	if found == nil {
		return nil, bad("chat not found")
	}
	if found.movedTo != 0 {
		p := bad("group chat was upgraded to a supergroup chat")
		p.parameters = map[string]any{"migrate_to_chat_id": found.movedTo}
		return nil, p
	}
	switch m, in := found.members[c.bot.ID]; {
	case !in && found.Username == "":
		return nil, bad("chat not found") // nobody sees a private chat from outside
	case m.Status == "kicked":
		return nil, refuse(http.StatusForbidden, fmt.Sprintf("Forbidden: bot was kicked from the %s chat", found.Type))
	}
	return found, nil
}

// mayWrite finds the chat of a call that writes.
func (c call) mayWrite() (*chatState, *refused) {
	found, p := c.target()
	if p != nil {
		return nil, p
	}
	m, in := found.members[c.bot.ID]
	switch {
	case found.blocked:
		return nil, refuse(http.StatusForbidden, "Forbidden: bot was blocked by the user")
	case !in || m.Status == "left":
		return nil, refuse(http.StatusForbidden, fmt.Sprintf("Forbidden: bot is not a member of the %s chat", found.Type))
	case found.Type == "channel" && !(m.Status == "creator" || m.Status == "administrator" && m.Post):
		return nil, bad("need administrator rights in the channel chat")
	}
	return found, nil
}

// paced counts n messages, or says when to come back.
func (c call) paced(to *chatState, n int) *refused {
	now := c.s.o.Now()
	to.sent = slices.DeleteFunc(to.sent, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
	if c.s.o.Pace && len(to.sent)+n > 20 {
		wait := int(to.sent[0].Add(time.Minute).Sub(now)/time.Second) + 1
		p := refuse(http.StatusTooManyRequests, fmt.Sprintf("Too Many Requests: retry after %d", wait))
		p.parameters = map[string]any{"retry_after": wait}
		return p
	}
	for range n {
		to.sent = append(to.sent, now)
	}
	return nil
}

func (c call) getChat() (any, *refused) {
	found, p := c.target()
	if p != nil {
		return nil, p
	}
	return struct {
		Chat
		Linked int64 `json:"linked_chat_id,omitempty"`
	}{found.Chat, found.Linked}, nil
}

func (c call) getChatMember() (any, *refused) {
	found, p := c.target()
	if p != nil {
		return nil, p
	}
	if c.in.text("user_id") != strconv.FormatInt(c.bot.ID, 10) {
		return nil, bad("user not found")
	}
	m, in := found.members[c.bot.ID]
	if !in {
		m.Status = "left"
	}
	out := map[string]any{"status": m.Status, "user": c.bot}
	if found.Type == "channel" && m.Status == "administrator" {
		out["can_post_messages"] = m.Post
	}
	return out, nil
}

// units counts as Telegram counts.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

// add makes a message visible.
func (c call) add(to *chatState, m Message) map[string]any {
	m.ID, m.At, m.chat, m.from = to.next(), c.s.o.Now(), to.ID, c.bot.ID
	to.messages = append(to.messages, &m)
	c.s.accepted = append(c.s.accepted, m)
	c.s.forward(to, &m)
	return m.result(to.Chat)
}

func (m Message) result(c Chat) map[string]any {
	out := map[string]any{"message_id": m.ID, "date": m.At.Unix(), "chat": c}
	switch m.Kind {
	case "":
		out["text"] = m.Text
	case "photo":
		out["caption"], out["photo"] = m.Text, []any{map[string]any{"file_id": "p" + strconv.FormatInt(m.ID, 10)}}
	default:
		out["caption"], out[m.Kind] = m.Text, map[string]any{"file_id": "f" + strconv.FormatInt(m.ID, 10)}
	}
	if m.Album != "" {
		out["media_group_id"] = m.Album
	}
	return out
}
