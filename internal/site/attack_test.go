package site

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

// One who searches without end has one search at a time; another still gets in, and a
// third is told to come back.
func TestAttackSearchesWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Site{searches: limit.NewGate(limit.Searches.N(), limit.SearchesInAll.N())}
		r := httptest.NewRequest(http.MethodGet, "/cerca?q=scuola", nil)
		first, err := s.enterSearch(r, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.enterSearch(r, 1); !fault.Is(err, fault.Unavailable) {
			t.Errorf("a second search of the same network: %v", err)
		}
		if leave, err := s.searches.Wait(context.Background(), limit.Of(netip.MustParseAddr("203.0.113.9")), 1); err != nil {
			t.Errorf("a search of another network: %v", err)
		} else {
			leave()
		}
		if leave, err := s.enterSearch(r, 0); err != nil {
			t.Errorf("the page without a word: %v", err)
		} else {
			leave()
		}
		first()
		if leave, err := s.enterSearch(r, 1); err != nil {
			t.Errorf("after the first has ended: %v", err)
		} else {
			leave()
		}
	})
}
