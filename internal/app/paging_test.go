package app_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/internal/db"
)

// crowded writes n messages and conversations of which many share a moment: none is
// written in the order in which it is listed.
func (w *town) crowded(t *testing.T, n int) {
	t.Helper()
	ctx, base := t.Context(), db.At(time.Now().Add(-time.Hour))
	if err := w.app.DB.InTx(ctx, func(tx *db.Tx) error {
		for _, q := range []string{
			`INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, created_at, updated_at)
			SELECT $1, 'm' || CAST(k * 7919 % 1000 AS TEXT), $2, 'a', 'draft', 'T', '', '{}', 1, '', '', 'a', CAST($3 AS BIGINT), CAST($3 AS BIGINT) + k * k % 4 FROM n`,
			`INSERT INTO conversation (institution_id, id, profile_id, channel_id, platform, author_id, subject, state, due_at, first_at, last_at)
			SELECT $1, 'c' || CAST(k * 7919 % 1000 AS TEXT), $2, 'h', 'mastodon', 'a', 'S', 'open', CAST($3 AS BIGINT) + k * k % 3, CAST($3 AS BIGINT), CAST($3 AS BIGINT) + k * k % 4 FROM n`,
			`INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, text, author, person_id, at)
			SELECT $1, 'd' || CAST(k * 7919 % 1000 AS TEXT), $2, 'x', 'hide', '', '', '', 'a', CAST($3 AS BIGINT) + k * k % 4 FROM n`,
		} {
			if _, err := tx.Exec(ctx, fmt.Sprintf(`WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %d) `, n)+q, w.inst.ID, w.profile.ID, base); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// forgetLimits lets a fast test ask more than a program may.
func (w *town) forgetLimits(t *testing.T) {
	if err := w.app.DB.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `DELETE FROM rate_limit`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// Whatever the length of a page, a list read to its end has each row once: also where
// a page ends between rows of one moment.
func TestEveryListOfTheAPIHasEachRowOnceHoweverItIsPaged(t *testing.T) {
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			w := newTown(t, settings(t, e))
			const n = 37
			w.crowded(t, n)
			lists := []string{"/messages?", "/messages?state=draft&", "/conversations?", "/conversations?sort=oldest&", "/conversations?sort=deadline&", "/moderation?"}
			rapid.Check(t, func(r *rapid.T) {
				w.forgetLimits(t)
				list := rapid.SampledFrom(lists).Draw(r, "list")
				var seen []string
				for cursor := ""; ; {
					limit := rapid.IntRange(1, 12).Draw(r, "limit")
					a := w.admin.JSON(http.MethodGet, fmt.Sprintf("%slimit=%d&cursor=%s", list, limit, url.QueryEscape(cursor)), nil)
					if a.Status != http.StatusOK {
						r.Fatalf("%s: %d %s", list, a.Status, a.Raw)
					}
					var page struct {
						Items []struct{ ID string }
						Next  string
					}
					if err := json.Unmarshal(a.Raw, &page); err != nil {
						r.Fatal(err)
					}
					for _, i := range page.Items {
						seen = append(seen, i.ID)
					}
					if cursor = page.Next; cursor == "" {
						break
					}
				}
				slices.Sort(seen)
				if all := slices.Compact(slices.Clone(seen)); len(seen) != n || len(all) != n {
					r.Errorf("%s: %d rows, %d of them different, want %d", list, len(seen), len(all), n)
				}
			})
		})
	}
}
