package db

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"modernc.org/sqlite"
)

// Number is a number from 0 to 2^63-1 for parts that must not hold spaces, but for
// the last: where rows without end name a thing, it takes a fifth of the space of
// the name. It is the beginning of a SHA-256, so that nobody has to hand numbers out.
// That two of a million things share one has a chance of 1 in 18 million; for what
// must be unique the database refuses the second.
func Number(parts ...string) int64 {
	h := sha256.Sum256([]byte(strings.Join(parts, " ")))
	return int64(binary.BigEndian.Uint64(h[:8]) & math.MaxInt64)
}

// The migration that numbers what is there already needs it in SQLite's SQL.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("number_of", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		s, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("number_of: %T is no text", args[0])
		}
		return Number(s), nil
	})
}
