package pb

import (
	"math"
	"math/big"
	"strconv"
)

// Amount is a sum of money in the smallest unit its instance uses: an Amount
// of an instance whose Digits is 2 counts hundredths of the currency. Amounts
// of different instances must not be mixed.
type Amount int64

// maxAmount bounds every amount and every sum of costs (2^62), so that sums of
// two amounts never overflow.
const maxAmount = 1 << 62

// maxDigits bounds the decimals that an amount or a number of points may have.
const maxDigits = 15

// decimal is the exact value mant / 10^digits.
type decimal struct {
	mant   int64
	digits int
}

// parseDecimal reads a decimal number with a point or a comma, an optional
// sign and an optional exponent, as they occur in real files ("100,50",
// "400000.0", "1e6"). It drops trailing zeros behind the point. It returns
// false for anything else and for numbers beyond what an Amount can hold.
func parseDecimal(s []byte) (decimal, bool) {
	i, neg := 0, false
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		neg = s[i] == '-'
		i++
	}
	var d decimal
	seen, point, zeros := false, false, 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' || c == ',' {
			if point {
				return decimal{}, false
			}
			point = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		if point && c == '0' {
			zeros++ // kept back: they count only if another digit follows
			continue
		}
		for ; zeros > 0; zeros-- {
			if d.mant > maxAmount/10 {
				return decimal{}, false
			}
			d.mant *= 10
			d.digits++
		}
		if d.mant > (maxAmount-9)/10 {
			return decimal{}, false
		}
		d.mant = d.mant*10 + int64(c-'0')
		if point {
			d.digits++
		}
	}
	if !seen {
		return decimal{}, false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		exp, err := strconv.Atoi(string(s[i+1:]))
		if err != nil || exp < -maxDigits || exp > 18 {
			return decimal{}, false
		}
		d.digits -= exp
		i = len(s)
	}
	if i != len(s) {
		return decimal{}, false
	}
	for d.digits < 0 {
		if d.mant > maxAmount/10 {
			return decimal{}, false
		}
		d.mant *= 10
		d.digits++
	}
	for d.digits > 0 && d.mant%10 == 0 {
		d.mant /= 10
		d.digits--
	}
	if neg {
		d.mant = -d.mant
	}
	return d, d.digits <= maxDigits
}

// scaleTo returns the mantissa with the given number of decimals, which is at
// least its own, and whether it fits.
func (d decimal) scaleTo(digits int) (int64, bool) {
	m := d.mant
	for i := d.digits; i < digits; i++ {
		if m > maxAmount/10 || m < -maxAmount/10 {
			return 0, false
		}
		m *= 10
	}
	return m, true
}

// pow10 is 10^k for 0 ≤ k ≤ 18.
func pow10(k int) int64 {
	p := int64(1)
	for ; k > 0; k-- {
		p *= 10
	}
	return p
}

// formatScaled writes v / 10^digits without trailing zeros.
func formatScaled(v int64, digits int) string {
	if digits == 0 {
		return strconv.FormatInt(v, 10)
	}
	neg := v < 0
	if neg {
		v = -v
	}
	p := pow10(digits)
	s := strconv.FormatInt(v/p, 10)
	if f := v % p; f != 0 {
		fs := strconv.FormatInt(f+p, 10)[1:]
		for fs[len(fs)-1] == '0' {
			fs = fs[:len(fs)-1]
		}
		s += "." + fs
	}
	if neg {
		s = "-" + s
	}
	return s
}

// ratFloat is the float64 next to r.
func ratFloat(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}

// relEps is an upper bound of the relative error of one float64 operation:
// half a unit in the last place is 2^-53, and this is 2^-52 so that the second
// order terms of a handful of chained operations are covered too.
const relEps = 0x1p-52

var infinity = math.Inf(1)
