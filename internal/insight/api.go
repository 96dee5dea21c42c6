package insight

import (
	"context"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
)

// consent is a Picture as it travels.
type consent struct {
	People  int            `json:"people" doc:"Distinct; 0 when they are fewer than five: then nothing else is said."`
	Groups  []consentGroup `json:"groups" doc:"Sides of few people are put together."`
	Share   *consentShare  `json:"share,omitempty" doc:"Absent when it would single people out."`
	Squares []consentRow   `json:"squares"`
	Times   []consentRow   `json:"times"`
}

type consentGroup struct {
	Sides  []string `json:"sides" doc:"agree, against, neutral, question."`
	People int      `json:"people"`
}

type consentShare struct {
	Agree float64 `json:"agree" doc:"agree / (agree + against)"`
	Low   float64 `json:"low" doc:"Wilson's interval, 95 %."`
	High  float64 `json:"high"`
}

type consentRow struct {
	Platforms []string   `json:"platforms,omitempty"`
	From      *time.Time `json:"from,omitempty"`
	To        *time.Time `json:"to,omitempty"`
	People    int        `json:"people"`
	Counts    []int      `json:"counts" doc:"Of each of the groups."`
}

type ofMessage struct {
	ID string `json:"-" path:"id"`
}

// Register adds the route of consent and dissent to the API.
func Register(k *api.Kit) {
	k.Describe("insight", "How a message is taken.")
	api.Register(k, api.Route[ofMessage, consent]{
		Method: http.MethodGet, Path: "/messages/{id}/consent", Tag: "insight", Action: people.See, Summary: "Consent and dissent about a message",
		Description: "From public reactions and comments on all squares. It is no survey. No number is of one to four people.",
		Tx: func(ctx context.Context, tx *db.Tx, in ofMessage) (consent, error) {
			a, _ := people.From(ctx)
			p, err := Of(ctx, tx, a.InstitutionID, in.ID)
			return consentOf(p), err
		},
	})
}

func consentOf(p Picture) (out consent) {
	out.People = p.People
	for _, g := range p.Groups {
		c := consentGroup{People: g.People}
		for _, s := range g.Sides {
			c.Sides = append(c.Sides, string(s))
		}
		out.Groups = append(out.Groups, c)
	}
	if p.Rated {
		out.Share = &consentShare{p.Share, p.Low, p.High}
	}
	row := func(r Row) (c consentRow) {
		c.People, c.Counts = r.People, r.Counts
		for _, q := range r.Platforms {
			c.Platforms = append(c.Platforms, string(q))
		}
		if !r.From.IsZero() {
			from, to := r.From.UTC(), r.To.UTC()
			c.From, c.To = &from, &to
		}
		return c
	}
	for _, r := range p.Squares {
		out.Squares = append(out.Squares, row(r))
	}
	for _, r := range p.Times {
		r.Platforms = nil
		out.Times = append(out.Times, row(r))
	}
	return out
}
