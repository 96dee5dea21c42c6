package pb

import (
	"bytes"
	"strconv"
	"strings"
)

// Election describes an election that does not come from a file.
type Election struct {
	Name     string
	VoteType VoteType
	Budget   string // decimal, in currency units
	Meta     []MetaEntry
	Projects []Candidate
	Ballots  []Ballot
}

// Candidate is a project of an Election.
type Candidate struct {
	ID, Name, District string
	Cost               string // decimal, in currency units
	Categories         []string
}

// Ballot is one voter's ballot: projects by id, for ordinal ballots from the
// most wanted, with Points parallel where the vote type has them.
type Ballot struct {
	Projects []string
	Points   []int
}

// Build makes an instance, checked as thoroughly as one that is read: it is
// written as a .pb file and read back. Errors are a *FaultsError.
func Build(e Election) (*Instance, error) {
	var b bytes.Buffer
	line := func(fields ...string) {
		for i, f := range fields {
			if i > 0 {
				b.WriteByte(';')
			}
			b.WriteString(quote(f))
		}
		b.WriteByte('\n')
	}
	line("META")
	line("key", "value")
	line("description", e.Name)
	line("num_projects", strconv.Itoa(len(e.Projects)))
	line("num_votes", strconv.Itoa(len(e.Ballots)))
	line("budget", e.Budget)
	line("vote_type", string(e.VoteType))
	for _, m := range e.Meta {
		line(m.Key, m.Value)
	}
	line("PROJECTS")
	line("project_id", "cost", "name", "category", "district")
	for _, p := range e.Projects {
		line(p.ID, p.Cost, p.Name, strings.Join(p.Categories, ","), p.District)
	}
	line("VOTES")
	if e.VoteType.Points() {
		line("voter_id", "vote", "points")
	} else {
		line("voter_id", "vote")
	}
	for i, v := range e.Ballots {
		f := []string{strconv.Itoa(i + 1), strings.Join(v.Projects, ",")}
		if e.VoteType.Points() {
			pts := make([]string, len(v.Points))
			for k, x := range v.Points {
				pts[k] = strconv.Itoa(x)
			}
			f = append(f, strings.Join(pts, ","))
		}
		line(f...)
	}
	return Read(&b)
}
