package site

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// filter says which publications a list holds; zero values do not restrict.
type filter struct {
	profileID, tag, kind string
	events               bool      // only those that announce an event
	from, to             time.Time // events that overlap [from, to)
	limit, offset        int
}

func (f filter) where(institutionID string) (string, []any) {
	where, args := []string{"institution_id = $1", "withdrawn_at = 0"}, []any{institutionID}
	and := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if f.profileID != "" {
		and("profile_id = $%d", f.profileID)
	}
	if f.tag != "" {
		and("message_id IN (SELECT message_id FROM publication_tag WHERE institution_id = $1 AND tag = $%d)", f.tag)
	}
	if f.kind != "" {
		and("kind = $%d", f.kind)
	}
	if f.events {
		where = append(where, "event_start > 0")
	}
	if !f.from.IsZero() {
		// Without an end, an event lasts two hours: see Publication.Ends.
		and("(CASE WHEN event_end > 0 THEN event_end ELSE event_start + 7200000000 END) > $%d", db.At(f.from))
	}
	if !f.to.IsZero() {
		and("event_start < $%d", db.At(f.to))
	}
	return strings.Join(where, " AND "), args
}

// list returns publications, the newest first; events in the order they begin.
func list(ctx context.Context, tx *db.Tx, institutionID string, f filter) ([]Publication, error) {
	where, args := f.where(institutionID)
	order := "published_at DESC, message_id DESC"
	if f.events {
		order = "event_start, message_id"
	}
	args = append(args, f.limit, f.offset)
	return db.All(ctx, tx, scanShort, fmt.Sprintf(`SELECT %s FROM publication WHERE %s ORDER BY %s LIMIT $%d OFFSET $%d`,
		shortColumns, where, order, len(args)-1, len(args)), args...)
}

// listFull is list with the texts, for feeds.
func listFull(ctx context.Context, tx *db.Tx, institutionID string, f filter) ([]Publication, error) {
	where, args := f.where(institutionID)
	args = append(args, f.limit)
	return db.All(ctx, tx, scanFull, fmt.Sprintf(`SELECT %s FROM publication WHERE %s ORDER BY published_at DESC, message_id DESC LIMIT $%d`,
		fullColumns, where, len(args)), args...)
}

// count is how many publications a filter finds.
func count(ctx context.Context, tx *db.Tx, institutionID string, f filter) (n int, err error) {
	where, args := f.where(institutionID)
	err = tx.QueryRow(ctx, `SELECT count(*) FROM publication WHERE `+where, args...).Scan(&n)
	return n, err
}

// bySlug returns a publication, also one that was withdrawn. Fault: NotFound.
func bySlug(ctx context.Context, tx *db.Tx, institutionID, slug string) (Publication, error) {
	p, err := scanFull(tx.QueryRow(ctx, `SELECT `+fullColumns+` FROM publication WHERE institution_id = $1 AND slug = $2`, institutionID, slug))
	if errors.Is(err, db.ErrNone) {
		return p, fault.Missing("site.message.missing")
	}
	return p, err
}

// neighbours are the messages before and after one, of all profiles.
func neighbours(ctx context.Context, tx *db.Tx, institutionID string, p Publication) (before, after *Publication, err error) {
	near := func(than, order string) (*Publication, error) {
		found, err := db.All(ctx, tx, scanShort, fmt.Sprintf(`
			SELECT %s FROM publication
			WHERE institution_id = $1 AND withdrawn_at = 0 AND published_at %s $2 AND message_id <> $3
			ORDER BY published_at %s, message_id %s LIMIT 1`, shortColumns, than, order, order), institutionID, db.At(p.PublishedAt), p.ID)
		if err != nil || len(found) == 0 {
			return nil, err
		}
		return &found[0], nil
	}
	if before, err = near("<", "DESC"); err != nil {
		return nil, nil, err
	}
	after, err = near(">", "ASC")
	return before, after, err
}

