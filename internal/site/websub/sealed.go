package websub

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{{Table: "websub_subscription", Column: "secret", Keys: []string{"institution_id", "id", "callback"},
		Purpose: func(k []string) string { return secretPurpose(k[0], k[2]) }}}
}

// Carried are the sealed texts in work that waits.
func Carried() []secret.Carried {
	return []secret.Carried{{Kind: verify{}.Kind(), Field: "secret",
		Purpose: func(of func(string) string) string { return secretPurpose(of("institution_id"), of("callback")) }}}
}
