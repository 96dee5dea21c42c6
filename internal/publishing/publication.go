package publishing

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// sendOut is the job that sends a scheduled message out at its moment.
type sendOut struct {
	InstitutionID string `json:"institution_id"`
	MessageID     string `json:"message_id"`
}

func (sendOut) Kind() string { return "publishing.send_out" }

// sameWindow is how long an equal text of the same profile counts as a duplicate.
const sameWindow = 24 * time.Hour

// workSendOut sends a message out if that is still what is wanted: the job may
// be an older one, or run twice.
func (d *Desk) workSendOut(ctx context.Context, j sendOut) error {
	return d.db.InTx(ctx, func(tx *db.Tx) error {
		now := d.clock()
		m, err := lock(ctx, tx, j.InstitutionID, j.MessageID)
		if err != nil {
			return err
		}
		if m.State != Scheduled || m.Held != "" || !m.approvedNow() {
			return nil
		}
		if m.Plan.Due.At.After(now) {
			return d.again(ctx, tx, m, now)
		}
		why, err := d.holdReason(ctx, tx, m, now)
		if err != nil {
			return err
		}
		if why != "" {
			m.Held, m.UpdatedAt = why, now
			if err := put(ctx, tx, m); err != nil {
				return err
			}
			return audit.Record(ctx, tx, m.InstitutionID, "message.hold", m.ID, map[string]any{"why": why}, now)
		}
		if err := d.goOut(ctx, tx, &m, now); err != nil {
			return err
		}
		m.UpdatedAt = now
		if err := put(ctx, tx, m); err != nil {
			return err
		}
		return audit.Record(ctx, tx, m.InstitutionID, "message.out", m.ID, map[string]any{"rev": m.Rev}, now)
	})
}

// holdReason says why a due message must wait for a person; empty when it may go.
func (d *Desk) holdReason(ctx context.Context, tx *db.Tx, m Message, now time.Time) (string, error) {
	frozen, err := frozenFor(ctx, tx, m.InstitutionID, m.Content.Category)
	switch {
	case err != nil:
		return "", err
	case frozen:
		return HeldFreeze, nil
	case !m.Plan.NotAfter.At.IsZero() && now.After(m.Plan.NotAfter.At):
		return HeldExpired, nil
	case m.Plan.NotAfter.At.IsZero() && now.Sub(m.Plan.Due.At) > MaxLate:
		return HeldLate, nil
	}
	same, err := lately(ctx, tx, m, now.Add(-sameWindow))
	if err != nil || same == "" {
		return "", err
	}
	return HeldSame, nil
}

// lately returns the message of the same profile with the same text that went
// out after since, or "".
func lately(ctx context.Context, tx *db.Tx, m Message, since time.Time) (string, error) {
	ids, err := db.All(ctx, tx, db.Col[string], `
		SELECT id FROM message
		WHERE institution_id = $1 AND text_hash = $2 AND id <> $3 AND out_at >= $4 AND withdrawn_at = 0 ORDER BY out_at DESC LIMIT 1`,
		m.InstitutionID, m.Content.TextHash(), m.ID, db.At(since))
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// goOut makes the approved revision what the site shows, and enters one delivery
// for each channel of the profile that is not left out.
func (d *Desk) goOut(ctx context.Context, tx *db.Tx, m *Message, now time.Time) error {
	m.State, m.OutRev, m.OutAt = Out, m.Rev, now
	slug, err := freeSlug(ctx, tx, *m)
	if err != nil {
		return err
	}
	if err := d.publish(ctx, tx, *m, slug, now, nil); err != nil {
		return err
	}
	channels, err := d.channels.Squares(ctx, tx, m.InstitutionID, m.Content.ProfileID)
	if err != nil {
		return err
	}
	var fresh []string
	for _, c := range channels {
		if m.Content.Variant(c.ID).LeftOut {
			continue
		}
		del := Delivery{InstitutionID: m.InstitutionID, Kind: aMessage, MessageID: m.ID, ChannelID: c.ID, Rev: m.Rev, DueAt: m.Plan.Due.At, Urgent: m.Content.Category.urgent()}
		id, entered, err := enter(ctx, tx, del, "", now)
		if err != nil {
			return err
		}
		if entered {
			fresh = append(fresh, id)
		}
	}
	return d.enqueueAll(ctx, tx, m.InstitutionID, fresh)
}

// deliveryID names the delivery of a message to a channel, always alike: even a
// restored backup that sends a message out again uses the key of the first time,
// by which a channel knows the copy it already has.
func deliveryID(messageID, channelID string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(messageID+" "+channelID)).String()
}

