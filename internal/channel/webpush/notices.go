package webpush

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	push "github.com/SherClockHolmes/webpush-go"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Options are what Notices are built from; all are required but Log, Lease and
// AllowLoopback.
type Options struct {
	DB    *db.DB
	Kit   *web.Kit
	Box   *secret.Box
	Fetch *fetch.Client
	Clock func() time.Time
	Log   *slog.Logger
	// Contact is the e-mail address at which a push service's operator reaches the
	// administrator (RFC 8292, 2.1).
	Contact string
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
	// TagKey is the form of a tag in comparisons.
	TagKey func(string) string
	// Lease is how long the sending of a worker that died is left alone; 0: two
	// minutes. It is longer than one batch may take.
	Lease time.Duration
	// AllowLoopback takes endpoints on this machine, without TLS: tests and demo only.
	AllowLoopback bool
}

// Notices tell the browsers of every institution. Safe for concurrent use.
type Notices struct {
	Options
	jobs *jobs.Pool
}

// New builds Notices, adds their pages to the kit and registers their work.
func New(o Options, r *jobs.Registry) (*Notices, error) {
	if o.DB == nil || o.Kit == nil || o.Box == nil || o.Fetch == nil || o.Clock == nil || o.Address == nil || o.TagKey == nil || o.Contact == "" {
		return nil, errors.New("webpush: DB, Kit, Box, Fetch, Clock, Contact, Address and TagKey are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lease == 0 {
		o.Lease = 2 * time.Minute
	}
	n := &Notices{Options: o}
	if err := o.Kit.AddTemplates(templates); err != nil {
		return nil, err
	}
	jobs.Handle(r, n.workSend)
	jobs.Handle(r, n.workTick)
	jobs.Every(r, tickEvery, tick{})
	return n, nil
}

// Use gives the notices the pool in which they enqueue their work.
func (n *Notices) Use(p *jobs.Pool) { n.jobs = p }

// keys are the pair by which push services know an institution.
type keys struct{ public, private string }

func keyPurpose(institutionID string) string { return "webpush.key/" + institutionID }

// keysOf returns an institution's key pair. ErrNone when it has none yet.
func (n *Notices) keysOf(ctx context.Context, tx *db.Tx, institutionID string) (k keys, err error) {
	var sealed string
	if err := tx.QueryRow(ctx, `SELECT public_key, sealed FROM push_key WHERE institution_id = $1`, institutionID).Scan(&k.public, &sealed); err != nil {
		return k, err
	}
	k.private, err = n.Box.Open(keyPurpose(institutionID), sealed)
	return k, err
}

// PublicKey is the key that a browser subscribes with; the pair is made the first
// time somebody asks.
func (n *Notices) PublicKey(ctx context.Context, institutionID string) (public string, err error) {
	read := func(tx *db.Tx) error {
		k, err := n.keysOf(ctx, tx, institutionID)
		public = k.public
		return err
	}
	if err = n.DB.Read(ctx, read); !errors.Is(err, db.ErrNone) {
		return public, err
	}
	private, public, err := push.GenerateVAPIDKeys()
	if err != nil {
		return "", fmt.Errorf("key pair for web push: %w", err)
	}
	return public, n.DB.InTx(ctx, func(tx *db.Tx) error {
		// Another request may have been faster: its pair stays.
		if _, err := tx.Exec(ctx, `INSERT INTO push_key (institution_id, public_key, sealed, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			institutionID, public, n.Box.Seal(keyPurpose(institutionID), private), db.At(n.Clock())); err != nil {
			return err
		}
		return read(tx)
	})
}

// payload is what a browser shows. Its tag is the notice's id.
type payload struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Link  string `json:"link"` // a path of the site
	Icon  string `json:"icon,omitempty"`
	Lang  string `json:"lang,omitempty"`
	Tag   string `json:"tag"`
	At    int64  `json:"at"` // ms since 1970, as JavaScript counts
}

// maxPayload bounds the payload in bytes: a record of 4,096 holds 3,993 (RFC 8291,
// 4), and the text is cut long before.
const maxPayload = 3_900

func (p payload) encode() (string, error) {
	text, err := json.Marshal(p)
	// Characters that JSON writes in six bytes make even a short text long.
	for err == nil && len(text) > maxPayload {
		half := len([]rune(p.Body)) / 2
		if half == 0 {
			return "", &channel.Error{Class: channel.Refused, Code: channel.CodeTooLong}
		}
		p.Body = strings.TrimSpace(string([]rune(p.Body)[:half])) + "…"
		text, err = json.Marshal(p)
	}
	return string(text), err
}

// newsLife is how long a notice is worth delivering: a browser that is off longer
// finds the message on the site, and is not woken by what is no news.
const newsLife = 24 * time.Hour

// HandOver takes over a message for the browsers that want what a channel's profile
// says. Handing over the same key again changes nothing. Fault: NotFound when there
// is no such channel.
func (n *Notices) HandOver(ctx context.Context, channelID string, p channel.Post) (r channel.Remote, err error) {
	now := n.Clock()
	err = n.DB.InTx(ctx, func(tx *db.Tx) error {
		i, profile, err := place(ctx, tx, channelID)
		if err != nil {
			return err
		}
		id := db.NewID()
		title := p.Title
		if title == "" {
			title = profile.Name
		}
		text, err := payload{Title: title, Body: body(p), Link: strings.TrimPrefix(p.Link, n.Address(i)), Lang: p.Lang, Tag: id, At: now.UnixMilli(), Icon: n.icon(profile)}.encode()
		if err != nil {
			return err
		}
		fresh, err := tx.Change(ctx, `
			INSERT INTO push_notice (institution_id, id, origin, channel_id, link, payload, urgent, state, until_at, next_at, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $9, 'sending', $7, $8, $8) ON CONFLICT (institution_id, origin) DO NOTHING`,
			i.ID, id, p.Key, channelID, p.Link, text, db.At(now.Add(newsLife)), db.At(now), p.Urgent)
		if err != nil {
			return err
		}
		r.URL = p.Link
		if fresh == 0 {
			return tx.QueryRow(ctx, `SELECT id FROM push_notice WHERE institution_id = $1 AND origin = $2`, i.ID, p.Key).Scan(&r.ID)
		}
		r.ID = id
		if err := enter(ctx, tx, i.ID, id, profile.ID, n.tagKeys(p.Tags), now); err != nil {
			return err
		}
		return n.jobs.Enqueue(ctx, tx, send{i.ID, id}, jobs.When{Queue: jobs.LaneOf(p.Urgent, jobs.Bulk)})
	})
	return r, err
}

// body is a post's text without what a notice shows otherwise (the title, the link)
// or not at all (the hashtags).
func body(p channel.Post) string {
	text := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(p.Text), p.Title))
	var kept []string
	for _, paragraph := range strings.Split(text, "\n\n") {
		paragraph = strings.TrimSpace(paragraph)
		if paragraph == p.Link {
			continue
		}
		if words := strings.Fields(paragraph); len(words) > 0 && slices.ContainsFunc(words, func(w string) bool { return !strings.HasPrefix(w, "#") }) {
			kept = append(kept, paragraph)
		}
	}
	return strings.Join(kept, "\n\n")
}

func (n *Notices) tagKeys(tags []string) (all []string) {
	for _, t := range tags {
		if k := n.TagKey(t); k != "" {
			all = append(all, k)
		}
	}
	return all
}

// icon is the profile's picture, as the site shows it.
func (n *Notices) icon(p institution.Profile) string {
	if p.AvatarHash == "" {
		return ""
	}
	return "/media/" + p.AvatarHash + "/ritratto/" + p.Slug
}

// place is whose channel it is. Fault: NotFound.
func place(ctx context.Context, tx *db.Tx, channelID string) (i institution.Institution, p institution.Profile, err error) {
	var institutionID, profileID string
	err = tx.QueryRow(ctx, `SELECT institution_id, profile_id FROM channel WHERE id = $1`, channelID).Scan(&institutionID, &profileID)
	if errors.Is(err, db.ErrNone) {
		return i, p, fault.Missing("webpush.channel.missing")
	}
	if err != nil {
		return i, p, err
	}
	if i, err = institution.ByID(ctx, tx, institutionID); err != nil {
		return i, p, err
	}
	p, err = institution.ProfileByID(ctx, tx, institutionID, profileID)
	return i, p, err
}

// enter writes one row for each browser that asked for the profile or a tag.
func enter(ctx context.Context, tx *db.Tx, institutionID, noticeID, profileID string, tags []string, now time.Time) error {
	args := []any{institutionID, noticeID, db.At(now), profileID}
	chosen := `c.kind = 'profile' AND c.value = $4`
	if len(tags) > 0 {
		chosen += ` OR c.kind = 'tag' AND c.value IN (` + placeholders(len(args)+1, len(tags)) + `)`
		for _, t := range tags {
			args = append(args, t)
		}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO push_recipient (institution_id, notice_id, subscription_id, state, changed_at)
		SELECT s.institution_id, CAST($2 AS TEXT), s.id, 'waiting', CAST($3 AS BIGINT) FROM push_subscription s
		WHERE s.institution_id = $1 AND (
			NOT EXISTS (SELECT 1 FROM push_scope c WHERE c.institution_id = s.institution_id AND c.subscription_id = s.id)
			OR EXISTS (SELECT 1 FROM push_scope c WHERE c.institution_id = s.institution_id AND c.subscription_id = s.id AND (`+chosen+`)))`, args...)
	return err
}

// placeholders are n of them, from $first on.
func placeholders(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("$%d", first+i)
	}
	return strings.Join(all, ", ")
}

// Lookup finds a message that was handed over, by its key.
func (n *Notices) Lookup(ctx context.Context, channelID, key string) (r channel.Remote, found bool, err error) {
	err = n.DB.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id, link FROM push_notice WHERE channel_id = $1 AND origin = $2
			AND institution_id = (SELECT institution_id FROM channel WHERE id = $1)`, channelID, key).Scan(&r.ID, &r.URL)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		found = err == nil
		return err
	})
	return r, found, err
}

// Cancel stops the notices of a message that still wait. Repeating it changes
// nothing.
func (n *Notices) Cancel(ctx context.Context, channelID, noticeID string) error {
	now := n.Clock()
	return n.DB.InTx(ctx, func(tx *db.Tx) error {
		const which = `institution_id = (SELECT institution_id FROM channel WHERE id = $1) AND `
		if _, err := tx.Exec(ctx, `UPDATE push_recipient SET state = 'cancelled', changed_at = $3 WHERE `+which+`notice_id = $2 AND state = 'waiting'`, channelID, noticeID, db.At(now)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE push_notice SET state = 'withdrawn', done_at = $3 WHERE `+which+`id = $2 AND state <> 'withdrawn'`, channelID, noticeID, db.At(now))
		return err
	})
}

