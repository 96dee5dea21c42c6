package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
	"github.com/BurntSushi/toml"
)

// FileName is the configuration file that is read from the data folder when no
// other is named.
const FileName = "arengo.toml"

// Load reads a configuration: args are the flags after the command's name, env
// looks up an environment variable ("" when it is not set), files are read with
// os.ReadFile. It fails with Invalid, listing everything that is wrong.
func Load(args []string, env func(string) string) (Config, error) {
	fs := flag.NewFlagSet("arengo", flag.ContinueOnError)
	f := Register(fs)
	if err := f.Parse(args); err != nil {
		return Config{}, err
	}
	return f.Load(env, os.ReadFile)
}

// Flags are the settings of a command line, beside those of the command itself.
type Flags struct {
	set   *flag.FlagSet
	file  string
	given map[string]string
	words []string
}

// Register adds a flag for each setting that is no secret, and --config.
func Register(set *flag.FlagSet) *Flags {
	f := &Flags{set: set, given: map[string]string{}}
	set.SetOutput(io.Discard) // errors are returned, not printed
	set.StringVar(&f.file, "config", "", "")
	for _, s := range table() {
		if s.secret {
			continue
		}
		set.Var(flagValue{f.given, s}, s.flag(), "")
	}
	return f
}

type flagValue struct {
	given map[string]string
	s     setting
}

func (v flagValue) String() string     { return "" }
func (v flagValue) Set(s string) error { v.given[v.s.name] = s; return nil }
func (v flagValue) IsBoolFlag() bool   { return v.s.toggle }

// Parse reads the command line. It fails with Invalid for an unknown flag and for
// a value of the wrong kind, and with flag.ErrHelp when help was asked for.
func (f *Flags) Parse(args []string) error {
	err := f.read(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	said := err.Error()
	if name, ok := strings.CutPrefix(said, "flag provided but not defined: -"); ok {
		name = "--" + strings.TrimPrefix(name, "-")
		known := []string{"--help"}
		f.set.VisitAll(func(g *flag.Flag) { known = append(known, "--"+g.Name) })
		return fault.New(fault.Invalid, "config.flag.unknown", name, Nearest(name, known)).Because(err)
	}
	if name, ok := strings.CutPrefix(said, "flag needs an argument: -"); ok {
		return fault.New(fault.Invalid, "config.flag.value", "--"+strings.TrimPrefix(name, "-")).Because(err)
	}
	if m := wrongValue.FindStringSubmatch(said); m != nil {
		return fault.New(fault.Invalid, "config.flag.wrong", m[1], "--"+m[2]).Because(err)
	}
	return fault.New(fault.Invalid, "config.flag.form", strings.TrimPrefix(said, "bad flag syntax: ")).Because(err)
}

// read takes flags wherever they stand among the words; after -- all are words.
func (f *Flags) read(args []string) error {
	f.words = nil
	rest := args
	for {
		if err := f.set.Parse(rest); err != nil {
			return err
		}
		left := f.set.Args()
		if len(left) == 0 {
			return nil
		}
		if at := len(rest) - len(left); at > 0 && rest[at-1] == "--" {
			f.words = append(f.words, left...)
			return nil
		}
		f.words, rest = append(f.words, left[0]), left[1:]
	}
}

// wrongValue is how package flag refuses a value.
var wrongValue = regexp.MustCompile(`^invalid (?:boolean )?value ("(?:[^"\\]|\\.)*") for (?:flag )?-([^:]+):`)

// problems gathers all that is wrong, so that an administrator sees it at once.
type problems struct{ fault.Fields }

// add records a problem of a setting, once.
func (p *problems) add(name, key string, args ...any) {
	if !slices.ContainsFunc(p.Fields, func(f fault.Field) bool { return f.Name == name && f.Key == key }) {
		p.Add(name, key, args...)
	}
}

func (p *problems) err() error {
	if len(p.Fields) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Text: fault.Text{Key: "config.wrong"}, Fields: p.Fields}
}

// reason is why something could not be read, in words when there are any.
func reason(err error) any {
	if t, ok := fault.System(err); ok {
		return t
	}
	return err.Error()
}

