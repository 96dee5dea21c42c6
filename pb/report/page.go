package report

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math/big"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/pb"
)

//go:embed page.tmpl style.css
var assets embed.FS

// Page is what one result shows.
type Page struct {
	Result       *pb.Result
	Rival        *pb.Result // to compare with, may be nil
	File, SHA256 string     // of the ballots, for counting again
}

// NewPage prepares a result for the report; rival may be nil.
func NewPage(res, rival *pb.Result) Page { return Page{Result: res, Rival: rival} }

// Style is the style sheet of the page, for who shows it inside another page.
func Style() string {
	b, err := assets.ReadFile("style.css")
	if err != nil {
		panic(err) // embedded
	}
	return string(b)
}

// Write writes one page with all results.
func Write(w io.Writer, t Texts, pages []Page) error {
	tmpl, err := template.New("page.tmpl").Funcs(template.FuncMap{
		"t": t.T, "int": func(n any) string { return t.Number(fmt.Sprint(n)) },
	}).ParseFS(assets, "page.tmpl")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	style := Style()
	sum := sha256.Sum256([]byte(style))
	d := document{Lang: t.Lang, Style: template.CSS(style), Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"}
	for i, p := range pages {
		d.Results = append(d.Results, newView(t, p, i))
	}
	if len(d.Results) > 0 {
		d.Title = d.Results[0].Name
	}
	return tmpl.Execute(w, d)
}

// document, view and the types below are what the template reads: every text is
// ready to be shown.
type document struct {
	Lang, Title, Policy string
	Style               template.CSS
	Results             []*view
}

type fact struct{ Name, Value string }

type view struct {
	N              string // makes ids on the page unique
	Name, Rule     string
	Facts          []fact
	How            []string
	Winners        []winnerRow
	HasShares      bool
	Support        chart
	Losers         []loserRow
	HasCosts       bool
	Rival          *rivalView
	Satisfaction   chart
	SatisfactionOf []satisfactionRow
	RuleNames      [2]string
	Groups         []groupView
	Certificates   []certificateRow
	Recompute      []fact
	Tally, Verify  string
	Exact          string
}

type winnerRow struct {
	N                                                                int
	Name, ID, Cost, Votes, Effective, Payment, Full, Poor, Phase, Of string
}

type loserRow struct {
	Name, ID, Cost, Votes, Support, Why, Took, WinsAt, Missing, Extra string
}

type rivalView struct {
	Name         string
	Rows         [][3]string // measure, this, other
	OnlyA, OnlyB []string
	Both         int
}

type satisfactionRow struct{ Count, A, PartA, B, PartB string }

type groupView struct {
	Title string
	Rows  [][5]string
}

type certificateRow struct {
	Name, What, Where string
	Holds             bool
}

// RuleName is a rule in words.
func RuleName(t Texts, r pb.Rule) string {
	var parts []string
	parts = append(parts, t.T("rule_"+string(r.Family)))
	switch {
	case r.City != "":
		return parts[0] + ", " + t.T("rule_"+r.City)
	case r.Family == pb.FamilyPhragmen:
		return parts[0]
	}
	parts = append(parts, t.T("utility_"+string(r.Utility)))
	switch r.Completion {
	case pb.CompleteUtil:
		parts = append(parts, t.T("rule_u"))
	case pb.CompleteAdd1:
		parts = append(parts, t.T("rule_add1"))
	case pb.CompleteAdd1Util:
		parts = append(parts, t.T("rule_add1"), t.T("rule_u"))
	case pb.CompleteCity:
		parts = append(parts, t.T("rule_add1"), t.T("rule_city"))
	case pb.CompleteCityUtil:
		parts = append(parts, t.T("rule_add1"), t.T("rule_u"), t.T("rule_city"))
	}
	return strings.Join(parts, ", ")
}

// writer turns one result into texts.
type writer struct {
	Texts
	in  *pb.Instance
	res *pb.Result
}

func (w *writer) money(a pb.Amount) string {
	s := w.Number(w.in.Format(a))
	if c := w.in.MetaValue("currency"); c != "" && len(c) <= 4 {
		s += "\u00a0" + c
	}
	return s
}

func (w *writer) about(x float64) string {
	s := w.Float(x, 2)
	if c := w.in.MetaValue("currency"); c != "" && len(c) <= 4 {
		s += "\u00a0" + c
	}
	return s
}

func (w *writer) rat(x *big.Rat) string { f, _ := x.Float64(); return w.about(f) }

func (w *writer) name(p int) string {
	if n := w.in.Projects[p].Name; n != "" {
		return n
	}
	return w.in.Projects[p].ID
}

func newView(t Texts, p Page, n int) *view {
	w := &writer{t, p.Result.Instance, p.Result}
	v := &view{N: fmt.Sprintf("r%d", n+1), Name: w.in.Name(), Rule: RuleName(t, p.Result.Rule), HasShares: p.Result.Rule.Family == pb.FamilyShares}
	stats := p.Result.Stats()
	v.Facts = w.facts(stats)
	v.How = w.how()
	v.Winners = w.winners()
	v.Support, v.Losers = w.losers()
	v.HasCosts = slices.ContainsFunc(v.Losers, func(l loserRow) bool { return l.WinsAt != "" })
	v.Satisfaction, v.SatisfactionOf = w.satisfaction(stats, p.Rival)
	v.RuleNames[0] = p.Result.Rule.Name
	if p.Rival != nil {
		v.RuleNames[1] = p.Rival.Rule.Name
		v.Rival = w.rival(pb.Compare(p.Result, p.Rival))
	}
	v.Groups = w.groups(stats)
	v.Certificates = w.certificates()
	w.recompute(v, p)
	return v
}

func (w *writer) facts(s pb.Stats) []fact {
	in, r := w.in, w.res
	part := 0.0
	if s.Voters > 0 {
		part = float64(s.WithoutWinner) / float64(s.Voters)
	}
	f := []fact{
		{w.T("fact_rule"), RuleName(w.Texts, r.Rule) + " (" + r.Rule.Name + ")"},
		{w.T("fact_budget"), w.money(in.Budget)},
		{w.T("fact_spent"), w.money(r.Cost)},
		{w.T("fact_left"), w.money(s.Left)},
		{w.T("fact_projects"), w.Int(int64(len(in.Projects)))},
		{w.T("fact_winners"), w.Int(int64(len(r.Winners)))},
		{w.T("fact_voters"), w.Int(int64(in.Voters))},
		{w.T("fact_classes"), w.Int(int64(in.Classes()))},
		{w.T("fact_vote_type"), w.T("vote_" + string(in.VoteType))},
		{w.T("fact_without"), w.Int(int64(s.WithoutWinner)) + " (" + w.Percent(part, 1) + ")"},
	}
	if r.Rule.Family == pb.FamilyShares && in.Voters > 0 {
		f = append(f, fact{w.T("fact_start"), w.rat(r.StartEndowment)}, fact{w.T("fact_end"), w.rat(r.Endowment)},
			fact{w.T("fact_steps"), w.Int(r.Steps)})
	}
	f = append(f, fact{w.T("fact_tie"), w.T("tie_" + string(r.Options.TieBreak))})
	return append(f, w.official()...)
}

// official compares with what the file says was funded.
func (w *writer) official() []fact {
	common, here, there, stated := 0, 0, 0, false
	for p := range w.in.Projects {
		won, selected := w.res.Won(p), w.in.Projects[p].Selected == 1
		stated = stated || w.in.Projects[p].Selected >= 0
		switch {
		case won && selected:
			common++
		case won:
			here++
		case selected:
			there++
		}
	}
	switch {
	case !stated:
		return nil
	case here+there == 0:
		return []fact{{w.T("fact_official"), w.T("official_same")}}
	}
	return []fact{{w.T("fact_official"), w.T("official_differs", common, here, there)}}
}

func (w *writer) how() []string {
	r := w.res.Rule
	how := []string{w.T("how_" + string(r.Family))}
	switch r.Completion {
	case pb.CompleteAdd1, pb.CompleteAdd1Util, pb.CompleteCityUtil:
		how = append(how, w.T("how_add1"))
	case pb.CompleteCity:
		how = append(how, w.T("how_noexh"))
	}
	switch r.Completion {
	case pb.CompleteUtil, pb.CompleteAdd1Util:
		how = append(how, w.T("how_u"))
	case pb.CompleteCityUtil:
		how = append(how, w.T("how_uvotes"))
	}
	return how
}

func (w *writer) winners() []winnerRow {
	rounds := map[int]*pb.Round{}
	for k := range w.res.Rounds {
		rounds[w.res.Rounds[k].Project] = &w.res.Rounds[k]
	}
	var rows []winnerRow
	for i, p := range w.res.Winners {
		x := &w.in.Projects[p]
		phase := "phase_" + string(w.res.Phases[i])
		if w.res.Rule.Family == pb.FamilyGreedy {
			phase = "phase_greedy_only"
		}
		row := winnerRow{N: i + 1, Name: w.name(p), ID: x.ID, Cost: w.money(x.Cost), Votes: w.Int(x.Votes), Phase: w.T(phase),
			Effective: "–", Payment: "–", Full: "–", Poor: "–"}
		if rd := rounds[p]; rd != nil && w.res.Rule.Family == pb.FamilyShares {
			row.Full, row.Poor = w.Int(rd.FullPayers), w.Int(rd.PoorPayers)
			if rd.Payment != nil {
				row.Payment = w.rat(rd.Payment)
			}
			if rd.EffectiveVotes != nil {
				f, _ := rd.EffectiveVotes.Float64()
				row.Effective = w.Float(f, 1)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// losers explains every project that was not funded, the nearest to passing
// first, and draws the effective support of all.
func (w *writer) losers() (chart, []loserRow) {
	xs := slices.Clone(w.res.Explanations())
	slices.SortStableFunc(xs, func(a, b pb.Explanation) int {
		return cmp.Or(cmp.Compare(b.EffectiveSupport, a.EffectiveSupport), cmp.Compare(b.Votes, a.Votes))
	})
	var bars []bar
	var rows []loserRow
	for _, x := range xs {
		p := &w.in.Projects[x.Project]
		won := x.Why == pb.WhyFunded
		bars = append(bars, bar{Label: w.name(x.Project), Value: x.EffectiveSupport, Text: w.Percent(x.EffectiveSupport, 0), Strong: won})
		if won {
			continue
		}
		row := loserRow{Name: w.name(x.Project), ID: p.ID, Cost: w.money(p.Cost), Votes: w.Int(x.Votes), Support: w.Percent(x.EffectiveSupport, 1), Why: w.why(x)}
		if x.WinsAtCost > 0 {
			row.WinsAt, row.Missing = w.money(x.WinsAtCost), w.money(p.Cost-x.WinsAtCost)
		}
		if x.ExtraVotes >= 0 {
			row.Extra = w.Int(x.ExtraVotes)
		}
		var took []string
		for _, t := range x.Took[:min(len(x.Took), 3)] {
			took = append(took, w.T("took_one", cut(w.name(t.Project), 70), w.about(t.Money)))
		}
		if len(took) > 0 {
			row.Took = w.T("took", strings.Join(took, "; "))
		}
		rows = append(rows, row)
	}
	if w.res.Rule.Family != pb.FamilyShares && !slices.ContainsFunc(rows, func(l loserRow) bool { return l.WinsAt != "" }) {
		return chart{}, rows
	}
	// On a long ballot paper the funded, who are all at 100 %, give way, and so do
	// the losers farthest away: the table has them all.
	const most = 70
	if len(bars) > most {
		bars = slices.DeleteFunc(bars, func(b bar) bool { return b.Strong })
		bars = bars[:min(len(bars), most)]
	}
	return supportChart(w.T("support_caption"), bars), rows
}

func (w *writer) why(x pb.Explanation) string {
	switch x.Why {
	case pb.WhySpent:
		return w.T("why_spent", w.People(x.Votes), w.about(x.MoneyAtFirst), cut(w.name(w.res.Rounds[x.Round].Project), 70), w.about(x.MoneyThen))
	case pb.WhyTooLittle:
		return w.T("why_too_little", w.People(x.Votes), w.about(x.MoneyAtFirst))
	}
	return w.T("why_" + string(x.Why))
}
