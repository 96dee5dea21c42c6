package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// setting is one row of the table.
type setting struct {
	name   string // dotted, as in the file
	def    string // default; "" means none
	secret bool   // never shown, and no flag: every user of the machine could read it there
	inFile bool   // may be given as the path of a file that holds it
	toggle bool   // a flag without a value means true
	set    func(*Config, string) error
	get    func(*Config) string
}

func (s setting) env() string {
	return "ARENGO_" + strings.ToUpper(strings.ReplaceAll(s.name, ".", "_"))
}

// flag is without the dashes before it.
func (s setting) flag() string {
	if s.secret {
		return ""
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.name)
}

// table lists every setting there is.
func table() []setting {
	return []setting{
		text("listen", "127.0.0.1:8080", func(c *Config) *string { return &c.Listen }),
		text("data", "data", func(c *Config) *string { return &c.Data }),
		database(),
		text("base_url", "", func(c *Config) *string { return &c.BaseURL }),
		text("zone", "Europe/Rome", func(c *Config) *string { return &c.Zone }),
		text("locale", "it", func(c *Config) *string { return &c.Locale }),
		text("master_key", "", func(c *Config) *string { return &c.MasterKey }),
		list("allow_private", func(c *Config) *[]string { return &c.AllowPrivate }),
		list("trusted_proxies", func(c *Config) *[]string { return &c.TrustedProxies }),
		whole("max_upload_mb", "200", 1, 100_000, func(c *Config) *int { return &c.MaxUploadMB }),
		yesNo("demo", func(c *Config) *bool { return &c.Demo }),
		hidden(text("metrics_token", "", func(c *Config) *string { return &c.MetricsToken })),
		text("log_level", "info", func(c *Config) *string { return &c.LogLevel }),
		duration("lease", time.Second, time.Hour, func(c *Config) *time.Duration { return &c.Lease }),
		whole("deliveries", "0", 0, 10_000, func(c *Config) *int { return &c.Deliveries }),
		text("plc_directory", "", func(c *Config) *string { return &c.PLCDirectory }),

		text("audit.letter", "", func(c *Config) *string { return &c.Audit.Letter }),
		text("audit.file", "", func(c *Config) *string { return &c.Audit.File }),
		yesNo("audit.log", func(c *Config) *bool { return &c.Audit.Log }),

		text("smtp.host", "", func(c *Config) *string { return &c.SMTP.Host }),
		whole("smtp.port", "587", 1, 65535, func(c *Config) *int { return &c.SMTP.Port }),
		text("smtp.user", "", func(c *Config) *string { return &c.SMTP.User }),
		hidden(text("smtp.password", "", func(c *Config) *string { return &c.SMTP.Password })),
		text("smtp.from", "", func(c *Config) *string { return &c.SMTP.From }),
		text("smtp.tls", "starttls", func(c *Config) *string { return &c.SMTP.TLS }),
		text("smtp.hello", "", func(c *Config) *string { return &c.SMTP.Hello }),
		text("smtp.bounces", "", func(c *Config) *string { return &c.SMTP.Bounces }),
		whole("smtp.connections", "4", 1, 50, func(c *Config) *int { return &c.SMTP.Connections }),
		whole("smtp.per_minute", "0", 0, 1_000_000, func(c *Config) *int { return &c.SMTP.PerMinute }),
		text("smtp.dkim_domain", "", func(c *Config) *string { return &c.SMTP.DKIMDomain }),
		text("smtp.dkim_selector", "", func(c *Config) *string { return &c.SMTP.DKIMSelector }),
		text("smtp.dkim_key", "", func(c *Config) *string { return &c.SMTP.DKIMKey }),

		text("s3.endpoint", "", func(c *Config) *string { return &c.S3.Endpoint }),
		text("s3.bucket", "", func(c *Config) *string { return &c.S3.Bucket }),
		text("s3.prefix", "", func(c *Config) *string { return &c.S3.Prefix }),
		text("s3.region", "", func(c *Config) *string { return &c.S3.Region }),
		text("s3.access_key", "", func(c *Config) *string { return &c.S3.AccessKey }),
		hidden(text("s3.secret_key", "", func(c *Config) *string { return &c.S3.SecretKey })),
		yesNo("s3.plain", func(c *Config) *bool { return &c.S3.Plain }),
		yesNo("s3.path_style", func(c *Config) *bool { return &c.S3.PathStyle }),

		text("oidc.issuer", "", func(c *Config) *string { return &c.OIDC.Issuer }),
		text("oidc.client_id", "", func(c *Config) *string { return &c.OIDC.ClientID }),
		hidden(text("oidc.client_secret", "", func(c *Config) *string { return &c.OIDC.ClientSecret })),
		text("oidc.name", "", func(c *Config) *string { return &c.OIDC.Name }),
		yesNo("oidc.staff", func(c *Config) *bool { return &c.OIDC.Staff }),

		whole("keep.outcomes", "30", 1, 3650, func(c *Config) *int { return &c.Keep.Outcomes }),
		whole("keep.drafts", "180", 1, 3650, func(c *Config) *int { return &c.Keep.Drafts }),
		whole("keep.history", "730", 30, 3650, func(c *Config) *int { return &c.Keep.History }),
	}
}

