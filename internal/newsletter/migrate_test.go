package newsletter

import (
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// What earlier versions sent keeps its outcome when rows grow smaller, and a letter
// of theirs that comes back is still known.
func TestEarlierLettersKeepTheirOutcome(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		address := testkit.Address(t, d.Engine)
		old, err := db.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { old.Close() })
		if _, err := old.MigrateTo(t.Context(), "0022_lanes.sql"); err != nil {
			t.Fatal(err)
		}
		if err := old.InTx(t.Context(), func(tx *db.Tx) error {
			for _, q := range []string{
				`INSERT INTO institution (id, slug, name, created_at) VALUES ('i', 'i', 'Comune', 1)`,
				`INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, confirmed_at, changed_at) VALUES ('i', '0199aaaa-1111-7222-8333-444455556666', 'anna@example.org', 'it', 'immediate', 'active', 1, 1)`,
				`INSERT INTO issue (institution_id, id, origin, kind, title, items, state, created_at) VALUES ('i', '0199cccc-1111-7222-8333-444455556666', 'k', 'message', 'Avviso', '[]', 'done', 1)`,
				`INSERT INTO recipient (institution_id, issue_id, subscriber_id, state, message_id, code, changed_at) VALUES
					('i', '0199cccc-1111-7222-8333-444455556666', '0199aaaa-1111-7222-8333-444455556666', 'sent', '0199aaaa-1111-7222-8333-444455556666.0199cccc-1111-7222-8333-444455556666@comune.example', '250', 5), ('i', '0199cccc-1111-7222-8333-444455556666', '0199bbbb-1111-7222-8333-444455556666', 'refused', '0199bbbb-1111-7222-8333-444455556666.0199cccc-1111-7222-8333-444455556666@comune.example', '550 5.1.1', 6)`,
			} {
				if _, err := tx.Exec(t.Context(), q); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := old.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows := func() (all []string) {
			if err := old.Read(t.Context(), func(tx *db.Tx) (err error) {
				all, err = db.All(t.Context(), tx, db.Col[string], `SELECT subscriber_id || ' ' || state || ' ' || code || ' ' || changed_at FROM recipient ORDER BY 1`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return all
		}
		if got := strings.Join(rows(), ", "); got != "0199aaaa-1111-7222-8333-444455556666 sent  5, 0199bbbb-1111-7222-8333-444455556666 refused 550 5.1.1 6" {
			t.Fatal(got)
		}
		if n, err := ReceiveBounce(t.Context(), old, strings.NewReader(report("0199aaaa-1111-7222-8333-444455556666.0199cccc-1111-7222-8333-444455556666@comune.example")), db.When(9)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if got := rows()[0]; got != "0199aaaa-1111-7222-8333-444455556666 refused 5.1.1 9" {
			t.Error(got)
		}
	})
}
