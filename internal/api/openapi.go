package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/web"
)

// object is a JSON object of the OpenAPI document; encoding/json sorts its
// members, so that the document is the same each time.
type object map[string]any

// Document is the OpenAPI 3.1 document of the registered routes, as JSON.
func (k *Kit) Document() ([]byte, error) {
	s := schemas{defined: object{}, names: map[reflect.Type]string{}}
	problem := s.of(reflect.TypeFor[web.Problem]())
	paths := object{}
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
		item[method] = s.operation(o, problem)
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
		},
		"servers":  []object{{"url": server}},
		"security": []object{{"token": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas":         s.defined,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "A token made on the desk or with “arengo token create”."}},
		},
	}, "", " ")
}

func (s *schemas) operation(o operation, problem object) object {
	op := object{
		"summary": o.summary, "operationId": operationID(o), "tags": []string{o.tag},
		"description": strings.TrimSpace(o.description + " Needs the permission “" + string(o.action) + "”."),
		"responses": object{
			strconv.Itoa(o.status): s.response(o),
			"default":              object{"description": "A fault; its detail is in the language of Accept-Language.", "content": object{"application/problem+json": object{"schema": problem}}},
		},
	}
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

// operationID is the method and the fixed parts of the path: postMessagesSubmit.
func operationID(o operation) string {
	id := strings.ToLower(o.method)
	for part := range strings.SplitSeq(o.path, "/") {
		if part = strings.Trim(part, "{}"); part != "" {
			id += strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return id
}
