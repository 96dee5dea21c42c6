package api

import "testing"

// TestListsOfOptionalMembersAreNeverNull: a member that may be left out, and is not,
// keeps the promise that its own lists are lists.
func TestListsOfOptionalMembersAreNeverNull(t *testing.T) {
	type inner struct {
		Names []string `json:"names"`
	}
	type outer struct {
		There *inner   `json:"there,omitempty"`
		Gone  *inner   `json:"gone,omitempty"`
		Tags  []string `json:"tags,omitempty"`
		All   []outer2 `json:"all"`
	}
	body, err := marshal(outer{There: &inner{}, All: []outer2{{Sub: &outer3{}}}})
	if want := `{"there":{"names":[]},"all":[{"sub":{"names":[]}}]}`; err != nil || string(body) != want {
		t.Errorf("%s %v, want %s", body, err, want)
	}
}

type outer2 struct {
	Sub *outer3 `json:"sub,omitempty"`
}

type outer3 struct {
	Names []string `json:"names"`
}
