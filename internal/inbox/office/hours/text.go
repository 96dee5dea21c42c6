package hours

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// MaxIntervals is how many times a day an office may open.
const MaxIntervals = 6

// The ways in which typed opening hours can be wrong.
var (
	ErrForm    = errors.New("not a time such as 9:00-12:30")
	ErrOrder   = errors.New("an interval ends before it begins")
	ErrOverlap = errors.New("two intervals overlap")
	ErrMany    = errors.New("too many intervals")
)

// ParseDay reads the opening of a day as people write it: "9:00-12:30, 14.30–17".
// No text is a day on which the office stays closed. The intervals come in order;
// two that touch are one. Errors: ErrForm, ErrOrder, ErrOverlap, ErrMany.
func ParseDay(text string) ([]Interval, error) {
	var all []Interval
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		if len(all) == MaxIntervals {
			return nil, ErrMany
		}
		i, err := parseInterval(part)
		if err != nil {
			return nil, err
		}
		all = append(all, i)
	}
	return inOrder(all)
}

// inOrder sorts the intervals of a day and joins those that touch.
func inOrder(all []Interval) (out []Interval, err error) {
	slices.SortFunc(all, func(a, b Interval) int { return cmp.Compare(a.From, b.From) })
	for _, i := range all {
		last := len(out) - 1
		switch {
		case i.To <= i.From:
			return nil, ErrOrder
		case last >= 0 && out[last].To > i.From:
			return nil, ErrOverlap
		case last >= 0 && out[last].To == i.From:
			out[last].To = i.To
		default:
			out = append(out, i)
		}
	}
	return out, nil
}

func parseInterval(text string) (i Interval, err error) {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '–' || r == '—' || r == '‑' || r == '−':
			return '-'
		case unicode.IsSpace(r):
			return -1
		}
		return r
	}, text)
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return i, ErrForm
	}
	if i.From, err = parseMinute(from); err != nil {
		return i, err
	}
	if i.To, err = parseMinute(to); err != nil {
		return i, err
	}
	if i.To <= i.From {
		return i, ErrOrder
	}
	return i, nil
}

// parseMinute reads "9", "9:30", "09.30" and "24:00" as minutes from midnight.
func parseMinute(text string) (int, error) {
	h, m, parted := strings.Cut(strings.Replace(text, ".", ":", 1), ":")
	hour, err := digits(h, 1, 2)
	if err != nil {
		return 0, err
	}
	minute := 0
	if parted {
		if minute, err = digits(m, 2, 2); err != nil {
			return 0, err
		}
	}
	if hour > 24 || minute > 59 || hour == 24 && minute > 0 {
		return 0, ErrForm
	}
	return hour*60 + minute, nil
}

// digits reads a number of between min and max digits and nothing else.
func digits(text string, min, max int) (int, error) {
	if len(text) < min || len(text) > max || strings.Trim(text, "0123456789") != "" {
		return 0, ErrForm
	}
	return strconv.Atoi(text)
}

// FormatDay writes the opening of a day so that ParseDay reads it back.
func FormatDay(day []Interval) string {
	parts := make([]string, len(day))
	for n, i := range day {
		parts[n] = fmt.Sprintf("%02d:%02d–%02d:%02d", i.From/60, i.From%60, i.To/60, i.To%60)
	}
	return strings.Join(parts, ", ")
}

// ErrDate is returned for text that is no day.
var ErrDate = errors.New("not a day such as 24/06 or 24/12/2026")

// ParseDate reads a closing day as Italians write it, "24/06" (each year, Year 0) or
// "24/12/2026", or as ISO 8601 does, "2026-12-24". Error: ErrDate.
func ParseDate(text string) (d Date, err error) {
	text = strings.TrimSpace(text)
	var parts []string
	switch {
	case strings.Count(text, "-") == 2:
		parts = strings.Split(text, "-")
		slices.Reverse(parts)
	default:
		parts = strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' })
	}
	if len(parts) != 2 && len(parts) != 3 {
		return d, ErrDate
	}
	day, dayErr := digits(parts[0], 1, 2)
	month, monthErr := digits(parts[1], 1, 2)
	year, leap := 0, 2024 // 29 February comes round too
	var yearErr error
	if len(parts) == 3 {
		year, yearErr = digits(parts[2], 4, 4)
		leap = year
	}
	if errors.Join(dayErr, monthErr, yearErr) != nil || len(parts) == 3 && year < 2000 {
		return d, ErrDate
	}
	d = Date{year, time.Month(month), day}
	if DateOf(Date{leap, d.Month, d.Day}.noon()) != (Date{leap, d.Month, d.Day}) {
		return Date{}, ErrDate
	}
	return d, nil
}

// Text writes a closing day so that ParseDate reads it back.
func (c Closing) Text() string {
	if c.Year == 0 {
		return fmt.Sprintf("%02d/%02d", c.Day, int(c.Month))
	}
	return fmt.Sprintf("%02d/%02d/%04d", c.Day, int(c.Month), c.Year)
}
