package websub

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

const (
	// verifyLife is how long a callback that does not answer is asked.
	verifyLife = time.Hour
	// callTimeout is how long a stranger may take.
	callTimeout = 20 * time.Second
	// maxFailures in a row end a subscription. Each change is tried for some hours, so
	// that a callback is given up after days.
	maxFailures = 40
)

// limited bounds a call to a stranger: one request, whatever it answers.
func limited(ctx context.Context) context.Context {
	return fetch.WithLimits(ctx, fetch.Limits{Timeout: callTimeout, MaxBody: 64 << 10, Once: true})
}

// hopeless tells an address that will never work from one that is away.
func hopeless(err error) bool {
	return errors.Is(err, fetch.ErrPrivate) || errors.Is(err, fetch.ErrScheme)
}

// verify is the job that asks a callback whether it wants what was asked for it.
type verify struct {
	InstitutionID string `json:"institution_id"`
	Mode          string `json:"mode"`
	Topic         string `json:"topic"`
	Callback      string `json:"callback"`
	Secret        string `json:"secret"` // sealed
	Lease         int64  `json:"lease"`  // seconds
	Until         int64  `json:"until"`
}

func (verify) Kind() string { return "websub.verify" }

// workVerify asks the callback (WebSub, 5.3). Only a 2xx that repeats the challenge
// is a yes.
func (h *Hub) workVerify(ctx context.Context, j verify) error {
	now := h.Clock()
	if now.After(db.When(j.Until)) {
		return jobs.Never(errors.New("the callback did not answer in time"))
	}
	i, err := h.institution(ctx, j.InstitutionID)
	if err != nil {
		return err
	}
	yes, err := h.confirmed(limited(ctx), i, j)
	switch {
	case errors.Is(err, fetch.ErrBusy):
		return err // it was not asked
	case err != nil:
		// Who asks decides whom we call: one call for each time. A subscriber that was away
		// asks again.
		return jobs.Never(err)
	}
	if !yes {
		return jobs.Never(errors.New("the callback does not want it"))
	}
	if j.Mode == "unsubscribe" {
		return h.DB.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM websub_subscription WHERE institution_id = $1 AND topic = $2 AND callback = $3`, i.ID, j.Topic, j.Callback)
			return err
		})
	}
	// What the feed says now is known to who subscribes: only what comes is delivered.
	c, err := h.Content(ctx, i, j.Topic)
	if err != nil {
		return err
	}
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		if err := room(ctx, tx, i.ID, asked{Topic: j.Topic, Callback: j.Callback}); err != nil {
			return jobs.Never(err)
		}
		_, err := tx.Exec(ctx, `
			INSERT INTO websub_subscription (institution_id, id, topic, callback, callback_host, secret, digest, lease_until, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT (institution_id, topic, callback) DO UPDATE SET secret = excluded.secret, lease_until = excluded.lease_until, failures = 0`,
			i.ID, db.NewID(), j.Topic, j.Callback, hostOf(j.Callback), j.Secret, digestOf(c), db.At(now.Add(time.Duration(j.Lease)*time.Second)), db.At(now))
		return err
	})
}

func (h *Hub) institution(ctx context.Context, id string) (i institution.Institution, err error) {
	err = h.DB.Read(ctx, func(tx *db.Tx) error { i, err = institution.ByID(ctx, tx, id); return err })
	return i, err
}

// confirmed asks the callback and compares the challenge.
func (h *Hub) confirmed(ctx context.Context, i institution.Institution, j verify) (bool, error) {
	challenge := rand.Text()
	u, err := url.Parse(j.Callback)
	if err != nil {
		return false, jobs.Never(err)
	}
	q := u.Query()
	q.Set("hub.mode", j.Mode)
	q.Set("hub.topic", h.Address(i)+j.Topic)
	q.Set("hub.challenge", challenge)
	if j.Mode == "subscribe" {
		q.Set("hub.lease_seconds", strconv.FormatInt(j.Lease, 10))
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, jobs.Never(err)
	}
	answer, err := h.Fetch.Do(ctx, req)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500 {
		return false, fmt.Errorf("the callback answered %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1024))
	if err != nil {
		return false, err
	}
	return answer.StatusCode/100 == 2 && hmac.Equal(body, []byte(challenge)), nil
}

func digestOf(c Content) string {
	sum := sha256.Sum256(c.Body)
	return hex.EncodeToString(sum[:])
}

// announce is the job that finds out which feeds have changed, and for whom.
type announce struct {
	InstitutionID string `json:"institution_id"`
	MessageID     string `json:"message_id"`
}

func (announce) Kind() string { return "websub.announce" }

// AfterPublish lets subscribers and hubs know, once the transaction commits, that a
// message was published, corrected or withdrawn.
func (h *Hub) AfterPublish(ctx context.Context, tx *db.Tx, institutionID, messageID string) error {
	var listening int
	if err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM websub_subscription WHERE institution_id = $1) + (SELECT count(*) FROM websub_hub WHERE institution_id = $1)`,
		institutionID).Scan(&listening); err != nil || listening == 0 {
		return err
	}
	return h.jobs.Enqueue(ctx, tx, announce{institutionID, messageID}, jobs.When{})
}

// workAnnounce reads each feed that somebody subscribes to, once, and lets those be
// told who have not got it as it is now.
func (h *Hub) workAnnounce(ctx context.Context, j announce) error {
	now := h.Clock()
	i, err := h.institution(ctx, j.InstitutionID)
	if err != nil {
		return err
	}
	var topics, hubs []string
	if err := h.DB.Read(ctx, func(tx *db.Tx) (err error) {
		if topics, err = db.All(ctx, tx, db.Col[string], `SELECT DISTINCT topic FROM websub_subscription WHERE institution_id = $1 AND lease_until > $2`, i.ID, db.At(now)); err != nil {
			return err
		}
		hubs, err = db.All(ctx, tx, db.Col[string], `SELECT url FROM websub_hub WHERE institution_id = $1`, i.ID)
		return err
	}); err != nil {
		return err
	}
	digests := map[string]string{}
	for _, t := range topics {
		c, err := h.Content(ctx, i, t)
		switch {
		case fault.Is(err, fault.NotFound): // a topic of which nothing is left
		case err != nil:
			return err
		default:
			digests[t] = digestOf(c)
		}
	}
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		var work []jobs.Args
		for t, d := range digests {
			ids, err := db.All(ctx, tx, db.Col[string], `SELECT id FROM websub_subscription WHERE institution_id = $1 AND topic = $2 AND digest <> $3 AND lease_until > $4`,
				i.ID, t, d, db.At(now))
			if err != nil {
				return err
			}
			for _, id := range ids {
				work = append(work, deliver{i.ID, id})
			}
		}
		for _, u := range hubs {
			work = append(work, ping{i.ID, u, j.MessageID})
		}
		for part := range slices.Chunk(work, 500) {
			if err := h.jobs.EnqueueAll(ctx, tx, part, jobs.When{Queue: jobs.Spread}); err != nil {
				return err
			}
		}
		return nil
	})
}

