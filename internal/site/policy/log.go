package policy

import (
	"context"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// perPage is how many entries of the log one page shows.
const perPage = 30

// Entry is something done about words that broke a rule.
type Entry struct {
	ID, ConversationID           string
	Act                          string // hide, unhide, report, block, unblock, refuse
	Rule, Reason, Text, Author   string
	By                           string // who did it
	At                           time.Time
	Warning                      string
	WarnedAt                     time.Time
	Appeal                       string
	AppealedAt                   time.Time
	Outcome                      string // upheld, overturned; empty while it is open
	DecidedBy                    string
	DecidedAt                    time.Time
	RemoteError                  string
	Link                         string // where its author asks for another judgement
	institutionID, decider, doer string
}

// Open reports whether an appeal waits for a decision.
func (e Entry) Open() bool { return !e.AppealedAt.IsZero() && e.DecidedAt.IsZero() }

// Disputable reports whether the author may still ask for another judgement.
func (e Entry) Disputable() bool {
	return e.AppealedAt.IsZero() && e.Act != "unhide" && e.Act != "unblock"
}

// Mine reports whether the person did what the appeal is against: somebody else
// should judge it, where there is somebody else.
func (e Entry) Mine(personID string) bool { return e.doer == personID }

const entryColumns = `moderation.id, moderation.institution_id, moderation.conversation_id, moderation.action, moderation.rule, moderation.reason, moderation.text, moderation.author,
	moderation.person_id, COALESCE(doer.name, ''), moderation.at, moderation.warning, moderation.warned_at, moderation.appeal, moderation.appealed_at,
	moderation.outcome, moderation.decided_by, COALESCE(decider.name, ''), moderation.decided_at, moderation.remote_error`

const entryTables = `moderation LEFT JOIN person AS doer ON doer.id = moderation.person_id LEFT JOIN person AS decider ON decider.id = moderation.decided_by`

func scanEntry(s db.Scanner) (e Entry, err error) {
	var at, warned, appealed, decided int64
	err = s.Scan(&e.ID, &e.institutionID, &e.ConversationID, &e.Act, &e.Rule, &e.Reason, &e.Text, &e.Author, &e.doer, &e.By, &at, &e.Warning, &warned,
		&e.Appeal, &appealed, &e.Outcome, &e.decider, &e.DecidedBy, &decided, &e.RemoteError)
	e.At, e.WarnedAt, e.AppealedAt, e.DecidedAt = db.When(at), db.When(warned), db.When(appealed), db.When(decided)
	return e, err
}

// entries lists the log, newest first; before is the last entry of the page before.
func entries(ctx context.Context, tx *db.Tx, institutionID, before string, appeals bool) ([]Entry, error) {
	q := `SELECT ` + entryColumns + ` FROM ` + entryTables + ` WHERE moderation.institution_id = $1 AND ($2 = '' OR moderation.id < $2)`
	if appeals {
		q += ` AND moderation.appealed_at > 0 AND moderation.decided_at = 0`
	}
	return db.All(ctx, tx, scanEntry, q+` ORDER BY moderation.id DESC LIMIT $3`, institutionID, before, perPage+1)
}

// logShown is the page with the moderation log.
type logShown struct {
	Entries []Entry
	Appeals bool // only appeals that wait
	Waiting int  // how many wait
	Next    string
	Me      string
	May     bool
}

// moderator finds the institution in which somebody may moderate. Faults: NotFound,
// Unsigned, Forbidden.
func moderator(r *http.Request) (i institution.Institution, a people.Actor, err error) {
	if i, err = institution.Of(r.Context()); err == nil {
		a, err = people.Can(r.Context(), people.Moderate, i.ID)
	}
	return i, a, err
}

func (p *Policy) logPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	i, actor, err := moderator(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	page := logShown{Appeals: q.Get("ricorsi") == "1", Me: actor.PersonID}
	err = p.o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if page.Entries, err = entries(ctx, tx, i.ID, q.Get("prima"), page.Appeals); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT count(*) FROM moderation WHERE institution_id = $1 AND appealed_at > 0 AND decided_at = 0`, i.ID).Scan(&page.Waiting)
	})
	if err != nil {
		return err
	}
	if len(page.Entries) > perPage {
		page.Entries = page.Entries[:perPage]
		page.Next = page.Entries[perPage-1].ID
	}
	for n := range page.Entries {
		page.Entries[n].Link = p.AppealPath(i.ID, page.Entries[n].ID)
	}
	return p.o.Kit.Render(w, r, http.StatusOK, "policy-log", layout.Page{Content: page, Title: p.o.Kit.Printer(r).T("policy.log.title")})
}

// decide ends an appeal.
func (p *Policy) decide(w http.ResponseWriter, r *http.Request) error {
	i, _, err := moderator(r)
	if err != nil {
		return err
	}
	form, err := p.o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	outcome := form.String("outcome")
	if outcome != "upheld" && outcome != "overturned" {
		return fault.InvalidField("outcome", "fault.field.choice")
	}
	if err := p.o.Decide(r.Context(), i.ID, r.PathValue("id"), outcome == "overturned"); err != nil {
		return err
	}
	p.o.Kit.Flash(r, web.Success, "policy.log.decided")
	return web.Redirect(w, r, logPath)
}
