package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rings lists the packages from the bottom up. A package imports only packages
// of a lower ring; within a ring only the edges of sideways are allowed.
var rings = [][]string{
	{"count", "pb"}, // libraries: importable by anybody, they know nothing of the house
	{"fault", "i18n", "config", "db", "jobs", "fetch", "blob", "mail", "secret", "hostname", "limit", "disk", "prose", "licence"}, // ground: no business words
	{"retain"}, // what is let go of: every domain says its own
	{"institution", "people", "audit", "auth", "web", "api"},                       // kit: who asks, how we answer
	{"channel", "publishing", "site", "newsletter", "inbox", "insight", "webhook"}, // domains
	{"app", "demo"}, // wiring
	{"testkit"},     // tests only
}

// sideways are the edges within a ring, each with its reason.
var sideways = map[string]string{
	"blob -> fault":            "what a person is told when a file is refused",
	"blob -> disk":             "a stored file is on the disk before a row names it",
	"db -> disk":               "only its owner reads the database",
	"mail -> disk":             "a letter in the outbox is on the disk before it counts as sent",
	"secret -> fault":          "what to do about a key file is told to a person",
	"secret -> disk":           "a key is on the disk before anything is sealed with it",
	"config -> hostname":       "names of hosts are kept in the form that leaves the house",
	"config -> fault":          "a wrong setting is told like any wrong input",
	"db -> fault":              "a full disk and a busy database are told to a person",
	"fetch -> fault":           "an unreachable peer is told to a person",
	"i18n -> fault":            "the catalogue puts faults into words",
	"fetch -> hostname":        "a name that a stranger typed has one form",
	"limit -> db":              "attempts are counted where all nodes see them",
	"limit -> secret":          "what is counted is named by a keyed hash",
	"jobs -> fault":            "why work was given up is told by a code",
	"jobs -> db":               "a job is enqueued in the caller's transaction",
	"mail -> hostname":         "an address has the form that other servers know",
	"mail -> fault":            "a wrong address is told to a person",
	"api -> institution":       "a token acts in one institution",
	"api -> people":            "a route needs permission",
	"api -> web":               "the JSON kit stands on the HTTP kit",
	"audit -> people":          "a record names who acted",
	"audit -> web":             "the record has a page",
	"auth -> audit":            "signing in is recorded",
	"auth -> institution":      "who is signed in, acts in the institution of the host",
	"auth -> people":           "an identity becomes an actor",
	"auth -> web":              "the sign-in pages",
	"institution -> people":    "settings need permission",
	"institution -> audit":     "a changed setting is recorded",
	"institution -> web":       "the settings' pages",
	"people -> web":            "the people's pages",
	"publishing -> channel":    "a delivery goes through a channel",
	"newsletter -> channel":    "an issue is made of the post that the e-mail channel hands over",
	"newsletter -> publishing": "a digest gathers what was published",
	"site -> publishing":       "the site shows what publishing published",
	"inbox -> channel":         "what is heard comes from a channel, and is answered there",
	"inbox -> publishing":      "an answer goes out through the same ledger",
	"site -> channel":          "comments on the site are heard and answered like those elsewhere",
	"insight -> channel":       "a reaction has a platform",
	"insight -> publishing":    "a picture is of a message",
	"insight -> inbox":         "a picture is made of comments and reactions",
	"demo -> app":              "the demo is the application with a town in it",
}

func TestImportRules(t *testing.T) {
	const module = "codeberg.org/arengo/arengo/"
	ring := map[string]int{}
	for i, names := range rings {
		for _, n := range names {
			ring[n] = i
		}
	}
	name := func(dir string) string {
		dir = strings.TrimPrefix(dir, "internal/")
		first, _, _ := strings.Cut(dir, "/")
		return first
	}
	seen, used, documented := map[string]bool{}, map[string]bool{}, map[string]bool{}
	walk(t, func(dir, file string) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", file), nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		from := name(dir)
		at, listed := ring[from]
		if !listed {
			if !seen[dir] {
				t.Errorf("%s is in no ring", dir)
			}
			seen[dir] = true
			return
		}
		seen[dir] = true
		documented[dir] = documented[dir] || f.Doc != nil
		for _, imp := range f.Imports {
			to, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(to, module)
			if !ours {
				if strings.HasPrefix(to, "github.com/riverqueue/") && from != "jobs" {
					t.Errorf("%s imports River: only jobs may", file)
				}
				continue
			}
			target := name(to)
			edge := from + " -> " + target
			switch to := ring[target]; {
			case from == target || to < at:
			case to == at && sideways[edge] != "":
				used[edge] = true
			default:
				t.Errorf("%s must not import %s (%s)", file, target, edge)
			}
		}
	})
	for dir := range seen {
		if !documented[dir] && ring[name(dir)] > 0 {
			t.Errorf("%s has no package comment", dir)
		}
	}
	if len(seen) < 20 {
		t.Fatalf("looked at %d packages: the rule has lost its subject", len(seen))
	}
	for edge := range sideways {
		if !used[edge] {
			t.Errorf("the edge %q is no longer used: remove it", edge)
		}
	}
}

// walk calls visit for each Go file of the house that is no test.
func walk(t *testing.T, visit func(dir, file string)) {
	t.Helper()
	for _, root := range []string{"internal", "count", "pb"} {
		err := fs.WalkDir(os.DirFS(".."), root, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && slices.Contains([]string{"testdata", "dist", "node_modules", "src"}, d.Name()) {
				return fs.SkipDir
			}
			if !d.IsDir() && strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go") {
				visit(path.Dir(p), p)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