// changed is when anything on the site last changed, a withdrawal included.
func changed(ctx context.Context, tx *db.Tx, institutionID string) (time.Time, error) {
	var us int64
	err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(updated_at), 0) FROM publication WHERE institution_id = $1`, institutionID).Scan(&us)
	return db.When(us), err
}

// topic is a tag with how many messages have it.
type topic struct {
	Tag
	Count int
}

// maxTopics is how many topics are ever shown.
const maxTopics = 500

// topicBook keeps the topics of each institution until it publishes: to count them
// reads every tag of every message. The zero value is ready.
type topicBook struct {
	mu sync.Mutex
	of map[string]topicsAt
}

type topicsAt struct {
	version int64
	all     []topic
}

// read lists tags, the most used first, as they are in the transaction.
func (b *topicBook) read(ctx context.Context, tx *db.Tx, institutionID string, limit int) ([]topic, error) {
	var version int64
	if err := tx.QueryRow(ctx, `SELECT version FROM institution WHERE id = $1`, institutionID).Scan(&version); err != nil {
		return nil, err
	}
	b.mu.Lock()
	kept, ok := b.of[institutionID]
	b.mu.Unlock()
	if !ok || kept.version != version {
		all, err := topics(ctx, tx, institutionID, maxTopics)
		if err != nil {
			return nil, err
		}
		kept = topicsAt{version, all}
		b.mu.Lock()
		if b.of == nil {
			b.of = map[string]topicsAt{}
		}
		b.of[institutionID] = kept
		b.mu.Unlock()
	}
	return kept.all[:min(len(kept.all), limit)], nil
}

func topics(ctx context.Context, tx *db.Tx, institutionID string, limit int) ([]topic, error) {
	return db.All(ctx, tx, func(s db.Scanner) (t topic, err error) {
		err = s.Scan(&t.Tag.Tag, &t.Label, &t.Count)
		return t, err
	}, `SELECT tag, MIN(label), count(*) FROM publication_tag WHERE institution_id = $1
		GROUP BY tag ORDER BY count(*) DESC, tag LIMIT $2`, institutionID, limit)
}

// tagLabel is how people write a tag. Fault: NotFound when no message has it.
func tagLabel(ctx context.Context, tx *db.Tx, institutionID, tag string) (string, error) {
	var label *string
	err := tx.QueryRow(ctx, `SELECT MIN(label) FROM publication_tag WHERE institution_id = $1 AND tag = $2`, institutionID, tag).Scan(&label)
	if err == nil && label == nil {
		return "", fault.Missing("site.topic.missing")
	}
	if err != nil {
		return "", err
	}
	return *label, nil
}

// square is a public address at which a profile can be followed.
type square struct{ ProfileID, Platform, Handle, URL string }

// squares lists the connected channels that citizens can open.
func squares(ctx context.Context, tx *db.Tx, institutionID string) ([]square, error) {
	return db.All(ctx, tx, func(s db.Scanner) (q square, err error) {
		if err = s.Scan(&q.ProfileID, &q.Platform, &q.Handle, &q.URL); q.Platform == "webpush" {
			// The citizen's own browser is the square: here it is asked for.
			q.Handle, q.URL = "", "/avvisi?profilo="+q.ProfileID
		}
		return q, err
	}, `SELECT profile_id, platform, handle, url FROM channel
		WHERE institution_id = $1 AND state IN ('connected', 'failing') AND (url LIKE 'http%' OR platform = 'webpush') AND platform NOT IN ('email', 'site', 'webmention', 'mailbox')
		ORDER BY platform, handle`, institutionID)
}

// address is a page for the sitemap.
type address struct {
	slug    string
	updated int64
}

func addresses(ctx context.Context, tx *db.Tx, institutionID string, limit, offset int) ([]address, error) {
	return db.All(ctx, tx, func(s db.Scanner) (a address, err error) {
		err = s.Scan(&a.slug, &a.updated)
		return a, err
	}, `SELECT slug, updated_at FROM publication WHERE institution_id = $1 AND withdrawn_at = 0
		ORDER BY published_at, message_id LIMIT $2 OFFSET $3`, institutionID, limit, offset)
}

// file is what is known of a blob that some page shows.
type file struct{ contentType, source string }

// fileOf finds a file of the institution by the hash of its bytes, among the
// uploads and their smaller copies. ok is false when there is none.
func fileOf(ctx context.Context, tx *db.Tx, institutionID, hash string) (f file, ok bool, err error) {
	found, err := db.All(ctx, tx, func(s db.Scanner) (f file, err error) {
		err = s.Scan(&f.contentType, &f.source)
		return f, err
	}, `SELECT content_type, hash FROM media WHERE institution_id = $1 AND hash = $2
		UNION ALL SELECT content_type, source_hash FROM rendition WHERE institution_id = $1 AND hash = $2 LIMIT 1`, institutionID, hash)
	if err != nil || len(found) == 0 {
		return f, false, err
	}
	return found[0], true, nil
}

// shown reports whether a published message, or a profile's portrait, uses the
// file with the hash or one that was made from it.
func shown(ctx context.Context, tx *db.Tx, institutionID, hash, source string) (bool, error) {
	holds := `instr(media, $2) > 0 OR instr(media, $3) > 0`
	if tx.Engine() == db.Postgres {
		holds = `strpos(media, $2) > 0 OR strpos(media, $3) > 0`
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM (SELECT 1 AS one FROM publication WHERE institution_id = $1 AND withdrawn_at = 0 AND (`+holds+`) LIMIT 1) AS used) +
		(SELECT count(*) FROM profile WHERE institution_id = $1 AND avatar_hash IN ($2, $3))`, institutionID, hash, source).Scan(&n)
	return n > 0, err
}
