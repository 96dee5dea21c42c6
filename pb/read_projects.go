package pb

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxProjects bounds a ballot paper; the largest real one has a few hundred.
const maxProjects = 1<<16 - 1

// projectRows keeps, of each project, the numbers as written until all are
// known and can be brought to the same number of decimals.
type projectRows struct {
	cost, score []decimal
	votes       []int64 // votes column, -1 when absent
	seen        map[string]int
	ids         *idTable
}

func (d *reader) readProjects(header []string) ([]byte, bool) {
	if columnOf(header, "project_id") < 0 {
		d.fault(d.s.line, 0, FaultColumnMissing, "project_id", "PROJECTS")
	}
	if columnOf(header, "cost") < 0 {
		d.fault(d.s.line, 0, FaultColumnMissing, "cost", "PROJECTS")
	}
	d.in.projectColumns = header
	d.rows.seen = map[string]int{}
	for {
		line, ok := d.nextFilled()
		if !ok {
			return nil, false
		}
		if titleOf(line) != none {
			return line, true
		}
		at := d.s.line
		d.split(line)
		d.project(header, at)
	}
}

// project reads one row. Short rows lack their last columns; long rows are
// read as far as there are column names.
func (d *reader) project(header []string, at int) {
	f := d.rec.fields
	if len(f) > len(header) {
		if strings.Trim(string(line(f[len(header):])), " ") != "" {
			d.warn(at, d.rec.columns[len(header)], FaultRowLong, strconv.Itoa(len(f)), strconv.Itoa(len(header)))
		}
		f = f[:len(header)]
	} else if len(f) < len(header) {
		d.warn(at, 0, FaultRowShort, strconv.Itoa(len(f)), strconv.Itoa(len(header)))
	}
	p := Project{Selected: -1, Line: at, fields: make([]string, len(header))}
	cost, score, votes, priced := decimal{}, decimal{}, int64(-1), columnOf(header, "cost") < 0
	for i, raw := range f {
		v := strings.TrimSpace(string(raw))
		col := d.rec.columns[i]
		if !utf8.ValidString(v) {
			d.warn(at, col, FaultNotUTF8)
			v = strings.ToValidUTF8(v, "�")
		}
		p.fields[i] = v
		switch header[i] {
		case "project_id":
			p.ID = v
		case "name":
			p.Name = v
		case "category":
			p.Category = splitList(v)
		case "target", "beneficiaries":
			p.Target = splitList(v)
		case "district", "neighborhood":
			p.District = v
		case "cost":
			c, ok := parseDecimal([]byte(v))
			if !ok || c.mant < 0 {
				d.fault(at, col, FaultCost, v)
			}
			cost, priced = c, true
		case "votes":
			if v == "" {
				continue
			}
			if n, ok := parseDecimal([]byte(v)); ok && n.digits == 0 {
				votes = n.mant
			} else {
				d.warn(at, col, FaultProjectNumber, "votes", v)
			}
		case "score":
			if v == "" {
				continue
			}
			if n, ok := parseDecimal([]byte(v)); ok && n.mant >= 0 {
				score, p.HasScore = n, true
			} else {
				d.warn(at, col, FaultProjectNumber, "score", v)
			}
		case "selected":
			if n, err := strconv.Atoi(v); err == nil {
				p.Selected = n
			}
		}
	}
	if !priced {
		d.fault(at, 0, FaultCost, "")
	}
	switch first, twice := d.rows.seen[p.ID]; {
	case p.ID == "":
		d.fault(at, 1, FaultProjectNoID)
		return
	case twice:
		d.fault(at, 1, FaultProjectTwice, p.ID, strconv.Itoa(first))
		return
	case strings.ContainsAny(p.ID, ",\x00\n"):
		d.fault(at, 1, FaultProjectID, p.ID)
		return
	case len(d.in.Projects) >= maxProjects:
		d.fault(at, 0, FaultTooManyProjects, strconv.Itoa(maxProjects))
		return
	}
	d.rows.seen[p.ID] = at
	d.in.Projects = append(d.in.Projects, p)
	d.rows.cost = append(d.rows.cost, cost)
	d.rows.score = append(d.rows.score, score)
	d.rows.votes = append(d.rows.votes, votes)
}

// line joins fields again, to see whether anything is in them.
func line(fields [][]byte) []byte {
	var b []byte
	for _, f := range fields {
		b = append(b, f...)
	}
	return b
}

// splitList divides a field whose parts are separated by commas.
func splitList(v string) []string {
	var l []string
	for s := range strings.SplitSeq(v, ",") {
		if s = strings.TrimSpace(s); s != "" {
			l = append(l, s)
		}
	}
	return l
}

// amounts brings the budget and all costs to the smallest common number of
// decimals and checks that they and their sum can be counted exactly.
func (d *reader) amounts() {
	in := d.in
	budget, ok := parseDecimal([]byte(in.MetaValue("budget")))
	switch {
	case d.metaLine["budget"] == 0:
		d.fault(0, 0, FaultMetaMissing, "budget")
	case !ok || budget.mant < 0:
		d.fault(d.metaLine["budget"], 0, FaultBudget, in.MetaValue("budget"))
		budget = decimal{}
	}
	in.Digits = max(0, budget.digits)
	for _, c := range d.rows.cost {
		in.Digits = max(in.Digits, c.digits)
	}
	total, fits := budget.scaleTo(in.Digits)
	in.Budget = Amount(total)
	for i := range in.Projects {
		p := &in.Projects[i]
		c, ok := d.rows.cost[i].scaleTo(in.Digits)
		if fits = fits && ok && c <= maxAmount-total; !fits {
			break
		}
		total += c
		p.Cost = Amount(c)
		in.scoreDigits = max(in.scoreDigits, d.rows.score[i].digits)
	}
	if !fits {
		d.fault(0, 0, FaultTotalCost)
		return
	}
	for i := range in.Projects {
		p := &in.Projects[i]
		if p.HasScore {
			p.Score, p.HasScore = d.rows.score[i].scaleTo(in.scoreDigits)
		}
	}
}
