package people_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

var now = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// town is an institution with an administrator.
type town struct {
	institution.Institution
	admin people.Person
}

func newTown(t *testing.T, d *db.DB, name string) (w town) {
	t.Helper()
	inTx(t, d, func(ctx context.Context, tx *db.Tx) (err error) {
		if w.Institution, err = institution.Create(ctx, tx, institution.Institution{Name: name}, now); err != nil {
			return err
		}
		if w.admin, err = people.Create(ctx, tx, people.Person{Email: "admin@" + w.Slug + ".example", Name: "Anna Rossi"}, now); err != nil {
			return err
		}
		return people.SetRoles(ctx, tx, w.ID, w.admin.ID, []people.Role{people.Administrator}, now)
	})
	return w
}

func inTx(t *testing.T, d *db.DB, fn func(context.Context, *db.Tx) error) {
	t.Helper()
	ctx := t.Context()
	if err := d.InTx(ctx, func(tx *db.Tx) error { return fn(ctx, tx) }); err != nil {
		t.Fatal(err)
	}
}

func addPerson(t *testing.T, d *db.DB, institutionID, email string, roles ...people.Role) (p people.Person) {
	t.Helper()
	inTx(t, d, func(ctx context.Context, tx *db.Tx) (err error) {
		if p, err = people.Create(ctx, tx, people.Person{Email: email, Name: "Persona " + email}, now); err != nil {
			return err
		}
		return people.SetRoles(ctx, tx, institutionID, p.ID, roles, now)
	})
	return p
}

func TestEmailIsTakenInAnyCase(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, "Cesate")
		ctx := t.Context()
		err := d.InTx(ctx, func(tx *db.Tx) error {
			_, err := people.Create(ctx, tx, people.Person{Email: " ADMIN@Cesate.example ", Name: "Altra"}, now)
			return err
		})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("same address in capitals: %v, want Conflict", err)
		}
		inTx(t, d, func(ctx context.Context, tx *db.Tx) error {
			p, err := people.ByEmail(ctx, tx, "Admin@CESATE.example")
			if err == nil && p.ID != w.admin.ID {
				t.Errorf("found %v, want the administrator", p)
			}
			return err
		})
	})
}

func TestPersonWithBadDataIsRefusedWithEveryField(t *testing.T) {
	d := testkit.SQLite(t)
	ctx := t.Context()
	err := d.InTx(ctx, func(tx *db.Tx) error {
		_, err := people.Create(ctx, tx, people.Person{Email: "Anna <anna@example.org>", Name: "  ", Locale: "xx"}, now)
		return err
	})
	var names []string
	for _, f := range fault.Of(err).Fields {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"email", "name", "locale"}) {
		t.Errorf("fields at fault %v, want email, name, locale", names)
	}
}

func TestAddressTakesOnlyPlainAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"Anna.Rossi@Comune.Cesate.MI.it": "anna.rossi@comune.cesate.mi.it",
		" a@b.it ":                       "a@b.it",
		"demo@localhost":                 "demo@localhost",
		"senza chiocciola":               "",
		"a@b":                            "",
		"Anna <a@b.it>":                  "",
		"a@b.it, c@d.it":                 "",
		"a@b.it\nBcc: c@d.it":            "",
		"":                               "",
	} {
		if got, ok := people.Address(text); got != want || ok != (want != "") {
			t.Errorf("Address(%q) = %q, %v; want %q", text, got, ok, want)
		}
	}
}

func TestRolesOfSeveralInstitutionsStayApart(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		cesate, solaro := newTown(t, d, "Cesate"), newTown(t, d, "Solaro")
		shared := addPerson(t, d, cesate.ID, "desk@unione.example", people.Approver, people.Writer)
		inTx(t, d, func(ctx context.Context, tx *db.Tx) error {
			if err := people.SetRoles(ctx, tx, solaro.ID, shared.ID, []people.Role{people.Reader}, now); err != nil {
				return err
			}
			serves, err := people.Serves(ctx, tx, shared.ID)
			if err != nil {
				return err
			}
			if len(serves) != 2 || !slices.Equal(serves[0].Roles, []people.Role{people.Writer, people.Approver}) || !slices.Equal(serves[1].Roles, []people.Role{people.Reader}) {
				t.Errorf("Serves = %+v", serves)
			}
			a, ok, err := people.Acting(ctx, tx, shared.ID, solaro.ID)
			if err != nil || !ok || a.May(people.Write) || !a.May(people.See) {
				t.Errorf("in Solaro acts as %+v, %v, %v; want a reader", a, ok, err)
			}
			m, err := people.MemberByID(ctx, tx, cesate.ID, shared.ID)
			if err == nil && !m.Elsewhere {
				t.Error("Elsewhere is false for a person who serves two institutions")
			}
			return err
		})
	})
}

