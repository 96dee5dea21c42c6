package pb

import (
	"bytes"
	"strconv"
	"strings"
)

// maxPoints bounds the points of one entry, after scaling to whole numbers.
const maxPoints = 1 << 30

// voteRows gathers the ballots.
type voteRows struct {
	g        *grouper
	stamp    []int32 // per project: the row that listed it last
	at       []int32 // per project: its place in that row's ballot
	row      int32
	proj     []uint16
	points   []int32
	digits   int // decimals that stored points count
	voteCol  int
	pointCol int
	extra    []int // other columns, only with KeepVoters
	voterCol int
	voters   map[string]int
	spaces   bool
}

// startVotes prepares for the ballots once META and PROJECTS are known.
func (d *reader) startVotes(header []string) bool {
	if d.seen[projects] == 0 || d.seen[meta] == 0 {
		d.fault(d.s.line, 0, FaultSectionOrder)
		return false
	}
	switch v := VoteType(strings.ToLower(d.in.MetaValue("vote_type"))); v {
	case Approval, ChooseOne, Ordinal, Cumulative, Scoring:
		d.in.VoteType = v
	case "":
		d.fault(0, 0, FaultMetaMissing, "vote_type")
	default:
		d.fault(d.metaLine["vote_type"], 0, FaultVoteType, string(v))
	}
	ids := make([]string, len(d.in.Projects))
	for i := range ids {
		ids[i] = d.in.Projects[i].ID
	}
	d.rows.ids = newIDTable(ids)
	v := &d.vote
	v.g = newGrouper(d.in.VoteType.Points())
	v.stamp, v.at = make([]int32, len(ids)), make([]int32, len(ids))
	v.voteCol, v.pointCol = columnOf(header, "vote"), columnOf(header, "points")
	v.voterCol = columnOf(header, "voter_id")
	if v.voteCol < 0 {
		d.fault(d.s.line, 0, FaultColumnMissing, "vote", "VOTES")
		return false
	}
	if d.in.VoteType.Points() && v.pointCol < 0 {
		d.fault(d.s.line, 0, FaultColumnMissing, "points", "VOTES")
		return false
	}
	if d.opts.KeepVoters {
		v.voters = map[string]int{}
		for i, h := range header {
			if i != v.voteCol && (i != v.pointCol || !d.in.VoteType.Points()) {
				v.extra = append(v.extra, i)
				d.in.voterColumns = append(d.in.voterColumns, h)
			}
		}
	}
	return true
}

func (d *reader) readVotes(header []string) ([]byte, bool) {
	useful := d.startVotes(header)
	v := &d.vote
	points := d.in.VoteType.Points()
	last := v.voteCol
	if points {
		last = max(last, v.pointCol)
	}
	for {
		line, ok := d.s.next()
		if !ok {
			return nil, false
		}
		if titleOf(line) != none {
			return line, true
		}
		if !useful || len(line) == 0 {
			continue
		}
		if !d.opts.KeepVoters && !points && bytes.IndexByte(line, '"') < 0 {
			if vote, col, ok := fieldAt(line, v.voteCol); ok && d.plainBallot(vote) {
				if len(v.proj) == 0 && len(bytes.Trim(line, "; \t")) == 0 {
					d.warn(d.s.line, 0, FaultVoteBlank)
					continue
				}
				if !v.spaces && bytes.IndexByte(vote, ' ') >= 0 {
					v.spaces = true
					d.warn(d.s.line, col, FaultSpaces)
				}
				d.count(nil)
				continue
			}
		}
		d.slowBallot(line, last, len(header))
	}
}

// fieldAt finds a field of a line without quotes.
func fieldAt(line []byte, n int) (field []byte, col int, ok bool) {
	start := 0
	for ; n > 0; n-- {
		i := bytes.IndexByte(line[start:], ';')
		if i < 0 {
			return nil, 0, false
		}
		start += i + 1
	}
	end := bytes.IndexByte(line[start:], ';')
	if end < 0 {
		return line[start:], start + 1, true
	}
	return line[start : start+end], start + 1, true
}

