package bluesky

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestTIDIsWrittenAsTheSpecificationShows(t *testing.T) {
	// The examples of https://atproto.com/specs/tid.
	for _, s := range []string{"3jzfcijpj2z2a", "7777777777777", "3zzzzzzzzzzzz"} {
		if !validTID(s) {
			t.Errorf("%s is a TID", s)
		}
	}
	for _, s := range []string{"3jzfcijpj2z21", "0000000000000", "3jzfcijpj2z2aa", "3jzfcijpj2z2", "3jzf-cij-pj2z-2a", "zzzzzzzzzzzzz", "kjzfcijpj2z2a", ""} {
		if validTID(s) {
			t.Errorf("%s is no TID", s)
		}
	}
	if got := tid(0, 0); got != "2222222222222" {
		t.Errorf("the first TID is %s", got)
	}
	if got := tid(1<<53-1, 1<<10-1); got != "bzzzzzzzzzzzz" {
		t.Errorf("the last TID is %s", got)
	}
}

func TestRecordKeyIsTheSameAtEachTry(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		due := time.UnixMicro(rapid.Int64().Draw(t, "due"))
		first := recordKey(key, due)
		if !validTID(first) {
			t.Fatalf("%q is no TID", first)
		}
		if again := recordKey(key, due.In(time.FixedZone("", 7200))); again != first {
			t.Fatalf("%q, then %q", first, again)
		}
	})
}

func TestRescheduledDeliveryKeepsItsRecordKey(t *testing.T) {
	key := uuid.Must(uuid.NewV7()).String()
	now := time.Now()
	if a, b := recordKey(key, now), recordKey(key, now.Add(48*time.Hour)); a != b {
		t.Errorf("%s became %s", a, b)
	}
}

// A provider's whole day, all due at the same instant, on one account.
func TestRecordKeysOfOneMomentDiffer(t *testing.T) {
	due := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	seen := map[string]bool{}
	for range 20_000 {
		seen[recordKey(uuid.Must(uuid.NewV7()).String(), due)] = true
		seen[recordKey(uuid.NewString(), due)] = true // a key that holds no moment
	}
	if len(seen) != 40_000 {
		t.Errorf("%d record keys for 40000 deliveries", len(seen))
	}
}

func TestRecordKeysFollowTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		due := time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "due"), 0)
		later := due.Add(2 * time.Minute)
		if a, b := recordKey(rapid.StringN(1, 20, 40).Draw(t, "a"), due), recordKey("x", later); a >= b {
			t.Fatalf("%s of %s is not before %s of %s", a, due, b, later)
		}
	})
}

func TestMarkTellsDeliveriesApart(t *testing.T) {
	if mark("a") == mark("b") || mark("a") != mark("a") || len(mark("a")) != 32 {
		t.Errorf("marks %q and %q", mark("a"), mark("b"))
	}
}
