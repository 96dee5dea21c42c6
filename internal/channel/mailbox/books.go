package mailbox

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/mail"
)

// books is the folder of what was sent, opened for writing.
type books struct {
	*session
	folder string
}

// books opens the folder that Prepare found; nil when the box has none.
func (a *Adapter) books(ctx context.Context, c credentials, done channel.Progress) (*books, *channel.Error) {
	var p progress
	if len(done) == 0 || json.Unmarshal(done, &p) != nil || p.Sent == "" {
		return nil, nil
	}
	s, e := a.open(ctx, c)
	if e != nil {
		return nil, e
	}
	if _, e := s.enter(p.Sent, false); e != nil {
		s.close()
		return nil, e
	}
	return &books{s, p.Sent}, nil
}

// begin puts a copy of the letter into the folder, as one that is going out. sent is
// true when a copy says that it went already. A copy that an earlier try left as
// going out is taken over: whoever tries again knows that it did not go.
func (b *books) begin(l mail.Letter) (sent bool, e *channel.Error) {
	copies, e := b.find(l.MessageID)
	if e != nil {
		return false, e
	}
	if len(copies) > 0 {
		return gone(copies), nil
	}
	if e := b.put(l); e != nil {
		return false, e
	}
	if copies, e = b.find(l.MessageID); e != nil {
		return false, e
	}
	if len(copies) == 0 || gone(copies) {
		// Without the flag the books would say that a letter went which did not.
		b.end(l.MessageID, mail.Deferred)
		return false, &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Detail: "the box does not keep the copy of the letter as it was put there"}
	}
	return false, nil
}

// gone reports whether one of the copies says that the letter went.
func gone(copies []letter) bool {
	return slices.ContainsFunc(copies, func(l letter) bool { return !slices.Contains(l.flags, imap.FlagDraft) })
}

func (b *books) put(l mail.Letter) *channel.Error {
	text, err := l.Bytes(nil)
	if err != nil {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	put := b.client.Append(b.folder, int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen, imap.FlagDraft}, Time: l.Date})
	_, err = put.Write(text)
	if closed := put.Close(); err == nil {
		err = closed
	}
	if _, waited := put.Wait(); err == nil {
		err = waited
	}
	if err != nil {
		return lost(err)
	}
	return nil
}

// end books what became of the letter: sent, or known not to have left.
func (b *books) end(id string, o mail.Outcome) {
	copies, e := b.find(id)
	if e != nil || len(copies) == 0 {
		return
	}
	var all imap.UIDSet
	for _, l := range copies {
		all.AddNum(l.uid)
	}
	switch o {
	case mail.Sent:
		b.client.Store(all, &imap.StoreFlags{Op: imap.StoreFlagsDel, Silent: true, Flags: []imap.Flag{imap.FlagDraft}}, nil).Close()
	case mail.Deferred, mail.Refused:
		b.client.Store(all, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close()
		if b.client.Caps().Has(imap.CapUIDPlus) || b.client.Caps().Has(imap.CapIMAP4rev2) {
			b.client.UIDExpunge(all).Close()
		}
	}
}

// find lists the copies of a letter that are not deleted, with their flags.
func (b *books) find(id string) ([]letter, *channel.Error) {
	found, err := b.client.UIDSearch(&imap.SearchCriteria{
		Header:  []imap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: id}},
		NotFlag: []imap.Flag{imap.FlagDeleted},
	}, nil).Wait()
	if err != nil {
		return nil, lost(err)
	}
	uids := found.AllUIDs()
	if len(uids) == 0 {
		return nil, nil
	}
	list, err := b.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, Flags: true}).Collect()
	if err != nil {
		return nil, lost(err)
	}
	return flagged(list), nil
}

func flagged(list []*imapclient.FetchMessageBuffer) (all []letter) {
	for _, m := range list {
		all = append(all, letter{uid: m.UID, flags: m.Flags})
	}
	return all
}