// freeSlug is the message's permanent address: from its title, made unlike any
// other of the institution, and kept for ever.
func freeSlug(ctx context.Context, tx *db.Tx, m Message) (string, error) {
	slug := institution.Slug(m.Content.Title)
	if len(slug) > 80 {
		slug = slug[:80]
	}
	if slug == "" {
		slug = m.ID[len(m.ID)-12:]
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM publication WHERE institution_id = $1 AND slug = $2`, m.InstitutionID, slug).Scan(&n)
	if err == nil && n > 0 {
		slug += "-" + m.ID[len(m.ID)-8:]
	}
	return slug, err
}

// correct makes an approved correction what the site shows, with its note and
// what changed, and asks each delivery to bring its copy to the new revision.
func (d *Desk) correct(ctx context.Context, tx *db.Tx, m *Message, note string, now time.Time) error {
	before, err := version(ctx, tx, m.InstitutionID, m.ID, m.OutRev)
	if err != nil {
		return fmt.Errorf("revision %d: %w", m.OutRev, err)
	}
	var slug, corrections string
	var publishedAt int64
	if err := tx.QueryRow(ctx, `SELECT slug, corrections, published_at FROM publication WHERE institution_id = $1 AND message_id = $2`,
		m.InstitutionID, m.ID).Scan(&slug, &corrections, &publishedAt); err != nil {
		return err
	}
	var list []Correction
	if err := json.Unmarshal([]byte(corrections), &list); err != nil {
		return fmt.Errorf("corrections of %s: %w", m.ID, err)
	}
	inst, err := institution.ByID(ctx, tx, m.InstitutionID)
	if err != nil {
		return err
	}
	list = append([]Correction{{At: db.At(now), Note: note, Changes: d.changes(before.Content, m.Content, d.address(inst))}}, list...)
	m.State, m.OutRev = Out, m.Rev
	if err := d.publish(ctx, tx, *m, slug, db.When(publishedAt), list); err != nil {
		return err
	}
	return d.bringUp(ctx, tx, *m, now)
}

// Correction is what changed on a page, and why, as citizens read it.
type Correction struct {
	At      int64    `json:"at"` // µs UTC
	Note    string   `json:"note,omitempty"`
	Changes []Change `json:"changes,omitempty"`
}

// Change is one thing that reads otherwise now.
type Change struct {
	Field  string `json:"field"` // title, body, event, place, media
	Before string `json:"before"`
	After  string `json:"after"`
}

// changes lists what a citizen would see otherwise. base is the site's address.
func (d *Desk) changes(a, b Content, base string) (out []Change) {
	note := func(field, before, after string) {
		if before != after {
			out = append(out, Change{field, before, after})
		}
	}
	note("title", a.Title, b.Title)
	note("body", d.writing.Plain(a.Body, base), d.writing.Plain(b.Body, base))
	note("event", a.Event.words(), b.Event.words())
	note("place", a.Place.words(), b.Place.words())
	note("media", fmt.Sprint(len(a.Media)), fmt.Sprint(len(b.Media)))
	return out
}

func (p *Place) words() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%s (%.5f, %.5f)", p.Name, p.Lat, p.Lon)
}

// shownMedia is a file of a publication, as the site's pages read it.
type shownMedia struct {
	ID          string      `json:"id"`
	Hash        string      `json:"hash"`
	ContentType string      `json:"content_type"`
	Name        string      `json:"name"`
	Alt         string      `json:"alt"`
	Caption     string      `json:"caption"`
	Width       int         `json:"width"`
	Height      int         `json:"height"`
	Size        int64       `json:"size"`
	Renditions  []Rendition `json:"renditions,omitempty"`
}

type shownTag struct {
	Tag   string `json:"tag"`
	Label string `json:"label"`
}

// publish writes what the site shows of a message: its page, tags and stems. The
// revision is marked as one that was out.
func (d *Desk) publish(ctx context.Context, tx *db.Tx, m Message, slug string, publishedAt time.Time, corrections []Correction) error {
	c := m.Content
	inst, err := institution.ByID(ctx, tx, m.InstitutionID)
	if err != nil {
		return err
	}
	html, err := d.writing.HTML(c.Body)
	if err != nil {
		return err
	}
	plain := d.writing.Plain(c.Body, d.address(inst))
	media, err := d.shown(ctx, tx, m.InstitutionID, c.Media)
	if err != nil {
		return err
	}
	tags := make([]shownTag, len(c.Tags))
	for i, t := range c.Tags {
		tags[i] = shownTag{TagKey(t), t}
	}
	if corrections == nil {
		corrections = []Correction{}
	}
	var span Span
	place := ""
	if c.Event != nil {
		span, _ = c.Event.Span(inst.Location())
		place = c.Event.Where
	}
	var lat, lon *float64
	if c.Place != nil {
		lat, lon = &c.Place.Lat, &c.Place.Lon
		if place == "" {
			place = c.Place.Name
		}
	}
	var correctedAt int64
	if len(corrections) > 0 {
		correctedAt = corrections[0].At
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text,
			media, tags, event_start, event_end, event_days, place, lat, lon, rev, published_at, corrected_at, corrections, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)
		ON CONFLICT (institution_id, message_id) DO UPDATE SET
			kind = excluded.kind, category = excluded.category, lang = excluded.lang, title = excluded.title, summary = excluded.summary,
			body_html = excluded.body_html, body_text = excluded.body_text, media = excluded.media, tags = excluded.tags,
			event_start = excluded.event_start, event_end = excluded.event_end, event_days = excluded.event_days, place = excluded.place, lat = excluded.lat, lon = excluded.lon,
			rev = excluded.rev, corrected_at = excluded.corrected_at, corrections = excluded.corrections, updated_at = excluded.updated_at`,
		m.InstitutionID, m.ID, c.ProfileID, slug, c.Kind(), c.Category, c.Lang, c.Title, Summary(d.writing.Words(c.Body), 200), html, plain,
		asJSON(media), asJSON(tags), db.At(span.Start), db.At(span.End), span.Days, place, lat, lon, m.Rev, db.At(publishedAt), correctedAt, asJSON(corrections), db.At(d.clock()))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE message_version SET published = TRUE WHERE institution_id = $1 AND message_id = $2 AND rev = $3`, m.InstitutionID, m.ID, m.Rev); err != nil {
		return err
	}
	if err := index(ctx, tx, m, plain, tags); err != nil {
		return err
	}
	if err := touch(ctx, tx, m.InstitutionID); err != nil {
		return err
	}
	for _, then := range d.afterPublish {
		if err := then(ctx, tx, m.InstitutionID, m.ID); err != nil {
			return err
		}
	}
	return nil
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain strings and numbers: cannot happen
	}
	return string(b)
}

// touch grows the institution's version, by which every cached page is known.
func touch(ctx context.Context, tx *db.Tx, institutionID string) error {
	if _, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1`, institutionID); err != nil {
		return err
	}
	return tx.Notify(ctx, "publication", institutionID)
}

