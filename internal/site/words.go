package site

import (
	"strings"
)

// diff is one change with the words that stayed around those that changed.
type diff struct {
	Field             string
	Start             string // what stayed before the change, perhaps shortened
	Removed, Inserted string
	End               string
}

// around is how many words of what stayed are shown on each side of a change.
const around = 12

func diffs(changes []Change) []diff {
	out := make([]diff, len(changes))
	for i, c := range changes {
		out[i] = words(c)
	}
	return out
}

// words finds the stretch of words in which two texts differ.
func words(c Change) diff {
	a, b := strings.Fields(c.Before), strings.Fields(c.After)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	d := diff{Field: c.Field, Removed: strings.Join(a[start:len(a)-end], " "), Inserted: strings.Join(b[start:len(b)-end], " ")}
	before, after := a[:start], a[len(a)-end:]
	if len(before) > around {
		d.Start = "… "
		before = before[len(before)-around:]
	}
	d.Start += strings.Join(before, " ")
	d.End = strings.Join(after[:min(around, len(after))], " ")
	if len(after) > around {
		d.End += " …"
	}
	return d
}