// plainBallot reads a list of known projects, each named once, with no spaces
// and ids of at most eight bytes: nearly every real ballot. It returns false,
// having decided nothing, when the ballot needs the careful way.
func (d *reader) plainBallot(vote []byte) bool {
	v := &d.vote
	v.proj = v.proj[:0]
	v.row++
	if len(vote) == 0 {
		return true
	}
	key, n := uint64(0), 0
	for i := 0; ; i++ {
		if i < len(vote) && vote[i] != ',' {
			c := vote[i]
			if c <= ' ' {
				return false
			}
			key = key<<8 | uint64(c)
			n++
			continue
		}
		if n > 8 {
			return false
		}
		p, ok := d.rows.ids.packed(key)
		if !ok || v.stamp[p] == v.row {
			return false
		}
		v.stamp[p] = v.row
		v.proj = append(v.proj, p)
		key, n = 0, 0
		if i == len(vote) {
			return true
		}
	}
}

// slowBallot reads any row and names what is wrong with it.
func (d *reader) slowBallot(line []byte, last, width int) {
	v, at := &d.vote, d.s.line
	d.split(line)
	f := d.rec.fields
	if len(bytes.TrimSpace(bytes.Join(f, nil))) == 0 {
		d.warn(at, 0, FaultVoteBlank)
		return
	}
	if len(f) <= last {
		d.warn(at, 0, FaultRowShort, strconv.Itoa(len(f)), strconv.Itoa(width))
	}
	field := func(i int) ([]byte, int) {
		if i < 0 || i >= len(f) {
			return nil, 0
		}
		return f[i], d.rec.columns[i]
	}
	vote, col := field(v.voteCol)
	var points []byte
	pcol := 0
	if d.in.VoteType.Points() {
		points, pcol = field(v.pointCol)
	}
	d.ballot(vote, col, points, pcol, at)
	var kept []string
	if d.opts.KeepVoters {
		for _, i := range v.extra {
			x, _ := field(i)
			kept = append(kept, strings.TrimSpace(string(x)))
		}
		if id, c := field(v.voterCol); len(id) > 0 {
			if first, twice := v.voters[string(id)]; twice {
				d.warn(at, c, FaultVoterTwice, string(id), strconv.Itoa(first))
			} else {
				v.voters[string(id)] = at
			}
		}
	}
	d.count(kept)
}

// ballot reads one ballot entry by entry. A project listed twice counts once:
// in a ranking at its first place, with points at the last given, as the tools
// do that everybody uses.
func (d *reader) ballot(vote []byte, col int, points []byte, pcol, at int) {
	v := &d.vote
	v.proj, v.points = v.proj[:0], v.points[:0]
	v.row++
	withPoints := d.in.VoteType.Points()
	if len(bytes.TrimSpace(vote)) == 0 {
		if len(bytes.TrimSpace(points)) > 0 && withPoints {
			d.warn(at, pcol, FaultPointsMany)
		}
		return
	}
	more := len(bytes.TrimSpace(points)) > 0
	for start := 0; start <= len(vote); {
		end := bytes.IndexByte(vote[start:], ',')
		if end < 0 {
			end = len(vote)
		} else {
			end += start
		}
		id := bytes.TrimSpace(vote[start:end])
		if len(id) != end-start && !v.spaces {
			v.spaces = true
			d.warn(at, col+start, FaultSpaces)
		}
		p, known := d.rows.ids.find(id)
		x := int32(0)
		if withPoints {
			if !more {
				d.fault(at, pcol, FaultPointsFew)
				return
			}
			var one []byte
			one, points, more = bytes.Cut(points, []byte{','})
			if known {
				x = d.pointsOf(bytes.TrimSpace(one), at, pcol)
			}
		}
		switch {
		case len(id) == 0:
			d.warn(at, col+start, FaultVoteGap)
		case !known && d.opts.IgnoreUnknown:
			d.warn(at, col+start, FaultVoteUnknown, string(id))
		case !known:
			d.fault(at, col+start, FaultVoteUnknown, string(id))
		case v.stamp[p] == v.row:
			d.warn(at, col+start, FaultVoteTwice, string(id))
			if withPoints {
				v.points[v.at[p]] = x
			}
		default:
			v.stamp[p], v.at[p] = v.row, int32(len(v.proj))
			v.proj = append(v.proj, p)
			if withPoints {
				v.points = append(v.points, x)
			}
		}
		start = end + 1
	}
	if more {
		d.warn(at, pcol, FaultPointsMany)
	}
}

