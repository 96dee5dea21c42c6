// Package i18n speaks the languages of the people who use Arengo.
//
// Every text that a person may read is in a catalogue, never in code: one file
// per language and area, catalogue/it/publishing.toml and
// catalogue/en/publishing.toml. Load refuses a catalogue in which a key lacks a
// language, is defined twice, or has other arguments in another language.
//
// A text may have arguments, {0} {1} by position or {name} by name (pass Args),
// and a plural: {one = "…", other = "…"}, chosen by the first whole number among
// the arguments. Numbers and dates given as arguments are written the way the
// language writes them, in the institution's time zone.
//
//	"delivery.late" = {one = "{0} consegna in ritardo", other = "{0} consegne in ritardo"}
//
// Italian and English have the same two plural forms for whole numbers: one for
// 1, other for everything else (Unicode CLDR, cardinal rules i = 1 and v = 0).
package i18n
