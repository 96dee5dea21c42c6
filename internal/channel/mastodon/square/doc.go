// Package square is a simulated square: a small server in the same process that
// answers the calls of the Mastodon API that Arengo makes, and shows what was
// posted on public pages marked "simulated square" so that nobody takes it for
// a real one.
//
// It has two uses. The demo town talks to it, so that a newcomer sees a message
// go out, be liked, shared and answered, without a key or an account anywhere.
// Tests judge the adapter by it, so it refuses what Mastodon refuses, with
// Mastodon's status codes: a text beyond its own count, five files, a file that
// is not processed yet or already attached, a revoked token, too many uploads.
// It makes a second post when a request comes twice without its Idempotency-Key
// or an hour later, exactly like the real server (docs.joinmastodon.org, and
// Mastodon's app/services/post_status_service.rb).
//
// With Options it becomes a less obliging server, such as GoToSocial: see
// gotosocial.go.
//
// People speak on it too: Say, Change, TakeBack and React make somebody do what a
// test or a demo needs, with the notifications that the real server would send.
//
// Its followers do not exist. What they do follows from the post and the clock
// alone, so that the same day in the demo town always looks the same.
package square
