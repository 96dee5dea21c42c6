package listen

import (
	"context"
	"errors"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

// errTaken ends a reading whose lease has passed to another node.
var errTaken = errors.New("the source is read by another node")

// source is what is kept of a source between two readings.
type source struct {
	institutionID, channelID string
	cursor                   string
	failures                 int
	recheckAt                time.Time
	recheckSaid              int64
	recheckID                string
}

// among writes a list of platforms into SQL. They are ours, never typed.
func among(platforms []channel.Platform) string {
	var names []string
	for _, p := range platforms {
		names = append(names, "'"+strings.ReplaceAll(string(p), "'", "''")+"'")
	}
	return strings.Join(names, ", ")
}

// waiting counts what a tick has to do: due sources and channels that are none yet.
func waiting(ctx context.Context, tx *db.Tx, platforms []channel.Platform, now time.Time) (n int, err error) {
	err = tx.QueryRow(ctx, `
		SELECT (SELECT COUNT(*) FROM source WHERE next_at <= $1) +
			(SELECT COUNT(*) FROM channel c WHERE c.state IN ('connected', 'failing') AND c.platform IN (`+among(platforms)+`)
				AND NOT EXISTS (SELECT 1 FROM source s WHERE s.institution_id = c.institution_id AND s.channel_id = c.id))`,
		db.At(now)).Scan(&n)
	return n, err
}

// adopt makes a source of each connected channel that is none yet.
func adopt(ctx context.Context, tx *db.Tx, platforms []channel.Platform, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO source (institution_id, channel_id, next_at)
		SELECT c.institution_id, c.id, CAST($1 AS BIGINT) FROM channel c
		WHERE c.state IN ('connected', 'failing') AND c.platform IN (`+among(platforms)+`)
			AND NOT EXISTS (SELECT 1 FROM source s WHERE s.institution_id = c.institution_id AND s.channel_id = c.id)
		ON CONFLICT DO NOTHING`, db.At(now))
	return err
}

// due is a source whose turn it is; failing when the last reading went wrong.
type due struct {
	read
	failing bool
}

// take returns the due sources whose channel is connected, longest waiting first,
// and postpones them, so that the next tick does not take them too.
func take(ctx context.Context, tx *db.Tx, now, until time.Time) ([]due, error) {
	all, err := db.All(ctx, tx, func(s db.Scanner) (r due, err error) {
		err = s.Scan(&r.InstitutionID, &r.ChannelID, &r.failing)
		return r, err
	}, `
		SELECT s.institution_id, s.channel_id, s.failures > 0 FROM source s
		JOIN channel c ON c.institution_id = s.institution_id AND c.id = s.channel_id
		WHERE s.next_at <= $1 AND s.lease_until <= $1 AND c.state IN ('connected', 'failing')
		ORDER BY s.next_at LIMIT $2`, db.At(now), most)
	if err != nil {
		return nil, err
	}
	// All that is due, also what is not connected: it is looked at again later.
	_, err = tx.Exec(ctx, `UPDATE source SET next_at = $2 WHERE next_at <= $1`, db.At(now), db.At(until))
	return all, err
}

// hurry makes a source due now; one that is none yet becomes one.
func hurry(ctx context.Context, tx *db.Tx, institutionID, channelID string, now time.Time) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO source (institution_id, channel_id, next_at) VALUES ($1, $2, $3)
		ON CONFLICT (institution_id, channel_id) DO UPDATE SET next_at = excluded.next_at`, institutionID, channelID, db.At(now))
	return err
}

// hold takes the lease of a source; ok is false while another node has it.
func hold(ctx context.Context, tx *db.Tx, r read, now, until time.Time) (s source, ok bool, err error) {
	var recheck int64
	s.institutionID, s.channelID = r.InstitutionID, r.ChannelID
	err = tx.QueryRow(ctx, `
		UPDATE source SET lease_until = $4, tried_at = $3
		WHERE institution_id = $1 AND channel_id = $2 AND lease_until <= $3
		RETURNING cursor, failures, recheck_at, recheck_said, recheck_id`, r.InstitutionID, r.ChannelID, db.At(now), db.At(until)).
		Scan(&s.cursor, &s.failures, &recheck, &s.recheckSaid, &s.recheckID)
	if errors.Is(err, db.ErrNone) {
		return s, false, nil
	}
	s.recheckAt = db.When(recheck)
	return s, err == nil, err
}

// advance moves the cursor on, if the lease is still ours. The last page gives the
// lease back and says that the source is up to date, unless more is waiting.
func advance(ctx context.Context, tx *db.Tx, r reading, h channel.Heard, now, next time.Time, last bool) error {
	newest := time.Time{}
	for _, s := range h.Said {
		at := s.At
		if at.After(now) {
			at = now // their clock is not ours
		}
		if at.After(newest) {
			newest = at
		}
	}
	until := r.until
	if last {
		until = time.Time{}
	}
	success := now
	if h.More {
		success = time.Time{}
	}
	n, err := tx.Change(ctx, `
		UPDATE source SET cursor = $4, next_at = $5, lease_until = $6, failures = 0, error_code = '', error_detail = '',
			success_at = CASE WHEN $7 > success_at THEN $7 ELSE success_at END,
			newest_at = CASE WHEN $8 > newest_at THEN $8 ELSE newest_at END
		WHERE institution_id = $1 AND channel_id = $2 AND lease_until = $3`,
		r.institutionID, r.channelID, db.At(r.until), string(h.Cursor), db.At(next), db.At(until), db.At(success), db.At(newest))
	if err == nil && n == 0 {
		err = errTaken
	}
	return err
}

