package count_test

import (
	"fmt"

	"codeberg.org/arengo/arengo/count"
)

func ExampleLength() {
	text := "Novità in biblioteca 📚 https://comune.cesate.mi.it/biblioteca/orari-estivi"
	fmt.Println("Mastodon:", count.Length(count.Mastodon(0), text))
	fmt.Println("Bluesky: ", count.Length(count.Bluesky(), text))
	fmt.Println("Telegram:", count.Length(count.Telegram(), text))
	fmt.Println("X:       ", count.Length(count.X(), text))
	fmt.Println("Threads: ", count.Length(count.Threads(), text))
	// Output:
	// Mastodon: 46
	// Bluesky:  74
	// Telegram: 75
	// X:        47
	// Threads:  78
}

func ExampleTruncate() {
	text := "Domani alle 18, in piazza, c'è la festa di primavera: https://comune.cesate.mi.it/festa"
	fmt.Println(count.Truncate(count.Mastodon(0), text, 31, "…"))
	fmt.Println(count.Truncate(count.Mastodon(0), text, 70, "…"))
	// Output:
	// Domani alle 18, in piazza, c'è…
	// Domani alle 18, in piazza, c'è la festa di primavera…
}

func ExampleFit() {
	text := "Domani alle 18, in piazza, c'è la festa di primavera"
	fmt.Println(count.Fit(text, "…", count.Limit{Rule: count.Bluesky(), Max: 30}, count.Limit{Rule: count.Threads(), Max: 35}))
	// Output: Domani alle 18, in piazza…
}

func ExampleEntities() {
	text := "L'#estate arriva: vedi (https://a.it/x?y=1)."
	for _, e := range count.Entities(text) {
		fmt.Println(e.Kind, e.Start, e.End, text[e.Start:e.End])
	}
	// Output:
	// hashtag 2 9 #estate
	// url 24 42 https://a.it/x?y=1
}
