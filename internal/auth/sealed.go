package auth

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{{Table: "totp", Column: "seed", Keys: []string{"person_id"}, Purpose: func(k []string) string { return "totp/" + k[0] }}}
}
