package wire

import (
	"net/http"
	"strconv"
	"time"
)

// longest is the longest wait believed: a platform that asks for more has a
// clock or a header that is wrong.
const longest = 24 * time.Hour

// Wait is how long an answer asks to wait before the next request: the header
// Retry-After (RFC 9110, 10.2.3: seconds or a date), else X-RateLimit-Reset or
// RateLimit-Reset, which platforms write as an RFC 3339 time, as Unix seconds
// or as seconds from now. Times are read by the peer's own clock, its Date
// header. Zero means that it does not say.
func Wait(h http.Header) time.Duration {
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	for _, name := range []string{"Retry-After", "X-RateLimit-Reset", "RateLimit-Reset"} {
		if d, ok := until(h.Get(name), now); ok {
			return min(max(d, time.Second), longest)
		}
	}
	return 0
}

// until reads one of the ways to say when.
func until(value string, now time.Time) (time.Duration, bool) {
	const thisCentury = 946684800 // Unix seconds of 2000-01-01: a number above is a time, below it a length
	if n, err := strconv.ParseInt(value, 10, 64); err == nil && n >= 0 {
		if n >= thisCentury {
			return time.Unix(n, 0).Sub(now), true
		}
		return time.Duration(min(n, int64(longest/time.Second))) * time.Second, true
	}
	if t, err := time.Parse(time.RFC3339Nano, value); err == nil {
		return t.Sub(now), true
	}
	if t, err := http.ParseTime(value); err == nil {
		return t.Sub(now), true
	}
	return 0, false
}
