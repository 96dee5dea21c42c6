package comments

import "codeberg.org/arengo/arengo/internal/secret"

// Sealed are the columns with texts that the master key sealed.
func Sealed() []secret.Column {
	return []secret.Column{
		{Table: "comment_pending", Column: "sealed", Keys: []string{"institution_id", "link_hash"}, Purpose: func(k []string) string { return draftPurpose(k[0], k[1]) }},
		{Table: "comment_server", Column: "sealed", Keys: []string{"institution_id", "host", "redirect"}, Purpose: func(k []string) string { return serverPurpose(k[0], k[1], k[2]) }},
		{Table: "site_comment", Column: "contact", Keys: []string{"institution_id", "id"}, Purpose: func(k []string) string { return contactPurpose(k[0], k[1]) }},
	}
}

// Carried are the sealed texts in work that waits.
func Carried() []secret.Carried {
	return []secret.Carried{{Kind: confirm{}.Kind(), Field: "sealed", Purpose: func(of func(string) string) string { return letterPurpose + "/" + of("institution_id") }}}
}