// pointsOf reads the points of one entry. Decimals are kept exactly by counting
// all points of the instance in a smaller unit from then on.
func (d *reader) pointsOf(s []byte, at, col int) int32 {
	v := &d.vote
	n, ok := parseDecimal(s)
	if !ok || n.digits > 6 {
		d.fault(at, col, FaultPoints, string(s))
		return 0
	}
	if n.mant < 0 {
		d.warn(at, col, FaultPointsNegative, string(s))
		return 0
	}
	for v.digits < n.digits {
		if !d.scalePoints() {
			d.fault(at, col, FaultPoints, string(s))
			return 0
		}
	}
	x, ok := n.scaleTo(v.digits)
	if !ok || x > maxPoints {
		d.fault(at, col, FaultPoints, string(s))
		return 0
	}
	return int32(x)
}

// scalePoints makes the unit of points ten times smaller and files all ballots
// anew, since their hashes depend on it.
func (d *reader) scalePoints() bool {
	v := &d.vote
	old := v.g
	for _, x := range old.b.points {
		if x > maxPoints/10 {
			return false
		}
	}
	for i, x := range v.points {
		if x > maxPoints/10 {
			return false
		}
		v.points[i] = x * 10
	}
	v.digits++
	g := newGrouper(true)
	for j, w := range old.b.weight {
		pts := old.b.points[old.b.off[j]:old.b.off[j+1]]
		for i := range pts {
			pts[i] *= 10
		}
		g.add(old.b.class(j), pts, w) // classes keep their numbers: distinct ballots stay distinct
	}
	v.g = g
	return true
}

// count files the ballot just read.
func (d *reader) count(kept []string) {
	v := &d.vote
	if d.in.VoteType != Ordinal {
		sortBallot(v.proj, v.points)
	}
	c := v.g.add(v.proj, v.points, 1)
	d.in.Voters++
	if d.opts.KeepVoters {
		d.in.voterClass = append(d.in.voterClass, c)
		d.in.voterFields = append(d.in.voterFields, kept)
	}
}

// finish checks what can only be known at the end and completes the instance.
func (d *reader) finish() {
	in := d.in
	for _, s := range []section{meta, projects, votes} {
		if d.seen[s] == 0 {
			d.fault(0, 0, FaultSectionMissing, sectionNames[s])
		}
	}
	d.amounts()
	if d.vote.g == nil {
		return
	}
	in.ballots = d.vote.g.b
	in.pointDigits = d.vote.digits
	in.trimPoints()
	in.index()
	for i, stated := range d.rows.votes {
		if stated >= 0 && stated != in.Projects[i].Votes {
			d.warn(in.Projects[i].Line, 0, FaultVotesColumn, in.Projects[i].ID, strconv.FormatInt(stated, 10), strconv.FormatInt(in.Projects[i].Votes, 10))
		}
	}
	d.countAgainstMeta("num_projects", FaultCountProjects, len(in.Projects))
	d.countAgainstMeta("num_votes", FaultCountVotes, in.Voters)
}

// trimPoints drops decimals that no point needs, which a repeated entry may
// have left behind.
func (in *Instance) trimPoints() {
	for ; in.pointDigits > 0; in.pointDigits-- {
		for _, x := range in.ballots.points {
			if x%10 != 0 {
				return
			}
		}
		for i := range in.ballots.points {
			in.ballots.points[i] /= 10
		}
	}
}

func (d *reader) countAgainstMeta(key string, code Code, counted int) {
	s := d.in.MetaValue(key)
	if s == "" {
		return
	}
	if n, ok := parseDecimal([]byte(s)); !ok || n.digits != 0 || n.mant != int64(counted) {
		d.warn(d.metaLine[key], 0, code, s, strconv.Itoa(counted))
	}
}

// index fills what is derived from projects and ballots.
func (in *Instance) index() {
	in.byID = make(map[string]int, len(in.Projects))
	for i := range in.Projects {
		in.byID[in.Projects[i].ID] = i
		in.Projects[i].Votes = 0
	}
	b := &in.ballots
	for j, w := range b.weight {
		for _, p := range b.class(j) {
			in.Projects[p].Votes += int64(w)
		}
	}
}
