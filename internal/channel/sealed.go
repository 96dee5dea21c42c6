package channel

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{
		{Table: "channel", Column: "secret", Keys: []string{"institution_id", "id"}, Purpose: func(k []string) string { return purpose(k[1]) }},
		{Table: "channel_pending", Column: "pending", Keys: []string{"institution_id", "state"}, Purpose: func(k []string) string { return "channel.pending/" + k[1] }},
	}
}
