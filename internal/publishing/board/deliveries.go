package board

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

const (
	boardDays = 7  // days for which an ended delivery stays on the board
	boardSize = 60 // deliveries on a page of it
	late      = "late"
)

// boardStates are what the filter offers, in the order in which a person asks.
func boardStates() []string {
	return []string{late, string(publishing.Waiting), string(publishing.Attempting), string(publishing.Delivered), string(publishing.Refused),
		string(publishing.Unconfirmed), string(publishing.ByHand), string(publishing.TakenBack), string(publishing.GivenUp)}
}

// boardPage is the delivery board.
type boardPage struct {
	Form     *web.Form
	States   []layout.Option
	Channels []layout.Option
	Messages []boardMessage
	Filtered bool
	Older    string // the page after this one; empty on the last
	Days     int
	Here     string
	Stream   string
	Wrong    *web.Form // what was refused about a row that is not shown
}

// boardMessage is a message with its way to each channel.
type boardMessage struct {
	URL, Title string
	Due        time.Time
	Deliveries []boardRow
}

// boardRow is one variant's way to one channel, and what a person can do about it.
type boardRow struct {
	ID, Channel                   string
	Platform                      wording.Platform
	Badge                         wording.Badge
	Why, Detail                   string
	URL                           string // of the copy
	When                          time.Time
	Next                          time.Time // of the next attempt, when one is to come
	Attempts                      int
	MayRetry, MayGiveUp, MayState bool // state: say whether it is out
	Unsure                        bool
	Form                          *web.Form // with what is wrong about this row
}

// AddressID is the id of the row's entry; the one that the summary of faults
// leads to has the plain name.
func (r boardRow) AddressID() string {
	if r.Form != nil {
		return "f-address"
	}
	return "f-address-" + r.ID
}

func (b *Board) deliveries(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	return b.showBoard(w, r, v, form, nil)
}

// boardFilter reads what the board is asked for. A word that is no state asks for
// everything: an address is not a form.
func boardFilter(q url.Values, now time.Time) (f publishing.Board, here string) {
	f = publishing.Board{Since: now.AddDate(0, 0, -boardDays), ChannelID: q.Get("canale"), After: q.Get("prima"), Limit: boardSize + 1}
	kept := url.Values{}
	for _, s := range boardStates() {
		if s == q.Get("stato") {
			kept.Set("stato", s)
			if f.Late = s == late; !f.Late {
				f.State = publishing.DeliveryState(s)
			}
		}
	}
	if f.ChannelID != "" {
		kept.Set("canale", f.ChannelID)
	}
	if f.After != "" {
		kept.Set("prima", f.After)
	}
	if here = boardPath; len(kept) > 0 {
		here += "?" + kept.Encode()
	}
	return f, here
}

// showBoard shows the board; wrong is the form of a row that was refused.
func (b *Board) showBoard(w http.ResponseWriter, r *http.Request, v visit, form, wrong *web.Form) error {
	filter, here := boardFilter(form.Values, v.now)
	deliveries, channels, err := b.readBoard(r.Context(), v, filter)
	if err != nil {
		return err
	}
	page := boardPage{Form: form, Days: boardDays, Here: here, Stream: Stream, Filtered: filter.State != "" || filter.Late || filter.ChannelID != ""}
	if len(deliveries) > boardSize {
		deliveries = deliveries[:boardSize]
		page.Older = older(here, deliveries[boardSize-1].ID)
	}
	page.States = []layout.Option{{Label: v.p.T("board.state.all")}}
	for _, s := range boardStates() {
		page.States = append(page.States, layout.Option{Value: s, Label: v.p.T("delivery.is." + s)})
	}
	page.Channels = []layout.Option{{Label: v.p.T("board.channel.all")}}
	for _, c := range channels {
		page.Channels = append(page.Channels, layout.Option{Value: c.ID, Label: wording.PlatformOf(v.p, c.Platform).Name + " · " + c.Name})
	}
	shown := false
	if page.Messages, shown = v.board(deliveries, r.PathValue("id"), wrong); !shown {
		page.Wrong = wrong
	}
	status := http.StatusOK
	if wrong != nil {
		status = wrong.Status()
	}
	return b.Kit.Render(w, r, status, "board/deliveries", page)
}

