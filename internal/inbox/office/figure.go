package office

import (
	"context"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Figure is how an office did in a period, over the conversations that were given to
// it then. Times are working time of that office.
type Figure struct {
	OfficeID, Name string
	Got            int // conversations
	Answered       int // of them, have a first answer
	Closed         int
	Waiting        int // open, the last word is the citizen's
	Late           int // of those, past their deadline
	WithDeadline   int // had a deadline that has come, or were answered
	InTime         int // of those, answered by it
	First          Times
	Resolved       Times // until closed
}

// Times sum up how long something took; N is how many times it did.
type Times struct {
	N            int
	Median, Most time.Duration // Most: nine out of ten took no longer
}

// Share is the part answered in time, from 0 to 1; ok is false when nothing was due.
func (f Figure) Share() (share float64, ok bool) {
	if f.WithDeadline == 0 {
		return 0, false
	}
	return float64(f.InTime) / float64(f.WithDeadline), true
}

// times sums up. The median of an even number is the mean of the middle two; the
// ninetieth percentile is by nearest rank.
func times(all []time.Duration) Times {
	if len(all) == 0 {
		return Times{}
	}
	slices.Sort(all)
	n := len(all)
	rank := (9*n + 9) / 10 // ⌈0.9 n⌉
	return Times{N: n, Median: (all[(n-1)/2] + all[n/2]) / 2, Most: all[rank-1]}
}

// maxFigures bounds the conversations that figures are made of: the newest.
const maxFigures = 50_000

// passed is one conversation as figures see it.
type passed struct {
	officeID                        string
	assigned, due, answered, closed time.Time
	open, waiting                   bool
}

// Figures are how each office did with what was given to it from a moment until
// another. more is true when there were too many and the oldest were left out.
func Figures(ctx context.Context, tx *db.Tx, institutionID string, from, until, now time.Time) (all []Figure, more bool, err error) {
	h, err := read(ctx, tx, institutionID)
	if err != nil {
		return nil, false, err
	}
	rows, err := db.All(ctx, tx, func(s db.Scanner) (p passed, err error) {
		var assigned, due, answered, closed int64
		var state string
		err = s.Scan(&p.officeID, &assigned, &due, &answered, &closed, &state, &p.waiting)
		p.assigned, p.due, p.answered, p.closed, p.open = db.When(assigned), db.When(due), db.When(answered), db.When(closed), state == "open"
		return p, err
	}, `SELECT office_id, assigned_at, due_at, answered_at, closed_at, state, waiting FROM conversation
		WHERE institution_id = $1 AND office_id <> '' AND assigned_at >= $2 AND assigned_at < $3
		ORDER BY assigned_at DESC LIMIT $4`, institutionID, db.At(from), db.At(until), maxFigures+1)
	if err != nil {
		return nil, false, err
	}
	if more = len(rows) > maxFigures; more {
		rows = rows[:maxFigures]
	}
	byOffice := map[string][]passed{}
	for _, p := range rows {
		byOffice[p.officeID] = append(byOffice[p.officeID], p)
	}
	for _, o := range h.offices {
		f := figure(h, o.ID, byOffice[o.ID], now)
		f.Name = o.Name
		all = append(all, f)
	}
	return all, more, nil
}

// figure sums up what one office got.
func figure(h house, officeID string, got []passed, now time.Time) Figure {
	f := Figure{OfficeID: officeID, Got: len(got)}
	c := h.calendar(officeID)
	var first, resolved []time.Duration
	for _, p := range got {
		// What was answered before the office had it says nothing about the office.
		answered := p.answered.After(p.assigned)
		if answered {
			f.Answered++
			first = append(first, c.Between(p.assigned, p.answered))
		}
		if !p.open && p.closed.After(p.assigned) {
			f.Closed++
			resolved = append(resolved, c.Between(p.assigned, p.closed))
		}
		late := p.open && p.waiting && !p.due.IsZero() && now.After(p.due)
		if p.open && p.waiting {
			f.Waiting++
		}
		if late {
			f.Late++
		}
		switch {
		case p.due.IsZero():
		case answered:
			f.WithDeadline++
			if !p.answered.After(p.due) {
				f.InTime++
			}
		case late:
			f.WithDeadline++
		}
	}
	f.First, f.Resolved = times(first), times(resolved)
	return f
}
