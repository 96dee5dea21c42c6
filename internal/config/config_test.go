package config_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
)

// load reads a configuration from texts.
func load(args []string, env map[string]string, files map[string]string) (config.Config, error) {
	f := config.Register(flag.NewFlagSet("test", flag.ContinueOnError))
	if err := f.Parse(args); err != nil {
		return config.Config{}, err
	}
	return f.Load(func(k string) string { return env[k] }, func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	})
}

func TestNothingSaidMeansASmallTownOnOneMachine(t *testing.T) {
	c, err := load(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:8080" || c.BaseURL != "http://127.0.0.1:8080" || c.Data != "data" || c.Database != "" || c.Zone != "Europe/Rome" ||
		c.Locale != "it" || c.MasterKey != filepath.Join("data", "secret.key") || c.MaxUploadMB != 200 || c.Demo || c.LogLevel != "info" ||
		c.SMTP.Port != 587 || c.SMTP.TLS != "starttls" || c.File != "" {
		t.Errorf("got %#v", c)
	}
}

func TestFileThenEnvironmentThenFlag(t *testing.T) {
	files := map[string]string{"/etc/arengo.toml": "data = \"file\"\nlisten = \":1\"\nmax_upload_mb = 1\nallow_private = [\"10.0.0.0/8\", \"192.168.1.7\"]\n[smtp]\nport = 25\n"}
	c, err := load([]string{"--config", "/etc/arengo.toml", "--data=flag", "--demo"},
		map[string]string{"ARENGO_DATA": "environment", "ARENGO_LISTEN": ":2", "ARENGO_LEASE": "5s"}, files)
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "flag" || c.Listen != ":2" || c.MaxUploadMB != 1 || c.SMTP.Port != 25 || !c.Demo || c.Lease != 5*time.Second || c.File != "/etc/arengo.toml" {
		t.Errorf("got %#v", c)
	}
	if !slices.Equal(c.AllowPrivate, []string{"10.0.0.0/8", "192.168.1.7/32"}) {
		t.Errorf("networks %q", c.AllowPrivate)
	}
	if c.MasterKey != filepath.Join("flag", "secret.key") || c.BaseURL != "http://localhost:2" {
		t.Errorf("what follows: %q, %q", c.MasterKey, c.BaseURL)
	}
	for _, v := range c.Values() {
		want := map[string]config.Source{"data": config.FromFlag, "listen": config.FromEnvironment, "smtp.port": config.FromFile, "zone": config.FromDefault}[v.Name]
		if want != "" && v.Source != want {
			t.Errorf("%s comes from %s, want %s", v.Name, v.Source, want)
		}
	}
}

func TestFileInTheDataFolderIsReadByItself(t *testing.T) {
	files := map[string]string{filepath.Join("d", config.FileName): "zone = \"Europe/London\""}
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
	}{"flag": {[]string{"--data", "d"}, nil}, "environment": {nil, map[string]string{"ARENGO_DATA": "d"}}} {
		got, err := load(c.args, c.env, files)
		if err != nil || got.Zone != "Europe/London" {
			t.Errorf("%s: %q, %v", name, got.Zone, err)
		}
	}
	if _, err := load([]string{"--config", "nowhere.toml"}, nil, files); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "nowhere.toml") {
		t.Errorf("a named file that is not there: %v", err)
	}
}

func TestMisspeltNameIsRefusedWithTheNearest(t *testing.T) {
	for _, c := range []struct {
		args       []string
		file       string
		name, near string
	}{
		{file: "[smtp]\nprot = 25", name: "smtp.prot", near: "smtp.port"},
		{file: "base-url = \"https://a.it\"", name: "base-url", near: "base_url"},
		{file: "[stmp]\nhost = \"a\"", name: "stmp.host", near: "smtp.host"},
		{file: "[smtp]\npasword_file = \"a\"", name: "smtp.pasword_file", near: "smtp.password_file"},
	} {
		_, err := load(c.args, nil, map[string]string{filepath.Join("data", config.FileName): c.file})
		f := fault.Of(err)
		if f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != c.name || fmt.Sprint(f.Fields[0].Args...) != c.near {
			t.Errorf("%v %q: got %v", c.args, c.file, err)
			continue
		}
	}
	for given, near := range map[string]string{"--lisen": "--listen", "-smtp-prot=1": "--smtp-port", "--hlp": "--help"} {
		_, err := load([]string{given, ":1"}, nil, nil)
		if f := fault.Of(err); f.Kind != fault.Invalid || f.Text.Key != "config.flag.unknown" || f.Text.Args[1] != near {
			t.Errorf("%s: got %v", given, err)
		}
	}
	err := config.UnknownEnv([]string{"PATH=/bin", "ARENGO_DATA=x", "ARENGO_CONFIG=y", "ARENGO_SMTP_PASSWORD_FILE=z", "ARENGO_SMPT_HOST=h"})
	if f := fault.Of(err); len(f.Fields) != 1 || f.Fields[0].Name != "ARENGO_SMPT_HOST" || f.Fields[0].Args[0] != "ARENGO_SMTP_HOST" {
		t.Errorf("environment: %v", err)
	}
}

