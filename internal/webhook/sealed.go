package webhook

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{{Table: "webhook", Column: "secret", Keys: []string{"institution_id", "id"}, Purpose: func(k []string) string { return purpose(k[1]) }}}
}
