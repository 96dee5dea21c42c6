// Package pbtest makes participatory budgets for tests and measurements.
package pbtest

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
)

// Shape says what Synth makes.
type Shape struct {
	Projects, Voters int
	Seed             uint64
	// MinBallot and MaxBallot bound the number of projects on a ballot; 0 means
	// 5 and 15.
	MinBallot, MaxBallot int
	// CostFactor multiplies all costs, 0 means 1: a currency with small units.
	CostFactor int64
}

// Synth writes a deterministic synthetic election in the .pb format. Projects
// belong to ten districts, their popularity falls with their rank, their costs
// are log-uniform between 5,000 and 500,000; voters prefer their own district
// four to one. The numbers come from splitmix64 and whole-number arithmetic, so
// that a program in any language can write the same file.
func Synth(w io.Writer, s Shape) error {
	state := s.Seed
	rnd := func() uint64 {
		state += 0x9E3779B97F4A7C15
		z := state
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		return z ^ z>>31
	}
	if s.MinBallot == 0 {
		s.MinBallot, s.MaxBallot = 5, 15
	}
	if s.CostFactor == 0 {
		s.CostFactor = 1
	}
	m := s.Projects
	key := make([]uint64, m)
	order := make([]int, m)
	for p := range m {
		key[p], order[p] = rnd(), p
	}
	sort.Slice(order, func(a, b int) bool { return key[order[a]] < key[order[b]] })
	weight := make([]uint64, m)
	for r, p := range order {
		weight[p] = uint64(1e6 / math.Pow(float64(1+r), 0.6))
	}
	cost, total := make([]int64, m), int64(0)
	for p := range m {
		cost[p] = 100 * int64(50*math.Pow(100, float64(rnd())/(1<<64))) * s.CostFactor
		total += cost[p]
	}
	var cum [10][]uint64
	for d := range cum {
		t := uint64(0)
		for p := range m {
			f := uint64(1)
			if p%10 == d {
				f = 4
			}
			t += weight[p] * f
			cum[d] = append(cum[d], t)
		}
	}
	votes := make([]int, m)
	ballots, ends := make([]uint16, 0, 10*s.Voters), make([]int, 0, s.Voters)
	for range s.Voters {
		c := cum[rnd()%10]
		k := s.MinBallot + int(rnd()%uint64(s.MaxBallot-s.MinBallot+1))
		start := len(ballots)
	draw:
		for len(ballots)-start < k {
			x := rnd() % c[m-1]
			p := sort.Search(m, func(i int) bool { return c[i] > x })
			for _, q := range ballots[start:] {
				if int(q) == p {
					continue draw
				}
			}
			ballots = append(ballots, uint16(p))
			votes[p]++
		}
		ends = append(ends, len(ballots))
	}
	o := bufio.NewWriterSize(w, 1<<16)
	fmt.Fprintf(o, "META\nkey;value\ndescription;Synthetic instance M=%d N=%d seed=%d\ncountry;None\nunit;Synthetic\ninstance;%d\nnum_projects;%d\nnum_votes;%d\nbudget;%d\nvote_type;approval\nrule;unknown\ndate_begin;2026\ndate_end;2026\nmin_length;%d\nmax_length;%d\n",
		m, s.Voters, s.Seed, s.Seed, m, s.Voters, total/5/1000*1000, s.MinBallot, s.MaxBallot)
	fmt.Fprint(o, "PROJECTS\nproject_id;cost;votes;name\n")
	for p := range m {
		fmt.Fprintf(o, "%d;%d;%d;Project %d\n", p+1, cost[p], votes[p], p+1)
	}
	fmt.Fprint(o, "VOTES\nvoter_id;vote\n")
	var line []byte
	start := 0
	for v, end := range ends {
		line = append(strconv.AppendInt(line[:0], int64(v+1), 10), ';')
		for i, p := range ballots[start:end] {
			if i > 0 {
				line = append(line, ',')
			}
			line = strconv.AppendInt(line, int64(p)+1, 10)
		}
		start = end
		o.Write(append(line, '\n')) // bufio keeps the first error for Flush
	}
	return o.Flush()
}
