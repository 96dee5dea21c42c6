package prose

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Ends lists where a text may be cut so that it still ends well, ascending: byte
// offsets after the mark that ends a sentence (and the quotes and brackets that
// close with it), and at the ends of lines. lang (BCP 47) says whose abbreviations
// they are not to be taken for; of an unknown language, all are known. What is no
// end for sure is none: a text cut a sentence earlier reads well, one that ends in
// "l'arch." does not.
func Ends(text, lang string) (ends []int) {
	shorts := abbreviations(lang)
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n':
			if at, ok := lineEnd(text, i, lang, shorts); ok && (len(ends) == 0 || ends[len(ends)-1] < at) {
				ends = append(ends, at)
			}
		case r == '.' || r == '!' || r == '?' || r == '…':
			at, ok := sentenceEnd(text, i, n, lang, shorts)
			if ok {
				ends = append(ends, at)
			}
			n = at - i // all marks that stand together
		}
		i += n
	}
	return ends
}

// lineEnd reports whether the line that ends at i says something whole, and where it
// ends without its spaces.
func lineEnd(text string, i int, lang string, shorts shortForms) (int, bool) {
	line := strings.TrimRight(text[:i], " ")
	if line == "" || line[len(line)-1] == '\n' {
		return 0, false
	}
	next := strings.TrimLeftFunc(text[i:], unicode.IsSpace)
	if r, _ := utf8.DecodeRuneInString(next); next == "" || unicode.IsLower(r) || unfinished(line) {
		return 0, false
	}
	if before, ok := strings.CutSuffix(line, "."); ok && short(before, lang, shorts) {
		return 0, false
	}
	return len(line), true
}

// unfinished reports whether a line promises what comes after it.
func unfinished(line string) bool {
	r, _ := utf8.DecodeLastRuneInString(line)
	return strings.ContainsRune(":,;–-—(«", r)
}

// sentenceEnd reports whether the mark at i, n bytes long, ends a sentence, and
// where what closes with it ends.
func sentenceEnd(text string, i, n int, lang string, shorts shortForms) (int, bool) {
	end := i + n
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if !strings.ContainsRune(`.!?…)]»”“"'’‘`, r) {
			break
		}
		end += size
	}
	marks := text[i:end]
	rest := text[end:]
	space, size := utf8.DecodeRuneInString(rest)
	if rest == "" || !unicode.IsSpace(space) || strings.HasPrefix(strings.TrimLeft(rest, " \u00a0"), "\n") {
		return end, false // the end of the text, of a word, or of a line, which is an end anyway
	}
	next := strings.TrimLeftFunc(rest[size:], unicode.IsSpace)
	if !begins(next, marks) {
		return end, false
	}
	if marks == "." && short(text[:i], lang, shorts) || text[i] == '.' && len(marks) > 1 && marks[1] != '.' && shorts.never[strings.ToLower(lastWord(text[:i]))] {
		return end, false
	}
	return end, true
}

// begins reports whether a sentence may begin so: with a capital, be it behind
// quotes or brackets; with a hashtag, a name, an address, a picture. A figure begins
// one after "!" and "?"; after a full stop it may belong to what is before it.
func begins(next, marks string) bool {
	next = strings.TrimLeft(next, `«“"'‘(¿¡[*_`)
	r, _ := utf8.DecodeRuneInString(next)
	switch {
	case next == "":
		return false
	case unicode.IsUpper(r), unicode.IsTitle(r), strings.ContainsRune("#@–—→", r), unicode.Is(unicode.So, r):
		return true
	case strings.HasPrefix(next, "http://"), strings.HasPrefix(next, "https://"), strings.HasPrefix(next, "www."):
		return true
	case unicode.IsDigit(r):
		return marks[0] != '.'
	}
	return unicode.IsLetter(r) && !unicode.IsLower(r) // of a script without capitals
}

// shortForms are the abbreviations of a language, without their last full stop. A
// word in lower case matches any case, one with a capital only itself.
type shortForms struct{ never, capital, seldom map[string]bool }

