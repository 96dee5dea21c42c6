package office

import (
	"time"

	"codeberg.org/arengo/arengo/internal/retain"
)

// keepLinks is how long a letter is remembered after its link expired: long enough
// to answer who was asked what in a year's report.
const keepLinks = 400 * 24 * time.Hour

// Retention says what is let go of: links that expired long ago, with the marks of the
// forms that came through them, and old reminders. What offices answered to requests
// stays.
func Retention() []retain.Rule {
	return []retain.Rule{
		{Table: "office_answer", Keep: keepLinks, Step: retain.Rows("office_answer", `request_id = '' AND at < $1`, "institution_id", "link_id", "id")},
		{Table: "office_link", Keep: keepLinks, Step: retain.Rows("office_link", `expires_at < $1`, "institution_id", "id")},
		{Table: "office_alarm", Keep: keepLinks, Step: retain.Rows("office_alarm", `due_at < $1`, "institution_id", "kind", "subject_id", "due_at")},
	}
}
