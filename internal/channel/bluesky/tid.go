package bluesky

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/google/uuid"
)

// tidAlphabet is base32-sortable (https://atproto.com/specs/tid): its order is
// that of the characters.
const tidAlphabet = "234567abcdefghijklmnopqrstuvwxyz"

// spread is how many bits of microseconds, about a minute, a record key may lie
// after the moment it stands for. With the 10 bits of the clock identifier there
// are 36 bits to tell posts of one moment from each other; if two ever met, the
// mark in the record would show it, and the second would be refused.
const spread = 26

// recordKey is the record key of a delivery: a TID that depends on its key alone
// when that is a UUIDv7, which holds the moment of its making, else on its key
// and its due time. A delivery that is rescheduled after an unknown outcome must
// keep its record key, or it would go out twice.
func recordKey(key string, due time.Time) string {
	at := due
	if id, err := uuid.Parse(key); err == nil && id.Version() == 7 {
		s, ns := id.Time().UnixTime()
		at = time.Unix(s, ns)
	}
	sum := sha256.Sum256([]byte("record key\x00" + key))
	random := binary.BigEndian.Uint64(sum[:8])
	const most = 1<<53 - 1<<spread // the timestamp has 53 bits
	micros := uint64(min(max(at.UnixMicro(), 0), most-1)) + random>>(64-spread)
	return tid(micros, random&(1<<10-1))
}

// tid writes 53 bits of microseconds since 1970 and 10 bits of clock identifier.
func tid(micros, clock uint64) string {
	v := micros<<10 | clock
	var s [13]byte
	for i := len(s) - 1; i >= 0; i-- {
		s[i] = tidAlphabet[v&31]
		v >>= 5
	}
	return string(s[:])
}

// validTID reports whether s is a TID.
func validTID(s string) bool {
	if len(s) != 13 || s[0] > 'j' { // the first bit is 0
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '2' || c > '7') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// mark is what a record says of the delivery that made it: enough to recognise
// it, nothing that tells a stranger anything.
func mark(key string) string {
	sum := sha256.Sum256([]byte("delivery\x00" + key))
	return hex.EncodeToString(sum[:16])
}
