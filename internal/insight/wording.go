package insight

import "strings"

// The words by which Judge tells an opinion, written for this use: what Italians say
// under a town's posts. Accents are folded and apostrophes part words, so "d'accordo"
// is "d accordo". A phrase counts wherever it stands; a longer one is found first.

// agreeing are phrases of consent.
func agreeing(lang string) []string {
	return inLanguage(lang, `
		d accordo|concordo|condivido|condivisibile|sono favorevole|siamo favorevoli|favorevole|favorevolissimo|approvo|approviamo|sottoscrivo|sostengo|appoggio
		ben fatto|fatto bene|fate bene|avete fatto bene|ottimo|ottima|ottimi|ottime|bravo|brava|bravi|brave|bravissimi|bravissime|complimenti
		finalmente|era ora|mi piace|ci piace|piace molto|bella iniziativa|belle iniziative|bella idea|bell idea|bella notizia|buona notizia|bellissimo|bellissima|bellissimi|bellissime|che bello|che bella
		splendido|splendida|fantastico|fantastica|fantastici|meraviglioso|meravigliosa|eccellente|eccezionale|magnifico|magnifica|perfetto|perfetta|stupendo|stupenda
		giusto cosi|giustissimo|giustissima|sacrosanto|sacrosanta|scelta giusta|giusta scelta|e giusto|cosa giusta|utilissimo|utilissima|molto utile|comodissimo
		avanti cosi|continuate cosi|meno male|ben venga|ben vengano|buona idea|ottima idea|gran lavoro|bel lavoro|non vedo l ora|non vediamo l ora|evviva|contento|contenta|contenti|felice|felici|soddisfatto|soddisfatta|soddisfatti
		piu che giusto|niente da dire|tanto di cappello|ne vale la pena`, `
		agree|totally agree|i support|we support|in favour|in favor|well done|great idea|good idea|great|excellent|love it|love this|love that|brilliant|wonderful|amazing|fantastic|finally|bravo|congratulations|congrats
		good news|good job|great job|happy to hear|so happy|glad|well deserved|about time|right decision|good decision|can t wait|looking forward`)
}

// opposing are phrases of dissent.
func opposing(lang string) []string {
	return inLanguage(lang, `
		contrario|contraria|contrari|contrarie|sfavorevole|sfavorevoli|disaccordo|dissento|disapprovo|mi oppongo|ci opponiamo|contrarissimo
		vergogna|vergognoso|vergognosa|vergognosi|vergognatevi|scandalo|scandaloso|scandalosa|assurdo|assurda|assurdita|pessimo|pessima|pessimi|pessime|inaccettabile|inammissibile|intollerabile|indecente|indegno|indegna
		inutile|inutili|spreco|sprechi|sprecare|soldi buttati|soldi buttati via|buttare soldi|buttare i soldi|soldi nostri|ridicolo|ridicola|ridicoli|incapaci|incompetenti|incompetenza|schifo|che schifo|fa schifo
		sempre peggio|peggio di prima|peggiorato|peggiorata|sbagliato|sbagliata|sbagliati|scelta sbagliata|delusione|deluso|delusa|delusi|deludente|disastro|disastroso|disastrosa|follia|idiozia|stupidaggine|cavolata
		basta|no grazie|non se ne puo piu|non ne possiamo piu|non ne posso piu|stufo|stufa|stufi|non serve|non serve a niente|non serve a nulla|non funziona|non funzionano|non va bene|non e possibile|non e giusto
		solo promesse|solo parole|solo chiacchiere|chiacchiere|presa in giro|prese in giro|ci prendete in giro|mi prendete in giro|protesto|protestiamo|ripensateci|dimettetevi|dimissioni
		penalizza|penalizzati|penalizzate|ingiusto|ingiusta|ingiustizia|discriminazione|bocciato|bocciata|vi pare normale|vi sembra normale|vi pare il caso|possibile che|era meglio prima|tornate indietro|fate marcia indietro
		peccato|purtroppo|dimenticati|abbandonati|lasciati soli|nessuno ci ascolta|non ci ascoltate|la solita|il solito|le solite|ma per favore`, `
		disagree|strongly disagree|against this|i oppose|we oppose|opposed|shame|shameful|disgrace|disgraceful|terrible|awful|horrible|useless|pointless|waste of money|waste of time|a waste|ridiculous|absurd|unacceptable|disappointed|disappointing
		bad idea|terrible idea|wrong decision|wrong choice|is wrong|worse|worse than before|fed up|sick of|scandal|nonsense|stop this|no thanks|doesn t work|does not work|incompetent|a disaster|a joke|unfair|unjust|go back`)
}

