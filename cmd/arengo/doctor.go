package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/hostname"
)

// openDoctor looks at an installation as an administrator would, and says what to
// do about what it finds. It changes nothing.
func openDoctor(f *flag.FlagSet) action {
	asJSON := f.Bool("json", false, "")
	letter := f.String("letter", "", "")
	bounceUser := f.String("bounce-user", "", "")
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		all := app.Doctor(ctx, c, app.Examination{Now: time.Now(), Letter: *letter, BounceUser: *bounceUser})
		bad := 0
		for _, x := range all {
			if x.State == app.Bad {
				bad++
			}
		}
		if *asJSON {
			if err := in.diagnosis(all); err != nil {
				return err
			}
		} else {
			in.findings(hostname.Readable(c.BaseURL), all, bad)
		}
		if bad > 0 {
			return errSaid{exitFailed}
		}
		return nil
	}
}

// findings are written for a person: what is well in a line, what is not with what
// to do.
func (in input) findings(where string, all []app.Finding, bad int) {
	in.say("doctor.title", where)
	for _, x := range all {
		line := in.p.T("doctor." + x.Check)
		if x.About != "" {
			line += " · " + x.About
		}
		if x.Code != "" {
			line += ": " + in.found(x)
		}
		fmt.Fprintf(in.stdout, "%-7s %s\n", in.p.T("doctor.state."+string(x.State)), line)
		if do := in.todo(x); do != "" {
			fmt.Fprintf(in.stdout, "        → %s\n", do)
		}
	}
	if bad == 0 {
		in.say("doctor.all_well")
		return
	}
	in.say("doctor.attention", bad)
}

func (in input) found(x app.Finding) string {
	if x.Code == "" {
		return ""
	}
	return in.p.T("doctor."+x.Check+"."+x.Code, x.Args...)
}

func (in input) todo(x app.Finding) string {
	if x.Code == "" || x.State == app.Well {
		return ""
	}
	return in.p.T("doctor." + x.Check + "." + x.Code + ".do")
}

// diagnosis is the same for programs: check, state and code keep their names.
func (in input) diagnosis(all []app.Finding) error {
	type finding struct {
		Check string `json:"check"`
		About string `json:"about,omitempty"`
		State string `json:"state"`
		Code  string `json:"code,omitempty"`
		Text  string `json:"text,omitempty"`
		Do    string `json:"do,omitempty"`
	}
	out := make([]finding, 0, len(all))
	for _, x := range all {
		out = append(out, finding{x.Check, x.About, string(x.State), x.Code, in.found(x), in.todo(x)})
	}
	enc := json.NewEncoder(in.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}
