package pages

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
)

// Mention is a colleague named in an internal note, with all that a letter about
// it says.
type Mention struct {
	InstitutionID, ConversationID string
	Subject                       string // of the conversation
	By                            string // who wrote the note
	Text                          string // of the note
	To                            people.Person
}

// TellMentioned makes a function for inbox.Options.Changed: in the transaction
// that keeps a note it hands each colleague who is named there to tell. Nobody is
// told of a note of their own.
func TellMentioned(tell func(ctx context.Context, tx *db.Tx, m Mention) error) func(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error {
	return func(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error {
		if what != inbox.EventNoted {
			return nil
		}
		m := Mention{InstitutionID: institutionID, ConversationID: conversationID}
		var person string
		err := tx.QueryRow(ctx, `
			SELECT n.text, n.person_id, c.subject FROM note n
			JOIN conversation c ON c.institution_id = n.institution_id AND c.id = n.conversation_id
			WHERE n.institution_id = $1 AND n.conversation_id = $2 ORDER BY n.at DESC, n.id DESC LIMIT 1`,
			institutionID, conversationID).Scan(&m.Text, &person, &m.Subject)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the note: %w", err)
		}
		if !strings.Contains(m.Text, "@") {
			return nil
		}
		members, err := people.Members(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		for _, member := range members {
			if member.ID == person {
				m.By = member.Name
			}
		}
		for _, to := range mentioned(m.Text, members) {
			if to.ID == person {
				continue
			}
			m.To = to.Person
			if err := tell(ctx, tx, m); err != nil {
				return err
			}
		}
		return nil
	}
}

// mentioned are the members whom a text names after an @, each once: by the whole
// name ("@Giulia Rossi"), by what stands before the @ of their address
// ("@g.rossi"), or by a first name that only one of them has.
func mentioned(text string, members []people.Member) (out []people.Member) {
	names := callNames(members)
	folded := foldName(text)
	for i := 0; i < len(folded); i++ {
		if folded[i] != '@' || !startsMention(folded[:i]) {
			continue
		}
		m, ok := named(folded[i+1:], names)
		if ok && !slices.ContainsFunc(out, func(o people.Member) bool { return o.ID == m.ID }) {
			out = append(out, m)
		}
	}
	return out
}

// startsMention reports whether an @ behind this text is the start of a name, and
// no part of an address.
func startsMention(before string) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	return before == "" || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '.' && r != '_' && r != '-'
}

// callName is a way in which a member can be called.
type callName struct {
	name   string
	member people.Member
}

// callNames are all ways to call the members, the longest first.
func callNames(members []people.Member) (out []callName) {
	first := map[string]int{}
	for _, m := range members {
		f, _, _ := strings.Cut(foldName(m.Name), " ")
		first[f]++
	}
	for _, m := range members {
		whole := foldName(m.Name)
		f, _, _ := strings.Cut(whole, " ")
		account, _, _ := strings.Cut(foldName(m.Email), "@")
		for _, name := range []string{whole, f, account} {
			if name != "" && (name != f || name == whole || first[f] == 1) {
				out = append(out, callName{name, m})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b callName) int { return len(b.name) - len(a.name) })
	return out
}

// named is the member with whose name a text begins; the longest name wins.
func named(text string, names []callName) (people.Member, bool) {
	for _, n := range names {
		if strings.HasPrefix(text, n.name) && endsName(text[len(n.name):]) {
			return n.member, true
		}
	}
	return people.Member{}, false
}

// endsName reports whether a name may end where this text begins.
func endsName(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '@'
}

// foldName is a name or a text in small letters without accents, with single spaces.
func foldName(s string) string {
	bare, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn))), strings.ToLower(s))
	if err != nil {
		bare = strings.ToLower(s)
	}
	return strings.Join(strings.Fields(bare), " ")
}
