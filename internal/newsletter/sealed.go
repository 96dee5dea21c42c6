package newsletter

import "codeberg.org/arengo/arengo/internal/secret"

// Carried are the sealed texts in work that waits.
func Carried() []secret.Carried {
	return []secret.Carried{{Kind: confirm{}.Kind(), Field: "sealed", Purpose: func(of func(string) string) string { return confirmPurpose(of("institution_id")) }}}
}