// expected is a value of the wrong kind: the catalogue key says which is right.
type expected struct {
	key  string
	args []any
}

func (e expected) Error() string { return e.key }

func text(name, def string, at func(*Config) *string) setting {
	return setting{name: name, def: def,
		set: func(c *Config, v string) error { *at(c) = strings.TrimSpace(v); return nil },
		get: func(c *Config) string { return *at(c) }}
}

func hidden(s setting) setting { s.secret, s.inFile = true, true; return s }

// database has a flag, because without a password in it, it is no secret; a
// password in it is not shown.
func database() setting {
	s := text("database", "", func(c *Config) *string { return &c.Database })
	s.inFile = true
	s.get = func(c *Config) string {
		if u, err := url.Parse(c.Database); err == nil {
			return u.Redacted()
		}
		return "•••"
	}
	return s
}

func list(name string, at func(*Config) *[]string) setting {
	return setting{name: name,
		set: func(c *Config, v string) error {
			*at(c) = nil
			for one := range strings.SplitSeq(v, ",") {
				if one = strings.TrimSpace(one); one != "" {
					*at(c) = append(*at(c), one)
				}
			}
			return nil
		},
		get: func(c *Config) string { return strings.Join(*at(c), ", ") }}
}

func whole(name, def string, least, most int, at func(*Config) *int) setting {
	return setting{name: name, def: def,
		set: func(c *Config, v string) error {
			n, err := strconv.Atoi(strings.TrimSpace(v))
			if err != nil || n < least || n > most {
				return expected{"config.expected.number", []any{least, most}}
			}
			*at(c) = n
			return nil
		},
		get: func(c *Config) string { return strconv.Itoa(*at(c)) }}
}

func yesNo(name string, at func(*Config) *bool) setting {
	return setting{name: name, def: "false", toggle: true,
		set: func(c *Config, v string) error {
			b, err := strconv.ParseBool(strings.TrimSpace(v))
			if err != nil {
				return expected{key: "config.expected.bool"}
			}
			*at(c) = b
			return nil
		},
		get: func(c *Config) string { return strconv.FormatBool(*at(c)) }}
}

func duration(name string, least, most time.Duration, at func(*Config) *time.Duration) setting {
	return setting{name: name, def: "0s",
		set: func(c *Config, v string) error {
			d, err := time.ParseDuration(strings.TrimSpace(v))
			if err != nil || d != 0 && (d < least || d > most) {
				return expected{"config.expected.duration", []any{least.String(), most.String()}}
			}
			*at(c) = d
			return nil
		},
		get: func(c *Config) string { return at(c).String() }}
}

// written gives a value of the file as the text that the other sources have.
func written(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int64, bool:
		return fmt.Sprint(v), nil
	case []any:
		var all []string
		for _, one := range v {
			s, ok := one.(string)
			if !ok || strings.Contains(s, ",") {
				return "", errors.New("a list of texts")
			}
			all = append(all, s)
		}
		return strings.Join(all, ","), nil
	}
	return "", fmt.Errorf("%T", v)
}
