package webpush

import (
	"time"

	"codeberg.org/arengo/arengo/internal/retain"
)

// Retention says what is let go of: which browser got which notice. Each notice keeps
// its counts.
func Retention(outcomes time.Duration) []retain.Rule {
	return []retain.Rule{
		{Table: "push_recipient", Keep: outcomes, Setting: "keep.outcomes", Into: retain.Counts,
			Step: retain.Counted(retain.Notice, "push_recipient", "notice_id",
				`(institution_id, notice_id) IN (SELECT institution_id, id FROM push_notice WHERE done_at > 0 AND done_at < $1) AND state NOT IN ('waiting', 'attempting')`,
				"institution_id", "notice_id", "subscription_id")},
	}
}
