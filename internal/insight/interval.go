package insight

import "math"

// z is the quantile of the normal distribution for 95 %.
const z = 1.959963984540054

// Wilson is the 95 % score interval of a share of yes among n (E. B. Wilson, JASA
// 22(158), 1927). It stays within 0 and 1 and is honest with few: 5 of 5 is not
// 100 %. n = 0 knows nothing: from 0 to 1.
func Wilson(yes, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	p, m := float64(yes)/float64(n), float64(n)
	mid := (p + z*z/(2*m)) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	return max(0, mid-half), min(1, mid+half)
}
