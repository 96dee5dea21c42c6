package config

import (
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"codeberg.org/arengo/arengo/internal/hostname"
)

// complete fills in what follows from other settings.
func (c *Config) complete() {
	if c.MasterKey == "" {
		c.MasterKey = filepath.Join(c.Data, "secret.key")
	}
	if c.BaseURL == "" {
		host, port, err := net.SplitHostPort(c.Listen)
		if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
			host = "localhost"
		}
		if err == nil {
			c.BaseURL = "http://" + net.JoinHostPort(host, port)
		}
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
}

// names brings the names of hosts to the form that DNS, letters and other servers
// know: everything that leaves the house is made of them.
func (c *Config) names(p *problems) {
	for _, one := range []struct {
		name  string
		at    *string
		form  func(string) (string, error)
		wrong string
	}{
		{"base_url", &c.BaseURL, hostname.URL, "config.expected.base_url"},
		{"plc_directory", &c.PLCDirectory, hostname.URL, "config.expected.url"},
		{"oidc.issuer", &c.OIDC.Issuer, hostname.URL, "config.expected.url"},
		{"smtp.host", &c.SMTP.Host, hostname.ASCII, "config.expected.host"},
		{"smtp.hello", &c.SMTP.Hello, hostname.ASCII, "config.expected.host"},
		{"smtp.from", &c.SMTP.From, hostname.Mail, "config.expected.address"},
		{"audit.letter", &c.Audit.Letter, hostname.Mail, "config.expected.address"},
		{"smtp.dkim_domain", &c.SMTP.DKIMDomain, hostname.ASCII, "config.expected.host"},
		{"s3.endpoint", &c.S3.Endpoint, hostname.HostPort, "config.expected.host"},
	} {
		if *one.at == "" {
			continue
		}
		form, err := one.form(*one.at)
		if err != nil {
			p.add(one.name, one.wrong)
			continue
		}
		*one.at = form
	}
}

// check refuses values that no part could work with.
func (c *Config) check(p *problems) {
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		p.add("listen", "config.expected.listen")
	} else if _, err := net.LookupPort("tcp", port); err != nil {
		p.add("listen", "config.expected.listen")
	}
	if c.Data == "" {
		p.add("data", "config.expected.folder")
	}
	if u, err := url.Parse(c.Database); c.Database != "" && (err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql") {
		p.add("database", "config.expected.database")
	}
	if u, err := url.Parse(c.BaseURL); c.BaseURL != "" && (err != nil || !web(u) || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil) {
		p.add("base_url", "config.expected.base_url")
	}
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "" || c.Zone == "Local" {
		p.add("zone", "config.expected.zone")
	}
	oneOf(p, "locale", c.Locale, "it", "en")
	oneOf(p, "log_level", c.LogLevel, "debug", "info", "warn", "error")
	networks(p, "allow_private", c.AllowPrivate)
	networks(p, "trusted_proxies", c.TrustedProxies)
	if u, err := url.Parse(c.PLCDirectory); c.PLCDirectory != "" && (err != nil || !web(u)) {
		p.add("plc_directory", "config.expected.url")
	}
	c.checkSMTP(p)
	c.checkServices(p)
}

func web(u *url.URL) bool { return (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" }

func oneOf(p *problems, name, value string, choices ...string) {
	if !slices.Contains(choices, value) {
		all := strings.Join(choices, ", ")
		p.add(name, "config.expected.choice", all)
	}
}

// networks checks CIDR networks; a single address is made one.
func networks(p *problems, name string, all []string) {
	for i, n := range all {
		if a, err := netip.ParseAddr(n); err == nil {
			all[i] = netip.PrefixFrom(a, a.BitLen()).String()
			continue
		}
		if _, err := netip.ParsePrefix(n); err != nil {
			p.add(name, "config.expected.network", n)
		}
	}
}

func (c *Config) checkSMTP(p *problems) {
	oneOf(p, "smtp.tls", c.SMTP.TLS, "starttls", "tls", "none")
	address(p, "smtp.from", c.SMTP.From)
	address(p, "audit.letter", c.Audit.Letter)
	if c.SMTP.Host != "" && c.SMTP.From == "" {
		p.add("smtp.from", "config.expected.together", "smtp.host")
	}
	together(p, map[string]string{"smtp.dkim_domain": c.SMTP.DKIMDomain, "smtp.dkim_selector": c.SMTP.DKIMSelector, "smtp.dkim_key": c.SMTP.DKIMKey})
}

// address refuses what is no plain mail address.
func address(p *problems, name, value string) {
	a, err := mail.ParseAddress(value)
	if value != "" && (err != nil || a.Address != value || strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII })) {
		p.add(name, "config.expected.address")
	}
}

func (c *Config) checkServices(p *problems) {
	together(p, map[string]string{"s3.endpoint": c.S3.Endpoint, "s3.bucket": c.S3.Bucket, "s3.access_key": c.S3.AccessKey, "s3.secret_key": c.S3.SecretKey})
	if strings.Contains(c.S3.Endpoint, "/") {
		p.add("s3.endpoint", "config.expected.host")
	}
	together(p, map[string]string{"oidc.issuer": c.OIDC.Issuer, "oidc.client_id": c.OIDC.ClientID, "oidc.client_secret": c.OIDC.ClientSecret})
	if u, err := url.Parse(c.OIDC.Issuer); c.OIDC.Issuer != "" && (err != nil || !web(u)) {
		p.add("oidc.issuer", "config.expected.url")
	}
}

// together refuses a group of which only a part is set.
func together(p *problems, group map[string]string) {
	names := slices.Sorted(maps.Keys(group))
	at := slices.IndexFunc(names, func(name string) bool { return group[name] != "" })
	if at < 0 {
		return
	}
	set := names[at]
	for _, name := range names {
		if group[name] == "" {
			p.add(name, "config.expected.together", set)
		}
	}
}
