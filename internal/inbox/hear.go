package inbox

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

// Hear keeps what a channel of the institution heard. It runs in the transaction
// of whoever received it, so that neither is ever without the other. What was told
// before changes nothing; what arrives in another order ends in the same threads.
// Whatever strangers send that makes no sense is left out and logged, and never
// keeps the rest from being heard.
// Fault: NotFound when there is no such channel.
func (in *Inbox) Hear(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error {
	if len(said) == 0 {
		return nil
	}
	ch, err := channel.ByID(ctx, tx, institutionID, channelID)
	if err != nil {
		return err
	}
	h, err := in.hearing(ctx, tx, ch)
	if err != nil {
		return err
	}
	// Locks are taken in one order by all: of the platform, of an author, of rows. One
	// reaction may do without the first.
	if one := said[0].Act; len(said) > 1 || one != channel.Reacts && one != channel.Unreacts {
		if err := h.alone(ctx); err != nil {
			return err
		}
	}
	for _, raw := range said {
		s, ok := clean(raw, h.now)
		if !ok {
			in.log.WarnContext(ctx, "heard what makes no sense", "channel", channelID, "act", string(s.Act), "id", s.ID)
			continue
		}
		if err := h.take(ctx, s); err != nil {
			return err
		}
		if err := h.noteFiles(ctx, s); err != nil {
			return err
		}
	}
	return h.finish(ctx)
}

// hearing prepares to change what was heard on a channel.
func (in *Inbox) hearing(ctx context.Context, tx *db.Tx, ch channel.Channel) (*hearing, error) {
	h := &hearing{Inbox: in, tx: tx, channel: ch, now: in.clock().UTC().Truncate(time.Microsecond), touched: map[string]bool{}, into: map[string]string{}, returned: map[string]bool{}}
	return h, h.ownNames(ctx)
}

// alone waits until nobody else hears on the platform: two that hear at once must not
// both open the conversation of one thread. Where nothing is opened or joined, others
// need not wait.
func (h *hearing) alone(ctx context.Context) error {
	if h.locked {
		return nil
	}
	h.locked = true
	return h.serial(ctx, "inbox "+h.institution()+" "+string(h.channel.Platform))
}

// serial lets those who name the same thing do it one after the other. On SQLite all
// do.
func (h *hearing) serial(ctx context.Context, what string) error {
	if h.tx.Engine() != db.Postgres {
		return nil
	}
	_, err := h.tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext($1))`, what)
	return err
}

// hearing is one call of Hear.
type hearing struct {
	*Inbox
	tx      *db.Tx
	channel channel.Channel
	now     time.Time

	handles, addresses map[string]bool // the institution's own
	locked             bool            // see alone

	touched  map[string]bool   // conversations to be summed up
	into     map[string]string // conversations that were joined to others
	opened   []string          // new conversations, in order
	fresh    []Comment         // new words of citizens, in order
	returned map[string]bool   // conversations that had been closed or answered before
	dropped  int               // of blocked authors
}

func (h *hearing) institution() string { return h.channel.InstitutionID }

func (h *hearing) take(ctx context.Context, s channel.Said) error {
	switch s.Act {
	case channel.Comments, channel.Edited:
		if s.Doubt != "" {
			if done, err := h.aside(ctx, s); err != nil || done {
				return err
			}
		}
		return h.comment(ctx, s)
	case channel.Reports:
		return h.reports(ctx, s)
	case channel.Deleted:
		return h.deleted(ctx, s)
	case channel.Vanished:
		return h.vanished(ctx, s)
	case channel.Reacts:
		return h.reacts(ctx, s)
	}
	return h.unreacts(ctx, s)
}

// ownNames reads by which names the institution itself is known where the channel
// is. A handle of the Fediverse is the same through either way to it.
func (h *hearing) ownNames(ctx context.Context) error {
	h.handles, h.addresses = map[string]bool{}, map[string]bool{}
	type name struct {
		platform    channel.Platform
		handle, url string
	}
	all, err := db.All(ctx, h.tx, func(s db.Scanner) (n name, err error) { err = s.Scan(&n.platform, &n.handle, &n.url); return n, err },
		`SELECT platform, handle, url FROM channel WHERE institution_id = $1`, h.institution())
	for _, n := range all {
		if network(n.platform) != network(h.channel.Platform) {
			continue
		}
		if n.handle != "" {
			h.handles[strings.ToLower(n.handle)] = true
		}
		if n.url != "" {
			h.addresses[strings.TrimSuffix(n.url, "/")] = true
		}
	}
	return err
}

// network is where a handle means the same person.
func network(p channel.Platform) channel.Platform {
	if p == channel.ActivityPub {
		return channel.Mastodon
	}
	return p
}

func (h *hearing) isOwn(a channel.Author) bool {
	return h.handles[strings.ToLower(a.Handle)] || h.addresses[strings.TrimSuffix(a.URL, "/")] || h.addresses[strings.TrimSuffix(a.ID, "/")]
}

// known is what is on record under a remote ID.
type known struct {
	echo      bool   // it is a post of ours
	commentID string // it was heard before
	gone      bool   // it, or its author, was taken back
}

func (h *hearing) known(ctx context.Context, s channel.Said) (k known, err error) {
	var goneBy string
	var goneAt, authorGone int64
	err = h.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM remote_post WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3),
			coalesce((SELECT id FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3), ''),
			coalesce((SELECT author_id FROM gone WHERE institution_id = $1 AND channel_id = $2 AND kind = 'comment' AND remote_id = $3), ''),
			coalesce((SELECT at FROM gone WHERE institution_id = $1 AND channel_id = $2 AND kind = 'comment' AND remote_id = $3), 0),
			coalesce((SELECT at FROM gone WHERE institution_id = $1 AND channel_id = $4 AND kind = 'author' AND remote_id = $5), 0)`,
		h.institution(), h.channel.ID, s.ID, everywhere(h.channel.Platform), s.Author.ID).Scan(&k.echo, &k.commentID, &goneBy, &goneAt, &authorGone)
	// Who takes back what another said is not believed.
	k.gone = goneAt > 0 && (goneBy == "" || goneBy == s.Author.ID) || db.At(s.At) <= authorGone
	return k, err
}

