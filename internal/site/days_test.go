package site_test

import (
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// An event of whole days is one everywhere, over the night in which clocks change,
// too; one without an end gets none.
func TestEventsOfWholeDaysAndWithoutAnEnd(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		rome, err := time.LoadLocation("Europe/Rome")
		w.must(err)
		day := func(d int) time.Time { return time.Date(2026, 10, d, 0, 0, 0, 0, rome) }
		w.publish(note{Title: "Festa di tre giorni", Body: "Musica.", Start: day(24), End: day(27), Days: true, Published: at("2026-04-02T09:00")})
		w.publish(note{Title: "Giornata della terra", Body: "Alberi.", Start: day(30), End: day(31), Days: true, Published: at("2026-04-02T09:00")})
		w.publish(note{Title: "Consiglio comunale", Body: "Aperto a tutti.", Start: day(30).Add(21 * time.Hour), Published: at("2026-04-02T09:00")})

		calendar := strings.ReplaceAll(w.page("/eventi.ics"), "\r\n", "\n")
		contains(t, calendar, "DTSTART;VALUE=DATE:20261024\nDTEND;VALUE=DATE:20261027\nSUMMARY:Festa di tre giorni\n",
			"DTSTART;VALUE=DATE:20261030\nDTEND;VALUE=DATE:20261031\nSUMMARY:Giornata della terra\n",
			"DTSTART;TZID=Europe/Rome:20261030T210000\nSUMMARY:Consiglio comunale\n")
		if n := strings.Count(calendar, "\nDTEND"); n != 2 {
			t.Errorf("%d ends", n)
		}
		contains(t, w.page("/m/festa-di-tre-giorni"), "da sabato 24 ottobre 2026 a lunedì 26 ottobre 2026", `<time datetime="2026-10-24">`,
			`"startDate":"2026-10-24"`, `"endDate":"2026-10-26"`)
		contains(t, w.page("/m/giornata-della-terra"), "venerdì 30 ottobre 2026, tutto il giorno", `"startDate":"2026-10-30"`, `"endDate":"2026-10-30"`)
		council := w.page("/m/consiglio-comunale")
		contains(t, council, "venerdì 30 ottobre 2026, ore 21:00<", `"startDate":"2026-10-30T21:00:00+01:00"`)
		lacks(t, council, "endDate", "23:00")
		contains(t, w.page("/feed.json"), `"start": "2026-10-24"`, `"end": "2026-10-26"`)

		// Each of its days holds it in the month, and no other day.
		month := w.page("/eventi?mese=2026-10")
		if n := strings.Count(month, ">Festa di tre giorni</a>"); n != 3+1 { // in the month, and in the list below it
			t.Errorf("%d days hold the feast:\n%s", n, month)
		}
	})
}
