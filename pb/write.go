package pb

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// Write writes the election in the .pb format, in UTF-8 with LF. Reading it back
// gives the same instance. The voters' ids and other columns are written if they
// were kept (ReadOptions.KeepVoters); else voters are numbered, class by class.
func (in *Instance) Write(w io.Writer) error {
	o := bufio.NewWriterSize(w, 1<<16)
	o.WriteString("META\nkey;value\n") // bufio keeps the first error for Flush
	for _, m := range in.Meta {
		o.WriteString(quote(m.Key) + ";" + quote(m.Value) + "\n")
	}
	o.WriteString("PROJECTS\n")
	row(o, in.projectColumns)
	for i := range in.Projects {
		row(o, in.Projects[i].fields)
	}
	o.WriteString("VOTES\n")
	columns := append([]string{}, in.voterColumns...)
	if len(columns) == 0 {
		columns = []string{"voter_id"}
	}
	columns = append(columns, "vote")
	if in.VoteType.Points() {
		columns = append(columns, "points")
	}
	row(o, columns)
	if in.voterClass != nil {
		for v, class := range in.voterClass {
			fields := append([]string{}, in.voterFields[v]...)
			if strings.Join(fields, "") == "" { // a row of separators would not count
				fields = append([]string{strconv.Itoa(v + 1)}, fields[min(1, len(fields)):]...)
			}
			row(o, append(fields, in.ballotFields(int(class))...))
		}
		return o.Flush()
	}
	v := 0
	for j := range in.Classes() {
		fields := in.ballotFields(j)
		for range in.ballots.weight[j] {
			v++
			row(o, append([]string{strconv.Itoa(v)}, fields...))
		}
	}
	return o.Flush()
}

// ballotFields are the vote and points fields of a class.
func (in *Instance) ballotFields(j int) []string {
	ps, _ := in.Class(j)
	ids := make([]string, len(ps))
	for k, p := range ps {
		ids[k] = in.Projects[p].ID
	}
	f := []string{strings.Join(ids, ",")}
	if pts := in.ClassPoints(j); in.VoteType.Points() {
		s := make([]string, len(pts))
		for k, x := range pts {
			s[k] = formatScaled(int64(x), in.pointDigits)
		}
		f = append(f, strings.Join(s, ","))
	}
	return f
}

func row(o *bufio.Writer, fields []string) {
	for i, f := range fields {
		if i > 0 {
			o.WriteByte(';')
		}
		o.WriteString(quote(f))
	}
	o.WriteByte('\n')
}

// quote puts a field into quotation marks if it could be read otherwise.
func quote(s string) string {
	if !strings.ContainsAny(s, ";\"\n\r") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
