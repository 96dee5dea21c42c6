package wire

import (
	"net/url"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Typed is the entry called field without the spaces around it. An empty one
// fails with CodeMissing and names the field.
func Typed(typed map[string]string, field string) (string, *channel.Error) {
	value := strings.TrimSpace(typed[field])
	if value == "" {
		return "", &channel.Error{Class: channel.Refused, Code: CodeMissing, Field: field}
	}
	return value, nil
}

// Server reads the base address of a server as a person types it: with or
// without https://, with or without a final slash or a path, which is dropped.
// Plain http stays http. It fails with CodeAddress and names the field.
func Server(value, field string) (string, *channel.Error) {
	wrong := &channel.Error{Class: channel.Refused, Code: CodeAddress, Field: field}
	if !strings.Contains(value, "://") {
		value = "https://" + value
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.Hostname() == "" {
		return "", wrong
	}
	if strings.ContainsAny(u.Host, " \t\"'<>@\\_,;!") {
		return "", wrong
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), nil
}
