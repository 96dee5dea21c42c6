// Package rest is the JSON API of publishing, under /api/v1: media, messages and
// their way through approval, deliveries, channels, profiles, freeze.
package rest