// deliver is the job that hands a feed to one subscriber.
type deliver struct {
	InstitutionID  string `json:"institution_id"`
	SubscriptionID string `json:"subscription_id"`
}

func (deliver) Kind() string { return "websub.deliver" }

// subscription is a row of the hub.
type subscription struct{ id, topic, callback, sealed, digest string }

// workDeliver posts the feed as it is now (WebSub, 7). A subscriber that has it
// already, left, or whose lease ended, is not asked.
func (h *Hub) workDeliver(ctx context.Context, j deliver) error {
	i, err := h.institution(ctx, j.InstitutionID)
	if err != nil {
		return err
	}
	var s subscription
	err = h.DB.Read(ctx, func(tx *db.Tx) error {
		s.id = j.SubscriptionID
		return tx.QueryRow(ctx, `SELECT topic, callback, secret, digest FROM websub_subscription WHERE institution_id = $1 AND id = $2 AND lease_until > $3`,
			i.ID, s.id, db.At(h.Clock())).Scan(&s.topic, &s.callback, &s.sealed, &s.digest)
	})
	if errors.Is(err, db.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	c, err := h.Content(ctx, i, s.topic)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil || digestOf(c) == s.digest {
		return err
	}
	status, wait, err := h.post(limited(ctx), i, s, c)
	return h.settle(ctx, i.ID, s, digestOf(c), status, wait, err)
}

// post sends the feed with the links that name hub and topic, signed when the
// subscriber gave a secret.
func (h *Hub) post(ctx context.Context, i institution.Institution, s subscription, c Content) (status int, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.callback, strings.NewReader(string(c.Body)))
	if err != nil {
		return 0, 0, err
	}
	req.Header.Set("Content-Type", c.Kind)
	req.Header.Set("Link", Links([]string{h.Address(i) + Path}, h.Address(i)+s.topic))
	if s.sealed != "" {
		plain, err := h.Box.Open(secretPurpose(i.ID, s.callback), s.sealed)
		if err != nil {
			return 0, 0, err
		}
		mac := hmac.New(sha256.New, []byte(plain))
		mac.Write(c.Body)
		req.Header.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	answer, err := h.Fetch.Do(ctx, req)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		wait = time.Duration(min(seconds, 86_400)) * time.Second
	}
	return answer.StatusCode, wait, nil
}

