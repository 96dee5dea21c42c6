package web

import (
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
)

// An institution may have a colour of its own. The strict content policy allows
// no inline style, so the colour is a tiny style sheet at an address that names
// it, kept by browsers for ever.

var hexColor = regexp.MustCompile(`^#?[0-9a-fA-F]{6}$`)

// ValidColor tells whether text is a colour written as #0066cc.
func ValidColor(text string) bool { return hexColor.MatchString(text) }

func themeURL(color string) string {
	if !ValidColor(color) {
		return ""
	}
	return "/tema/" + strings.ToLower(strings.TrimPrefix(color, "#")) + ".css"
}

func (k *Kit) theme(w http.ResponseWriter, r *http.Request) error {
	hex, found := strings.CutSuffix(r.PathValue("color"), ".css")
	if !found || !ValidColor(hex) {
		return fault.Missing("fault.not_found")
	}
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, err := fmt.Fprint(w, themeCSS(parseColor(hex)))
	return err
}

// rgb is a colour with channels from 0 to 1.
type rgb [3]float64

func parseColor(hex string) rgb {
	hex = strings.TrimPrefix(hex, "#")
	var c rgb
	for i := range c {
		// The pattern was checked: each pair is a number below 256.
		v, _ := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		c[i] = float64(v) / 255
	}
	return c
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", channel(c[0]), channel(c[1]), channel(c[2]))
}

func channel(v float64) int { return int(math.Round(v * 255)) }

// scaled multiplies the brightness.
func (c rgb) scaled(by float64) rgb { return rgb{c[0] * by, c[1] * by, c[2] * by} }

// luminance is the relative luminance of WCAG 2.2.
func (c rgb) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// readable darkens a colour until it stands out from the lightest background
// used for text by 5:1, a little more than the 4.5:1 that WCAG 2.2 asks
// (1.4.3), so that links stay readable on the grey of panels.
func (c rgb) readable() rgb {
	for 1.05/(c.luminance()+0.05) < 5.2 {
		c = c.scaled(0.97)
	}
	return c
}

func themeCSS(color rgb) string {
	c := color.readable()
	return fmt.Sprintf(":root{--ar-brand:%s;--ar-brand-dark:%s;--ar-brand-darker:%s;--bs-primary:%s;--bs-primary-rgb:%d,%d,%d}\n",
		c, c.scaled(0.78), c.scaled(0.55), c, channel(c[0]), channel(c[1]), channel(c[2]))
}