// index stores the words and tags by which a publication is found.
func index(ctx context.Context, tx *db.Tx, m Message, plain string, tags []shownTag) error {
	if err := unindex(ctx, tx, m); err != nil {
		return err
	}
	text := []string{plain, m.Content.Title}
	for _, a := range m.Content.Media {
		text = append(text, a.Alt, a.Caption)
	}
	if m.Content.Event != nil {
		text = append(text, m.Content.Event.Where)
	}
	for _, t := range tags {
		text = append(text, t.Label)
		if _, err := tx.Exec(ctx, `INSERT INTO publication_tag (institution_id, tag, message_id, label) VALUES ($1, $2, $3, $4)`,
			m.InstitutionID, t.Tag, m.ID, t.Label); err != nil {
			return err
		}
	}
	var words []int64
	for s := range Stems(strings.Join(text, "\n"), m.Content.Lang) {
		words = append(words, db.Number(m.InstitutionID, s))
	}
	for s := range Stems(m.Content.Title, m.Content.Lang) {
		words = append(words, TitleWord(m.InstitutionID, s))
	}
	return indexWords(ctx, tx, m.InstitutionID, m.ID, words)
}

// TitleWord is the number under which a publication stands besides, when the stem is
// in its title.
func TitleWord(institutionID, stem string) int64 { return db.Number(institutionID, "title", stem) }

