// Package rest is the JSON API of the inbox, under /api/v1: conversations and what
// is done with them, answers and their way out, offices, the policy's rules,
// moderation.
package rest
