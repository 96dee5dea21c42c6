package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
)

// object is a JSON object of the OpenAPI document; encoding/json sorts its
// members, so that the document is the same each time.
type object map[string]any

// Document is the OpenAPI 3.1 document of the registered routes, as JSON.
func (k *Kit) Document() ([]byte, error) {
	s := schemas{defined: object{}, names: map[reflect.Type]string{}}
	problem := s.of(reflect.TypeFor[web.Problem]())
	paths, ids, tags := object{}, map[string]string{}, map[string]bool{}
	for _, o := range k.routes {
		item, ok := paths[o.path].(object)
		if !ok {
			item = object{}
			paths[o.path] = item
		}
		method := strings.ToLower(o.method)
		if _, twice := item[method]; twice {
			return nil, fmt.Errorf("api route %s is declared twice", o.pattern)
		}
		if other, twice := ids[operationID(o)]; twice {
			return nil, fmt.Errorf("api routes %s and %s are both called %s: give one an ID", other, o.pattern, operationID(o))
		}
		if k.tags[o.tag] == "" {
			return nil, fmt.Errorf("api route %s: nobody says what the tag %q is about: see Describe", o.pattern, o.tag)
		}
		ids[operationID(o)], tags[o.tag] = o.pattern, true
		item[method] = s.operation(o)
	}
	groups := []object{}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		groups = append(groups, object{"name": tag, "description": k.tags[tag]})
	}
	server := Prefix
	if k.o.BaseURL != nil {
		server = k.o.BaseURL.JoinPath(Prefix).String()
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Arengo", "version": k.o.Version,
			"description": "What a program may do for an institution. Errors are application/problem+json (RFC 9457). Requests that change something take an Idempotency-Key.",
			"license":     object{"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
			"contact":     object{"name": "Arengo", "url": "https://codeberg.org/arengo/arengo"},
		},
		"tags":     groups,
		"servers":  []object{{"url": server}},
		"security": []object{{"token": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas":         s.defined,
			"responses":       responses(problem),
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "A token made on the desk or with “arengo token create”."}},
		},
	}, "", " ")
}

func (s *schemas) operation(o operation) object {
	op := object{
		"summary": o.summary, "operationId": operationID(o), "tags": []string{o.tag},
		"description": strings.TrimSpace(o.description + " Needs the permission “" + string(o.action) + "”."),
	}
	answers := object{strconv.Itoa(o.status): s.response(o)}
	for _, kind := range faults(o) {
		answers[strconv.Itoa(kind.Status())] = object{"$ref": "#/components/responses/" + kind.String()}
	}
	op["responses"] = answers
	var params []object
	for _, p := range o.in.params {
		schema := s.field(p.field)
		if d := p.field.Tag.Get("default"); d != "" {
			schema["default"] = parameterDefault(p.field.Type, d)
		}
		param := object{"name": p.name, "in": p.in, "required": p.required, "schema": schema}
		if doc, ok := schema["description"]; ok {
			param["description"] = doc
			delete(schema, "description")
		}
		params = append(params, param)
	}
	if o.method != http.MethodGet {
		params = append(params, object{
			"name": keyHeader, "in": "header", "schema": object{"type": "string", "minLength": 1, "maxLength": maxKey},
			"description": "Repeated with the same key, the request is done once and answered the same, for 48 hours.",
		})
	}
	if len(params) > 0 {
		op["parameters"] = params
	}
	if body := s.requestBody(o); body != nil {
		op["requestBody"] = body
	}
	return op
}

func parameterDefault(t reflect.Type, text string) any {
	if n, err := strconv.Atoi(text); err == nil && t.Kind() != reflect.String {
		return n
	}
	return text
}

func (s *schemas) response(o operation) object {
	if o.out.none {
		return object{"description": "Done."}
	}
	return object{"description": "Done.", "content": object{"application/json": object{"schema": s.of(o.out.typ)}}}
}

