package channel

import (
	"testing"

	"codeberg.org/arengo/arengo/count"
)

// TestNameWithoutItsServerIsWarnedOf: what looks like a mention and tells nobody is
// said while writing.
func TestNameWithoutItsServerIsWarnedOf(t *testing.T) {
	for text, want := range map[string]string{
		"Grazie a @anna, e a tutti": "@anna", "@anna": "@anna", "(@anna.rossi)": "@anna.rossi", "Fine @anna.": "@anna",
		"Grazie a @anna@mastodon.example": "", "urp@comune.example": "", "@ ore 18": "", "5 @ 3": "", "#a@b": "",
	} {
		got := ""
		for _, p := range Check(Post{Text: text}, Capabilities{Text: count.Graphemes(), Handles: true}) {
			if p.Key == "channel.problem.handle" && !p.Blocking {
				got = p.Args[0].(string)
			}
		}
		if got != want {
			t.Errorf("%q: warned of %q, want %q", text, got, want)
		}
		if len(Check(Post{Text: text}, Capabilities{Text: count.Graphemes()})) != 0 {
			t.Errorf("%q: warned where bare names are somebody's", text)
		}
	}
}