func TestWrongValuesAreAllReportedAtOnce(t *testing.T) {
	cases := map[string]string{ // file → name that is at fault
		`listen = "8080"`:                                      "listen",
		`listen = "a:b:c"`:                                     "listen",
		`database = "mysql://x"`:                               "database",
		`base_url = "comune.example"`:                          "base_url",
		`base_url = "https://comune.example/x"`:                "base_url",
		`base_url = "ftp://comune.example"`:                    "base_url",
		`zone = "Europe/Cesate"`:                               "zone",
		`zone = "Local"`:                                       "zone",
		`locale = "fr"`:                                        "locale",
		`log_level = "loud"`:                                   "log_level",
		`allow_private = "10.0.0.0/99"`:                        "allow_private",
		`trusted_proxies = ["proxy"]`:                          "trusted_proxies",
		`max_upload_mb = 0`:                                    "max_upload_mb",
		`max_upload_mb = "many"`:                               "max_upload_mb",
		`demo = "maybe"`:                                       "demo",
		`lease = "-1s"`:                                        "lease",
		`lease = "5"`:                                          "lease",
		"[smtp]\nport = 70000":                                 "smtp.port",
		"[smtp]\ntls = \"ssl\"":                                "smtp.tls",
		"[smtp]\nfrom = \"Comune <a@b.it>\"":                   "smtp.from",
		"[smtp]\nhost = \"a\"":                                 "smtp.from",
		"[smtp]\ndkim_domain=\"a\"\ndkim_key=\"k\"":            "smtp.dkim_selector",
		"[s3]\nbucket=\"b\"\nendpoint=\"e\"\naccess_key=\"a\"": "s3.secret_key",
		"[s3]\nbucket=\"b\"\nendpoint=\"https://e\"\naccess_key=\"a\"\nsecret_key=\"s\"": "s3.endpoint",
		"[oidc]\nissuer=\"https://i\"\nclient_id=\"c\"":                                  "oidc.client_secret",
		"[oidc]\nissuer=\"i\"\nclient_id=\"c\"\nclient_secret=\"s\"":                     "oidc.issuer",
		`data = ""`: "data",
	}
	for file, name := range cases {
		_, err := load([]string{"--config", "f"}, nil, map[string]string{"f": file})
		f := fault.Of(err)
		if f.Kind != fault.Invalid || len(f.Fields) != 1 || f.Fields[0].Name != name || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: got %v, want a fault of %s", file, err, name)
		}
	}
	_, err := load([]string{"--config", "f", "--locale", "fr"}, nil, map[string]string{"f": "zone=\"X\"\nlog_level=\"y\""})
	if f := fault.Of(err); len(f.Fields) != 3 {
		t.Errorf("three wrong values, %d faults", len(f.Fields))
	}
}

