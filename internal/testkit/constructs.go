package testkit

// Constructs are texts of a message, in Markdown, that hold each construct which the
// editor's reader can make, and what looks like one: a square's own rendering must
// say all of it.
func Constructs() []string {
	return []string{
		"Apre alle 9.\n\nChiude alle 18.",
		"Lunedì 9-12\nMartedì 14-16",
		"5 &euro; &amp; IVA&nbsp;10%, minore<di> 3 e a<b",
		`ufficio\_tecnico@c.it, 5 \* 3, \[x\]`,
		"5*3*2 e 9~12, __avviso__ e *corsivo* e **forte**",
		"~~lunedì~~ martedì",
		"# Orari\n\ntesto",
		"Uno\n\n---\n\nDue",
		"Serve:\n\n- carta\n- penna\n  - blu\n\nGrazie",
		"1. Modulo\n2. Firma",
		"25. April: Feier\n1. Mai: Fest",
		"> Dice:\n> sì",
		"| Giorno | Ore |\n|---|---|\n| Lunedì | 9-12 |\n| Martedì | |\n\nDopo",
		"Premi `F5 *ora*`.\n\n```\na\n  b\n```",
		"Vedi [orari](https://comune.example/orari) e [Regolamento](/m/regolamento).",
		"<https://a.example/x>, https://b.example/y/molto/lungo/davvero/lunghissimo, www.c.example, urp@c.it",
		"Mercato sabato.Il parcheggio, p.es. avviso.zip",
		"![La piazza](https://a.example/p.jpg)",
		"<p>Testo dal vecchio sito</p>",
		"    rientrato\n\taltro\n+ 5 % e >20.000 euro",
		"Arriva l'#estate, non il #2026, 🎉 così",
	}
}
