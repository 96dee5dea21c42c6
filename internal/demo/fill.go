package demo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// town is what is being filled.
type town struct {
	config    config.Config
	app       *app.App
	square    *square.Square
	squareURL string
	faults    *faults
	clock     *clock

	cesate, union institution.Institution
	profiles      map[string]institution.Profile
	people        map[string]string // identifiers, by part
	channels      map[string]string // on the square, by profile
	pictures      map[string]chan picture
	steps         []step
}

// picture is one that was painted ahead.
type picture struct {
	data []byte
	err  error
}

// step is something that happens in the town at a moment.
type step struct {
	at time.Time
	do func(context.Context) error
}

// history is how far back the town begins.
const history = 125 * 24 * time.Hour

// fill puts the town into an empty installation, as it would be at now. The app
// and the square must live by the town's clock, and the app's work be started:
// everything happens through the desk, in its order, each at its moment.
func (t *town) fill(ctx context.Context, now time.Time) error {
	s, err := readScript()
	if err != nil {
		return err
	}
	t.profiles, t.people, t.channels = map[string]institution.Profile{}, map[string]string{}, map[string]string{}
	t.clock.set(now.Add(-history))
	if err := t.settle(ctx); err != nil {
		return fmt.Errorf("settle the town: %w", err)
	}
	if err := t.connect(ctx); err != nil {
		return fmt.Errorf("connect the town: %w", err)
	}
	t.paintAll(s)
	if err := t.plan(s, now); err != nil {
		return err
	}
	slices.SortStableFunc(t.steps, func(a, b step) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	for _, step := range t.steps {
		t.clock.forward(step.at)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("the town on %s: %w", step.at.Format(time.DateTime), err)
		}
	}
	t.clock.set(now)
	return nil
}

// paintAll begins to paint the pictures of the script, two at a time.
func (t *town) paintAll(s script) {
	t.pictures = map[string]chan picture{}
	var names []string
	for _, e := range s.Messages {
		for _, p := range e.Pictures {
			name, _, _ := cutPicture(p)
			if t.pictures[name] == nil {
				t.pictures[name] = make(chan picture, 1)
				names = append(names, name)
			}
		}
	}
	work := make(chan string, len(names))
	for _, n := range names {
		work <- n
	}
	close(work)
	for range 2 {
		go func() {
			for n := range work {
				data, err := paint(n)
				t.pictures[n] <- picture{data, err}
			}
		}()
	}
}

// plan turns the script into steps.
func (t *town) plan(s script, now time.Time) error {
	loc := t.cesate.Location()
	for _, e := range s.Messages {
		at, err := e.moment(now, loc)
		if err != nil {
			return err
		}
		if e.inSeason(at) {
			t.tell(e, at, now)
		}
	}
	t.invite(s.Subscribers, now)
	return t.listen(now)
}

// later adds a step; nothing happens after now.
func (t *town) later(at, now time.Time, do func(context.Context) error) {
	if at.After(now) {
		at = now
	}
	t.steps = append(t.steps, step{at, do})
}

// tell plans the life of one message.
func (t *town) tell(e entry, at, now time.Time) {
	h := &telling{town: t, entry: e, at: at}
	// Who writes for a day ahead does it in the days before today.
	written := at.Add(-26 * time.Hour)
	if written.After(now.Add(-3 * time.Hour)) {
		written = now.Add(-time.Duration(30-e.Ago*3) * time.Hour)
	}
	t.later(written, now, h.write)
	if e.State == "draft" {
		return
	}
	t.later(written.Add(40*time.Minute), now, h.submit)
	if e.State == "submitted" {
		return
	}
	if e.State == "back" {
		t.later(written.Add(3*time.Hour), now, h.sendBack)
		return
	}
	t.later(written.Add(4*time.Hour), now, h.approve)
	if at.After(now) {
		t.later(written.Add(4*time.Hour+time.Minute), now, h.schedule)
		return
	}
	t.later(at, now, h.publish)
	if e.Correct != nil {
		t.later(at.Add(time.Duration(e.Correct.Hours)*time.Hour), now, h.correct)
	}
	if e.Withdraw != nil {
		t.later(at.Add(time.Duration(e.Withdraw.Hours)*time.Hour), now, h.withdraw)
	}
}

// telling is a message of the script on its way.
type telling struct {
	*town
	entry
	at time.Time
	m  publishing.Message
}

func (h *telling) institution() institution.Institution { return h.of(h.Profile == "unione") }

// approver is who reads what others wrote.
func (h *telling) approver() string {
	if h.Profile == "unione" {
		return "unione"
	}
	return "approver"
}

func (h *telling) write(ctx context.Context) error {
	i := h.institution()
	ctx, err := h.as(ctx, h.Profile, i)
	if err != nil {
		return err
	}
	c := publishing.Content{
		ProfileID: h.profiles[h.Profile].ID, Title: h.dated(h.Title, h.at), Body: h.dated(h.Body, h.at), Category: publishing.Category(h.Category), Tags: h.Tags,
	}
	if h.Event != nil {
		when := h.Event.when(h.at)
		c.Event = &when
	}
	if p := h.Place; p != nil {
		c.Place = &publishing.Place{Name: p.Name, Lat: p.Lat, Lon: p.Lon}
	}
	if h.Square != "" {
		c.Variants = []publishing.Variant{{ChannelID: h.channels[h.Profile], Edited: true, Text: h.dated(h.Square, h.at)}}
	}
	for _, p := range h.Pictures {
		a, err := h.upload(ctx, i.ID, p)
		if err != nil {
			return err
		}
		c.Media = append(c.Media, a)
	}
	h.m, err = h.app.Desk.Create(ctx, i.ID, c)
	return err
}

