package board

import (
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
)

// tasksPage is what only a person can do.
type tasksPage struct {
	Tasks  []taskRow
	MayEnd bool
	Stream string
}

type taskRow struct {
	ID, Text, Title, URL, Link string
	Since                      time.Time
}

func (b *Board) tasks(w http.ResponseWriter, r *http.Request, v visit) error {
	page := tasksPage{MayEnd: v.actor.May(people.Write), Stream: Stream}
	err := b.DB.Read(r.Context(), func(tx *db.Tx) error {
		all, err := publishing.Tasks(r.Context(), tx, v.inst.ID)
		for _, t := range all {
			page.Tasks = append(page.Tasks, taskRow{ID: t.ID, Text: v.p.T("task."+t.Kind, t.Channel), Title: t.Title,
				URL: wording.Page(t.Brings, t.MessageID), Link: t.Link, Since: db.When(t.CreatedAt)})
		}
		return err
	})
	if err != nil {
		return err
	}
	return b.Kit.Render(w, r, http.StatusOK, "board/tasks", page)
}

// taskDone records that a person did what no program could.
func (b *Board) taskDone(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := b.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	if err := b.Desk.DoneTask(r.Context(), v.inst.ID, r.PathValue("id")); err != nil {
		return err
	}
	b.Kit.Flash(r, web.Success, "task.thanks")
	return back(w, r, form, tasksPath)
}