// everywhere stands for a channel where something is true of a whole platform.
func everywhere(p channel.Platform) string { return "platform:" + string(p) }

// comment keeps something said, or its change.
func (h *hearing) comment(ctx context.Context, s channel.Said) error {
	k, err := h.known(ctx, s)
	switch {
	case err != nil || k.echo:
		return err
	case k.commentID != "":
		return h.revise(ctx, k.commentID, s)
	case k.gone:
		return nil
	}
	ours := s.Ours || h.isOwn(s.Author)
	at, err := h.place(ctx, s.Parent)
	if err != nil {
		return err
	}
	if ours && at.conversation == "" {
		if at.delivery != "" {
			return h.continued(ctx, s, at)
		}
		return h.tooEarly(ctx, s)
	}
	author, err := h.author(ctx, s.Author)
	if err != nil {
		return err
	}
	if !author.BlockedAt.IsZero() && !ours {
		h.dropped++
		return nil
	}
	return h.keep(ctx, s, author, at, ours)
}

// keep stores a new comment in its conversation, and gathers there what arrived
// before it and belongs to it.
func (h *hearing) keep(ctx context.Context, s channel.Said, author Author, at place, ours bool) error {
	before, err := h.before(ctx, s.ID)
	if err != nil {
		return err
	}
	children := before.conversations
	id := at.conversation
	if id == "" && isChat(h.channel.Platform, s) {
		if id, err = h.chat(ctx, author.ID); err != nil {
			return err
		}
	}
	if id == "" && len(children) > 0 {
		id = children[0]
	}
	if id == "" {
		if id, err = h.open(ctx, s, author, at.message); err != nil {
			return err
		}
	} else if err := h.about(ctx, id, at.message); err != nil {
		return err
	}
	c := Comment{
		InstitutionID: h.institution(), ID: db.NewID(), ConversationID: id, ChannelID: h.channel.ID, RemoteID: s.ID, ParentID: s.Parent, URL: s.URL,
		AuthorID: author.ID, Ours: ours, Quotes: s.Quotes, Private: s.Private, Subject: s.Subject, Text: s.Text, Whole: s.Whole, Lang: s.Lang, Media: s.Media,
		SaidAt: s.At, ReceivedAt: h.now, Held: s.Held && !ours, refs: string(s.Refs),
	}
	if s.Act == channel.Edited {
		c.EditedAt = s.At
	}
	if !ours {
		h.guess(&c, at.message)
	}
	if err := putComment(ctx, h.tx, c); err != nil {
		return err
	}
	for _, child := range children {
		if err := h.merge(ctx, child, id); err != nil {
			return err
		}
	}
	if err := h.addStems(ctx, h.tx, h.institution(), id, stemsOf(c, author)); err != nil {
		return err
	}
	if !ours {
		h.fresh = append(h.fresh, c)
	}
	h.touched[id] = true
	if before.reactions {
		if _, err := h.tx.Exec(ctx, `UPDATE reaction SET comment_id = $4 WHERE institution_id = $1 AND channel_id = $2 AND target = $3`,
			h.institution(), h.channel.ID, s.ID, c.ID); err != nil {
			return err
		}
	}
	if !before.early {
		return nil
	}
	return h.nowDue(ctx, s.ID)
}

// guess fills in the stance, unless a person has said it.
func (h *hearing) guess(c *Comment, messageID string) {
	if c.StanceBy != "" && c.StanceBy != byRule {
		return
	}
	kind := ""
	if messageID != "" {
		kind = "message"
	}
	if c.Stance = h.stance(c.Text, c.Lang, kind); c.Stance != "" {
		c.StanceBy = byRule
	}
}

// byRule is a comment's StanceBy when no person chose it.
const byRule = "rule"

// isChat reports whether it is a line of a private chat, which has no threads: all
// that one citizen says there is one conversation. A letter is a matter of its own.
func isChat(p channel.Platform, s channel.Said) bool {
	return s.Private && s.Parent == "" && s.Subject == "" && p != channel.Mailbox
}

