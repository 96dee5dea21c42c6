package office

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// linkPage is what the page "office-link" shows to whoever holds a link: nothing
// that names a citizen.
type linkPage struct {
	Form        *web.Form
	Action      string
	Draft       string // under which the browser keeps what is typed
	Office      string
	Institution string
	Title       string // what it is about
	Question    string
	Private     bool
	Where       string // the square, for a conversation
	DueAt       time.Time
	Late        bool
	Expires     time.Time
	Lines       []line     // of a conversation
	Answers     []Supplied // to a request
	Request     bool
	Closed      bool // nothing more can be sent, and nothing is shown
	Sent        bool // what was written has arrived
	More        bool // the office has written before
}

// holder reads what the token of the request opens. A token that opens nothing
// counts against the network it came from.
func (o *Offices) holder(r *http.Request, do func(tx *db.Tx, h house, l Link) error) error {
	ctx := r.Context()
	inst, err := institution.Of(ctx)
	if err != nil {
		return err
	}
	now := o.Clock()
	err = o.DB.Read(ctx, func(tx *db.Tx) error {
		h, err := read(ctx, tx, inst.ID)
		if err != nil {
			return err
		}
		l, err := o.open(ctx, tx, h, r.PathValue("token"), now)
		if err != nil {
			return err
		}
		return do(tx, h, l)
	})
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	allowed, guessErr := o.Guess(ctx, web.From(r), now)
	if guessErr != nil {
		return guessErr
	}
	if !allowed {
		return fault.New(fault.TooMany, "offices.link.guesses")
	}
	return err
}

func (o *Offices) linked(w http.ResponseWriter, r *http.Request) error {
	return o.showLinked(w, r, web.NewForm("once", uuid.NewString()))
}

func (o *Offices) showLinked(w http.ResponseWriter, r *http.Request, form *web.Form) error {
	p := o.Kit.Printer(r)
	page := linkPage{Form: form, Action: r.URL.EscapedPath(), Sent: r.URL.Query().Get("esito") == "inviata"}
	err := o.holder(r, func(tx *db.Tx, h house, l Link) error { return o.fillLinked(r.Context(), tx, p, h, l, &page) })
	if err != nil {
		return err
	}
	form.Label("text", p.T("offices.link.text"), "signed", p.T("offices.link.signed"))
	return o.Kit.Render(w, r, form.Status(), "office-link", layout.Page{Layout: layout.Bare, NoIndex: true, Scripts: true, Content: page})
}

func (o *Offices) fillLinked(ctx context.Context, tx *db.Tx, p *i18n.Printer, h house, l Link, page *linkPage) (err error) {
	now := o.Clock()
	page.Draft = "ufficio-" + l.ID
	page.Office, page.Institution, page.Question, page.Expires = bare(h.name(l.OfficeID)), h.inst.Name, l.Question, l.ExpiresAt
	if l.RequestID != "" {
		q, err := RequestByID(ctx, tx, h.inst.ID, l.RequestID)
		if err != nil {
			return err
		}
		page.Request, page.Title, page.Question, page.DueAt = true, q.Title, q.Question, q.DueAt
		page.Late, page.Closed = q.Late(now), q.State == RequestClosed
		if !page.Closed {
			page.Answers, err = Answers(ctx, tx, h.inst.ID, q.ID)
			page.More = len(page.Answers) > 0
		}
		return err
	}
	c, err := inbox.Find(ctx, tx, h.inst.ID, l.ConversationID)
	if err != nil {
		return err
	}
	page.Private, page.Where, page.Closed = c.Private, platformName(p, c.Platform), c.State != inbox.Open
	if page.Title, err = messageTitle(ctx, tx, h.inst.ID, c.MessageID); err != nil || page.Closed {
		return err
	}
	if c.OfficeID == l.OfficeID { // the deadline is not that of an office which was only asked
		page.DueAt, page.Late = c.DueAt, c.Overdue(now)
	}
	page.Lines, err = lines(ctx, tx, h.inst.ID, c.ID, l.OfficeID)
	page.More = slices.ContainsFunc(page.Lines, func(l line) bool { return l.By == byOffice })
	return err
}

func (o *Offices) supplyForm(w http.ResponseWriter, r *http.Request) error {
	form, err := o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	in := information{Text: form.Limited("text", maxInformation), Signed: form.Limited("signed", maxSigned)}
	form.Required("text")
	once, err := uuid.Parse(form.String("once"))
	if err != nil { // a form that we did not make: it cannot be sent twice either
		once = uuid.New()
		form.Values.Set("once", once.String())
	}
	in.Once = once.String()
	if err = form.Err(); err == nil {
		err = o.take(r, in)
	}
	if err != nil {
		if !form.Fail(o.Kit.Printer(r), err) {
			return err
		}
		return o.showLinked(w, r, form)
	}
	return web.Redirect(w, r, r.URL.EscapedPath()+"?esito=inviata")
}

// take keeps what came through the link of the request.
func (o *Offices) take(r *http.Request, in information) error {
	var h house
	if err := o.holder(r, func(_ *db.Tx, read house, _ Link) error { h = read; return nil }); err != nil {
		return err
	}
	ctx := r.Context()
	return o.DB.InTx(ctx, func(tx *db.Tx) error {
		l, err := o.open(ctx, tx, h, r.PathValue("token"), o.Clock())
		if err != nil {
			return err
		}
		return o.supply(ctx, tx, h, l, in)
	})
}
