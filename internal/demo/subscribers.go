package demo

import (
	"context"
	"fmt"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// invite plans who subscribes to the newsletter, and when.
func (t *town) invite(all []subscriber, now time.Time) {
	groups := map[int][]subscriber{}
	for _, s := range all {
		groups[s.Ago] = append(groups[s.Ago], s)
	}
	for ago, group := range groups {
		t.later(now.Add(-time.Duration(ago)*24*time.Hour), now, func(ctx context.Context) error { return t.subscribe(ctx, group) })
	}
}

// subscribe asks for letters and follows the link in each confirmation, which is
// in the outbox: nobody is on the list who did not say so twice.
func (t *town) subscribe(ctx context.Context, group []subscriber) error {
	waiting := map[string]bool{}
	for n, s := range group {
		u := newsletter.Subscriber{Email: s.Email, Locale: s.Locale, Cadence: newsletter.Cadence(s.Cadence)}
		if u.Locale == "" {
			u.Locale = "it"
		}
		for _, p := range s.Profiles {
			u.Scopes = append(u.Scopes, newsletter.Scope{Kind: "profile", Value: t.profiles[p].ID})
		}
		for _, tag := range s.Tags {
			u.Scopes = append(u.Scopes, newsletter.Scope{Kind: "tag", Value: publishing.TagKey(tag)})
		}
		// Each at home: the limit on a network is for one that asks for many.
		home := limit.Of(netip.AddrFrom4([4]byte{198, 18, byte(len(s.Email)), byte(n + 1)}))
		if err := t.app.Newsletter.Subscribe(ctx, t.cesate, u, home); err != nil {
			return fmt.Errorf("subscribe %s: %w", s.Email, err)
		}
		waiting[s.Email] = true
	}
	return until(ctx, "the letters of confirmation", func() (bool, error) {
		err := t.confirm(ctx, waiting)
		return len(waiting) == 0, err
	})
}

var confirmation = regexp.MustCompile(`/newsletter/conferma/([A-Za-z0-9_\-.~%]+)`)

// confirm follows the links of the letters that have arrived.
func (t *town) confirm(ctx context.Context, waiting map[string]bool) error {
	for to := range waiting {
		link, err := t.linkTo(to, confirmation)
		if err != nil {
			return err
		}
		if link == "" {
			continue
		}
		if _, err := t.app.Newsletter.Confirm(ctx, t.cesate.ID, link); err != nil {
			return fmt.Errorf("confirm %s: %w", to, err)
		}
		delete(waiting, to)
	}
	return nil
}

// linkTo finds a link in the letters to somebody: that of the newest, or "".
func (t *town) linkTo(address string, form *regexp.Regexp) (link string, err error) {
	folder := filepath.Join(t.app.Config.Data, "outbox", "new")
	files, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	var newest time.Time
	for _, f := range files {
		l, err := readLetter(filepath.Join(folder, f.Name()))
		if err != nil {
			return "", err
		}
		to, err := mail.ParseAddress(l.To)
		found := form.FindStringSubmatch(l.Text)
		if err != nil || found == nil || !strings.EqualFold(to.Address, address) || l.Date.Before(newest) {
			continue
		}
		link, newest = found[1], l.Date
	}
	return link, nil
}
