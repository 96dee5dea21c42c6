package webpush

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{
		{Table: "push_key", Column: "sealed", Keys: []string{"institution_id"}, Purpose: func(k []string) string { return keyPurpose(k[0]) }},
		{Table: "push_subscription", Column: "sealed", Keys: []string{"institution_id", "id"}, Purpose: func(k []string) string { return sealPurpose(k[1]) }},
	}
}
