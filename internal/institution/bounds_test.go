package institution_test

import (
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// A command line gives what no form lets through: it is refused with the field, on
// both databases alike, and before PostgreSQL's index or encoding refuses it.
func TestNamesThatNoPageCanShowAreRefused(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		for _, bad := range []struct {
			field string
			i     institution.Institution
		}{
			{"name", institution.Institution{Name: strings.Repeat("à", 201), Slug: "a"}},
			{"name", institution.Institution{Name: "a\xff\xfe", Slug: "a"}},
			{"name", institution.Institution{Name: "a\nb", Slug: "a"}},
			{"kind", institution.Institution{Name: "A", Kind: strings.Repeat("k", 5000)}},
			{"slug", institution.Institution{Name: "A", Slug: strings.Repeat("s", 5000)}},
			{"slug", institution.Institution{Name: "مدينة"}},
		} {
			if _, err := create(t, d, bad.i); fields(err)[bad.field] == "" {
				t.Errorf("%.20q %.20q: %v, want %s at fault", bad.i.Name, bad.i.Slug, err, bad.field)
			}
		}
		made, err := create(t, d, institution.Institution{Name: strings.Repeat("à", 200)})
		if err != nil {
			t.Fatalf("the longest name: %v", err)
		}
		for field, p := range map[string]institution.Profile{
			"name": {Name: "a\tb"},
			"slug": {Name: "A", Slug: strings.Repeat("s", 201)},
		} {
			p.InstitutionID = made.ID
			err := d.InTx(t.Context(), func(tx *db.Tx) error {
				_, err := institution.SaveProfile(t.Context(), tx, p, now)
				return err
			})
			if fields(err)[field] == "" {
				t.Errorf("profile %.20q: %v, want %s at fault", p.Name, err, field)
			}
		}
	})
}

// fields are the keys of what is wrong, by field.
func fields(err error) map[string]string {
	wrong := map[string]string{}
	if err == nil {
		return wrong
	}
	for _, f := range fault.Of(err).Fields {
		wrong[f.Name] = f.Key
	}
	return wrong
}