// Describe says where citizens ask for a channel's notices, once its keys can sign.
func (n *Notices) Describe(ctx context.Context, channelID string) (address string, err error) {
	var institutionID string
	err = n.DB.Read(ctx, func(tx *db.Tx) error {
		i, p, err := place(ctx, tx, channelID)
		institutionID, address = i.ID, n.Address(i)+Link(p.ID)
		return err
	})
	if err != nil {
		return "", err
	}
	_, err = n.PublicKey(ctx, institutionID)
	return address, err
}

// Figures are the subscriptions of an institution, and what became of the notices
// of a time.
type Figures struct {
	Subscriptions int
	Outcomes      map[Outcome]int
}

// Count returns the figures of the notices since a moment.
func Count(ctx context.Context, tx *db.Tx, institutionID string, since time.Time) (f Figures, err error) {
	f.Outcomes = map[Outcome]int{}
	if err = tx.QueryRow(ctx, `SELECT count(*) FROM push_subscription WHERE institution_id = $1`, institutionID).Scan(&f.Subscriptions); err != nil {
		return f, err
	}
	_, err = db.All(ctx, tx, func(s db.Scanner) (struct{}, error) {
		var o Outcome
		var n int
		err := s.Scan(&o, &n)
		f.Outcomes[o] = n
		return struct{}{}, err
	}, `SELECT state, count(*) FROM push_recipient WHERE institution_id = $1 AND changed_at >= $2 GROUP BY state`, institutionID, db.At(since))
	return f, err
}
