package testkit

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a browser may take for one step. It is generous because
// the machine that tests is small and busy; a step that works takes milliseconds.
const patience = 45 * time.Second

// Chromium is a running headless browser, closed when the test that started it
// ends.
type Chromium struct{ ctx context.Context }

// Browser starts a browser with an empty profile. Start one for a test and open
// pages in its subtests: starting takes a second.
func Browser(t testing.TB) *Chromium {
	t.Helper()
	path := findBrowser()
	if path == "" {
		Missing(t, "Chromium", "install the package chromium, or name one in ARENGO_TEST_BROWSER")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("lang", "it"),
		chromedp.Flag("hide-scrollbars", true), chromedp.UserDataDir(t.TempDir()))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, quit := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		// Waits until the browser has written its last file, so that the profile
		// can be removed.
		_ = chromedp.Cancel(ctx)
		quit()
		stop()
	})
	// The first run binds the browser's life to its context: no time limit here.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Chromium{ctx}
}

func findBrowser() string {
	for _, name := range []string{os.Getenv("ARENGO_TEST_BROWSER"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// PageOption changes how a page is opened.
type PageOption func(*pageOptions)

type pageOptions struct {
	width, height int64
	phone         bool
	noScript      bool
	language      string
	tolerated     []string
}

// Phone opens the page on a screen of 360 by 740 pixels.
func Phone() PageOption {
	return func(o *pageOptions) { o.width, o.height, o.phone = 360, 740, true }
}

// Wide opens the page on a screen of a width in pixels.
func Wide(width int) PageOption { return func(o *pageOptions) { o.width = int64(width) } }

// NoScript opens the page with JavaScript off.
func NoScript() PageOption { return func(o *pageOptions) { o.noScript = true } }

// Language asks for pages in a language.
func Language(code string) PageOption { return func(o *pageOptions) { o.language = code } }

// Tolerate accepts console messages that contain the text: for pages that are
// meant to fail.
func Tolerate(text string) PageOption {
	return func(o *pageOptions) { o.tolerated = append(o.tolerated, text) }
}

// Page is a tab of the browser. Its methods end the test when they fail. When
// the test ends, whatever the page complained about (a script that failed, a
// rule of the content policy that it broke, a file that was not there) fails it.
type Page struct {
	t        testing.TB
	ctx      context.Context
	noScript bool
	mu       sync.Mutex
	said     []string
}

// Open opens an address in a new tab. The tabs of one browser share cookies, as
// a person's tabs do.
func (c *Chromium) Open(t testing.TB, url string, options ...PageOption) *Page {
	t.Helper()
	o := &pageOptions{width: 1280, height: 900, language: "it"}
	for _, option := range options {
		option(o)
	}
	ctx, closeTab := chromedp.NewContext(c.ctx)
	p := &Page{t: t, ctx: ctx, noScript: o.noScript}
	t.Cleanup(func() {
		closeTab()
		p.complain(o.tolerated)
	})
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("open tab: %v", err)
	}
	viewport := chromedp.EmulateViewport(o.width, o.height)
	if o.phone {
		viewport = chromedp.EmulateViewport(o.width, o.height, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	p.do("prepare tab", viewport, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": o.language}})
		return err
	}))
	p.disableScript(o.noScript)
	p.Goto(url)
	return p
}

func (p *Page) disableScript(off bool) {
	p.t.Helper()
	p.do("switch scripts", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: off})
		return err
	}))
}

// listen collects complaints. It runs inside the reader of the browser's
// messages and must not wait.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Source == log.EntrySourceSecurity {
			p.said = append(p.said, e.Entry.Text+" "+e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		p.said = append(p.said, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			p.said = append(p.said, "console.error")
		}
	}
}

func (p *Page) complain(tolerated []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.said {
		fine := false
		for _, expected := range tolerated {
			fine = fine || strings.Contains(text, expected)
		}
		if !fine {
			p.t.Errorf("the browser said: %s", text)
		}
	}
}

func (p *Page) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func read[T any](p *Page, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	return v
}

// look is read for what changes nothing: when the page was replaced between finding
// an element and reading it, it looks again at the new one.
func look[T any](p *Page, what string, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	for {
		v, err := chromedp.Run(ctx, a)
		if gone := (*cdproto.Error)(nil); errors.As(err, &gone) && strings.Contains(gone.Message, "No node with given id") {
			continue
		}
		if err != nil {
			p.t.Fatalf("%s: %v", what, err)
		}
		return v
	}
}

// ModuleRoot is the folder of go.mod, whatever package the test runs in.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = parent
	}
}
