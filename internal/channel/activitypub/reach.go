package activitypub

import (
	"encoding/json"
	"slices"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
)

// reach is how many people something was said to. What is said to somebody's
// followers, or to those it names, is for us a private word.
type reach string

const (
	everybody reach = ""
	unlisted  reach = "unlisted" // whoever looks for it, and shown to nobody who does not
	few       reach = "few"
)

// reach is that of a post, by whom it and the activity around it are addressed to.
func (in incoming) reach(o vocab.Object) reach {
	switch {
	case slices.ContainsFunc(slices.Concat(o.To, in.To), public):
		return everybody
	case slices.ContainsFunc(slices.Concat(o.CC, in.CC), public):
		return unlisted
	}
	return few
}

// refs is what the inbox keeps for us beside a comment.
type refs struct {
	Indexable bool  `json:"indexable"` // the author lets what it says be searched
	Reach     reach `json:"reach,omitempty"`
}

// reachOf is how far an answer may reach: no farther than what it answers. Where
// nobody knows, few hear it.
func reachOf(to channel.Reply) reach {
	var about refs
	switch {
	case to.Private:
		return few
	case len(to.Refs) > 0 && json.Unmarshal(to.Refs, &about) != nil:
		return few
	}
	return about.Reach
}