// Each setting with each kind of nonsense: what is said is said in words, in both
// languages, and never names a key of the catalogue.
func TestWrongSettingNeverShowsAKeyOfTheCatalogue(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	refused, keys := map[string]bool{}, texts.Keys()
	judge := func(what string, err error) {
		t.Helper()
		if err == nil {
			return
		}
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
			return
		}
		var both []string
		for _, lang := range i18n.Languages() {
			text, fields := texts.For(lang, time.UTC).Fault(err)
			said := text + " " + fmt.Sprint(fields)
			for _, key := range keys {
				if strings.Contains(said, key) {
					t.Errorf("%s: %q shows the key %s", what, said, key)
				}
			}
			if strings.Contains(said, "{") || strings.Contains(said, "%!") {
				t.Errorf("%s: %q has an empty place", what, said)
			}
			both = append(both, said)
		}
		if both[0] == both[1] {
			t.Errorf("%s: said in one language only: %q", what, both[0])
		}
	}
	for _, s := range config.Describe() {
		for _, value := range []string{"!", "-1", "a b", "ù ù", "http://", "ftp://x/y", "\x00", ":::", strings.Repeat("9", 400), "10.0.0.0/99", "../..", "a@b@c", "/nowhere"} {
			_, err := load(nil, map[string]string{s.Env: value}, nil)
			judge(s.Env+"="+value, err)
			refused[s.Name] = refused[s.Name] || err != nil
			if s.InFile {
				_, err = load(nil, map[string]string{s.Env + "_FILE": value}, nil)
				judge(s.Env+"_FILE="+value, err)
			}
			if s.Flag != "" {
				_, err = load([]string{"--" + s.Flag + "=" + value}, nil, nil)
				judge("--"+s.Flag+"="+value, err)
			}
			_, err = load([]string{"--config", "f"}, nil, map[string]string{"f": fmt.Sprintf("%q = %q", s.Name+"x", value)})
			judge(s.Name+"x", err)
		}
	}
	for _, args := range [][]string{{"--config", "/nowhere"}, {"--nothing"}, {"--data"}, {"--demo=perhaps"}, {"--=x"}, {"---"}} {
		_, err := load(args, nil, nil)
		if err == nil {
			t.Errorf("%v is accepted", args)
		}
		judge(fmt.Sprint(args), err)
	}
	for _, name := range []string{"listen", "database", "base_url", "zone", "locale", "smtp.port", "smtp.from", "smtp.host", "s3.bucket", "oidc.issuer", "lease", "demo"} {
		if !refused[name] {
			t.Errorf("no nonsense for %s was refused", name)
		}
	}
}

