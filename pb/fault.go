package pb

import (
	"fmt"
	"strings"
)

// Fault is one thing wrong with a .pb file, and where.
type Fault struct {
	Line     int  // first line is 1; 0 when the fault belongs to the whole file
	Column   int  // first byte is 1; 0 when the fault belongs to the whole line
	Warning  bool // the file can be tallied all the same
	Code     Code
	Args     []string // what the text mentions, in its order
	Repeated int      // further faults with the same code that were not listed
}

// Code is the stable name of a kind of fault.
type Code string

// The faults a reader can find; their texts are in texts.go.
const (
	FaultNotUTF8          Code = "not_utf8"
	FaultLineTooLong      Code = "line_too_long"
	FaultTooLarge         Code = "too_large"
	FaultOpenQuote        Code = "open_quote"
	FaultQuoteTail        Code = "quote_tail"
	FaultOutsideSection   Code = "outside_section"
	FaultSectionTwice     Code = "section_twice"
	FaultSectionMissing   Code = "section_missing"
	FaultSectionOrder     Code = "section_order"
	FaultHeaderMissing    Code = "header_missing"
	FaultColumnMissing    Code = "column_missing"
	FaultColumnTwice      Code = "column_twice"
	FaultRowShort         Code = "row_short"
	FaultRowLong          Code = "row_long"
	FaultMetaMissing      Code = "meta_missing"
	FaultMetaAdvised      Code = "meta_advised"
	FaultMetaTwice        Code = "meta_twice"
	FaultMetaNumber       Code = "meta_number"
	FaultBudget           Code = "budget"
	FaultVoteType         Code = "vote_type"
	FaultProjectNoID      Code = "project_no_id"
	FaultProjectTwice     Code = "project_twice"
	FaultProjectID        Code = "project_id"
	FaultCost             Code = "cost"
	FaultTotalCost        Code = "total_cost"
	FaultTooManyProjects  Code = "too_many_projects"
	FaultCostOverBudget   Code = "cost_over_budget"
	FaultCostZero         Code = "cost_zero"
	FaultProjectNumber    Code = "project_number"
	FaultVoteUnknown      Code = "vote_unknown"
	FaultVoteTwice        Code = "vote_twice"
	FaultVoteGap          Code = "vote_gap"
	FaultVoteBlank        Code = "vote_blank"
	FaultPoints           Code = "points"
	FaultPointsNegative   Code = "points_negative"
	FaultPointsFew        Code = "points_few"
	FaultPointsMany       Code = "points_many"
	FaultCountProjects    Code = "count_projects"
	FaultCountVotes       Code = "count_votes"
	FaultVotesColumn      Code = "votes_column"
	FaultScoreColumn      Code = "score_column"
	FaultBallotShort      Code = "ballot_short"
	FaultBallotLong       Code = "ballot_long"
	FaultBallotCostLow    Code = "ballot_cost_low"
	FaultBallotCostHigh   Code = "ballot_cost_high"
	FaultBallotPointsLow  Code = "ballot_points_low"
	FaultBallotPointsHigh Code = "ballot_points_high"
	FaultVoterTwice       Code = "voter_twice"
	FaultSpaces           Code = "spaces"
	FaultAllFit           Code = "all_fit"
)

// Text is the fault in words, in Italian ("it") or English (anything else):
// where it is, what is wrong, and what to do.
func (f Fault) Text(lang string) string {
	var b strings.Builder
	it := lang == "it"
	if f.Line > 0 {
		fmt.Fprintf(&b, pick(it, "riga %d", "line %d"), f.Line)
		if f.Column > 0 {
			fmt.Fprintf(&b, pick(it, ", colonna %d", ", column %d"), f.Column)
		}
		b.WriteString(": ")
	}
	text := string(f.Code)
	for _, t := range faultTexts {
		if t.code == f.Code {
			text = pick(it, t.it, t.en)
		}
	}
	for i, a := range f.Args {
		text = strings.ReplaceAll(text, fmt.Sprintf("{%d}", i), a)
	}
	b.WriteString(text)
	if f.Repeated > 0 {
		fmt.Fprintf(&b, pick(it, " (e altre %d volte)", " (and %d more times)"), f.Repeated)
	}
	return b.String()
}

// Error is the fault in English.
func (f Fault) Error() string { return f.Text("en") }

func pick(it bool, a, b string) string {
	if it {
		return a
	}
	return b
}

// FaultsError is the error of Read: everything wrong with the file, warnings
// too, in the order of the file.
type FaultsError struct{ Faults []Fault }

// Error names the first fault that is not a warning and how many there are.
func (e *FaultsError) Error() string {
	n, first := 0, ""
	for _, f := range e.Faults {
		if !f.Warning {
			if n == 0 {
				first = f.Error()
			}
			n++
		}
	}
	if n > 1 {
		return fmt.Sprintf("%s (and %d more faults)", first, n-1)
	}
	return first
}

// perCode is how many faults of one code are listed one by one; the rest are
// counted, so that a hostile file cannot fill the memory with complaints.
const perCode = 20

// faultList gathers faults.
type faultList struct {
	faults []Fault
	count  map[Code]int
	fatal  bool
}

func (l *faultList) add(f Fault) {
	if l.count == nil {
		l.count = map[Code]int{}
	}
	if !f.Warning {
		l.fatal = true
	}
	l.count[f.Code]++
	if l.count[f.Code] > perCode {
		return
	}
	for i, a := range f.Args {
		if len(a) > 80 {
			f.Args[i] = strings.ToValidUTF8(a[:80], "") + "…"
		} else {
			f.Args[i] = strings.ToValidUTF8(a, "�")
		}
	}
	l.faults = append(l.faults, f)
}

// list returns the gathered faults; the last of each code says how many more
// there were.
func (l *faultList) list() []Fault {
	for i := len(l.faults) - 1; i >= 0; i-- {
		f := &l.faults[i]
		if n := l.count[f.Code]; n > perCode {
			f.Repeated = n - perCode
			l.count[f.Code] = 0
		}
	}
	return l.faults
}
