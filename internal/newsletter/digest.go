package newsletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// tick looks every minute for digests that are due and for issues that should go
// on: after a wait, or after their worker died.
type tick struct{}

func (tick) Kind() string { return "newsletter.tick" }

const tickEvery = time.Minute

// Setting says when the digests of an institution go out.
type Setting struct {
	Hour    int          // local
	Weekday time.Weekday // of the weekly one
}

// defaults: in the morning; on Friday, when people plan the weekend.
func defaults() Setting { return Setting{Hour: 7, Weekday: time.Friday} }

func setting(ctx context.Context, tx *db.Tx, institutionID string) (s Setting, err error) {
	var weekday int
	err = tx.QueryRow(ctx, `SELECT hour, weekday FROM newsletter_setting WHERE institution_id = $1`, institutionID).Scan(&s.Hour, &weekday)
	if errors.Is(err, db.ErrNone) {
		return defaults(), nil
	}
	s.Weekday = time.Weekday(weekday % 7)
	return s, err
}

func setSetting(ctx context.Context, tx *db.Tx, institutionID string, s Setting) error {
	weekday := int(s.Weekday)
	if weekday == 0 {
		weekday = 7
	}
	_, err := tx.Exec(ctx, `INSERT INTO newsletter_setting (institution_id, hour, weekday) VALUES ($1, $2, $3)
		ON CONFLICT (institution_id) DO UPDATE SET hour = excluded.hour, weekday = excluded.weekday`, institutionID, s.Hour, weekday)
	return err
}

// lastCut is the latest moment, not after now, at which a digest goes out. It is
// counted on the calendar: on the days on which the clocks change too, it is at
// the same local hour, or just after the gap when that hour is skipped.
func lastCut(kind IssueKind, s Setting, loc *time.Location, now time.Time) time.Time {
	local := now.In(loc)
	y, m, d := local.Date()
	for back := 0; ; back++ {
		cut := time.Date(y, m, d-back, s.Hour, 0, 0, 0, loc)
		if !cut.After(now) && (kind == OfDay || cut.Weekday() == s.Weekday) {
			return cut
		}
	}
}

// reach is how far back the first digest looks, and any other at most.
func reach(kind IssueKind, cut time.Time) (first, most time.Time) {
	if kind == OfDay {
		return cut.AddDate(0, 0, -1), cut.AddDate(0, 0, -7)
	}
	return cut.AddDate(0, 0, -7), cut.AddDate(0, 0, -31)
}

// maxItems bounds a digest; the newest are kept.
const maxItems = 40

func (l *List) workTick(ctx context.Context, _ tick) error {
	now := l.clock()
	var all []institution.Institution
	if err := l.db.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = institution.All(ctx, tx)
		return err
	}); err != nil {
		return err
	}
	var failed []error
	for _, i := range all {
		for _, kind := range []IssueKind{OfDay, OfWeek} {
			if err := l.digest(ctx, i, kind, now); err != nil {
				failed = append(failed, fmt.Errorf("digest of %s: %w", i, err))
			}
		}
	}
	return errors.Join(append(failed, l.goOn(ctx, now))...)
}

