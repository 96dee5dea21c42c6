package square

import (
	"regexp"
	"strings"

	"github.com/rivo/uniseg"
)

// The square counts by itself, so that a mistake of the sender's counting shows.
var (
	link    = regexp.MustCompile(`https?://[\p{L}\p{N}.-]+\.([\p{L}]{2,})(:[0-9]+)?([/?#][^\s<>"]*)?`)
	mention = regexp.MustCompile(`(^|[^\p{L}\p{N}/_])(@[A-Za-z0-9_]+)@[A-Za-z0-9][A-Za-z0-9.-]*[A-Za-z0-9]`)
)

// reservedPerURL is what any link counts.
const reservedPerURL = 23

// length is how Mastodon counts a status (app/validators/status_length_validator.rb):
// the warning and the text in grapheme clusters, each link as 23 characters, each
// mention without its server. Links to names that are no public domain count in full.
func length(warning, text string) int {
	text = mention.ReplaceAllString(text, "$1$2")
	text = link.ReplaceAllStringFunc(text, func(address string) string {
		if special(link.FindStringSubmatch(address)[1]) {
			return address
		}
		trimmed := trimLink(address)
		return strings.Repeat("x", reservedPerURL) + address[len(trimmed):]
	})
	return uniseg.GraphemeClusterCount(warning) + uniseg.GraphemeClusterCount(text)
}

// special names are reserved and never exist (RFC 2606, RFC 6761).
func special(tld string) bool {
	switch strings.ToLower(tld) {
	case "example", "test", "invalid", "localhost", "local", "internal":
		return true
	}
	return false
}

// trimLink takes the punctuation of the sentence off the end of a link.
func trimLink(address string) string {
	for {
		shorter := strings.TrimRight(address, `.,;:!?'"«»…`)
		if strings.HasSuffix(shorter, ")") && strings.Count(shorter, "(") < strings.Count(shorter, ")") {
			shorter = shorter[:len(shorter)-1]
		}
		if shorter == address {
			return address
		}
		address = shorter
	}
}