// Load puts the sources together and checks the whole.
func (f *Flags) Load(env func(string) string, read func(string) ([]byte, error)) (Config, error) {
	c := Config{source: map[string]Source{}, apart: map[string]bool{}, Args: f.words}
	var p problems
	rows := table()
	for _, s := range rows {
		if s.def != "" {
			if err := s.set(&c, s.def); err != nil {
				return Config{}, fmt.Errorf("default of %s: %w", s.name, err) // a defect of the table
			}
		}
	}
	fromFile, err := f.readFile(&c, env, read)
	if err != nil {
		return Config{}, err
	}
	known := names()
	for _, name := range slices.Sorted(maps.Keys(fromFile)) {
		if !slices.Contains(known, name) {
			near := Nearest(name, known)
			p.add(name, "config.unknown", near)
		}
	}
	for _, s := range rows {
		value, source, err := s.find(fromFile, env, f.given, read)
		if err != nil {
			p.add(s.name, "config.unreadable", reason(err))
			continue
		}
		if source == FromDefault {
			continue
		}
		c.source[s.name] = source
		_, inline := fromFile[s.name]
		c.apart[s.name] = !inline
		if err := s.set(&c, value); err != nil {
			var e expected
			errors.As(err, &e)
			p.add(s.name, e.key, e.args...)
		}
	}
	if p.err() == nil {
		c.complete()
		c.names(&p)
		c.check(&p)
	}
	if err := p.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// readFile reads the configuration file: the one that is named, which must be
// there, or arengo.toml in the data folder, which may be.
func (f *Flags) readFile(c *Config, env func(string) string, read func(string) ([]byte, error)) (map[string]string, error) {
	path, named := f.file, true
	if path == "" {
		path = env("ARENGO_CONFIG")
	}
	if path == "" {
		data := f.given["data"]
		if data == "" {
			data = env("ARENGO_DATA")
		}
		if data == "" {
			data = c.Data
		}
		path, named = filepath.Join(data, FileName), false
	}
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "config.file.missing", path, reason(err)).Because(err)
	}
	values, err := parseFile(string(text))
	if err != nil {
		return nil, fault.New(fault.Invalid, "config.file.broken", path, err.Error()).Because(err)
	}
	c.File = path
	return values, nil
}

// parseFile flattens a TOML text: [smtp] host becomes smtp.host.
func parseFile(text string) (map[string]string, error) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, v := range tree {
		section, ok := v.(map[string]any)
		if !ok {
			section, name = map[string]any{name: v}, ""
		}
		for key, v := range section {
			if name != "" {
				key = name + "." + key
			}
			s, err := written(v)
			if err != nil {
				return nil, fmt.Errorf("%s: a text, a whole number, true, false or a list of texts is expected, not %w", key, err)
			}
			out[key] = s
		}
	}
	return out, nil
}

// find looks a setting up in the sources, the strongest first. A secret may be in
// a file of its own, as containers mount them.
func (s setting) find(file map[string]string, env func(string) string, flags map[string]string, read func(string) ([]byte, error)) (string, Source, error) {
	if v, ok := flags[s.name]; ok {
		return v, FromFlag, nil
	}
	if v := env(s.env()); v != "" {
		return v, FromEnvironment, nil
	}
	if path := env(s.env() + "_FILE"); s.inFile && path != "" {
		v, err := readSecret(path, read)
		return v, FromEnvironment, err
	}
	if v, ok := file[s.name]; ok {
		return v, FromFile, nil
	}
	if path, ok := file[s.name+"_file"]; s.inFile && ok {
		v, err := readSecret(path, read)
		return v, FromFile, err
	}
	return "", FromDefault, nil
}

func readSecret(path string, read func(string) ([]byte, error)) (string, error) {
	v, err := read(path)
	return strings.TrimRight(string(v), "\r\n"), err
}

// UnknownEnv returns an Invalid fault for variables of the environment that begin
// with ARENGO_ and are no setting; environ is what os.Environ returns.
func UnknownEnv(environ []string) error {
	known := []string{"ARENGO_CONFIG"}
	for _, s := range table() {
		known = append(known, s.env())
		if s.inFile {
			known = append(known, s.env()+"_FILE")
		}
	}
	var p problems
	for _, e := range slices.Sorted(slices.Values(environ)) {
		name, _, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "ARENGO_") && !strings.HasPrefix(name, "ARENGO_TEST_") && !slices.Contains(known, name) {
			near := Nearest(name, known)
			p.add(name, "config.unknown", near)
		}
	}
	return p.err()
}

// Nearest returns the known name with the fewest slips of the typist.
func Nearest(name string, known []string) string {
	best, least := "", -1
	for _, k := range known {
		if d := distance(name, k); least < 0 || d < least {
			best, least = k, d
		}
	}
	return best
}

// distance counts letters that are wrong, missing, too many or swapped with their
// neighbour (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