// polite phrases are consent only where nothing else is said: a question ends with
// thanks too.
func polite(lang string) []string {
	return inLanguage(lang, `grazie|grazie mille|mille grazie|vi ringrazio|ringrazio|buon lavoro|grazie di cuore|un grazie`, `thank you|thanks|many thanks`)
}

// asking are phrases that ask without a question mark.
func asking(lang string) []string {
	return inLanguage(lang, `vorrei sapere|volevo sapere|vorrei chiedere|volevo chiedere|mi sapete dire|sapete dirmi|qualcuno sa|si sa quando|si sa se|potete dirmi|potreste dirmi|chiedo informazioni|vorrei informazioni`,
		`i would like to know|i d like to know|does anyone know|could you tell me|can you tell me`)
}

// openers begin a question that lacks its mark.
func openers(lang string) []string {
	return inLanguage(lang, `a che ora|quando|dove|come si|come faccio|come posso|come mai|come si fa|chi|quanto costa|quanto|quanti|quale|quali|si puo|e possibile|sapete|avete|posso|possiamo|perche|fino a quando|da quando`,
		`when|where|how|who|what|which|why|is it|are there|is there|can we|can i|do you|does`)
}

// negators turn a phrase of consent into dissent, within a few words and the same
// clause.
func negators(lang string) map[string]bool {
	all := map[string]bool{}
	for _, w := range inLanguage(lang, `non|mica|neanche|nemmeno|neppure|nessuno|nessuna|nessun|mai|per niente|affatto`, `not|never|no|don|doesn|didn|isn|aren|wasn|won|cannot|nobody`) {
		all[w] = true
	}
	return all
}

// inLanguage are the phrases of one language; of both when it is not known.
func inLanguage(lang, italian, english string) (all []string) {
	text := italian + "|" + english
	switch {
	case strings.HasPrefix(lang, "it"):
		text = italian
	case strings.HasPrefix(lang, "en"):
		text = english
	}
	for _, line := range strings.Split(text, "\n") {
		for _, p := range strings.Split(line, "|") {
			if p = strings.TrimSpace(p); p != "" {
				all = append(all, p)
			}
		}
	}
	return all
}

// The emoji whose meaning is an opinion, by their names in Unicode (CLDR short
// names). Tears, fear and surprise are none: they may mourn with us. Source of the
// choice: the names themselves, and the signs of sentiment that P. Kralj Novak et
// al. found (PLoS ONE 10(12), 2015) for those that are used both ways.
const (
	// thumbs up, clapping, OK hand, raising hands, folded hands, handshake, flexed
	// biceps, hearts, fire, party, trophy, 100, star, check mark, smiling faces
	glad = "👍👏👌🙌🙏🤝💪❤🧡💛💚💙💜🤍💖💕💗💓💘😍🥰😘🤩🔥🎉🥳🏆💯⭐🌟✅😊😃😄😁🙂😀🤗🫡🆒🍾🫶👑🌹💐"
	// thumbs down, middle finger, pouting and angry faces, swearing, vomiting, pile of
	// poo, clown, rolling eyes, steam from nose, cross mark, face palm, broken heart
	angry = "👎🖕😡😠🤬🤮🤢💩🤡🙄😤❌🤦💔😒🥱👺🤥"
)
