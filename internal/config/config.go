package config

import (
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Config is the set-up of one installation. All of it was checked by Load.
type Config struct {
	Listen   string // host:port
	Data     string // folder of everything that is not in a server elsewhere
	Database string // postgres://… ; "" means SQLite in Data
	BaseURL  string // of the first institution's site, without a final slash
	Zone     string // IANA time zone
	Locale   string // it or en

	MasterKey      string   // path of the key file; Data/secret.key unless set
	AllowPrivate   []string // CIDR networks that outgoing requests may reach though private
	TrustedProxies []string // CIDR networks whose X-Forwarded-For is believed
	MaxUploadMB    int      // of one file, in MiB
	Demo           bool
	MetricsToken   string // bearer token of /metrics; "" means that there is no such page
	LogLevel       string // debug, info, warn or error

	Lease        time.Duration // how long the work of a node that died is left alone; 0: the default of publishing
	Deliveries   int           // deliveries at the same time; 0: the default of jobs
	PLCDirectory string        // of Bluesky identities; "" means the public one

	Audit Audit
	SMTP  SMTP
	S3    S3
	OIDC  OIDC
	Keep  Keep

	// File is the configuration file that was read; "" without one.
	File string
	// Args are the words of the command line that are no flags.
	Args []string

	source map[string]Source
	apart  map[string]bool // secrets in files of their own
}

// Audit says how the head of the audit log leaves the house, each day.
type Audit struct {
	Letter string // address that gets it
	File   string // file to which it is appended, best on another machine's disk
	Log    bool   // a line in the log, for a journal that is kept elsewhere
}

// HoldsSecret reports whether the configuration file itself holds a secret.
func (c Config) HoldsSecret() bool {
	for _, s := range table() {
		if c.source[s.name] == FromFile && s.inFile && !c.apart[s.name] && s.get(&c) != "" && (s.secret || strings.Contains(s.get(&c), ":xxxxx@")) {
			return true
		}
	}
	return false
}

// SMTP is the mail server; without a Host letters go to a folder.
type SMTP struct {
	Host     string
	Port     int
	User     string
	Password string
	From     string // address letters come from
	TLS      string // starttls, tls or none
	Hello    string // our name, for the server; "" means the machine's

	Bounces string // socket at which the machine's mail server hands over letters that came back; "" means none

	Connections int // at the same time
	PerMinute   int // letters of newsletters; 0 means no limit until the server asks to slow down

	DKIMDomain   string
	DKIMSelector string
	DKIMKey      string // path of the private key, in PEM; "" means no signature
}

// S3 is the bucket of media; without a Bucket they are on the disk.
type S3 struct {
	Endpoint  string // host or host:port
	Bucket    string
	Prefix    string
	Region    string
	AccessKey string
	SecretKey string
	Plain     bool // http instead of https
	PathStyle bool // the bucket in the path
}

// OIDC is an identity provider of the whole installation, such as a gateway to
// SPID and CIE; without an Issuer there is none.
type OIDC struct {
	Issuer       string
	ClientID     string
	ClientSecret string
	Name         string // on the sign-in button
	Staff        bool   // the provider knows only people who work here
}

// Keep is how many days are kept of what grows by itself (package retain).
type Keep struct {
	Outcomes int // what became of each reader's letter, each browser's notice, each server's copy
	Drafts   int // earlier revisions that never went out
	History  int // the steps of deliveries and conversations, tasks that are done
}

// Source says where a value comes from.
type Source string

const (
	FromDefault     Source = "default"
	FromFile        Source = "file"
	FromEnvironment Source = "environment"
	FromFlag        Source = "flag"
)

// Value is a setting as it is in force.
type Value struct {
	Name   string
	Value  string // of a secret only whether it is set
	Source Source
}

// Values lists every setting in force, in the order of the table: for doctor.
func (c Config) Values() []Value {
	var all []Value
	for _, s := range table() {
		v := Value{Name: s.name, Value: s.get(&c), Source: c.source[s.name]}
		if s.secret && v.Value != "" {
			v.Value = "•••"
		}
		if v.Source == "" {
			v.Source = FromDefault
		}
		all = append(all, v)
	}
	return all
}

// LogValue keeps secrets out of a log that is handed the whole configuration.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, v := range c.Values() {
		if v.Source != FromDefault {
			attrs = append(attrs, slog.String(v.Name, v.Value))
		}
	}
	return slog.GroupValue(attrs...)
}

// String is what printing a configuration shows; no secrets.
func (c Config) String() string { return c.LogValue().String() }

// GoString is the same for %#v.
func (c Config) GoString() string { return c.String() }

// Setting documents one setting.
type Setting struct {
	Name    string // in the file: smtp.host is host under [smtp]
	Env     string // ARENGO_SMTP_HOST
	Flag    string // smtp-host, without the dashes; "" for secrets
	Default string
	Secret  bool
	InFile  bool   // may also be given as the path of a file, with _file (_FILE) at the end of its name
	Meaning string // key of the catalogue
}

// Describe lists all settings, in the order of the documentation.
func Describe() []Setting {
	var all []Setting
	for _, s := range table() {
		all = append(all, Setting{Name: s.name, Env: s.env(), Flag: s.flag(), Default: s.def, Secret: s.secret, InFile: s.inFile, Meaning: "config.setting." + s.name})
	}
	return all
}

// names lists what may stand in a file.
func names() []string {
	var all []string
	for _, s := range table() {
		all = append(all, s.name)
		if s.inFile {
			all = append(all, s.name+"_file")
		}
	}
	slices.Sort(all)
	return all
}
