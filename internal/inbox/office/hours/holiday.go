package hours

import "time"

// Holiday is a day on which public offices are closed by law.
type Holiday struct {
	Name   string // in Italian, as the law calls it
	Source string // the law
}

// The laws. 260/1949 lists the days, 54/1977 struck some of them out, the decree of
// 1985 took Epiphany back in and law 336/2000 the Republic; law 151/2025 added Saint
// Francis from 1 January 2026. Sundays are in the list too; whether an office is open
// on Sunday is said by its week. Saint Peter and Paul, a holiday in Rome, is a closing
// day that the institution sets.
const (
	law1949    = "L. 260/1949, art. 2"
	decree1985 = "D.P.R. 792/1985, art. 1"
	law2000    = "L. 336/2000, art. 1"
	law2025    = "L. 151/2025, art. 1"
)

// HolidayOn is the national holiday of Italy on a day, from 2001 on: the list
// before is another one. ok is false on any other day.
func HolidayOn(d Date) (h Holiday, ok bool) {
	switch {
	case d.Month == time.January && d.Day == 1:
		return Holiday{"Capodanno", decree1985}, true
	case d.Month == time.January && d.Day == 6:
		return Holiday{"Epifania", decree1985}, true
	case d.Month == time.April && d.Day == 25:
		return Holiday{"Anniversario della Liberazione", law1949}, true
	case d.Month == time.May && d.Day == 1:
		return Holiday{"Festa del lavoro", law1949}, true
	case d.Month == time.June && d.Day == 2:
		return Holiday{"Festa della Repubblica", law2000}, true
	case d.Month == time.August && d.Day == 15:
		return Holiday{"Assunzione di Maria", decree1985}, true
	case d.Month == time.October && d.Day == 4 && d.Year >= 2026:
		return Holiday{"San Francesco d'Assisi", law2025}, true
	case d.Month == time.November && d.Day == 1:
		return Holiday{"Ognissanti", decree1985}, true
	case d.Month == time.December && d.Day == 8:
		return Holiday{"Immacolata Concezione", decree1985}, true
	case d.Month == time.December && d.Day == 25:
		return Holiday{"Natale", decree1985}, true
	case d.Month == time.December && d.Day == 26:
		return Holiday{"Santo Stefano", law1949}, true
	case (d.Month == time.March || d.Month == time.April) && d == Easter(d.Year).Next():
		return Holiday{"Lunedì dell'Angelo", law1949}, true
	}
	return Holiday{}, false
}

// Feast is a holiday with its day.
type Feast struct {
	Date
	Holiday
}

// Holidays lists the national holidays of a year, in order.
func Holidays(year int) (all []Feast) {
	for d := (Date{year, time.January, 1}); d.Year == year; d = d.Next() {
		if h, ok := HolidayOn(d); ok {
			all = append(all, Feast{d, h})
		}
	}
	return all
}

// Easter is Easter Sunday of a year of the Gregorian calendar: the Sunday after the
// full moon, reckoned by the tables of the calendar, on or after 21 March (the
// computus; here with the epact worked out as in the tables of 1582).
func Easter(year int) Date {
	golden := year%19 + 1
	century := year/100 + 1
	solar := 3*century/4 - 12       // leap days that the calendar left out
	lunar := (8*century+5)/25 - 5   // drift of the moon over centuries
	sunday := 5*year/4 - solar - 10 // −sunday mod 7 is a Sunday in March
	epact := ((11*golden+20+lunar-solar)%30 + 30) % 30
	if epact == 24 || epact == 25 && golden > 11 {
		epact++ // so that no full moon falls twice on one day of a cycle
	}
	full := 44 - epact
	if full < 21 {
		full += 30
	}
	full += 7 - (sunday+full)%7 // the Sunday after it
	if full > 31 {
		return Date{year, time.April, full - 31}
	}
	return Date{year, time.March, full}
}