// chat is the conversation of a citizen's chat with the channel, if there is one.
func (h *hearing) chat(ctx context.Context, authorID string) (string, error) {
	ids, err := db.All(ctx, h.tx, db.Col[string], `
		SELECT conversation_id FROM comment
		WHERE institution_id = $1 AND author_id = $2 AND channel_id = $3 AND private AND parent_id = '' AND subject = '' AND NOT ours LIMIT 1`,
		h.institution(), authorID, h.channel.ID)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// author keeps who said something, by the platform's own name.
func (h *hearing) author(ctx context.Context, a channel.Author) (Author, error) {
	return scanAuthor(h.tx.QueryRow(ctx, `
		INSERT INTO author AS a (institution_id, id, platform, remote_id, handle, name, url, avatar, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (institution_id, platform, remote_id) DO UPDATE SET
			handle = CASE WHEN excluded.handle = '' THEN a.handle ELSE excluded.handle END,
			name = CASE WHEN excluded.name = '' THEN a.name ELSE excluded.name END,
			url = CASE WHEN excluded.url = '' THEN a.url ELSE excluded.url END,
			avatar = CASE WHEN excluded.avatar = '' THEN a.avatar ELSE excluded.avatar END
		RETURNING id, platform, remote_id, handle, name, url, avatar, blocked_at`,
		h.institution(), db.NewID(), h.channel.Platform, a.ID, a.Handle, a.Name, a.URL, a.Avatar, db.At(h.now)))
}

// continued is a post of our own account under one of our messages: a thread that
// goes on. Replies to it are replies to the message.
func (h *hearing) continued(ctx context.Context, s channel.Said, at place) error {
	_, err := h.tx.Exec(ctx, `
		INSERT INTO remote_post (institution_id, channel_id, remote_id, delivery_id) VALUES ($1, $2, $3, $4)
		ON CONFLICT (institution_id, channel_id, remote_id) DO NOTHING`, h.institution(), h.channel.ID, s.ID, at.delivery)
	if err != nil {
		return err
	}
	return h.adopt(ctx, s.ID, at)
}

// tooEarly puts words of our own account aside until we know what they answer. A
// post of its own, which answers nothing, was not said to us at all.
func (h *hearing) tooEarly(ctx context.Context, s channel.Said) error {
	if s.Parent == "" {
		return nil
	}
	s.Ours = true
	said, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = h.tx.Exec(ctx, `
		INSERT INTO early (institution_id, channel_id, remote_id, parent_id, said, kept_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (institution_id, channel_id, remote_id) DO UPDATE SET said = excluded.said`,
		h.institution(), h.channel.ID, s.ID, s.Parent, string(said), db.At(h.now))
	return err
}

// nowDue hears what was put aside until remoteID was known.
func (h *hearing) nowDue(ctx context.Context, remoteID string) error {
	waiting, err := db.All(ctx, h.tx, db.Col[string], `
		DELETE FROM early WHERE institution_id = $1 AND channel_id = $2 AND parent_id = $3 RETURNING said`, h.institution(), h.channel.ID, remoteID)
	if err != nil {
		return err
	}
	slices.Sort(waiting)
	for _, w := range waiting {
		var s channel.Said
		if err := json.Unmarshal([]byte(w), &s); err != nil {
			return err
		}
		if err := h.comment(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// finish sums up what was touched, and tells whoever wants to know.
func (h *hearing) finish(ctx context.Context) error {
	if h.dropped > 0 {
		h.log.InfoContext(ctx, "words of blocked authors were dropped", "channel", h.channel.ID, "count", h.dropped)
	}
	for _, c := range h.fresh {
		if err := h.wakes(ctx, h.current(c.ConversationID)); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(h.touched) {
		if _, gone := h.into[id]; gone {
			continue
		}
		if err := h.sumUp(ctx, h.tx, h.institution(), id, h.now); err != nil {
			return err
		}
	}
	if err := h.tell(ctx); err != nil {
		return err
	}
	return h.tx.Notify(ctx, Topic, h.institution())
}

// tell calls the options' functions for what is new.
func (h *hearing) tell(ctx context.Context) error {
	begun := map[string]bool{}
	for _, id := range h.opened {
		begun[h.current(id)] = true
	}
	for _, c := range h.fresh {
		c.ConversationID = h.current(c.ConversationID)
		if h.Inbox.opened == nil && h.heard == nil {
			break
		}
		v, err := Find(ctx, h.tx, h.institution(), c.ConversationID)
		if err != nil {
			return err
		}
		if begun[v.ID] && h.Inbox.opened != nil {
			if err := h.Inbox.opened(ctx, h.tx, v, c); err != nil {
				return err
			}
			if v, err = Find(ctx, h.tx, h.institution(), v.ID); err != nil {
				return err
			}
		}
		delete(begun, v.ID)
		if h.heard != nil {
			if err := h.heard(ctx, h.tx, v, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// current is where a conversation ended up.
func (h *hearing) current(id string) string {
	for h.into[id] != "" {
		id = h.into[id]
	}
	return id
}
