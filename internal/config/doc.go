// Package config reads how one installation is set up: a TOML file, then the
// environment (ARENGO_…), then the command line; the later wins.
//
// One table lists every setting with its name, default and meaning; the file, the
// environment, the flags and the documentation all come from it. A name that is
// not in the table is refused, with the nearest one that is: a misspelt setting
// that is silently ignored is found only when it is needed.
//
// Nothing here is global: who needs a setting receives it. Secrets are marked, and
// are never written to a log or to the screen.
package config
