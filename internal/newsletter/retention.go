package newsletter

import (
	"time"

	"codeberg.org/arengo/arengo/internal/retain"
)

// Retention says what is let go of: who got which letter, once bounces have long
// come back. Each issue keeps its counts.
func Retention(outcomes time.Duration) []retain.Rule {
	return []retain.Rule{
		{Table: "recipient", Keep: outcomes, Setting: "keep.outcomes", Into: retain.Counts,
			Step: retain.Counted(retain.Letter, "recipient", "issue_id",
				`(institution_id, issue_id) IN (SELECT institution_id, id FROM issue WHERE done_at > 0 AND done_at < $1) AND state NOT IN ('waiting', 'attempting')`,
				"institution_id", "issue_id", "subscriber_id")},
		{Table: "subscription_link", Step: retain.Rows("subscription_link", `expires_at < $1`, "institution_id", "nonce")},
	}
}
