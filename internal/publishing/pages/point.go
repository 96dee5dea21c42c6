package pages

import (
	"regexp"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/publishing"
)

// A point as maps write it: "45.59, 9.08", "geo:45.59,9.08", "45,59 9,08", or the
// tail of an address of OpenStreetMap, "#map=17/45.59/9.08".
var (
	pointDots   = regexp.MustCompile(`(-?[0-9]{1,3}(?:\.[0-9]{1,15})?)\s*[,;/ ]\s*(-?[0-9]{1,3}(?:\.[0-9]{1,15})?)$`)
	pointCommas = regexp.MustCompile(`^(-?[0-9]{1,3},[0-9]{1,15})\s*[,; ]\s*(-?[0-9]{1,3},[0-9]{1,15})$`)
)

// parsePoint reads a latitude and a longitude in degrees. Whether they lie on the
// globe is publishing's rule.
func parsePoint(text string) (lat, lon float64, ok bool) {
	text = strings.TrimSpace(text)
	m := pointCommas.FindStringSubmatch(text)
	if m != nil {
		m[1], m[2] = strings.Replace(m[1], ",", ".", 1), strings.Replace(m[2], ",", ".", 1)
	} else if m = pointDots.FindStringSubmatch(text); m == nil {
		return 0, 0, false
	}
	lat, err := strconv.ParseFloat(m[1], 64)
	lon, err2 := strconv.ParseFloat(m[2], 64)
	return lat, lon, err == nil && err2 == nil
}

// formatPoint writes a point as parsePoint reads it.
func formatPoint(p publishing.Place) string {
	return strconv.FormatFloat(p.Lat, 'f', -1, 64) + ", " + strconv.FormatFloat(p.Lon, 'f', -1, 64)
}
