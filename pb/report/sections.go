package report

import (
	"fmt"
	"path/filepath"
	"strconv"

	"codeberg.org/arengo/arengo/pb"
)

// satisfaction counts people by how many of their projects were funded.
func (w *writer) satisfaction(s pb.Stats, rival *pb.Result) (chart, []satisfactionRow) {
	series := [][]int{s.WinnersPerVoter}
	names := []string{w.res.Rule.Name}
	if rival != nil {
		series = append(series, rival.Stats().WinnersPerVoter)
		names = append(names, rival.Rule.Name)
	}
	longest := 0
	for _, x := range series {
		longest = max(longest, len(x))
	}
	at := func(i, k int) int {
		if i < len(series) && k < len(series[i]) {
			return series[i][k]
		}
		return 0
	}
	part := func(n int) string {
		if s.Voters == 0 {
			return w.Percent(0, 1)
		}
		return w.Percent(float64(n)/float64(s.Voters), 1)
	}
	var rows []satisfactionRow
	var groups []group
	for k := range longest {
		r := satisfactionRow{Count: strconv.Itoa(k), A: w.Int(int64(at(0, k))), PartA: part(at(0, k))}
		g := group{Label: r.Count, Values: []float64{float64(at(0, k))}, Texts: []string{r.PartA}}
		if rival != nil {
			r.B, r.PartB = w.Int(int64(at(1, k))), part(at(1, k))
			g.Values, g.Texts = append(g.Values, float64(at(1, k))), append(g.Texts, r.PartB)
		}
		rows, groups = append(rows, r), append(groups, g)
	}
	return columnChart(w.T("satisfaction_caption"), names, groups), rows
}

func (w *writer) rival(c pb.Comparison) *rivalView {
	people := func(n int) string {
		if w.in.Voters == 0 {
			return w.Int(int64(n))
		}
		return fmt.Sprintf("%s (%s)", w.Int(int64(n)), w.Percent(float64(n)/float64(w.in.Voters), 1))
	}
	v := &rivalView{Name: RuleName(w.Texts, c.B.Rule) + " (" + c.B.Rule.Name + ")", Both: len(c.Both)}
	v.Rows = [][3]string{
		{w.T("compare_spent"), w.money(c.A.Cost), w.money(c.B.Cost)},
		{w.T("fact_winners"), strconv.Itoa(len(c.A.Winners)), strconv.Itoa(len(c.B.Winners))},
		{w.T("compare_without"), people(c.StatsA.WithoutWinner), people(c.StatsB.WithoutWinner)},
		{w.T("compare_mean"), w.Float(c.StatsA.MeanWinners, 2), w.Float(c.StatsB.MeanWinners, 2)},
		{w.T("compare_more"), people(c.PreferA), people(c.PreferB)},
		{w.T("compare_same"), people(c.Indifferent), people(c.Indifferent)},
	}
	for _, p := range c.OnlyA {
		v.OnlyA = append(v.OnlyA, w.withCost(p))
	}
	for _, p := range c.OnlyB {
		v.OnlyB = append(v.OnlyB, w.withCost(p))
	}
	return v
}

func (w *writer) withCost(p int) string {
	return fmt.Sprintf("%s (%s)", w.name(p), w.money(w.in.Projects[p].Cost))
}

func (w *writer) groups(s pb.Stats) []groupView {
	var out []groupView
	add := func(key string, list []pb.Share) {
		if len(list) < 2 {
			return
		}
		g := groupView{Title: w.T(key)}
		for _, x := range list {
			g.Rows = append(g.Rows, [5]string{x.Name, w.T("of", x.Winners, x.Projects), w.Percent(x.VotesShare, 1), w.money(x.Spent), w.Percent(x.MoneyShare, 1)})
		}
		out = append(out, g)
	}
	add("groups_district", s.Districts)
	add("groups_category", s.Categories)
	return out
}

func (w *writer) certificates() []certificateRow {
	c := w.res.Certificates()
	row := func(key string, holds bool, project int, witness string) certificateRow {
		r := certificateRow{Name: w.T("cert_" + key), What: w.T("cert_" + key + "_what"), Holds: holds}
		if !holds && project >= 0 {
			if w.Lang == "it" {
				witness = "" // the witness is written in English, for the record
			}
			r.Where = w.T("cert_where", w.name(project)+" ("+w.in.Projects[project].ID+")", witness)
		}
		return r
	}
	var rows []certificateRow
	if c.Checked {
		rows = append(rows, row("shares", c.Shares.Holds, c.Shares.Project, c.Shares.Witness),
			row("priceable", c.Priceable.Holds, c.Priceable.Project, c.Priceable.Witness))
	}
	return append(rows, row("ejr", c.EJRPlus.Holds, c.EJRPlus.Project, c.EJRPlus.Witness))
}

func (w *writer) recompute(v *view, p Page) {
	file := filepath.Base(p.File)
	if p.File == "" || p.File == "-" {
		file = "FILE.pb"
	}
	v.Recompute = []fact{{w.T("recompute_file"), file}}
	if p.SHA256 != "" {
		v.Recompute = append(v.Recompute, fact{w.T("recompute_hash"), p.SHA256})
	}
	args := " --rule " + w.res.Rule.Name
	if w.res.Options.TieBreak != w.res.Rule.DefaultTieBreak() {
		args += " --tie-break " + string(w.res.Options.TieBreak)
	}
	if s := w.res.Options.Seed; s != "" {
		args += " --seed " + strconv.Quote(s)
		v.Recompute = append(v.Recompute, fact{w.T("recompute_seed"), s})
	}
	v.Tally = "arengo tally " + file + args + " --json > result.json"
	v.Verify = "arengo verify result.json " + file
	if w.res.Rule.Family == pb.FamilyShares && w.in.Voters > 0 {
		v.Exact = w.T("recompute_float", w.res.Endowment.RatString())
	}
}
