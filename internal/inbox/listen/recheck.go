package listen

import (
	"context"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

// The pace of looking again: 20 comments every two minutes are 600 an hour, one or
// two requests each time.
const (
	recheckEvery = 2 * time.Minute
	recheckSlice = 20
	recheckRound = 30 * time.Minute   // from one end of a round to the next beginning
	recheckSpan  = 7 * 24 * time.Hour // what is older is left as it was
)

// recheck looks again at the next slice of what was said, if its turn has come.
func (p *Poller) recheck(ctx context.Context, r reading) error {
	again, ok := r.adapter.(channel.Rechecker)
	now := p.Clock()
	if !ok || now.Before(r.recheckAt) {
		return nil
	}
	var slice []spoken
	err := p.DB.Read(ctx, func(tx *db.Tx) (err error) {
		slice, err = recent(ctx, tx, r.source, now.Add(-recheckSpan))
		return err
	})
	if err != nil {
		return err
	}
	place, next := spoken{}, now.Add(p.Jitter(recheckRound))
	if len(slice) == recheckSlice {
		place, next = slice[len(slice)-1], now.Add(p.Jitter(recheckEvery))
	}
	var changed []channel.Said
	if len(slice) > 0 {
		ids := make([]string, len(slice))
		for i, s := range slice {
			ids[i] = s.remoteID
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if changed, err = again.Recheck(ctx, r.account, ids); err != nil {
			return err
		}
		// What was not asked about is not told here.
		changed = slices.DeleteFunc(changed, func(s channel.Said) bool { return !slices.Contains(ids, s.ID) })
	}
	return p.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := looked(ctx, tx, r.source, place, next); err != nil || len(changed) == 0 {
			return err
		}
		return p.Hear(ctx, tx, r.institutionID, r.channelID, changed)
	})
}
