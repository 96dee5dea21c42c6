package i18n

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// style is how a language writes numbers and dates.
type style struct {
	group, point string
	months       [12]string
	short        [12]string
	days         [7]string // Sunday first, as time.Weekday
}

func styles(lang string) style {
	if lang == English {
		return style{
			group: ",", point: ".",
			months: [12]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"},
			short:  [12]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"},
			days:   [7]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
		}
	}
	return style{
		group: ".", point: ",",
		months: [12]string{"gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto", "settembre", "ottobre", "novembre", "dicembre"},
		short:  [12]string{"gen", "feb", "mar", "apr", "mag", "giu", "lug", "ago", "set", "ott", "nov", "dic"},
		days:   [7]string{"domenica", "lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato"},
	}
}

// day is the number of the day; Italian writes the first of a month as an ordinal.
func (p *Printer) day(t time.Time) string {
	if p.lang == Italian && t.Day() == 1 {
		return "1º"
	}
	return strconv.Itoa(t.Day())
}

// Date is a day in words: "lunedì 4 maggio 2026".
func (p *Printer) Date(t time.Time) string {
	t = t.In(p.loc)
	return p.style.days[t.Weekday()] + " " + p.day(t) + " " + p.style.months[t.Month()-1] + " " + strconv.Itoa(t.Year())
}

// DateShort is a day for lists and tables: "4 mag 2026".
func (p *Printer) DateShort(t time.Time) string {
	t = t.In(p.loc)
	return p.day(t) + " " + p.style.short[t.Month()-1] + " " + strconv.Itoa(t.Year())
}

// DateTime is a moment in words: "lunedì 4 maggio 2026, ore 18:30".
func (p *Printer) DateTime(t time.Time) string { return p.Date(t) + p.at() + p.Time(t) }

// DateTimeShort is a moment for lists and tables: "4 mag 2026, 18:30".
func (p *Printer) DateTimeShort(t time.Time) string { return p.DateShort(t) + ", " + p.Time(t) }

// Span says when something takes place, from start to end; a zero end is not known.
// Of whole days, end is the midnight after the last.
func (p *Printer) Span(start, end time.Time, days bool) string {
	switch {
	case days:
		first, last := p.Date(start), p.Date(end.In(p.loc).AddDate(0, 0, -1))
		if end.IsZero() || first == last {
			return p.T("when.day", first)
		}
		return p.T("when.days", first, last)
	case !end.After(start):
		return p.DateTime(start)
	case p.Date(start) == p.Date(end):
		return p.DateTime(start) + "–" + p.Time(end)
	}
	return p.T("when.hours", p.DateTime(start), p.DateTime(end))
}

func (p *Printer) at() string {
	if p.lang == Italian {
		return ", ore "
	}
	return ", "
}

// Time is the time of day: "18:30".
func (p *Printer) Time(t time.Time) string { return t.In(p.loc).Format("15:04") }

// Month is a month in words: "maggio 2026".
func (p *Printer) Month(t time.Time) string {
	t = t.In(p.loc)
	return p.style.months[t.Month()-1] + " " + strconv.Itoa(t.Year())
}

// Weekday is the name of a day of the week: "lunedì".
func (p *Printer) Weekday(d time.Weekday) string { return p.style.days[d] }

// Relative says how far t is from now, in the unit a person would use: "adesso",
// "3 minuti fa", "tra 2 ore", "ieri, ore 18:30", "domani, ore 9:00". Beyond a
// week it is the date.
func (p *Printer) Relative(now, t time.Time) string {
	d := t.Sub(now)
	past := d < 0
	if past {
		d = -d
	}
	minutes, hours := int(math.Round(d.Minutes())), int(math.Round(d.Hours()))
	days := p.daysBetween(now, t)
	switch {
	case minutes == 0:
		return p.T("time.now")
	case minutes < 60 && past:
		return p.T("time.minutes_ago", minutes)
	case minutes < 60:
		return p.T("time.in_minutes", minutes)
	case hours <= 12 && days == 0 && past:
		return p.T("time.hours_ago", hours)
	case hours <= 12 && days == 0:
		return p.T("time.in_hours", hours)
	}
	switch days {
	case 0:
		return p.T("time.today", p.Time(t))
	case -1:
		return p.T("time.yesterday", p.Time(t))
	case 1:
		return p.T("time.tomorrow", p.Time(t))
	}
	switch {
	case days < 0 && days > -7:
		return p.T("time.days_ago", -days)
	case days > 0 && days < 7:
		return p.T("time.in_days", days)
	}
	return p.DateShort(t)
}

// daysBetween counts midnights of the zone between two moments; a day that has
// 23 or 25 hours is still one day.
func (p *Printer) daysBetween(from, to time.Time) int {
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(p.loc).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(midnight(to).Sub(midnight(from)) / (24 * time.Hour))
}

// Number writes a whole or decimal number with the language's separators:
// 1.234,5 in Italian. Decimals are rounded to two places and trailing zeros
// left out. Anything that is not a number gives "".
func (p *Printer) Number(n any) string {
	if w, ok := whole(n); ok {
		return p.grouped(strconv.FormatInt(w, 10))
	}
	var f float64
	switch x := n.(type) {
	case float64:
		f = x
	case float32:
		f = float64(x)
	default:
		return ""
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return "–"
	}
	text := strings.TrimRight(strings.TrimRight(strconv.FormatFloat(f, 'f', 2, 64), "0"), ".")
	return p.decimal(text)
}

func (p *Printer) decimal(text string) string {
	digits, fraction, found := strings.Cut(text, ".")
	if !found {
		return p.grouped(digits)
	}
	return p.grouped(digits) + p.style.point + fraction
}

func (p *Printer) grouped(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "\u2212", digits[1:]
		if strings.Trim(digits, "0") == "" {
			sign = ""
		}
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + p.style.group + digits[i:]
	}
	return sign + digits
}

// Percent writes a share of 1: 0.125 is "12,5%".
func (p *Printer) Percent(share float64) string {
	return p.decimal(strings.TrimSuffix(strconv.FormatFloat(share*100, 'f', 1, 64), ".0")) + "%"
}

// Money writes an amount in euro cents: 123450 is "1.234,50 €" in Italian and
// "€1,234.50" in English.
func (p *Printer) Money(cents int64) string {
	text := p.decimal(strconv.FormatInt(cents/100, 10) + "." + leftPad(cents%100))
	if cents < 0 && cents > -100 {
		text = "\u2212" + text
	}
	if p.lang == English {
		if rest, negative := strings.CutPrefix(text, "\u2212"); negative {
			return "\u2212€" + rest
		}
		return "€" + text
	}
	return text + "\u00a0€"
}

func leftPad(cents int64) string {
	if cents < 0 {
		cents = -cents
	}
	if cents < 10 {
		return "0" + strconv.FormatInt(cents, 10)
	}
	return strconv.FormatInt(cents, 10)
}

// Bytes writes a size with decimal units (1 kB = 1000 bytes), as file managers do.
func (p *Printer) Bytes(n int64) string {
	if n < 1000 {
		return p.Number(n) + "\u00a0byte"
	}
	size, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB"} {
		size /= 1000
		if size < 999.95 {
			break
		}
	}
	text := strconv.FormatFloat(size, 'f', 1, 64)
	return p.decimal(strings.TrimSuffix(text, ".0")) + "\u00a0" + unit
}