// settle records what became of a delivery. Its error lets the job be tried again.
func (h *Hub) settle(ctx context.Context, institutionID string, s subscription, digest string, status int, wait time.Duration, failure error) error {
	if failure != nil && ctx.Err() != nil {
		return failure // our own doing: not the subscriber's failure
	}
	ctx = context.WithoutCancel(ctx) // what is known is written also while we stop
	gone := status == http.StatusGone || failure != nil && hopeless(failure)
	err := h.DB.InTx(ctx, func(tx *db.Tx) error {
		if failure == nil && status/100 == 2 {
			_, err := tx.Exec(ctx, `UPDATE websub_subscription SET digest = $3, delivered_at = $4, failures = 0 WHERE institution_id = $1 AND id = $2`,
				institutionID, s.id, digest, db.At(h.Clock()))
			return err
		}
		var failures int
		err := tx.QueryRow(ctx, `UPDATE websub_subscription SET failures = failures + 1 WHERE institution_id = $1 AND id = $2 RETURNING failures`, institutionID, s.id).Scan(&failures)
		if errors.Is(err, db.ErrNone) {
			gone = true
			return nil
		}
		if gone = gone || failures >= maxFailures; err != nil || !gone {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM websub_subscription WHERE institution_id = $1 AND id = $2`, institutionID, s.id)
		return err
	})
	switch {
	case err != nil:
		return err
	case failure == nil && status/100 == 2, gone:
		return nil
	case wait > 0:
		return jobs.Later(wait)
	case failure != nil:
		return failure
	}
	return fmt.Errorf("the callback answered %d", status)
}

// Links are the links by which a feed names its hubs and itself (WebSub, 4).
func Links(hubs []string, self string) string {
	var all []string
	for _, u := range hubs {
		all = append(all, "<"+u+`>; rel="hub"`)
	}
	return strings.Join(append(all, "<"+self+`>; rel="self"`), ", ")
}

// ping is the job that tells another's hub which feeds changed.
type ping struct {
	InstitutionID string `json:"institution_id"`
	Hub           string `json:"hub"`
	MessageID     string `json:"message_id"`
}

func (ping) Kind() string { return "websub.ping" }

// workPing posts the addresses of the feeds that hold a message, in the way that
// public hubs understand.
func (h *Hub) workPing(ctx context.Context, j ping) error {
	i, err := h.institution(ctx, j.InstitutionID)
	if err != nil {
		return err
	}
	var feeds []string
	err = h.DB.Read(ctx, func(tx *db.Tx) (err error) { feeds, err = feedsOf(ctx, tx, i.ID, j.MessageID); return err })
	if err != nil {
		return err
	}
	form := url.Values{"hub.mode": {"publish"}}
	for _, f := range feeds {
		form.Add("hub.url", h.Address(i)+f)
		form.Add("hub.topic", h.Address(i)+f)
	}
	status, failure := h.tell(limited(ctx), j.Hub, form)
	if failure != nil && ctx.Err() != nil {
		return failure // our own doing
	}
	ctx = context.WithoutCancel(ctx)
	said := ""
	switch {
	case failure != nil:
		said = fetch.Explain(failure).Text.Key
	case status/100 != 2:
		said = strconv.Itoa(status)
	}
	if err := h.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE websub_hub SET told_at = $3, error = $4 WHERE institution_id = $1 AND url = $2`, i.ID, j.Hub, db.At(h.Clock()), said)
		return err
	}); err != nil {
		return err
	}
	switch {
	case failure != nil && hopeless(failure):
		return jobs.Never(failure)
	case failure == nil && status/100 == 4 && status != http.StatusTooManyRequests:
		return jobs.Never(fmt.Errorf("hub %s refuses: %d", j.Hub, status))
	case failure != nil:
		return failure
	case said != "":
		return fmt.Errorf("hub %s answered %d", j.Hub, status)
	}
	return nil
}

func (h *Hub) tell(ctx context.Context, hub string, form url.Values) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hub, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := h.Fetch.Do(ctx, req)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, nil
}

// feedsOf are the paths of the feeds that hold a message: the site's, its profile's,
// its first topics'.
func feedsOf(ctx context.Context, tx *db.Tx, institutionID, messageID string) (all []string, err error) {
	bases := []string{""}
	slugs, err := db.All(ctx, tx, db.Col[string], `
		SELECT p.slug FROM publication m JOIN profile p ON p.institution_id = m.institution_id AND p.id = m.profile_id WHERE m.institution_id = $1 AND m.message_id = $2`,
		institutionID, messageID)
	if err != nil {
		return nil, err
	}
	for _, s := range slugs {
		bases = append(bases, "/p/"+url.PathEscape(s))
	}
	tags, err := db.All(ctx, tx, db.Col[string], `SELECT tag FROM publication_tag WHERE institution_id = $1 AND message_id = $2 ORDER BY tag LIMIT 5`, institutionID, messageID)
	for _, t := range tags {
		bases = append(bases, "/argomenti/"+url.PathEscape(t))
	}
	for _, b := range bases {
		all = append(all, b+"/feed.rss", b+"/feed.atom", b+"/feed.json")
	}
	return all, err
}

// purge is the job that forgets subscriptions whose lease ended.
type purge struct{}

func (purge) Kind() string { return "websub.purge" }

func (h *Hub) workPurge(ctx context.Context, _ purge) error {
	return h.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM websub_subscription WHERE lease_until <= $1`, db.At(h.Clock()))
		return err
	})
}
