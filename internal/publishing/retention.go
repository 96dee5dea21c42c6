package publishing

import (
	"time"

	"codeberg.org/arengo/arengo/internal/retain"
)

// Retention says what is let go of. Stay for good: every revision that was out, with
// who wrote it and when, for citizens have read it; the newest, and those that the
// ledger names; of a delivery its row, what came of it, and what persons did with it.
func Retention(drafts, history time.Duration) []retain.Rule {
	return []retain.Rule{
		{Table: "message_version", Keep: drafts, Setting: "keep.drafts",
			Step: retain.Rows("message_version", `NOT published AND at < $1
				AND rev < (SELECT m.rev FROM message m WHERE m.institution_id = message_version.institution_id AND m.id = message_version.message_id)
				AND NOT EXISTS (SELECT 1 FROM delivery d WHERE d.institution_id = message_version.institution_id AND d.message_id = message_version.message_id
					AND message_version.rev IN (d.rev, d.out_rev, d.attempted_rev))`, "institution_id", "message_id", "rev")},
		{Table: "delivery_event", Keep: history, Setting: "keep.history",
			Step: retain.Rows("delivery_event", `at < $1 AND person_id = '' AND what IN ('attempting', 'paused', 'transient', 'unknown', 'absent', 'overslept', 'revoked')`,
				"institution_id", "id")},
		{Table: "task", Keep: history, Setting: "keep.history", Step: retain.Rows("task", `done_at > 0 AND done_at < $1`, "institution_id", "id")},
	}
}