// older is the address of the page that begins after a delivery.
func older(here, after string) string {
	u, err := url.Parse(here)
	if err != nil {
		return boardPath
	}
	q := u.Query()
	q.Set("prima", after)
	return boardPath + "?" + q.Encode()
}

func (b *Board) readBoard(ctx context.Context, v visit, f publishing.Board) (ds []publishing.Trouble, cs []channel.Channel, err error) {
	return ds, cs, b.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if ds, err = publishing.OnBoard(ctx, tx, v.inst.ID, f, v.now); err != nil {
			return err
		}
		cs, err = channel.List(ctx, tx, v.inst.ID)
		return err
	})
}

// board groups the deliveries by message, as they come. shown reports whether
// the one that was refused is among them.
func (v visit) board(ds []publishing.Trouble, wrongID string, wrong *web.Form) (out []boardMessage, shown bool) {
	place := map[string]int{}
	for _, d := range ds {
		n, ok := place[d.MessageID]
		if !ok {
			n = len(out)
			place[d.MessageID] = n
			title := d.Title
			if title == "" {
				title = v.p.T("message.untitled")
			}
			out = append(out, boardMessage{URL: wording.Page(d.Kind, d.MessageID), Title: title, Due: d.DueAt})
		}
		row := v.boardRow(d)
		if wrong != nil && d.ID == wrongID {
			row.Form, shown = wrong, true
		}
		out[n].Deliveries = append(out[n].Deliveries, row)
	}
	return out, shown
}

func (v visit) boardRow(d publishing.Trouble) boardRow {
	row := boardRow{ID: d.ID, Channel: d.Channel, Platform: wording.PlatformOf(v.p, d.Platform), Badge: wording.Delivery(v.p, d.Delivery, v.now),
		Why: wording.Why(v.p, d.Delivery), Detail: d.Detail, URL: d.Remote.URL, When: d.UpdatedAt, Attempts: d.Attempts, Unsure: d.State == publishing.Unconfirmed}
	if d.State == publishing.Delivered {
		row.When = d.OutAt
	}
	if (d.State == publishing.Waiting || d.State == publishing.Attempting) && d.Code != "" && d.NextAt.After(v.now) {
		row.Next = d.NextAt
	}
	if !v.actor.May(people.Publish) {
		return row
	}
	switch d.State {
	case publishing.Refused, publishing.GivenUp:
		row.MayRetry = true
	case publishing.Unconfirmed:
		row.MayRetry, row.MayState = true, true
	case publishing.Waiting:
		row.MayRetry = d.Code != "" || d.Late(v.now)
	}
	row.MayGiveUp = d.State == publishing.Waiting || d.State == publishing.Refused || d.State == publishing.Unconfirmed || d.Expired()
	return row
}

// steer reads a row's form, does something to its delivery and goes back to the
// board; what a person can put right is said beside the row.
func (b *Board) steer(w http.ResponseWriter, r *http.Request, v visit, done string, do func(form *web.Form) error) error {
	if err := v.can(people.Publish); err != nil {
		return err
	}
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := do(form); err != nil {
		if !form.Fail(v.p, err) {
			return err
		}
		shown := web.NewForm()
		if u, err := url.Parse(form.String("next")); err == nil && u.Path == boardPath {
			shown.Values = u.Query()
		}
		return b.showBoard(w, r, v, shown, form)
	}
	b.Kit.Flash(r, web.Success, done)
	return back(w, r, form, boardPath)
}

func (b *Board) retry(w http.ResponseWriter, r *http.Request, v visit) error {
	return b.steer(w, r, v, "board.done.retry", func(*web.Form) error {
		return b.Desk.Retry(r.Context(), v.inst.ID, r.PathValue("id"))
	})
}

func (b *Board) giveUp(w http.ResponseWriter, r *http.Request, v visit) error {
	return b.steer(w, r, v, "board.done.given_up", func(*web.Form) error {
		return b.Desk.GiveUp(r.Context(), v.inst.ID, r.PathValue("id"))
	})
}

func (b *Board) confirm(w http.ResponseWriter, r *http.Request, v visit) error {
	return b.steer(w, r, v, "board.done.confirmed", func(form *web.Form) error {
		return b.Desk.Confirm(r.Context(), v.inst.ID, r.PathValue("id"), form.String("address"))
	})
}
