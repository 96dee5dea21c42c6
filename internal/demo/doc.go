// Package demo is an invented town to try Arengo with: profiles, people,
// messages, pictures and a simulated square, without a key or a service. It is
// for looking and learning; its accounts have no password.
package demo