func (s *schemas) requestBody(o operation) object {
	switch {
	case o.in.upload:
		binary := object{"type": "string", "contentMediaType": "application/octet-stream"}
		return object{"required": true, "content": object{
			"application/octet-stream": object{"schema": object{}},
			"multipart/form-data":      object{"schema": object{"type": "object", "required": []string{"file"}, "properties": object{"file": binary}}},
		}}
	case o.in.body:
		return object{"required": true, "content": object{"application/json": object{"schema": s.input(o.in.typ)}}}
	}
	return nil
}

// causes are the faults that a program may meet, with what they mean to it.
var causes = map[fault.Kind]string{
	fault.Unreadable:  "The request cannot be read: broken JSON, a body cut short.",
	fault.Unsigned:    "The token is missing, unknown, expired, or of another institution.",
	fault.Forbidden:   "The token may not do this.",
	fault.NotFound:    "There is no such thing, or none that the token may see.",
	fault.Conflict:    "The state of the thing forbids it, somebody else changed it, or the outcome of an earlier request with this key is not known.",
	fault.TooLarge:    "The body is larger than this route takes.",
	fault.WrongType:   "The body is of another content type than those listed.",
	fault.Invalid:     "Members or parameters break a rule: fields says which, and why.",
	fault.TooMany:     "Too many requests: Retry-After says how many seconds to wait.",
	fault.Internal:    "A defect of the server: its log has the request id.",
	fault.Unavailable: "The server cannot work at the moment: try again later.",
}

// faults are the kinds that a route may answer with.
func faults(o operation) []fault.Kind {
	all := []fault.Kind{fault.Unsigned, fault.Forbidden, fault.Invalid, fault.TooMany, fault.Internal, fault.Unavailable}
	if strings.Contains(o.path, "{") || o.in.body {
		all = append(all, fault.NotFound)
	}
	if o.method != http.MethodGet {
		all = append(all, fault.Conflict)
	}
	if o.in.body || o.in.upload {
		all = append(all, fault.Unreadable, fault.TooLarge, fault.WrongType)
	}
	return all
}

// responses are the answers for faults, which all routes share.
func responses(problem object) object {
	all := object{}
	for kind, means := range causes {
		all[kind.String()] = object{"description": means, "content": object{"application/problem+json": object{"schema": problem}}}
	}
	return all
}

// operationID is what a program that was made from the document calls a route:
// listMessages, readMessage, createMessage, submitMessage.
func operationID(o operation) string {
	if o.id != "" {
		return o.id
	}
	var nouns []string
	parts := strings.Split(strings.Trim(o.path, "/"), "/")
	last := parts[len(parts)-1]
	for n, part := range parts {
		switch {
		case strings.HasPrefix(part, "{"):
		case n+1 < len(parts) && strings.HasPrefix(parts[n+1], "{"):
			nouns = append(nouns, title(singular(part)))
		case n+1 < len(parts):
			nouns = append(nouns, title(part))
		}
	}
	one := strings.Join(nouns, "")
	switch many := singular(last) != last; {
	case strings.HasPrefix(last, "{"):
		return map[string]string{http.MethodGet: "read", http.MethodPut: "update", http.MethodDelete: "delete", http.MethodPost: "change"}[o.method] + one
	case o.method == http.MethodGet && many:
		return "list" + one + title(last)
	case o.method == http.MethodGet:
		return "read" + one + title(last)
	case o.method == http.MethodPost && many:
		return "create" + one + title(singular(last))
	case o.method == http.MethodDelete:
		return "delete" + one + title(last)
	}
	verb := title(last)
	return strings.ToLower(verb[:1]) + verb[1:] + one
}

// title is a part of a path as it stands within a name: not-yet, NotYet.
func title(part string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(part, "-") {
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// singular is an English noun of our paths when there is one of them.
func singular(noun string) string {
	if stem, ok := strings.CutSuffix(noun, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(noun, "s")
}
