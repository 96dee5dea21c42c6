package newsletter

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// desk is the address of the page about subscribers.
const desk = "/redazione/iscritti"

func (l *List) mountDesk(mux *http.ServeMux) {
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request, institution.Institution) error{
		"GET " + desk:                           l.deskPage,
		"GET " + desk + "/esporta.csv":          l.export,
		"POST " + desk + "/elimina":             l.erase,
		"POST " + desk + "/orari":               l.schedule,
		"GET " + desk + "/{id}/elimina":         l.askErase,
		"GET " + desk + "/invii/{id}/riprova":   l.askAgain,
		"POST " + desk + "/invii/{id}/riprova":  l.sendAgain,
		"POST " + desk + "/invii/{id}/riprendi": l.goOnNow,
	} {
		l.kit.Handle(mux, pattern, func(w http.ResponseWriter, r *http.Request) error {
			i, err := institution.Of(r.Context())
			if err != nil {
				return err
			}
			if _, err := people.Can(r.Context(), people.Configure, i.ID); err != nil {
				return err
			}
			return h(w, r, i)
		})
	}
}

// deskShown is the page about subscribers and what was sent to them.
type deskShown struct {
	Figures  Figures
	Issues   []Issue
	Search   string
	Found    *Subscriber
	Searched bool
	Form     *web.Form
	Weekdays []layout.Option
}

func (l *List) deskPage(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	return l.showDesk(w, r, i, nil)
}

