package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/report"
)

// table writes a result for reading on a terminal.
func (c *tallyCommand) table(name string, res, rival *pb.Result, read, took time.Duration) {
	in, t := res.Instance, c.texts
	money := func(a pb.Amount) string { return t.Number(in.Format(a)) }
	fmt.Fprintf(c.out, "%s\n%s · %s\n", name, in.Name(), t.T("cli_voters", t.Int(int64(in.Voters)), len(in.Projects), money(in.Budget)))
	fmt.Fprintf(c.out, "%s: %s\n\n", res.Rule.Name, report.RuleName(t, res.Rule))
	rounds := map[int]*pb.Round{}
	for k := range res.Rounds {
		rounds[res.Rounds[k].Project] = &res.Rounds[k]
	}
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t  %s\n", t.T("col_n"), t.T("col_id"), t.T("col_cost"), t.T("col_votes"), t.T("col_effective"), t.T("col_project"))
	for i, p := range res.Winners {
		x := &in.Projects[p]
		effective := "–"
		if rd := rounds[p]; rd != nil && rd.EffectiveVotes != nil {
			f, _ := rd.EffectiveVotes.Float64()
			effective = t.Float(f, 1)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t  %s\n", i+1, oneLine(x.ID), money(x.Cost), t.Int(x.Votes), effective, shorten(oneLine(x.Name), 60))
	}
	fmt.Fprintf(w, "\t%s\t%s\t\t\t  %s %s\n", t.T("cli_total"), money(res.Cost), t.T("cli_left"), money(in.Budget-res.Cost))
	w.Flush()
	s := res.Stats()
	part := 0.0
	if s.Voters > 0 {
		part = float64(s.WithoutWinner) / float64(s.Voters)
	}
	fmt.Fprintf(c.out, "\n%s\n", t.T("cli_without", t.Int(int64(s.WithoutWinner)), t.Percent(part, 1)))
	if res.Rule.Family == pb.FamilyShares {
		end := t.Number(res.Endowment.FloatString(2))
		if res.Steps > 0 {
			fmt.Fprintln(c.out, t.T("cli_endowment", t.Number(res.StartEndowment.FloatString(2)), end, t.Int(res.Steps)))
		} else {
			fmt.Fprintln(c.out, t.T("cli_endowment_plain", end))
		}
	}
	c.nearestLosers(res)
	if rival != nil {
		c.rival(pb.Compare(res, rival))
	}
	fmt.Fprintf(c.out, "%s\n\n", t.T("cli_elapsed", read.Round(10*time.Microsecond), took.Round(10*time.Microsecond)))
}

// rival writes the comparison with another rule.
func (c *tallyCommand) rival(x pb.Comparison) {
	t := c.texts
	names := func(ps []int) string {
		if len(ps) == 0 {
			return t.T("none")
		}
		ids := make([]string, len(ps))
		for i, p := range ps {
			ids[i] = oneLine(x.A.Instance.Projects[p].ID)
		}
		return strings.Join(ids, " ")
	}
	a, b := x.A.Rule.Name, x.B.Rule.Name
	fmt.Fprintf(c.out, "\n%s\n", t.T("compare", b))
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "  %s\t%s\n", t.T("compare_both"), strconv.Itoa(len(x.Both)))
	fmt.Fprintf(w, "  %s\t%s\n", t.T("compare_only", a), names(x.OnlyA))
	fmt.Fprintf(w, "  %s\t%s\n", t.T("compare_only", b), names(x.OnlyB))
	fmt.Fprintf(w, "  %s\t%s\n", t.T("compare_prefer", a), t.Int(int64(x.PreferA)))
	fmt.Fprintf(w, "  %s\t%s\n", t.T("compare_prefer", b), t.Int(int64(x.PreferB)))
	fmt.Fprintf(w, "  %s\t%s / %s\n", t.T("compare_without"), t.Int(int64(x.StatsA.WithoutWinner)), t.Int(int64(x.StatsB.WithoutWinner)))
	w.Flush()
	fmt.Fprintln(c.out)
}

// oneLine keeps a file's text from moving the cursor or opening lines.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

func shorten(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// nearestLosers writes the losers of Equal Shares that came nearest to passing.
func (c *tallyCommand) nearestLosers(res *pb.Result) {
	// Explaining takes the rounds times the ballots; on a very large election
	// that is for who asks, with --json or --report.
	if res.Rule.Family != pb.FamilyShares || res.Instance.Classes()*len(res.Rounds) > 4_000_000 {
		return
	}
	var xs []pb.Explanation
	for _, x := range res.Explanations() {
		if x.Why != pb.WhyFunded && x.WinsAtCost > 0 {
			xs = append(xs, x)
		}
	}
	slices.SortStableFunc(xs, func(a, b pb.Explanation) int { return cmp.Compare(b.EffectiveSupport, a.EffectiveSupport) })
	if len(xs) == 0 {
		return
	}
	t := c.texts
	fmt.Fprintf(c.out, "\n%s:\n", t.T("cli_nearest"))
	w := tabwriter.NewWriter(c.out, 0, 4, 2, ' ', 0)
	for _, x := range xs[:min(5, len(xs))] {
		p := &res.Instance.Projects[x.Project]
		fmt.Fprintf(w, "  %s\t%s\t%s\n", oneLine(p.ID), shorten(oneLine(p.Name), 44),
			t.T("cli_ranked", t.Percent(x.EffectiveSupport, 1), t.Number(res.Instance.Format(x.WinsAtCost))))
	}
	w.Flush()
	fmt.Fprintln(c.out)
}
