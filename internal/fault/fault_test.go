package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/fault"
)

func TestErrorWithoutFaultIsInternalAndHidesItsText(t *testing.T) {
	e := fault.Of(fmt.Errorf("open: %w", errors.New("/etc/passwd: denied")))
	if e.Kind != fault.Internal || e.Text.Key != "fault.internal" {
		t.Fatalf("got %v %q", e.Kind, e.Text.Key)
	}
}

func TestKindSurvivesWrapping(t *testing.T) {
	err := fmt.Errorf("schedule: %w", fault.Clash("message.edited").Because(errors.New("rev 3, want 2")))
	if !fault.Is(err, fault.Conflict) || fault.Is(err, fault.Invalid) {
		t.Fatal("kind lost")
	}
	if !strings.Contains(err.Error(), "rev 3") {
		t.Fatal("the log lost the cause")
	}
	if fault.Is(nil, fault.Internal) {
		t.Fatal("nil is no fault")
	}
}

func TestFieldsGatherAllOrNothing(t *testing.T) {
	var f fault.Fields
	if f.Err() != nil {
		t.Fatal("no field, but an error")
	}
	f.Add("title", "message.title.missing")
	f.Add("body", "message.body.long", 10)
	if e := fault.Of(f.Err()); e.Kind != fault.Invalid || len(e.Fields) != 2 || e.Kind.Status() != 422 {
		t.Fatalf("got %+v", e)
	}
}