func (l *List) showDesk(w http.ResponseWriter, r *http.Request, i institution.Institution, form *web.Form) error {
	ctx := r.Context()
	page := deskShown{Search: strings.TrimSpace(r.URL.Query().Get("email")), Form: form}
	err := l.db.Read(ctx, func(tx *db.Tx) (err error) {
		if page.Figures, err = figures(ctx, tx, i.ID); err != nil {
			return err
		}
		if page.Issues, err = issues(ctx, tx, i.ID, 25); err != nil {
			return err
		}
		s, err := setting(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if page.Form == nil {
			page.Form = web.NewForm("hour", strconv.Itoa(s.Hour), "weekday", strconv.Itoa(int(s.Weekday+6)%7+1))
		}
		return l.lookFor(ctx, tx, i.ID, &page)
	})
	if err != nil {
		return err
	}
	p := l.kit.Printer(r)
	for n := 1; n <= 7; n++ {
		page.Weekdays = append(page.Weekdays, layout.Option{Value: strconv.Itoa(n), Label: p.Weekday(time.Weekday(n % 7))})
	}
	return l.kit.Render(w, r, page.Form.Status(), "newsletter-desk", layout.Page{Layout: layout.Desk, Content: page, Title: p.T("newsletter.desk.title")})
}

// lookFor finds the subscriber with exactly the address asked for.
func (l *List) lookFor(ctx context.Context, tx *db.Tx, institutionID string, page *deskShown) error {
	if page.Search == "" {
		return nil
	}
	page.Searched = true
	email, err := mail.NormalAddress("email", page.Search)
	if err != nil {
		return nil // what is no address is nobody's
	}
	u, err := byEmail(ctx, tx, institutionID, strings.ToLower(email))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	page.Found = &u
	return err
}

// export streams the subscribers as CSV (RFC 4180), a thousand at a time.
func (l *List) export(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	ctx, now := r.Context(), l.clock()
	if err := l.db.InTx(ctx, func(tx *db.Tx) error {
		return audit.Record(ctx, tx, i.ID, "newsletter.export", "", nil, now)
	}); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="iscritti.csv"`)
	h.Set("Cache-Control", "no-store")
	out := csv.NewWriter(w)
	out.UseCRLF = true
	out.Write([]string{"email", "cadence", "state", "confirmed_at"})
	for last := ""; ; {
		var some []Subscriber
		err := l.db.Read(ctx, func(tx *db.Tx) (err error) {
			some, err = after(ctx, tx, i.ID, last, 1000)
			return err
		})
		if err != nil {
			// The answer has begun: breaking it off is the only way to say that it is
			// not whole.
			l.log.ErrorContext(ctx, "export of subscribers broke off", "error", err)
			panic(http.ErrAbortHandler)
		}
		for _, u := range some {
			out.Write([]string{cell(u.Email), string(u.Cadence), string(u.State), u.ConfirmedAt.In(i.Location()).Format(time.RFC3339)})
		}
		out.Flush()
		if out.Error() != nil || len(some) < 1000 {
			return nil
		}
		last = some[len(some)-1].ID
	}
}

// cell keeps spreadsheets from taking a text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// askErase asks before somebody is forgotten.
func (l *List) askErase(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	var u Subscriber
	err := l.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		u, err = byID(r.Context(), tx, i.ID, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	t := l.kit.Printer(r).T
	return l.kit.Confirm(w, r, layout.Confirm{Question: t("newsletter.desk.erase.question", u.Email), Text: t("newsletter.desk.erase.confirm"), Danger: true,
		Action: desk + "/elimina", Label: t("newsletter.desk.erase"), Cancel: desk, Values: map[string][]string{"id": {u.ID}}})
}

// askAgain asks before letters are sent that may have arrived.
func (l *List) askAgain(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	var issue Issue
	err := l.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		issue, err = issueByID(r.Context(), tx, i.ID, r.PathValue("id"))
		return err
	})
	if err != nil {
		return err
	}
	t := l.kit.Printer(r).T
	return l.kit.Confirm(w, r, layout.Confirm{Question: t("newsletter.desk.unconfirmed"), Text: t("newsletter.desk.unconfirmed.confirm"),
		Action: desk + "/invii/" + issue.ID + "/riprova", Label: t("newsletter.desk.unconfirmed"), Cancel: desk, Values: map[string][]string{"which": {string(Unconfirmed)}}})
}

func (l *List) erase(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := l.kit.ReadForm(r)
	if err != nil {
		return err
	}
	ctx, now := r.Context(), l.clock()
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		u, err := byID(ctx, tx, i.ID, form.String("id"))
		if err != nil {
			return err
		}
		if err := forget(ctx, tx, i.ID, u.ID, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, i.ID, "newsletter.erase", u.ID, nil, now)
	})
	if err != nil {
		return err
	}
	l.kit.Flash(r, web.Success, "newsletter.desk.erased")
	return web.Redirect(w, r, desk)
}

func (l *List) schedule(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := l.kit.ReadForm(r)
	if err != nil {
		return err
	}
	s := Setting{Hour: form.Int("hour", 0, 23), Weekday: time.Weekday(form.Int("weekday", 1, 7) % 7)}
	if err := form.Err(); err != nil {
		form.Fail(l.kit.Printer(r), err)
		return l.showDesk(w, r, i, form)
	}
	ctx := r.Context()
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		if err := setSetting(ctx, tx, i.ID, s); err != nil {
			return err
		}
		return audit.Record(ctx, tx, i.ID, "newsletter.schedule", "", map[string]any{"hour": s.Hour, "weekday": int(s.Weekday)}, l.clock())
	})
	if err != nil {
		return err
	}
	l.kit.Flash(r, web.Success, "newsletter.desk.scheduled")
	return web.Redirect(w, r, desk)
}

// sendAgain puts the refused, or the unconfirmed, letters of an issue in line.
func (l *List) sendAgain(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	form, err := l.kit.ReadForm(r)
	if err != nil {
		return err
	}
	which := Outcome(form.Choice("which", string(Refused), string(Unconfirmed)))
	if err := form.Err(); err != nil {
		return err
	}
	ctx, now := r.Context(), l.clock()
	var n int64
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		if n, err = l.again(ctx, tx, i.ID, r.PathValue("id"), which, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, i.ID, "newsletter.again", r.PathValue("id"), map[string]any{"which": which, "letters": n}, now)
	})
	if err != nil {
		return err
	}
	l.kit.Flash(r, web.Success, "newsletter.desk.again", n)
	return web.Redirect(w, r, desk)
}

// goOnNow lets a paused issue go on.
func (l *List) goOnNow(w http.ResponseWriter, r *http.Request, i institution.Institution) error {
	ctx, now := r.Context(), l.clock()
	err := l.db.InTx(ctx, func(tx *db.Tx) error {
		issue, err := issueByID(ctx, tx, i.ID, r.PathValue("id"))
		if err != nil {
			return err
		}
		if issue.State != PausedSending && issue.State != Sending {
			return fault.Clash("newsletter.issue.over")
		}
		if _, err := tx.Exec(ctx, `UPDATE recipient SET next_at = 0 WHERE institution_id = $1 AND issue_id = $2 AND state = 'waiting'`, i.ID, issue.ID); err != nil {
			return err
		}
		if err := l.resume(ctx, tx, i.ID, issue.ID, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, i.ID, "newsletter.resume", issue.ID, nil, now)
	})
	if err != nil {
		return err
	}
	l.kit.Flash(r, web.Success, "newsletter.desk.resumed")
	return web.Redirect(w, r, desk)
}
