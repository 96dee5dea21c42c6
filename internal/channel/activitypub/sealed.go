package activitypub

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{{Table: "ap_actor", Column: "secret", Keys: []string{"institution_id", "name"}, Purpose: func(k []string) string { return instanceKey(k[0]) }}}
}