// indexWords stores under which words a publication is found.
func indexWords(ctx context.Context, tx *db.Tx, institutionID, messageID string, words []int64) error {
	number, err := numberOf(ctx, tx, institutionID, messageID)
	if err != nil {
		return err
	}
	slices.Sort(words)
	each := `json_each($2)`
	if tx.Engine() == db.Postgres {
		each = `json_array_elements_text(CAST($2 AS JSON)) AS w (value)`
	}
	_, err = tx.Exec(ctx, `INSERT INTO publication_word (word, publication) SELECT CAST(value AS BIGINT), $1 FROM `+each, number, asJSON(words))
	return err
}

const (
	numbersFrom = 1_577_836_800_000_000 // 2020, in microseconds
	placesEach  = 4096                  // of a microsecond
)

// numberOf is the number by which words refer to a publication; it gets one if it has
// none. It grows with the moment of publication, so that a search reads the newest
// first. Of two publications of one microsecond the second looks for another place.
func numberOf(ctx context.Context, tx *db.Tx, institutionID, messageID string) (int64, error) {
	var number sql.NullInt64
	var at int64
	if err := tx.QueryRow(ctx, `SELECT number, published_at FROM publication WHERE institution_id = $1 AND message_id = $2`, institutionID, messageID).Scan(&number, &at); err != nil || number.Valid {
		return number.Int64, err
	}
	first, place := (at-numbersFrom)*placesEach, db.Number(institutionID, messageID)
	for {
		n := first + place%placesEach
		var taken bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM publication WHERE number = $1)`, n).Scan(&taken); err != nil {
			return 0, err
		}
		if !taken {
			_, err := tx.Exec(ctx, `UPDATE publication SET number = $3 WHERE institution_id = $1 AND message_id = $2`, institutionID, messageID, n)
			return n, err
		}
		place++
	}
}

func unindex(ctx context.Context, tx *db.Tx, m Message) error {
	if _, err := tx.Exec(ctx, `DELETE FROM publication_word WHERE publication = (SELECT number FROM publication WHERE institution_id = $1 AND message_id = $2)`, m.InstitutionID, m.ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM publication_tag WHERE institution_id = $1 AND message_id = $2`, m.InstitutionID, m.ID)
	return err
}

// withdrawPublication leaves of a page only that it was withdrawn, when and why.
func withdrawPublication(ctx context.Context, tx *db.Tx, m Message, reason string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE publication SET withdrawn_at = $3, withdrawal = $4, updated_at = $3, summary = '', body_html = '', body_text = '',
			media = '[]', corrections = '[]', event_start = 0, event_end = 0, event_days = FALSE, place = '', lat = NULL, lon = NULL
		WHERE institution_id = $1 AND message_id = $2`, m.InstitutionID, m.ID, db.At(now), reason)
	if err != nil {
		return err
	}
	if err := unindex(ctx, tx, m); err != nil {
		return err
	}
	return touch(ctx, tx, m.InstitutionID)
}
