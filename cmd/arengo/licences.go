package main

import (
	"fmt"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/licence"
)

// runLicences prints the notices of everything in the program, or of what is named.
func runLicences(in input) int {
	all, err := licence.All()
	if err == nil && len(all) == 0 {
		err = fault.New(fault.Unavailable, "cli.licences.none")
	}
	if err != nil {
		in.fail(err)
		return exitFailed
	}
	if len(in.args) > 1 {
		in.fail(usage("cli.too_many", in.args[1]))
		return exitUsage
	}
	if len(in.args) == 1 {
		if all = licence.Named(all, in.args[0]); len(all) == 0 {
			in.fail(usage("cli.licences.unknown", in.args[0]))
			return exitUsage
		}
	}
	if _, err := fmt.Fprint(in.stdout, licence.Plain(all)); err != nil {
		in.fail(err)
		return exitFailed
	}
	return exitDone
}