func TestNamesWithAccentsAreKeptInASCII(t *testing.T) {
	c, err := load(nil, map[string]string{"ARENGO_BASE_URL": "http://Cantù.example:8443", "ARENGO_SMTP_HOST": "posta.cantù.example", "ARENGO_SMTP_FROM": "notizie@cantù.example",
		"ARENGO_SMTP_DKIM_DOMAIN": "cantù.example", "ARENGO_SMTP_DKIM_SELECTOR": "a", "ARENGO_SMTP_DKIM_KEY": "k", "ARENGO_PLC_DIRECTORY": "https://città.example/x"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{c.BaseURL: "http://xn--cant-ora.example:8443", c.SMTP.Host: "posta.xn--cant-ora.example", c.SMTP.From: "notizie@xn--cant-ora.example",
		c.SMTP.DKIMDomain: "xn--cant-ora.example", c.PLCDirectory: "https://xn--citt-3na.example/x"} {
		if got != want {
			t.Errorf("kept %q, want %q", got, want)
		}
	}
	if _, err := load(nil, map[string]string{"ARENGO_SMTP_FROM": "notizìe@cantù.example"}, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("an accent before the @, which few servers take: %v", err)
	}
}

func TestLanguageIsKnownBeforeAnythingElse(t *testing.T) {
	files := map[string]string{"f": "locale = \"en\"", "broken": "locale = ", filepath.Join("d", config.FileName): "locale = \"en\""}
	read := func(p string) ([]byte, error) {
		if text, ok := files[p]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	for _, k := range []struct {
		args, env, want string
	}{
		{"", "", "it"}, {"", "LANG=en_GB.UTF-8", "en"}, {"", "LANG=it_IT.UTF-8", "it"}, {"", "LANG=C.UTF-8", "it"}, {"", "LANG=POSIX", "it"}, {"", "LANG=de_DE", "en"},
		{"", "LANG=en_GB LC_ALL=it_IT", "it"}, {"", "LANG=en_GB ARENGO_LOCALE=it", "it"}, {"--locale en", "ARENGO_LOCALE=it", "en"}, {"--locale=en", "", "en"},
		{"--locale", "", "it"}, {"--locale fr", "LANG=en_GB", "en"}, {"--config f", "LANG=it_IT", "en"}, {"--config broken", "", "it"}, {"--data d", "", "en"},
		{"", "ARENGO_DATA=d", "en"}, {"", "ARENGO_CONFIG=f", "en"}, {"--locale it", "ARENGO_CONFIG=f", "it"},
	} {
		env := map[string]string{}
		for _, e := range strings.Fields(k.env) {
			name, v, _ := strings.Cut(e, "=")
			env[name] = v
		}
		if got := config.Language(strings.Fields(k.args), func(n string) string { return env[n] }, read); got != k.want {
			t.Errorf("%q with %q speaks %s, want %s", k.args, k.env, got, k.want)
		}
	}
}

func TestBrokenFileIsRefused(t *testing.T) {
	for _, file := range []string{"listen = ", "x", "listen = 1.5", "allow_private = [1]", "[smtp]\nport = {a=1}", "[smtp.deep]\nport = 1", "listen = \"a\"\nlisten = \"b\""} {
		_, err := load([]string{"--config", "f"}, nil, map[string]string{"f": file})
		if f := fault.Of(err); f.Kind != fault.Invalid || f.Text.Key != "config.file.broken" {
			t.Errorf("%q: got %v", file, err)
		}
	}
}

func TestSecretIsReadFromItsFileAndNeverShown(t *testing.T) {
	files := map[string]string{"/run/secrets/smtp": "gelosa-1\n", "/run/secrets/s3": "gelosa-2\r\n",
		"f": "[s3]\nbucket=\"b\"\nendpoint=\"e\"\naccess_key=\"a\"\nsecret_key_file=\"/run/secrets/s3\"\n"}
	c, err := load([]string{"--config", "f", "--database", "postgres://arengo:gelosa-3@db/arengo"},
		map[string]string{"ARENGO_SMTP_PASSWORD_FILE": "/run/secrets/smtp", "ARENGO_METRICS_TOKEN": "gelosa-4"}, files)
	if err != nil {
		t.Fatal(err)
	}
	if c.SMTP.Password != "gelosa-1" || c.S3.SecretKey != "gelosa-2" || !strings.Contains(c.Database, "gelosa-3") || c.MetricsToken != "gelosa-4" {
		t.Fatal("a secret was not read")
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("start", "config", c)
	for _, shown := range []string{log.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprint(c.Values())} {
		if strings.Contains(shown, "gelosa") {
			t.Errorf("a secret is shown: %s", shown)
		}
	}
	if _, err := load([]string{"--smtp-password", "x"}, nil, nil); err == nil {
		t.Error("a secret is taken from the command line")
	}
	if _, err := load(nil, map[string]string{"ARENGO_SMTP_PASSWORD_FILE": "/nowhere"}, nil); fault.Of(err).Fields[0].Name != "smtp.password" {
		t.Errorf("a secret that cannot be read: %v", err)
	}
}

func TestCommandHasItsOwnFlagsAndWords(t *testing.T) {
	set := flag.NewFlagSet("backup", flag.ContinueOnError)
	quick := set.Bool("quick", false, "")
	f := config.Register(set)
	if err := f.Parse([]string{"--quick", "--data", "d", "copia.zip"}); err != nil {
		t.Fatal(err)
	}
	c, err := f.Load(func(string) string { return "" }, func(string) ([]byte, error) { return nil, fs.ErrNotExist })
	if err != nil || !*quick || c.Data != "d" || !slices.Equal(c.Args, []string{"copia.zip"}) {
		t.Errorf("%v, %v", c, err)
	}
	if err := f.Parse([]string{"-h"}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
	if err := f.Parse([]string{"--data"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a flag without its value: %v", err)
	}
}

func TestRealFilesAreRead(t *testing.T) {
	c, err := config.Load([]string{"--data", t.TempDir()}, func(string) string { return "" })
	if err != nil || c.File != "" {
		t.Fatalf("%v, %v", c, err)
	}
}

func TestEverySettingIsDocumentedAndReachable(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := config.Describe()
	if len(all) < 30 {
		t.Fatalf("%d settings", len(all))
	}
	seen := map[string]bool{}
	for _, s := range all {
		if !texts.Has(s.Meaning) {
			t.Errorf("%s has no meaning in the catalogue", s.Name)
		}
		if seen[s.Name] || seen[s.Env] || (s.Flag == "") != s.Secret {
			t.Errorf("%+v", s)
		}
		seen[s.Name], seen[s.Env] = true, true
	}
	for _, key := range texts.Keys() {
		if name, ok := strings.CutPrefix(key, "config.setting."); ok && !seen[name] {
			t.Errorf("%s explains a setting that does not exist", key)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add("data = \"d\"\n[smtp]\nport = 25\n")
	f.Add("allow_private = [\"::1\"]")
	f.Fuzz(func(t *testing.T, file string) {
		c, err := load([]string{"--config", "f"}, nil, map[string]string{"f": file})
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		if err == nil && (c.Listen == "" || c.BaseURL == "") {
			t.Fatalf("accepted %q", file)
		}
	})
}
