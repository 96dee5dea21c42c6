// Package testkit is for tests only: a fresh database on each engine, a browser,
// the sample town.
package testkit
