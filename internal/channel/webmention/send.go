package webmention

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// maxLinks bounds how many pages one message tells.
const maxLinks = 100

// gather is the job that finds the links of a message that changed.
type gather struct {
	InstitutionID string `json:"institution_id"`
	MessageID     string `json:"message_id"`
}

func (gather) Kind() string { return "webmention.gather" }

// AfterPublish has the pages told to which a message links, or linked. It is called
// in the transaction that publishes, corrects or withdraws.
func (s *Service) AfterPublish(ctx context.Context, tx *db.Tx, institutionID, messageID string) error {
	return s.jobs.Enqueue(ctx, tx, gather{institutionID, messageID}, jobs.When{Queue: jobs.Spread})
}

// workGather writes down what is to be told, each link once for each revision, and
// enqueues the telling. Doing it again changes nothing.
func (s *Service) workGather(ctx context.Context, j gather) error {
	return s.o.DB.InTx(ctx, func(tx *db.Tx) error {
		i, err := institution.ByID(ctx, tx, j.InstitutionID)
		if err != nil {
			return jobs.Never(err)
		}
		var slug, body string
		// The moment of the last change is the revision: it grows with a withdrawal too.
		var rev int64
		err = tx.QueryRow(ctx, `SELECT slug, body_html, updated_at FROM publication WHERE institution_id = $1 AND message_id = $2`, i.ID, j.MessageID).Scan(&slug, &body, &rev)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		home, err := url.Parse(s.o.Address(i) + "/m/" + slug)
		if err != nil {
			return jobs.Never(err)
		}
		now := db.At(s.o.Clock())
		for _, target := range s.targets(i, home, body) {
			if _, err := tx.Exec(ctx, `
				INSERT INTO webmention_out (institution_id, message_id, target, rev, state, updated_at) VALUES ($1, $2, $3, $4, 'waiting', $5)
				ON CONFLICT (institution_id, message_id, target) DO NOTHING`, i.ID, j.MessageID, target, rev, now); err != nil {
				return err
			}
		}
		// Pages that were told before learn of the change, also when the link is gone.
		if _, err := tx.Exec(ctx, `
			UPDATE webmention_out SET rev = $3, state = 'waiting', attempts = 0, code = '', updated_at = $4
			WHERE institution_id = $1 AND message_id = $2 AND rev < $3 AND state IN ('sent', 'waiting', 'given_up')`, i.ID, j.MessageID, rev, now); err != nil {
			return err
		}
		waiting, err := db.All(ctx, tx, db.Col[string], `SELECT target FROM webmention_out WHERE institution_id = $1 AND message_id = $2 AND state = 'waiting' ORDER BY target`, i.ID, j.MessageID)
		if err != nil {
			return err
		}
		var all []jobs.Args
		for _, target := range waiting {
			all = append(all, send{i.ID, j.MessageID, target, rev})
		}
		if len(all) == 0 {
			return nil
		}
		return s.jobs.EnqueueAll(ctx, tx, all, jobs.When{Queue: jobs.Spread})
	})
}

// targets are the pages elsewhere to which a body links, in order.
func (s *Service) targets(i institution.Institution, home *url.URL, body string) (out []string) {
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "a" {
			continue
		}
		u, err := home.Parse(attr(n, "href"))
		if err != nil {
			continue
		}
		u, ok := webAddress(u.String())
		if !ok || s.ours(i, u) || seen[u.String()] || len(out) == maxLinks {
			continue
		}
		seen[u.String()] = true
		out = append(out, u.String())
	}
	return out
}

// send is the job that tells one page.
type send struct {
	InstitutionID string `json:"institution_id"`
	MessageID     string `json:"message_id"`
	Target        string `json:"target"`
	Rev           int64  `json:"rev"`
}

func (send) Kind() string { return "webmention.send" }

// workSend finds the page's endpoint and tells it. Telling twice is harmless: the
// receiver looks at our page, which says the same.
func (s *Service) workSend(ctx context.Context, j send) error {
	var source, state string
	var rev int64
	var attempts int
	err := s.o.DB.Read(ctx, func(tx *db.Tx) error {
		i, err := institution.ByID(ctx, tx, j.InstitutionID)
		if err != nil {
			return err
		}
		var slug string
		err = tx.QueryRow(ctx, `
			SELECT o.state, o.rev, o.attempts, p.slug FROM webmention_out o JOIN publication p ON p.institution_id = o.institution_id AND p.message_id = o.message_id
			WHERE o.institution_id = $1 AND o.message_id = $2 AND o.target = $3`, j.InstitutionID, j.MessageID, j.Target).Scan(&state, &rev, &attempts, &slug)
		source = s.o.Address(i) + "/m/" + slug
		return err
	})
	if errors.Is(err, db.ErrNone) || err == nil && (state != "waiting" || rev != j.Rev) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.tell(ctx, source, j.Target)
	if err != nil && ctx.Err() != nil {
		return err // our own doing: not a try
	}
	ctx = context.WithoutCancel(ctx) // what is known is written also while we stop
	var again *retry
	var refused *refusal
	switch {
	case err == nil:
		return s.told(ctx, j, "sent", "")
	case errors.Is(err, errNoEndpoint):
		return s.told(ctx, j, "none", "")
	case errors.As(err, &refused):
		return s.told(ctx, j, "refused", refused.code)
	case !errors.As(err, &again):
		return err
	}
	d, more := wait(attempts + 1)
	if !more {
		return s.told(ctx, j, "given_up", again.code)
	}
	if err := s.told(ctx, j, "waiting", again.code); err != nil {
		return err
	}
	return jobs.Later(d)
}

// told writes down how the telling went.
func (s *Service) told(ctx context.Context, j send, state, code string) error {
	return s.o.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `
			UPDATE webmention_out SET state = $5, code = $6, attempts = attempts + 1, updated_at = $7, sent_rev = CASE WHEN $5 = 'sent' THEN rev ELSE sent_rev END
			WHERE institution_id = $1 AND message_id = $2 AND target = $3 AND rev = $4`,
			j.InstitutionID, j.MessageID, j.Target, j.Rev, state, code, db.At(s.o.Clock()))
		return err
	})
}

var errNoEndpoint = errors.New("the page takes no webmentions")

// tell finds the endpoint of target and posts to it. Errors: errNoEndpoint, *retry,
// *refusal.
func (s *Service) tell(ctx context.Context, source, target string) error {
	resp, err := s.get(ctx, target, false)
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	if e := status(resp.StatusCode); e != nil && resp.StatusCode != http.StatusGone && resp.StatusCode != http.StatusNotFound {
		return e
	}
	endpoint, err := discover(resp)
	if err != nil {
		return err
	}
	ctx = fetch.WithLimits(ctx, fetch.Limits{Timeout: maxTime, MaxBody: 64 << 10})
	body := url.Values{"source": {source}, "target": {target}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return &refusal{code: "endpoint"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "Arengo Webmention")
	answer, err := s.o.Fetch.Do(ctx, req)
	if err != nil {
		return failed(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // what it says is of no use; a kept connection is
	return status(answer.StatusCode)
}

// status reads a status as success, something that passes, or something that stays.
func status(code int) error {
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout:
		return &retry{fmt.Sprint(code)}
	}
	return &refusal{code: fmt.Sprint(code)}
}