func (h *telling) upload(ctx context.Context, institutionID, p string) (a publishing.Attachment, err error) {
	name, alt, caption := cutPicture(p)
	done := <-h.pictures[name]
	h.pictures[name] <- done // another message may show it too
	if done.err != nil {
		return a, done.err
	}
	m, err := h.app.Desk.Upload(ctx, institutionID, name+".jpg", bytes.NewReader(done.data))
	return publishing.Attachment{MediaID: m.ID, Alt: alt, Caption: caption}, err
}

// act does something to the message as somebody.
func (h *telling) act(ctx context.Context, part string, do func(ctx context.Context, institutionID string) (publishing.Message, error)) error {
	i := h.institution()
	ctx, err := h.as(ctx, part, i)
	if err != nil {
		return err
	}
	m, err := do(ctx, i.ID)
	if err != nil {
		return fmt.Errorf("%q: %w", h.Title, err)
	}
	h.m = m
	return nil
}

func (h *telling) submit(ctx context.Context) error {
	return h.act(ctx, h.Profile, func(ctx context.Context, in string) (publishing.Message, error) {
		if h.Ago < 0 { // the writer has a day in mind: the calendar shows it
			if _, err := h.app.Desk.Schedule(ctx, in, h.m.ID, h.due(), ""); err != nil {
				return h.m, err
			}
		}
		return h.app.Desk.Submit(ctx, in, h.m.ID)
	})
}

func (h *telling) due() string {
	return publishing.FormatWall(h.at, h.institution().Location())
}

func (h *telling) approve(ctx context.Context) error {
	if h.m.State != publishing.Submitted {
		return nil // a profile without four eyes
	}
	return h.act(ctx, h.approver(), func(ctx context.Context, in string) (publishing.Message, error) {
		return h.app.Desk.Approve(ctx, in, h.m.ID, h.m.Hash)
	})
}

func (h *telling) sendBack(ctx context.Context) error {
	return h.act(ctx, h.approver(), func(ctx context.Context, in string) (publishing.Message, error) {
		return h.app.Desk.SendBack(ctx, in, h.m.ID, h.Reason)
	})
}

func (h *telling) schedule(ctx context.Context) error {
	if h.m.State == publishing.Scheduled {
		return nil
	}
	return h.act(ctx, h.Profile, func(ctx context.Context, in string) (publishing.Message, error) {
		return h.app.Desk.Schedule(ctx, in, h.m.ID, h.due(), "")
	})
}

func (h *telling) publish(ctx context.Context) error {
	if h.State == "unconfirmed" {
		h.faults.lose.Store(true)
		defer h.faults.hide.Store(false)
	}
	return h.send(ctx, "")
}

// send lets the message, or its correction, go out, and waits until it is on the
// square.
func (h *telling) send(ctx context.Context, note string) error {
	err := h.act(ctx, h.Profile, func(ctx context.Context, in string) (publishing.Message, error) {
		return h.app.Desk.PublishNow(ctx, in, h.m.ID, note)
	})
	if err != nil {
		return err
	}
	return h.await(ctx)
}

func (h *telling) correct(ctx context.Context) error {
	err := h.act(ctx, h.Profile, func(ctx context.Context, in string) (publishing.Message, error) {
		c := h.m.Content
		c.Body = replace(c.Body, h.dated(h.Correct.Replace, h.at), h.dated(h.Correct.With, h.at))
		m, err := h.app.Desk.Save(ctx, in, h.m.ID, h.m.Rev, c)
		if err != nil || m.Rev == h.m.Rev {
			return m, cmp.Or(err, fmt.Errorf("the correction changes nothing"))
		}
		return h.app.Desk.Submit(ctx, in, h.m.ID)
	})
	if err != nil {
		return err
	}
	if err := h.approve(ctx); err != nil {
		return err
	}
	return h.send(ctx, h.Correct.Note)
}

func (h *telling) withdraw(ctx context.Context) error {
	err := h.act(ctx, h.Profile, func(ctx context.Context, in string) (publishing.Message, error) {
		return h.app.Desk.Withdraw(ctx, in, h.m.ID, h.Withdraw.Note)
	})
	if err != nil {
		return err
	}
	return h.await(ctx)
}

// await waits until nothing of the message is on its way any more.
func (h *telling) await(ctx context.Context) error {
	return until(ctx, fmt.Sprintf("%q reaches its channels", h.Title), func() (done bool, err error) {
		var all []publishing.Delivery
		err = h.app.DB.Read(ctx, func(tx *db.Tx) error {
			all, err = publishing.Deliveries(ctx, tx, h.m.InstitutionID, h.m.ID)
			return err
		})
		open := slices.DeleteFunc(all, func(d publishing.Delivery) bool { return !d.Open() })
		for _, d := range open {
			// Within a minute it is being attempted; later, it waits for the clock.
			if now := h.clock.now(); d.NextAt.Sub(now) > time.Minute {
				h.clock.forward(d.NextAt)
			}
		}
		return len(open) == 0, err
	})
}

// until asks again and again, for at most half a minute.
func until(ctx context.Context, what string, ok func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: not in time: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}