func TestLastAdministratorStays(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, "Cesate")
		ctx := t.Context()
		for name, act := range map[string]func(*db.Tx) error{
			"lose the role": func(tx *db.Tx) error {
				return people.SetRoles(ctx, tx, w.ID, w.admin.ID, []people.Role{people.Writer}, now)
			},
			"be removed": func(tx *db.Tx) error { return people.Remove(ctx, tx, w.ID, w.admin.ID, now) },
		} {
			if err := d.InTx(ctx, act); !fault.Is(err, fault.Conflict) {
				t.Errorf("the last administrator could %s: %v", name, err)
			}
		}
	})
}

func TestTwoAdministratorsWhoRemoveEachOtherDoNotBothSucceed(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, "Cesate")
		other := addPerson(t, d, w.ID, "altro@cesate.example", people.Administrator)
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i, id := range []string{w.admin.ID, other.ID} {
			wg.Go(func() {
				errs[i] = d.InTx(t.Context(), func(tx *db.Tx) error { return people.Remove(t.Context(), tx, w.ID, id, now) })
			})
		}
		wg.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("results %v and %v: want exactly one to succeed", errs[0], errs[1])
		}
		inTx(t, d, func(ctx context.Context, tx *db.Tx) error {
			all, err := people.Members(ctx, tx, w.ID)
			if len(all) != 1 {
				t.Errorf("%d members left, want 1", len(all))
			}
			return err
		})
	})
}

func TestRemovedPersonCannotActUnlessServingElsewhere(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		cesate, solaro := newTown(t, d, "Cesate"), newTown(t, d, "Solaro")
		only := addPerson(t, d, cesate.ID, "solo@cesate.example", people.Writer)
		both := addPerson(t, d, cesate.ID, "due@unione.example", people.Writer)
		inTx(t, d, func(ctx context.Context, tx *db.Tx) error {
			if err := people.SetRoles(ctx, tx, solaro.ID, both.ID, []people.Role{people.Writer}, now); err != nil {
				return err
			}
			for _, id := range []string{only.ID, both.ID} {
				if err := people.Remove(ctx, tx, cesate.ID, id, now); err != nil {
					return err
				}
			}
			if _, ok, err := people.Acting(ctx, tx, only.ID, cesate.ID); ok || err != nil {
				t.Errorf("a person removed from the only institution still acts (%v)", err)
			}
			a, ok, err := people.Acting(ctx, tx, both.ID, solaro.ID)
			if !ok || !a.May(people.Write) {
				t.Errorf("a person removed from one institution lost the other: %+v %v", a, ok)
			}
			if a, _, _ := people.Acting(ctx, tx, both.ID, cesate.ID); a.May(people.See) {
				t.Error("a removed person still sees the desk")
			}
			return err
		})
	})
}

func TestCanHidesOtherInstitutions(t *testing.T) {
	ctx := people.With(t.Context(), people.Actor{PersonID: "p", InstitutionID: "a", Roles: []people.Role{people.Writer}})
	for _, c := range []struct {
		ctx         context.Context
		action      people.Action
		institution string
		want        fault.Kind
		ok          bool
	}{
		{t.Context(), people.See, "a", fault.Unsigned, false},
		{ctx, people.Write, "a", 0, true},
		{ctx, people.Approve, "a", fault.Forbidden, false},
		{ctx, people.See, "b", fault.NotFound, false},
		{ctx, "unknown", "a", fault.Forbidden, false},
	} {
		_, err := people.Can(c.ctx, c.action, c.institution)
		if (err == nil) != c.ok || (!c.ok && !fault.Is(err, c.want)) {
			t.Errorf("Can(%s, %s) = %v", c.action, c.institution, err)
		}
	}
}

func TestRoleCoversWhatItMayPassOn(t *testing.T) {
	for _, c := range []struct {
		have []people.Role
		role people.Role
		want bool
	}{
		{[]people.Role{people.Administrator}, people.Duty, true},
		{[]people.Role{people.Administrator}, people.Writer, true},
		{[]people.Role{people.Approver}, people.Writer, true},
		{[]people.Role{people.Writer}, people.Approver, false},
		{[]people.Role{people.Approver}, people.Duty, false},
		{nil, people.Reader, false},
	} {
		if got := people.Covers(c.have, c.role); got != c.want {
			t.Errorf("Covers(%v, %s) = %v", c.have, c.role, got)
		}
	}
	for _, a := range people.Actions() {
		if !(people.Actor{Roles: []people.Role{people.Administrator}}).May(a) {
			t.Errorf("the administrator may not %s", a)
		}
	}
}
