// Package apitest calls the API in tests and holds every answer to the OpenAPI
// document that the server itself publishes.
package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	prefix  = "/api/v1"
	address = "https://arengo.invalid/openapi.json"
)

// Client calls an API as a program with a token.
type Client struct {
	Token  string
	Host   string      // host name of the requests; example.com by default
	Header http.Header // sent with every request

	t        testing.TB
	handler  http.Handler
	document map[string]any
	schemas  *schemas
}

// schemas compiles the document's schemas, for one goroutine at a time.
type schemas struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// Answer is what came back. Body is decoded JSON, nil when there is none.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
	Body   any
}

// New reads the OpenAPI document from the handler.
func New(t testing.TB, handler http.Handler, token string) *Client {
	t.Helper()
	c := &Client{Token: token, Host: "example.com", Header: http.Header{}, t: t, handler: handler, schemas: &schemas{compiler: jsonschema.NewCompiler()}}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, prefix+"/openapi.json", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("openapi.json: %d %s", w.Code, w.Body)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	c.document = doc.(map[string]any)
	c.schemas.compiler.DefaultDraft(jsonschema.Draft2020)
	c.schemas.compiler.AssertFormat()
	if err := c.schemas.compiler.AddResource(address, doc); err != nil {
		t.Fatal(err)
	}
	return c
}

// For returns a client that reports to another test, such as a subtest.
func (c *Client) For(t testing.TB) *Client {
	d := *c
	d.t = t
	return &d
}

// With returns a client that also sends a header.
func (c *Client) With(name, value string) *Client {
	d := *c
	d.Header = c.Header.Clone()
	d.Header.Set(name, value)
	return &d
}

// JSON calls path, which follows /api/v1, with body encoded as JSON, or none
// when nil. A string or []byte is sent as it is.
func (c *Client) JSON(method, path string, body any) Answer {
	c.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		var err error
		if raw, err = json.Marshal(body); err != nil {
			c.t.Fatal(err)
		}
	}
	r := httptest.NewRequest(method, prefix+path, bytes.NewReader(raw))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return c.Do(r)
}

// Do sends any request and holds the answer to the document.
func (c *Client) Do(r *http.Request) Answer {
	c.t.Helper()
	r.Host = c.Host
	for name, values := range c.Header {
		r.Header[name] = values
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	w := httptest.NewRecorder()
	c.handler.ServeHTTP(w, r)
	a := Answer{Status: w.Code, Header: w.Header(), Raw: w.Body.Bytes()}
	if len(a.Raw) > 0 {
		body, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Raw))
		if err != nil {
			c.t.Errorf("%s %s: answer is no JSON: %v\n%s", r.Method, r.URL.Path, err, a.Raw)
			return a
		}
		a.Body = body
	}
	if err := c.hold(r, a); err != nil {
		c.t.Errorf("%s %s: %d %s\nis not what the document says: %v", r.Method, r.URL.Path, a.Status, a.Raw, err)
	}
	return a
}

// Decode reads the answer's body into v.
func (a Answer) Decode(t testing.TB, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.Raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("decode %s: %v", a.Raw, err)
	}
}

// Field is a member of the body, "" when it is absent or no string.
func (a Answer) Field(name string) string {
	o, _ := a.Body.(map[string]any)
	text, _ := o[name].(string)
	return text
}

// hold checks status, content type and body against the document. A route that
// the document lacks may only be answered with a fault.
func (c *Client) hold(r *http.Request, a Answer) error {
	template, operation := c.find(r.Method, strings.TrimPrefix(r.URL.Path, prefix))
	if operation == nil {
		if a.Status < 400 {
			return fmt.Errorf("the document has no such route")
		}
		return c.validate("#/components/schemas/Problem", a)
	}
	responses := operation["responses"].(map[string]any)
	name := fmt.Sprint(a.Status)
	response, declared := responses[name].(map[string]any)
	if !declared {
		return fmt.Errorf("status %d is not declared", a.Status)
	}
	kind := a.Header.Get("Content-Type")
	if _, shared := response["$ref"]; shared {
		if kind != "application/problem+json" {
			return fmt.Errorf("a fault as %q", kind)
		}
		return c.validate("#/components/schemas/Problem", a)
	}
	content, _ := response["content"].(map[string]any)
	if content == nil {
		if len(a.Raw) > 0 {
			return fmt.Errorf("a body where none is declared")
		}
		return nil
	}
	if _, declared := content[kind]; !declared {
		return fmt.Errorf("content type %q is not declared", kind)
	}
	return c.validate(fmt.Sprintf("#/paths/%s/%s/responses/%s/content/%s/schema",
		escape(template), strings.ToLower(r.Method), name, escape(kind)), a)
}

func (c *Client) validate(pointer string, a Answer) error {
	c.schemas.mu.Lock()
	schema, err := c.schemas.compiler.Compile(address + pointer)
	c.schemas.mu.Unlock()
	if err != nil {
		return fmt.Errorf("the document's schema is broken: %w", err)
	}
	return schema.Validate(a.Body)
}

// escape makes a name part of a JSON Pointer in a URI fragment.
func escape(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", "+", "%2B").Replace(name)
}

// find returns the operation whose path template matches. A fixed part is
// preferred to a wildcard, as ServeMux does.
func (c *Client) find(method, path string) (template string, operation map[string]any) {
	best := -1
	for t, item := range c.document["paths"].(map[string]any) {
		op, ok := item.(map[string]any)[strings.ToLower(method)].(map[string]any)
		if fixed := match(t, path); ok && fixed > best {
			best, template, operation = fixed, t, op
		}
	}
	return template, operation
}

// match counts the fixed parts of a template that matches, or is -1.
func match(template, path string) (fixed int) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return -1
	}
	for i := range want {
		switch {
		case want[i] == have[i]:
			fixed++
		case !strings.HasPrefix(want[i], "{"):
			return -1
		}
	}
	return fixed
}
