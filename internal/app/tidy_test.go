package app

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// bounded are the tables in no rule of retention, each with why it needs none: it
// cannot outgrow something else, or it grows with what the institution itself does,
// and that is kept on purpose.
var bounded = map[string]string{
	// Cannot outgrow something else.
	"institution":        "set up by hand",
	"institution_host":   "set up by hand",
	"profile":            "set up by hand",
	"office":             "set up by hand",
	"slot":               "a profile has so many moments in a week",
	"channel":            "set up by hand",
	"channel_account":    "names of channels",
	"pace":               "two for each channel",
	"source":             "one for each channel",
	"person":             "who works here",
	"membership":         "who works here",
	"totp":               "one for each person",
	"recovery_code":      "ten for each person",
	"passkey":            "the devices of a person",
	"oidc_identity":      "the accounts of a person",
	"heartbeat":          "one for each kind of scheduled work",
	"master_key":         "one row",
	"given_up":           "one for each kind of work and reason, both of the program",
	"newsletter_setting": "one for each institution",
	"comment_setting":    "one for each institution",
	"comment_silent":     "profiles",
	"opening":            "one for each institution",
	"closing_day":        "set up by hand",
	"office_setting":     "one for each office",
	"office_rule":        "set up by hand",
	"saved_view":         "set up by hand",
	"canned_answer":      "set up by hand",
	"webhook":            "set up by hand",
	"websub_hub":         "set up by hand",
	"push_key":           "one for each institution",
	"ap_actor":           "one for each profile",
	"subscriber_scope":   "the topics of a subscriber",
	"push_scope":         "the topics of a browser",
	"rendition":          "sizes of a file, which goes with it",
	"migration":          "one for each migration",
	"river_migration":    "River's: one for each migration",
	"river_notification": "River's: it empties it itself",
	"river_queue":        "River's: one for each lane",
	"river_leader":       "River's: one row",
	"river_job":          "River's: it removes what ended after a day, what failed for good after a week",
	// What the institution did, kept on purpose.
	"audit":            "who did what: kept whole, never silently, for its chain proves it",
	"message":          "what the institution said",
	"media":            "what belongs to messages; the sweep of files takes what nobody uses",
	"publication":      "what the site shows: one for each message",
	"publication_tag":  "the topics of a publication",
	"publication_word": "the words of a publication",
	"delivery":         "the ledger: one for each message and channel",
	"remote_post":      "the names of a delivery's copy, by which late replies find it",
	"freeze_period":    "when nothing went out, and who said so",
	"issue":            "what the newsletter sent: one for each sending",
	"outcome_count":    "what remains of outcomes: a few for each sending",
	"push_notice":      "what browsers were told: one for each message",
	"subscriber":       "confirmed by their mailbox; of who left only a row without address, for the figures",
	"answer":           "what the institution answered",
	"conversation":     "one row of what was asked, without its words once they are let go of",
	"moderation":       "the log of what was taken from others' sight, which citizens may appeal to",
	"reaction_tally":   "what remains of reactions: counts by message and day",
	"policy_version":   "the rules that were in force, each when",
	"office_request":   "what was asked of offices",
	"stance_label":     "an officer's correction, without author: what rules are judged by",
	"site_answer":      "our answers on the site: one for each delivery",
	"webmention_out":   "the links of our messages, which must be told of corrections",
	"ap_object":        "our posts on the Fediverse: one for each delivery",
	"ap_block":         "whom an administrator blocked; actors that blocked us",
	// Goes with something that is in a rule.
	"author":            "goes with the last of its words and reactions (comment, reaction)",
	"comment_earlier":   "goes with the comment",
	"conversation_word": "goes with the words (comment)",
	"note":              "goes with the words (comment)",
	// Let go of elsewhere, not yet in the table.
	"session":             "auth.Purge",
	"one_time_link":       "auth.Purge",
	"known_device":        "auth.Purge",
	"api_token":           "auth.Purge",
	"comment_pending":     "comments.tidy",
	"site_comment":        "comments.tidy",
	"comment_server":      "comments.tidy",
	"websub_subscription": "websub.purge",
	"push_subscription":   "one for each browser that takes notices",
	"ap_activity":         "activitypub.tidy",
	"ap_delivery":         "activitypub.tidy",
	"ap_received":         "activitypub.tidy",
	"ap_remote":           "activitypub.tidy",
	"ap_host":             "one for each server",
	"ap_follower":         "one for each follower",
	"ap_heard":            "goes with its author",
	"ap_name":             "activitypub.tidy",
	"ap_grant":            "goes with the post, the quote, or a block",
	"ap_report":           "reports",
}

// A table that grows must say who lets go of its rows, or why nobody need.
func TestEveryTableIsBoundedOrLetGoOf(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		if _, err := jobs.New(t.Context(), d, jobs.NewRegistry(d), jobs.Options{}); err != nil {
			t.Fatal(err)
		}
		var rules []string
		for _, r := range Retention(config.Keep{}) {
			if slices.Contains(rules, r.Table) {
				t.Errorf("two rules for %s", r.Table)
			}
			rules = append(rules, r.Table)
			if r.Into != "" && bounded[r.Into] == "" {
				t.Errorf("%s remains as %s, of which it is not said why it is bounded", r.Table, r.Into)
			}
		}
		tables := tablesOf(t, d)
		for _, table := range tables {
			if slices.Contains(rules, table) == (bounded[table] != "") {
				t.Errorf("table %s: say how its rows are let go of (package retain), or why they need not be (here): one of both", table)
			}
		}
		for _, table := range rules {
			if !slices.Contains(tables, table) {
				t.Errorf("a rule for %s, which is no table", table)
			}
		}
		for table := range bounded {
			if !slices.Contains(tables, table) {
				t.Errorf("%s is no table", table)
			}
		}
	})
}

func tablesOf(t *testing.T, d *db.DB) (all []string) {
	t.Helper()
	q := `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	if d.Engine == db.Postgres {
		q = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	}
	if err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
		all, err = db.All(t.Context(), tx, db.Col[string], q)
		return err
	}); err != nil || len(all) < 50 {
		t.Fatal(len(all), err)
	}
	return all
}

func TestEveryRuleRunsOnAnEmptyTown(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		usual, err := config.Load(nil, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		a := &App{DB: d, Config: usual, Clock: time.Now, Log: slog.New(slog.DiscardHandler)}
		for _, r := range retention(a.Config.Keep, a.Inbox) {
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				n, err := r.Step(t.Context(), tx, a.Clock(), 500)
				if n != 0 {
					err = fmt.Errorf("%d rows of nothing", n)
				}
				return err
			}); err != nil {
				t.Errorf("%s: %v", r.Table, err)
			}
		}
	})
}
