package config

import (
	"path/filepath"
	"strings"
)

// Language is the language in which a command speaks, found before anything else
// is read, since what is wrong with the settings must be said in it: --locale,
// ARENGO_LOCALE, the configuration file, then what the environment prefers (LC_ALL,
// LC_MESSAGES, LANG); Italian when nobody says. It never fails.
func Language(args []string, env func(string) string, read func(string) ([]byte, error)) string {
	for _, said := range []func() string{
		func() string { return flagOf(args, "locale") },
		func() string { return env("ARENGO_LOCALE") },
		func() string { return inFile(args, env, read) },
	} {
		if l := said(); l == "it" || l == "en" {
			return l
		}
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		switch tag, _, _ := strings.Cut(strings.ToLower(env(name)), "."); {
		case tag == "", tag == "c", tag == "posix":
		case tag == "it" || strings.HasPrefix(tag, "it_"):
			return "it"
		default:
			return "en" // of the two, the one that more people read
		}
	}
	return "it"
}

// flagOf is the value of a flag, read without knowing the others.
func flagOf(args []string, name string) (value string) {
	for n, a := range args {
		a, dashed := strings.CutPrefix(a, "-")
		if !dashed {
			continue
		}
		given, v, ok := strings.Cut(strings.TrimPrefix(a, "-"), "=")
		switch {
		case given != name:
		case ok:
			value = v
		case n+1 < len(args):
			value = args[n+1]
		}
	}
	return value
}

// inFile is the locale of the configuration file, when that can be read at all.
func inFile(args []string, env func(string) string, read func(string) ([]byte, error)) string {
	path := firstOf(flagOf(args, "config"), env("ARENGO_CONFIG"))
	if path == "" {
		path = filepath.Join(firstOf(flagOf(args, "data"), env("ARENGO_DATA"), "data"), FileName)
	}
	text, err := read(path)
	if err != nil {
		return ""
	}
	values, err := parseFile(string(text))
	if err != nil {
		return ""
	}
	return values["locale"]
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
