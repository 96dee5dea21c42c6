package app

import (
	"context"
	"maps"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/db"
)

// mediaNames are the columns that name a content of the media store, by table; an
// empty one names none. A backup holds what they name, the sweep leaves it.
func mediaNames() map[string]string {
	return map[string]string{"media": "hash", "rendition": "hash", "profile": "avatar_hash", "letter_file": "hash"}
}

// namedMedia lists every content that a row names, each once. tables are those that
// there are: a backup is made of an earlier schema too.
func namedMedia(ctx context.Context, tx *db.Tx, tables []string) ([]string, error) {
	var parts []string
	columns := mediaNames()
	for _, table := range slices.Sorted(maps.Keys(columns)) {
		if !slices.Contains(tables, table) {
			continue
		}
		parts = append(parts, "SELECT "+columns[table]+" FROM "+table+" WHERE "+columns[table]+" <> ''")
	}
	return db.All(ctx, tx, db.Col[string], strings.Join(parts, " UNION "))
}
