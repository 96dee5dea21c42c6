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
	maxLetter = 25 << 20 // bytes of a letter that are fetched, with what is attached
	maxPage   = 32 << 20 // bytes of the letters of one call
	beginning = 1 << 20  // bytes of a letter that are fetched where the whole takes too long
	page      = 20       // letters in one call
	firstPage = 50       // letters of a box that is read for the first time
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

	// Slow is a letter that could not be fetched within the time that there is: of it
	// the beginning is enough, so that it does not stop the box.
	Slow imap.UID `json:"s,omitempty"`
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
		// What the box sent to itself is no citizen's.
		if said := a.hear(l, c.Address); !strings.EqualFold(said.Author.ID, c.Address) || said.Act == channel.Reports {
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
	letters, last, e := s.read(uids, at.Slow)
	switch {
	case e == nil:
	case last != 0 && len(letters) > 0: // what was read before it failed is read
	case last != 0 && at.Slow != last:
		at.Slow = last
		return nil, true, nil
	default:
		return nil, false, e
	}
	slices.SortFunc(letters, func(x, y letter) int { return int(x.uid) - int(y.uid) })
	if e == nil && last == uids[len(uids)-1] {
		at.Last = last
		return letters, more, nil
	}
	if at.Last = last; e != nil {
		at.Last, at.Slow = last-1, last
	}
	return letters, true, nil
}

// read fetches letters in order, as many as a call may hold. last is the one at which
// it ended: the last one fetched, or, with an error, the one that took too long; 0
// when the error is of another kind.
func (s *session) read(uids []imap.UID, slow imap.UID) (letters []letter, last imap.UID, e *channel.Error) {
	sizes, e := s.sizes(imap.UIDSetNum(uids...))
	if e != nil {
		return nil, 0, e
	}
	var small imap.UIDSet
	bytes, n := int64(0), 0
	for _, uid := range uids {
		size := min(sizes[uid], maxLetter)
		if bytes += size; bytes > maxPage && n > 0 {
			break
		}
		n, last = n+1, uid
		if size <= beginning || uid == slow {
			small.AddNum(uid)
		}
	}
	if len(small) > 0 {
		if letters, e = s.fetch(small, beginning); e != nil {
			return nil, 0, e
		}
	}
	for _, uid := range uids[:n] {
		if small.Contains(uid) {
			continue
		}
		big, e := s.fetch(imap.UIDSetNum(uid), maxLetter)
		if e != nil && e.Code == channel.CodeTimeout {
			before := slices.DeleteFunc(letters, func(l letter) bool { return l.uid > uid })
			return before, uid, e
		}
		if e != nil {
			return nil, 0, e
		}
		letters = append(letters, big...)
	}
	return letters, last, nil
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
		said := a.hear(l, c.Address)
		if said.Doubt.Sure() || said.Act != channel.Comments || said.Parent == "" || strings.HasSuffix(said.ID, ownMark) || !strings.EqualFold(said.Author.ID, c.Address) {
			continue
		}
		said.Ours, said.Doubt = true, ""
		ours = append(ours, said)
	}
	return ours, nil
}

// hear tells what a letter says.
func (a *Adapter) hear(l letter, box string) channel.Said {
	m := parse(l.raw, l.size > int64(len(l.raw)), box)
	notes := map[string]bool{"unreadable": m.broken, "cut": m.cut, "uncertified": m.anomaly, "more_files": m.more > 0}
	for _, key := range []string{"uncertified", "unreadable", "cut", "more_files"} {
		if notes[key] {
			note := a.o.Note(key)
			m.text = strings.TrimSpace(m.text + "\n\n" + note)
			if m.whole != "" {
				m.whole += "\n\n" + note
			}
		}
	}
	s := channel.Said{
		Act: channel.Comments, ID: m.id, Parent: m.parent, Author: m.author, Subject: m.subject, Text: m.text, Whole: m.whole,
		Files: m.files, Doubt: m.doubt, Lang: m.lang, Private: true, At: l.at.UTC(),
	}
	if r := m.report; r != nil {
		s.Act, s.Reaction, s.Report = channel.Reports, r.fate, &r.Report
		s.Whole = r.detail
	}
	if s.At.IsZero() {
		s.At = a.o.Clock().UTC()
	}
	s.Refs, _ = json.Marshal(m.refs) // texts: it cannot fail
	return s
}
