package webhook

import "codeberg.org/arengo/arengo/internal/retain"

// Retention says what is let go of: what was told to webhooks. What still waits stays.
func Retention() []retain.Rule {
	return []retain.Rule{
		{Table: "webhook_delivery", Keep: keepFor, Step: retain.Rows("webhook_delivery", `created_at < $1 AND state <> 'waiting'`, "institution_id", "id")},
		{Table: "webhook_overdue", Keep: keepFor, Step: retain.Rows("webhook_overdue", `due_at < $1`, "institution_id", "conversation_id", "due_at")},
	}
}