// goOn enqueues the issues that are due.
func (l *List) goOn(ctx context.Context, now time.Time) error {
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		open, err := due(ctx, tx, now)
		if err != nil {
			return err
		}
		for _, j := range open {
			if err := l.jobs.Enqueue(ctx, tx, j.send, jobs.When{Queue: jobs.LaneOf(j.urgent, jobs.Bulk)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// SendDue does at once, in the caller's goroutine, all the sending that is due and
// that no worker has: for the command line, and for tests.
func (l *List) SendDue(ctx context.Context) error {
	var open []dueIssue
	now := l.clock()
	if err := l.db.Read(ctx, func(tx *db.Tx) (err error) {
		open, err = due(ctx, tx, now)
		return err
	}); err != nil {
		return err
	}
	for _, j := range open {
		if err := l.workSend(ctx, j.send); err != nil {
			return err
		}
	}
	return nil
}

// dueIssue is an issue that waits for a worker.
type dueIssue struct {
	send
	urgent bool
}

// due lists the issues that wait for nobody and that no worker has.
func due(ctx context.Context, tx *db.Tx, now time.Time) ([]dueIssue, error) {
	return db.All(ctx, tx, func(s db.Scanner) (j dueIssue, err error) {
		err = s.Scan(&j.InstitutionID, &j.IssueID, &j.urgent)
		return j, err
	}, `SELECT institution_id, id, urgent FROM issue WHERE state = 'sending' AND next_at <= $1 AND lease_until < $1 ORDER BY created_at LIMIT 500`, db.At(now))
}

// digest opens the issue of the last cut, once.
func (l *List) digest(ctx context.Context, i institution.Institution, kind IssueKind, now time.Time) error {
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		s, err := setting(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		cut := lastCut(kind, s, i.Location(), now)
		origin := string(kind) + " " + cut.In(i.Location()).Format(time.DateOnly)
		since, most := reach(kind, cut)
		var made, last int64
		err = tx.QueryRow(ctx, `SELECT COALESCE(SUM(CASE WHEN origin = $3 THEN 1 ELSE 0 END), 0), COALESCE(MAX(until_at), 0)
			FROM issue WHERE institution_id = $1 AND kind = $2`, i.ID, kind, origin).Scan(&made, &last)
		if err != nil || made > 0 {
			return err
		}
		if at := db.When(last); last > 0 {
			if since = at; since.Before(most) {
				since = most
			}
		}
		// The hour was moved so that this cut was told already.
		if !since.Before(cut) {
			return nil
		}
		items, err := l.published(ctx, tx, i, since, cut)
		if err != nil {
			return err
		}
		_, err = l.open(ctx, tx, i, opening{origin: origin, kind: kind, title: cut.In(i.Location()).Format(time.DateOnly), link: l.address(i) + "/notizie", items: items, until: cut}, now)
		return err
	})
}

// published are the messages that came out after since and not after until.
func (l *List) published(ctx context.Context, tx *db.Tx, i institution.Institution, since, until time.Time) ([]Item, error) {
	return db.All(ctx, tx, func(s db.Scanner) (it Item, err error) {
		var slug, media, tags string
		var profile *string
		var event, end int64
		if err := s.Scan(&it.MessageID, &it.ProfileID, &profile, &slug, &it.Lang, &it.Title, &it.Text, &media, &tags, &event, &end, &it.EventDays); err != nil {
			return it, err
		}
		if profile != nil {
			it.Profile = *profile
		}
		it.Link = l.address(i) + "/m/" + url.PathEscape(slug)
		if event > 0 {
			t := db.When(event)
			it.Event = &t
			if end > 0 {
				t := db.When(end)
				it.EventEnd = &t
			}
		}
		return it, l.decorate(i, &it, media, tags)
	}, `SELECT p.message_id, p.profile_id, f.name, p.slug, p.lang, p.title, p.summary, p.media, p.tags, p.event_start, p.event_end, p.event_days
		FROM publication p LEFT JOIN profile f ON f.institution_id = p.institution_id AND f.id = p.profile_id
		WHERE p.institution_id = $1 AND p.withdrawn_at = 0 AND p.published_at > $2 AND p.published_at <= $3
		ORDER BY p.published_at DESC, p.message_id DESC LIMIT $4`, i.ID, db.At(since), db.At(until), maxItems)
}

// decorate adds the tags and the first picture, in the smallest copy that fills a
// letter's width.
func (l *List) decorate(i institution.Institution, it *Item, media, tags string) error {
	var labels []struct {
		Tag string `json:"tag"`
	}
	if err := json.Unmarshal([]byte(tags), &labels); err != nil {
		return fmt.Errorf("tags of %s: %w", it.MessageID, err)
	}
	for _, t := range labels {
		it.Tags = append(it.Tags, t.Tag)
	}
	var files []struct {
		Hash, Name, Alt string
		ContentType     string `json:"content_type"`
		Renditions      []struct {
			Hash        string `json:"hash"`
			ContentType string `json:"content_type"`
			Width       int    `json:"width"`
		} `json:"renditions"`
	}
	if err := json.Unmarshal([]byte(media), &files); err != nil {
		return fmt.Errorf("media of %s: %w", it.MessageID, err)
	}
	for _, f := range files {
		if !strings.HasPrefix(f.ContentType, "image/") {
			continue
		}
		hash, width := f.Hash, 1<<30
		for _, r := range f.Renditions {
			if strings.HasPrefix(r.ContentType, "image/") && r.Width >= 560 && r.Width < width {
				hash, width = r.Hash, r.Width
			}
		}
		it.Pictures = []Picture{{URL: l.address(i) + "/media/" + hash + "/posta/" + url.PathEscape(orFile(f.Name)), Alt: f.Alt}}
		break
	}
	return nil
}