// The abbreviations. Words that also end sentences ("est", "no", "set", "mar" of the
// sea) are left out, or stand with a capital where only that is short.
const (
	shortItalian = `dott dott.ssa dottssa dr dr.ssa drssa prof prof.ssa profssa proff ing arch avv rag geom p.i per.ind sig sig.ra sigra sigg sig.na
		on sen mons cav comm uff gen col cap magg ten serg mar.llo m.llo lgt brig app isp sovr ass cons segr pres vicepres resp dir amm del comm.rio
		art artt c co cpv lett n nn nr num nro pag pagg p pp par sez tit all alleg tab fig vol ed cit op cfr v vd vv s ss segg seg succ prec
		es p.es ad.es tel cell int e-mail ca circa max min prov reg com loc fraz v.le p.za p.zza pza pzza c.so l.go str vic u.s
		gg genn febbr lugl sett ott nov dic lun giov ven sab dom merc
		d.lgs dlgs d.l dl d.m d.p.r dpr d.p.c.m l.r l.n r.d g.u prot rif rep delib determ det ord decr c.a c.m p.v p.t a.c d.c u.o a.s sec ac dc
		s.n.c s.n s.p.a s.r.l s.a.s s.c a.s.d o.d.v a.p.s i.v.a p.iva c.f c.c c/c c.p m.q mq b.u.r h ore.min sc
		san ss.ma b.v ill.mo ill.ma spett spett.le gent gent.mo gent.ma gent.le egr preg.mo rev on.le cod partit iscr
		Gen Feb Mar Apr Mag Giu Lug Ago Set Sett Ott Nov Dic Lun Mart Merc Gio Giov Ven Sab Dom Est.`
	shortGerman = `z.b z bzw u.a d.h ca nr nrn dr dres prof hr fr frl str mag dipl dipl.-ing ing dkfm abs art artt bd bde bes bez betr bzgl evtl ev ggf gem geb gest
		inkl exkl einschl i.d.r i.a i.v i.s.d fa lt max min mio mrd tsd o.ä u.ä o.g o.a o.dgl u.dgl s s.o s.u sog std tel u.u v.a vgl vorm nachm z.t z.zt z.hd zzgl abzgl
		zw entspr ehem gegr jh jhdt kap hrsg hg red ltg e.v co a.d k.u.k univ bgm bgm.in lh lhstv lrin univ.-prof dgl usf gez verf verst bl pkt ziff lit
		rd röm kath evang st hl fam geschw gebr erz aufl ausg anm erg kfm techn wiss öff städt staatl mind höchst tägl wöchentl jährl mtl monatl
		p.a p.m n.chr v.chr u.z m.e m.w i.e.s m.ü.m d.l.h k.g tit par
		Jan Feb Mär Apr Jun Jul Aug Sep Sept Okt Nov Dez Mo Di Mi Do Fr Sa So Kl Pl Min Sek Gem Bez St Hptm`
	shortEnglish = `mr mrs ms dr prof st jr sr rev hon gen col capt lt sgt vs approx dept est fig vol pp ed eds inc ltd co corp no nos tel ext e.g i.e a.m p.m
		Jan Feb Apr Jun Jul Aug Sep Sept Oct Nov Dec Mon Tue Tues Wed Thu Thurs Fri Sat Sun Ave Blvd Rd`
	// mayEnd stand at the end of a sentence as often as within one: what follows decides.
	mayEnd = `ecc etc eccetera usw etw`
)

func abbreviations(lang string) shortForms {
	f := shortForms{never: map[string]bool{}, capital: map[string]bool{}, seldom: map[string]bool{}}
	lang, _, _ = strings.Cut(strings.ToLower(lang), "-")
	lists := map[string]string{"it": shortItalian, "de": shortGerman, "en": shortEnglish}
	chosen := []string{lists[lang]}
	if lists[lang] == "" {
		chosen = []string{shortItalian, shortGerman}
	}
	for _, list := range chosen {
		for _, w := range strings.Fields(list) {
			if r, _ := utf8.DecodeRuneInString(w); unicode.IsUpper(r) {
				f.capital[strings.TrimSuffix(w, ".")] = true
			} else {
				f.never[w] = true
			}
		}
	}
	for _, w := range strings.Fields(mayEnd) {
		f.seldom[w] = true
	}
	return f
}

// dotted is a word of short parts with full stops between them: p.es, z.B, i.d.R,
// S.p.A.
var dotted = regexp.MustCompile(`^\p{L}{1,3}(\.-?\p{L}{1,3})+$`)

// ordinal is a German figure that a full stop makes an ordinal: "am 25. April".
var ordinal = regexp.MustCompile(`^\d{1,2}$`)

// roman is a number of a pope, a king, a paragraph: "Papst Johannes XXIII. besuchte".
var roman = regexp.MustCompile(`^[IVXLC]+$`)

// short reports whether the full stop after before belongs to its last word.
func short(before, lang string, shorts shortForms) bool {
	word := lastWord(before)
	german := strings.HasPrefix(strings.ToLower(lang), "de")
	letters := utf8.RuneCountInString(word)
	first, _ := utf8.DecodeRuneInString(word)
	switch low := strings.ToLower(word); {
	case word == "" || strings.ContainsAny(word, "#@:"):
		return false // a hashtag, a name, an address
	case shorts.seldom[low]:
		return false // a capital follows
	case shorts.never[low], shorts.capital[word]:
		return true
	case letters == 1 && unicode.IsLetter(first):
		return true // an initial: G. Verdi, S. Maria
	case dotted.MatchString(word):
		return true
	case ordinal.MatchString(word) && strings.HasSuffix("\n"+before, "\n"+word):
		return true // the number of an item in a list
	}
	return german && (ordinal.MatchString(word) || roman.MatchString(word))
}

// lastWord is the word before a mark, without the quotes, brackets and elided
// articles before it: (dell'art → art.
func lastWord(before string) string {
	at := strings.LastIndexFunc(before, unicode.IsSpace)
	word := before[at+1:]
	if at >= 0 {
		_, size := utf8.DecodeRuneInString(before[at:])
		word = before[at+size:]
	}
	if i := strings.LastIndexAny(word, `'’(«“"[/–`); i >= 0 && !strings.Contains(word, "://") && !strings.EqualFold(word, "c/c") {
		_, size := utf8.DecodeRuneInString(word[i:])
		word = word[i+size:]
	}
	return word
}

// Unhung takes from the end of a shortened text what waits for a next word: an
// abbreviation ("l'arch."), a comma, an open bracket.
func Unhung(text, lang string) string {
	shorts := abbreviations(lang)
	for {
		text = strings.TrimRight(text, " \n,;:–-—(«“")
		before, dot := strings.CutSuffix(text, ".")
		if !dot || !short(before, lang, shorts) {
			return text
		}
		text = strings.TrimSuffix(before, lastWord(before))
		text = strings.TrimRightFunc(text, func(r rune) bool { return !unicode.IsSpace(r) }) // the article before it: l'arch.
	}
}
