package api

import "codeberg.org/arengo/arengo/internal/retain"

// Retention says what is let go of: the answers that nobody will ask for any more.
func Retention() []retain.Rule {
	return []retain.Rule{
		{Table: "api_answer", Keep: remember, Step: retain.Rows("api_answer", `created_at < $1`, "institution_id", "token_id", "key")},
	}
}
