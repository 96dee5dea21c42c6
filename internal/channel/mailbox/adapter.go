package mailbox

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	netmail "net/mail"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/mail"
)

// Codes of this platform alone.
const (
	CodeFolder      = "folder"      // the box has no such folder
	CodeCertificate = "certificate" // the server's certificate is not valid for its name
	CodePort        = "port"        // what was typed is no port
	CodeMailAddress = "mail_address"
)

// Options are what an adapter is made of.
type Options struct {
	Mail  mail.Sender
	Reach fetch.Options // which servers may be reached, and the authorities that are trusted
	Clock func() time.Time

	// Note puts a remark about a letter into words: "unreadable", "cut", "uncertified"
	// and "more_files".
	Note func(key string) string
}

// Notes takes the remarks from the catalogue, in the language of the desk.
func Notes(texts *i18n.Bundle, lang string) func(key string) string {
	p := texts.For(lang, nil)
	return func(key string) string { return p.T("channel.mailbox.note." + key) }
}

// Adapter reads and answers letters. It holds no state.
type Adapter struct{ o Options }

var (
	_ channel.Adapter  = (*Adapter)(nil)
	_ channel.Listener = (*Adapter)(nil)
)

// New makes the adapter.
func New(o Options) *Adapter { return &Adapter{o} }

// Platform is channel.Mailbox.
func (*Adapter) Platform() channel.Platform { return channel.Mailbox }

// maxText bounds an answer, in characters: RFC 5322 bounds lines only.
const maxText = 20_000

// Capabilities are the same for every box.
func (*Adapter) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1", Read: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Text: count.Graphemes(), MaxText: maxText,
		Final: true, Answers: true, NoPosts: true,
	}
}

// The entries of the form.
const (
	fieldAddress  = "address"
	fieldHost     = "host"
	fieldPort     = "port"
	fieldUser     = "user"
	fieldPassword = "password"
	fieldFolder   = "folder"
)

// ConnectFields are the address that citizens write to, and the way to its box.
func (*Adapter) ConnectFields() []channel.ConnectField {
	return []channel.ConnectField{
		{Name: fieldAddress},
		{Name: fieldHost},
		{Name: fieldPort, Optional: true, Default: "993"},
		{Name: fieldUser, Optional: true},
		{Name: fieldPassword, Secret: true},
		{Name: fieldFolder, Optional: true, Default: "INBOX"},
	}
}

// credentials are an account's secret.
type credentials struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	User     string `json:"user"`
	Password string `json:"password"`
	Address  string `json:"address"`
	Folder   string `json:"folder"`
}

// names is the folder that is read: host names do not tell capital letters, nor does
// any provider in the name of a person.
func (c credentials) names() []string {
	return []string{strings.ToLower(c.User+"@"+c.Host) + "/" + c.Folder}
}

func secretOf(a channel.Account) (c credentials, _ *channel.Error) {
	if err := json.Unmarshal(a.Secret, &c); err != nil || c.Host == "" || c.Address == "" {
		return c, &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn, Detail: "the stored secret is unreadable"}
	}
	return c, nil
}

// read checks what was typed, before anything is asked.
func read(typed map[string]string) (c credentials, e *channel.Error) {
	wrong := func(field, code string) (credentials, *channel.Error) {
		return c, &channel.Error{Class: channel.Refused, Code: code, Field: field}
	}
	if c.Address, e = wire.Typed(typed, fieldAddress); e != nil {
		return c, e
	}
	if a, err := netmail.ParseAddress(c.Address); err != nil || a.Address != c.Address || !strings.Contains(c.Address, "@") {
		return wrong(fieldAddress, CodeMailAddress)
	}
	if c.Host, e = wire.Typed(typed, fieldHost); e != nil {
		return c, e
	}
	if c.Host = strings.ToLower(c.Host); strings.ContainsAny(c.Host, "/:@ \t\"'<>\\,;[]()") || strings.HasPrefix(c.Host, "-") {
		return wrong(fieldHost, wire.CodeAddress)
	}
	port := strings.TrimSpace(typed[fieldPort])
	if port == "" {
		port = "993"
	}
	var err error
	if c.Port, err = strconv.Atoi(port); err != nil || c.Port < 1 || c.Port > 65535 {
		return wrong(fieldPort, CodePort)
	}
	if c.Password = typed[fieldPassword]; strings.TrimSpace(c.Password) == "" {
		return wrong(fieldPassword, wire.CodeMissing)
	}
	if c.User = strings.TrimSpace(typed[fieldUser]); c.User == "" {
		c.User = c.Address
	}
	if c.Folder = strings.TrimSpace(typed[fieldFolder]); c.Folder == "" {
		c.Folder = "INBOX"
	}
	return c, nil
}

// Connect signs in and opens the folder.
func (a *Adapter) Connect(ctx context.Context, typed map[string]string) (channel.Account, error) {
	c, e := read(typed)
	if e != nil {
		return channel.Account{}, e
	}
	if e := a.examine(ctx, c); e != nil {
		e.Field = blame(e)
		return channel.Account{}, e
	}
	secret, err := json.Marshal(c)
	if err != nil {
		return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Err: err}
	}
	return channel.Account{Server: "imaps://" + net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Handle: c.Address, URL: "mailto:" + c.Address, Names: c.names(), Secret: secret}, nil
}

// blame names the entry that explains a failure while connecting.
func blame(e *channel.Error) string {
	switch e.Code {
	case channel.CodeSignIn:
		return fieldPassword
	case CodeFolder:
		return fieldFolder
	}
	return fieldHost
}

// examine proves that the box can be read.
func (a *Adapter) examine(ctx context.Context, c credentials) *channel.Error {
	s, e := a.open(ctx, c)
	if e != nil {
		return e
	}
	defer s.close()
	_, e = s.enter(c.Folder, true)
	return e
}

// Test proves that the box can still be read.
func (a *Adapter) Test(ctx context.Context, account channel.Account) (channel.Health, error) {
	c, e := secretOf(account)
	if e == nil {
		e = a.examine(ctx, c)
	}
	if e != nil {
		return channel.Health{}, e
	}
	return channel.Health{Handle: c.Address, URL: "mailto:" + c.Address, Names: c.names()}, nil
}

// tls is how a connection is protected: always, and with the server's own name.
func (a *Adapter) tls(host string) *tls.Config {
	config := &tls.Config{}
	if a.o.Reach.TLS != nil {
		config = a.o.Reach.TLS.Clone()
	}
	config.ServerName, config.MinVersion = host, tls.VersionTLS12
	return config
}
