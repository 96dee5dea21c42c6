package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

// Argon are the costs of a password hash (Argon2id, RFC 9106).
type Argon struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
	AtOnce    int // hashes computed at the same time; the others wait
}

// DefaultArgon costs about 80 ms on one core of a small server and 32 MiB, above the
// least that OWASP asks (Password Storage Cheat Sheet: 19 MiB, 2 passes, 1 lane).
// Two at once bound the memory that sign-ins can take to 64 MiB.
func DefaultArgon() Argon { return Argon{MemoryKiB: 32 * 1024, Passes: 3, Lanes: 1, AtOnce: 2} }

// The least and the most that a hash may cost; the most protects against a
// stored text that would stop the server.
const (
	leastMemory, leastPasses = 19 * 1024, 2
	mostMemory, mostPasses   = 256 * 1024, 16
	saltSize, hashSize       = 16, 32 // bytes
)

// waitForHash is how long a sign-in waits for its turn to be hashed.
const waitForHash = 5 * time.Second

// Hasher hashes and checks passwords, a few at once. One place in two, at least, is
// kept from strangers, so that a flood of them leaves room for people in the browser
// that they use; no more strangers wait than have their turn within waitForHash, and
// refusing the others costs nothing. Safe for concurrent use.
type Hasher struct {
	argon     Argon
	slots     chan struct{}
	strangers chan struct{} // those of the slots that strangers may have
	queue     chan struct{} // strangers who wait or are being hashed
	dummy     string        // checked when there is no account, so that both take as long
}

// Whom a password is hashed for.
type visitor bool

const (
	stranger visitor = false
	familiar visitor = true // in a known browser, signed in, or holding a link of ours
)

// NewHasher returns a hasher; it refuses costs below the least.
func NewHasher(a Argon) (*Hasher, error) {
	if a.MemoryKiB < leastMemory || a.Passes < leastPasses || a.Lanes < 1 || a.AtOnce < 1 || a.MemoryKiB > mostMemory || a.Passes > mostPasses {
		return nil, fmt.Errorf("argon2id: costs %+v are outside of what is safe", a)
	}
	h := &Hasher{argon: a, slots: make(chan struct{}, a.AtOnce), strangers: make(chan struct{}, max(1, a.AtOnce/2)), queue: make(chan struct{}, limit.HashesWaiting.N())}
	h.dummy = h.encode(make([]byte, saltSize), make([]byte, hashSize))
	return h, nil
}

// Hash returns a password's hash in the PHC string format. Fault: Unavailable
// when too many others are being hashed. It is for people who have proved something.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx, familiar)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return h.encode(salt, argon2.IDKey([]byte(password), salt, h.argon.Passes, h.argon.MemoryKiB, h.argon.Lanes, hashSize)), nil
}

func (h *Hasher) encode(salt, hash []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.argon.MemoryKiB, h.argon.Passes, h.argon.Lanes, b64(salt), b64(hash))
}

// Check compares a password with a stored hash, in the same time whether or not
// there is one. weak tells that the hash costs less than today's, and should be
// replaced. Fault: Unavailable when too many others are being hashed.
func (h *Hasher) Check(ctx context.Context, password, stored string, who visitor) (ok, weak bool, err error) {
	known := stored != ""
	if !known {
		stored = h.dummy
	}
	p, err := parseHash(stored)
	if err != nil {
		return false, false, err
	}
	leave, err := h.enter(ctx, who)
	if err != nil {
		return false, false, err
	}
	defer leave()
	got := argon2.IDKey([]byte(password), p.salt, p.passes, p.memory, p.lanes, uint32(len(p.hash)))
	same := subtle.ConstantTimeCompare(got, p.hash) == 1
	return same && known, p.memory < h.argon.MemoryKiB || p.passes < h.argon.Passes, nil
}

// room tells whether it makes sense to come in: for strangers, when not too many wait.
// Fault: Unavailable.
func (h *Hasher) room(who visitor) error {
	if who == stranger && len(h.queue) == cap(h.queue) {
		return fault.New(fault.Unavailable, "auth.busy")
	}
	return nil
}

// enter waits for a turn. Fault: Unavailable, at once when too many strangers wait.
func (h *Hasher) enter(ctx context.Context, who visitor) (leave func(), err error) {
	needs := []chan struct{}{h.slots}
	if who == stranger {
		select {
		case h.queue <- struct{}{}:
			defer func() {
				if err != nil {
					<-h.queue
				}
			}()
		default:
			return nil, fault.New(fault.Unavailable, "auth.busy")
		}
		needs = []chan struct{}{h.strangers, h.slots}
	}
	late := time.NewTimer(waitForHash)
	defer late.Stop()
	for n, c := range needs {
		select {
		case c <- struct{}{}:
			continue
		case <-ctx.Done():
			err = ctx.Err()
		case <-late.C:
			err = fault.New(fault.Unavailable, "auth.busy")
		}
		for _, taken := range needs[:n] {
			<-taken
		}
		return nil, err
	}
	return func() {
		for _, c := range needs {
			<-c
		}
		if who == stranger {
			<-h.queue
		}
	}, nil
}

