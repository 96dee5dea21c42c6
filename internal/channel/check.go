package channel

import (
	"regexp"
	"slices"
	"unicode"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/count"
)

// Problem is what is wrong with a post on a channel, in the catalogue's words.
type Problem struct {
	Key      string
	Args     []any
	Blocking bool // the platform would refuse it
}

// Length is how long a post is as its channel counts, and the most it may be; 0
// is no limit. The content warning counts where the channel counts it.
func Length(p Post, c Capabilities) (have, most int) {
	return count.LengthWithWarning(c.Text, p.Warning, p.Text), c.Limit(len(p.Media))
}

// Check says what is wrong with a post on a channel, before anything is sent.
func Check(p Post, c Capabilities) (out []Problem) {
	block := func(key string, args ...any) { out = append(out, Problem{key, args, true}) }
	warn := func(key string, args ...any) { out = append(out, Problem{key, args, false}) }

	if p.Text == "" && len(p.Media) == 0 {
		block("channel.problem.empty")
	}
	if have, most := Length(p, c); most > 0 && have > most {
		block("channel.problem.long", have, most)
	}
	if c.MaxBytes > 0 && len(p.Text) > c.MaxBytes {
		block("channel.problem.bytes", len(p.Text), c.MaxBytes)
	}
	if c.Handles {
		if m := bareHandle.FindStringSubmatch(p.Text); m != nil {
			warn("channel.problem.handle", m[1])
		}
	}
	images, videos, documents := census(p.Media)
	switch {
	case images > c.Images:
		block("channel.problem.images", images, c.Images)
	case videos > c.Videos:
		block("channel.problem.videos", videos, c.Videos)
	case documents > c.Documents:
		block("channel.problem.documents", documents, c.Documents)
	case images > 0 && videos > 0 && !c.Mixed:
		block("channel.problem.mixed")
	}
	for i, m := range p.Media {
		switch {
		case m.IsImage() && !takes(m, c.ImageTypes, c.ImageBytes), m.IsVideo() && !takes(m, c.VideoTypes, c.VideoBytes):
			block("channel.problem.file", i+1, m.Name)
		case m.IsImage() && m.Alt == "":
			warn("channel.problem.alt", i+1)
		case c.MaxAlt > 0 && utf8.RuneCountInString(m.Alt) > c.MaxAlt:
			warn("channel.problem.alt_long", i+1, c.MaxAlt)
		}
	}
	return out
}

// bareHandle is a name without the server where it is somebody's.
var bareHandle = regexp.MustCompile(`(?:^|[\s(«"'])(@[\p{L}\p{N}_]+(?:[.-][\p{L}\p{N}_]+)*)(?:[\s,;:!?)»"'.…]|$)`)

func takes(m Media, types []string, most int64) bool {
	return (len(types) == 0 || slices.Contains(types, m.ContentType)) && (most == 0 || m.Size <= most)
}

func census(all []Media) (images, videos, documents int) {
	for _, m := range all {
		switch {
		case m.IsImage():
			images++
		case m.IsVideo():
			videos++
		default:
			documents++
		}
	}
	return images, videos, documents
}

// Pick chooses, in order, which files of many go to a channel, and counts those
// that stay behind the link. Where a channel takes either pictures or a video,
// the first file decides.
func Pick(all []Media, c Capabilities) (picked []Media, left int) {
	var images, videos, documents int
	for _, m := range all {
		ok := false
		switch {
		case m.IsImage():
			ok = images < c.Images && (videos == 0 || c.Mixed)
		case m.IsVideo():
			ok = videos < c.Videos && (images == 0 || c.Mixed) && takes(m, c.VideoTypes, c.VideoBytes)
		default:
			ok = documents < c.Documents && images+videos == 0
		}
		if !ok {
			left++
			continue
		}
		picked = append(picked, m)
		images, videos, documents = census(picked)
	}
	return picked, left
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) || r == '_' }
