package app

import (
	"context"
	"net"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// State is how a thing that was looked at is.
type State string

// The states. Only Bad counts as needing attention: a Note is worth knowing, and
// Unknown could not be asked from here.
const (
	Well    State = "ok"
	Note    State = "note"
	Bad     State = "bad"
	Unknown State = "unknown"
)

// Finding is one thing that was looked at. What was found and what to do about it
// are texts of the catalogue, doctor.CHECK.CODE and doctor.CHECK.CODE.do.
type Finding struct {
	Check string // what was looked at
	About string // which of them: a file, an institution, a channel
	State State
	Code  string // what was found; "" when it is well
	Args  []any
}

// Examination says what Doctor is to look at, and how it asks the world.
type Examination struct {
	Now        time.Time
	Letter     string // address of a test letter; "" sends none
	BounceUser string // user of the machine as whom the way of bounces is tried; "" for none

	// Self is the program; "" is the one that runs. TXT asks the DNS; Reach asks for an
	// address; nil: the real ones.
	Self  string
	TXT   func(ctx context.Context, name string) ([]string, error)
	Reach func(ctx context.Context, address string) error
}

// doctor gathers findings.
type doctor struct {
	Examination
	c    config.Config
	base *url.URL
	d    *db.DB // nil while the database cannot be used
	all  []Finding
}

func (x *doctor) add(f Finding) { x.all = append(x.all, f) }

func (x *doctor) well(check, about string) { x.add(Finding{Check: check, About: about, State: Well}) }

func (x *doctor) bad(check, about, code string, args ...any) {
	x.add(Finding{check, about, Bad, code, args})
}

func (x *doctor) note(check, about, code string, args ...any) {
	x.add(Finding{check, about, Note, code, args})
}

// failed is a Bad finding because of an error, in words when there are any.
func (x *doctor) failed(check, about string, err error) {
	x.bad(check, about, "failed", inWords(err))
}

// inWords is an error as an argument of a text.
func inWords(err error) any {
	f := fault.Of(err)
	if f.Kind != fault.Internal && len(f.Fields) == 0 {
		return f.Text
	}
	if t, ok := fault.System(err); ok {
		return t
	}
	return err.Error()
}

// Doctor looks at an installation as an administrator would. It changes nothing,
// and looks at all it can when a part fails.
func Doctor(ctx context.Context, c config.Config, e Examination) []Finding {
	x := &doctor{Examination: e, c: c}
	if x.TXT == nil {
		x.TXT = net.DefaultResolver.LookupTXT
	}
	if x.Reach == nil {
		x.Reach = reach
	}
	x.base, _ = url.Parse(c.BaseURL) // it was checked when it was read
	x.files()
	d, err := UpToDateDB(ctx, c)
	if err != nil {
		x.failed("database", x.place(), err)
	} else {
		defer d.Close()
		x.d = d
		x.database(ctx)
	}
	x.key(ctx)
	x.clock(ctx)
	x.address(ctx)
	x.mail(ctx)
	x.bounces(ctx)
	x.settings()
	if x.d != nil {
		x.work(ctx)
		x.institutions(ctx)
	}
	return x.all
}

// place is where the database is, without a password.
func (x *doctor) place() string {
	if x.c.Database == "" {
		return address(x.c)
	}
	if u, err := url.Parse(x.c.Database); err == nil {
		return u.Redacted()
	}
	return "postgres"
}