// parsedHash is a stored hash with its costs.
type parsedHash struct {
	memory, passes uint32
	lanes          uint8
	salt, hash     []byte
}

var errHash = errors.New("stored password hash cannot be read")

func parseHash(text string) (p parsedHash, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errHash
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.passes, &p.lanes); n != 3 || err != nil {
		return p, errHash
	}
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return p, errHash
	}
	if p.hash, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return p, errHash
	}
	if p.memory < 8 || p.memory > mostMemory || p.passes < 1 || p.passes > mostPasses || p.lanes < 1 || len(p.salt) < 8 || len(p.hash) < 16 || len(p.hash) > 64 {
		return p, errHash
	}
	return p, nil
}

// The length of a password in characters. The least is below the 15 of NIST SP
// 800-63B-4 for a password alone because one-time codes and limits stand beside it.
const (
	minPassword = 12
	maxPassword = 256
)

// CheckPassword says whether a password may be chosen by a person. Fault: Invalid,
// about the field "password".
func CheckPassword(password, email, name string) error {
	switch n := utf8.RuneCountInString(password); {
	case n < minPassword:
		return fault.InvalidField("password", "auth.password.short", minPassword)
	case n > maxPassword:
		return fault.InvalidField("password", "auth.password.long", maxPassword)
	case monotonous(password) || listed(password):
		return fault.InvalidField("password", "auth.password.common")
	case personal(password, email, name):
		return fault.InvalidField("password", "auth.password.personal")
	}
	return nil
}

// personal reports whether the password holds the name or the address: those
// are what a guesser tries first.
func personal(password, email, name string) bool {
	low := strings.ToLower(password)
	local, _, _ := strings.Cut(strings.ToLower(email), "@")
	words := append(strings.Fields(strings.ToLower(name)), local)
	words = append(words, strings.FieldsFunc(local, func(c rune) bool { return strings.ContainsRune("._-+", c) })...)
	for _, w := range words {
		if utf8.RuneCountInString(w) >= 4 && strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// monotonous reports whether few different characters make up the password, or
// each follows from the one before: aaaaaaaaaaaa, 123456789012, abcabcabcabc.
func monotonous(password string) bool {
	r := []rune(password)
	different := map[rune]bool{}
	steps := 0
	for i, c := range r {
		different[c] = true
		if i > 0 && (c-r[i-1] == 1 || c-r[i-1] == -1 || c == r[i-1]) {
			steps++
		}
	}
	return len(different) < 5 || steps > len(r)*2/3
}

// listed reports whether hardly anything is left of the password but words that
// everybody tries, with digits and signs around or instead of letters.
func listed(password string) bool {
	plain := strings.ToLower(password)
	disguised := strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i").Replace(plain)
	return wordsOnly(plain) || wordsOnly(disguised)
}

func wordsOnly(text string) bool {
	rest := text
	for _, w := range commonWords() {
		rest = strings.ReplaceAll(rest, w, "")
	}
	letters := 0
	for _, c := range rest {
		if unicode.IsLetter(c) {
			letters++
		}
	}
	return rest != text && letters < 3
}

// commonWords are words from which Italian and English passwords are commonly
// made.
func commonWords() []string {
	return []string{
		"password", "passw", "parola", "segreta", "segreto", "chiave", "accesso", "benvenuto", "benvenuta", "welcome", "letmein", "ciao",
		"amore", "tiamo", "qwerty", "qwertz", "asdfgh", "zxcvbn", "uiop", "admin", "amministratore", "administrator", "utente", "user",
		"comune", "municipio", "ufficio", "biblioteca", "sindaco", "arengo", "italia", "roma", "milano", "napoli", "torino", "cesate",
		"juventus", "inter", "milan", "forza", "gennaio", "febbraio", "marzo", "aprile", "maggio", "giugno", "luglio", "agosto",
		"settembre", "ottobre", "novembre", "dicembre", "primavera", "estate", "autunno", "inverno", "iloveyou", "monkey", "dragon",
		"computer", "internet", "prova", "test", "demo", "temp", "abcd", "master", "secret", "default", "cambiami", "changeme",
	}
}