// stumble keeps a failure, unless another node has the source by now.
func stumble(ctx context.Context, tx *db.Tx, r reading, e *channel.Error, now, next time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE source SET failures = failures + 1, error_code = $4, error_detail = $5, next_at = $6, lease_until = 0
		WHERE institution_id = $1 AND channel_id = $2 AND lease_until IN (0, $3)`,
		r.institutionID, r.channelID, db.At(r.until), e.Code, e.Detail, db.At(next))
	return err
}

// putDown gives the lease of a source back, to be read again at once.
func putDown(ctx context.Context, tx *db.Tx, r reading, now time.Time) error {
	_, err := tx.Exec(ctx, `UPDATE source SET next_at = $4, lease_until = 0 WHERE institution_id = $1 AND channel_id = $2 AND lease_until = $3`,
		r.institutionID, r.channelID, db.At(r.until), db.At(now))
	return err
}

// spoken is a comment to look at again.
type spoken struct {
	at           int64
	id, remoteID string
}

// recent is the next slice of what was said after since.
func recent(ctx context.Context, tx *db.Tx, s source, since time.Time) ([]spoken, error) {
	return db.All(ctx, tx, func(row db.Scanner) (c spoken, err error) {
		err = row.Scan(&c.at, &c.id, &c.remoteID)
		return c, err
	}, `
		SELECT said_at, id, remote_id FROM comment
		WHERE channel_id = $1 AND institution_id = $2 AND deleted_at = 0 AND said_at >= $3
			AND (said_at > $4 OR (said_at = $4 AND id > $5))
		ORDER BY said_at, id LIMIT $6`,
		s.channelID, s.institutionID, db.At(since), s.recheckSaid, s.recheckID, recheckSlice)
}

// looked keeps how far a round has come; an empty place begins a new one.
func looked(ctx context.Context, tx *db.Tx, s source, place spoken, next time.Time) error {
	_, err := tx.Exec(ctx, `
		UPDATE source SET recheck_at = $3, recheck_said = $4, recheck_id = $5
		WHERE institution_id = $1 AND channel_id = $2`, s.institutionID, s.channelID, db.At(next), place.at, place.id)
	return err
}

// SourceState is how the reading of one channel goes.
type SourceState struct {
	InstitutionID, ChannelID string
	Platform                 channel.Platform
	Profile, Name            string // of the profile and the channel
	State                    channel.State
	Since                    time.Time // when the channel was connected
	Tried, Success, Next     time.Time // Success is when nothing more was waiting
	Newest                   time.Time // when the newest thing heard was said
	Failures                 int       // in a row
	Code, Detail             string    // of the last failure; empty when the last reading went well
}

// Lag is how old our knowledge is: the time since the source was last read to its
// end, or since its channel was connected if it never was.
func (s SourceState) Lag(now time.Time) time.Duration {
	since := s.Success
	if since.IsZero() {
		since = s.Since
	}
	return max(now.Sub(since), 0)
}

const states = `
	SELECT s.institution_id, s.channel_id, c.platform, p.name, c.name, c.state, c.created_at, s.tried_at, s.success_at, s.next_at, s.newest_at,
		s.failures, s.error_code, s.error_detail
	FROM source s
	JOIN channel c ON c.institution_id = s.institution_id AND c.id = s.channel_id
	JOIN profile p ON p.institution_id = c.institution_id AND p.id = c.profile_id
	WHERE c.state <> 'disconnected'`

func scanState(row db.Scanner) (s SourceState, err error) {
	var since, tried, success, next, newest int64
	err = row.Scan(&s.InstitutionID, &s.ChannelID, &s.Platform, &s.Profile, &s.Name, &s.State, &since, &tried, &success, &next, &newest,
		&s.Failures, &s.Code, &s.Detail)
	s.Since = db.When(since)
	s.Tried, s.Success, s.Next, s.Newest = db.When(tried), db.When(success), db.When(next), db.When(newest)
	return s, err
}

// Sources lists an institution's sources, by profile.
func Sources(ctx context.Context, tx *db.Tx, institutionID string) ([]SourceState, error) {
	return db.All(ctx, tx, scanState, states+` AND s.institution_id = $1 ORDER BY p.position, p.name, c.created_at, c.id`, institutionID)
}

// Lag lists the sources of all institutions, for the metrics.
func Lag(ctx context.Context, tx *db.Tx) ([]SourceState, error) {
	return db.All(ctx, tx, scanState, states+` ORDER BY s.institution_id, s.channel_id`)
}
