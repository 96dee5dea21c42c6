package channel

import "codeberg.org/arengo/arengo/internal/retain"

// Retention says what is let go of: sign-ins that nobody finished.
func Retention() []retain.Rule {
	return []retain.Rule{
		{Table: "channel_pending", Keep: pendingLife, Step: retain.Rows("channel_pending", `created_at < $1`, "institution_id", "state")},
	}
}
