package mailbox

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/emersion/go-imap/v2"

	"codeberg.org/arengo/arengo/internal/channel"
)

const (
	maxLetter = 1 << 20 // bytes of a letter that are fetched
	page      = 20      // letters in one call
	firstPage = 50      // letters of a box that is read for the first time
)

// cursor is where listening goes on in each folder.
type cursor struct {
	In   mark `json:"in"`
	Sent mark `json:"sent"` // of the folder of what was sent
}

// mark is a place in a folder.
type mark struct {
	Validity uint32   `json:"v"` // of the numbers; another one means that they were given anew
	Last     imap.UID `json:"n"` // the last letter heard
}

// Listen reads the letters that came, and those that somebody sent from the box
// with another program.
func (a *Adapter) Listen(ctx context.Context, account channel.Account, from json.RawMessage) (channel.Heard, error) {
	c, e := secretOf(account)
	if e != nil {
		return channel.Heard{}, e
	}
	var at cursor
	if len(from) > 0 && json.Unmarshal(from, &at) != nil {
		at = cursor{} // of an older program: told twice is harmless
	}
	s, e := a.open(ctx, c)
	if e != nil {
		return channel.Heard{}, e
	}
	defer s.close()
	letters, more, e := s.after(c.Folder, &at.In, firstPage)
	if e != nil {
		return channel.Heard{}, e
	}
	h := channel.Heard{More: more}
	for _, l := range letters {
		if said, ok := a.hear(l); ok && !strings.EqualFold(said.Author.ID, c.Address) {
			h.Said = append(h.Said, said)
		}
	}
	ours, e := a.sentByHand(s, c, &at.Sent)
	if e != nil {
		return channel.Heard{}, e
	}
	h.Said = append(h.Said, ours...)
	next, err := json.Marshal(at)
	if err != nil {
		return channel.Heard{}, &channel.Error{Class: channel.Transient, Code: channel.CodeNotAPI, Err: err}
	}
	h.Cursor = next
	return h, nil
}

// after reads the letters of a folder that came after at, oldest first, and moves
// it. Of a folder that is read for the first time the newest are enough.
func (s *session) after(folder string, at *mark, first int) (letters []letter, more bool, e *channel.Error) {
	data, e := s.enter(folder, true)
	if e != nil {
		return nil, false, e
	}
	fresh := at.Validity != data.UIDValidity
	if fresh {
		*at = mark{Validity: data.UIDValidity}
	}
	var since imap.UIDSet
	since.AddRange(at.Last+1, 0)
	found, err := s.client.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{since}}, nil).Wait()
	if err != nil {
		return nil, false, lost(err)
	}
	// "n:*" always means the last letter too, however old.
	uids := slices.DeleteFunc(found.AllUIDs(), func(u imap.UID) bool { return u <= at.Last })
	slices.Sort(uids)
	if fresh && len(uids) > first {
		uids = uids[len(uids)-first:]
	}
	if more = len(uids) > page; more {
		uids = uids[:page]
	}
	if len(uids) == 0 {
		if data.UIDNext > 0 {
			at.Last = max(at.Last, data.UIDNext-1)
		}
		return nil, false, nil
	}
	letters, e = s.fetch(imap.UIDSetNum(uids...))
	if e != nil {
		return nil, false, e
	}
	slices.SortFunc(letters, func(x, y letter) int { return int(x.uid) - int(y.uid) })
	at.Last = uids[len(uids)-1]
	return letters, more, nil
}

// sentByHand reads the answers that somebody sent from the box with another
// program. What was sent before the box was connected is history.
func (a *Adapter) sentByHand(s *session, c credentials, at *mark) ([]channel.Said, *channel.Error) {
	folder, e := s.sent()
	if e != nil || folder == "" || strings.EqualFold(folder, c.Folder) {
		return nil, e
	}
	first := at.Validity == 0
	letters, _, e := s.after(folder, at, 0)
	if e != nil || first {
		return nil, e
	}
	var ours []channel.Said
	for _, l := range letters {
		said, ok := a.hear(l)
		if !ok || said.Parent == "" || strings.HasSuffix(said.ID, ownMark) || !strings.EqualFold(said.Author.ID, c.Address) {
			continue
		}
		said.Ours = true
		ours = append(ours, said)
	}
	return ours, nil
}

// hear tells what a letter says. ok is false for what no person wrote.
func (a *Adapter) hear(l letter) (channel.Said, bool) {
	m := parse(l.raw, l.size > int64(len(l.raw)))
	if m.automatic {
		return channel.Said{}, false
	}
	text := m.text
	if m.broken {
		text = strings.TrimSpace(text + "\n\n" + a.o.Note("unreadable"))
	}
	if m.cut {
		text = strings.TrimSpace(text + "\n\n" + a.o.Note("cut"))
	}
	for _, name := range m.files {
		text = strings.TrimSpace(text + "\n📎 " + name)
	}
	s := channel.Said{
		Act: channel.Comments, ID: m.id, Parent: m.parent, Author: m.author, Subject: m.subject, Text: text,
		Lang: m.lang, Private: true, At: l.at.UTC(),
	}
	if s.At.IsZero() {
		s.At = a.o.Clock().UTC()
	}
	s.Refs, _ = json.Marshal(m.refs) // texts: it cannot fail
	return s, true
}
