package people

import (
	"context"
	"slices"

	"codeberg.org/arengo/arengo/internal/fault"
)

// Role is what a person is in an institution.
type Role string

// The roles. Each may do what is listed in may; they add up.
const (
	Reader        Role = "reader"        // sees the desk
	Writer        Role = "writer"        // writes, corrects, answers
	Approver      Role = "approver"      // approves what others wrote, freezes
	Duty          Role = "duty"          // officer on duty: alerts, freeze
	Administrator Role = "administrator" // people, channels, institution
)

// roles lists all roles, from the least to the most powerful.
var roles = []Role{Reader, Writer, Approver, Duty, Administrator}

// Roles lists all roles.
func Roles() []Role { return slices.Clone(roles) }

// Action is something that needs permission.
type Action string

// The actions.
const (
	See       Action = "see"       // the desk: drafts, calendar, deliveries
	Write     Action = "write"     // messages, media, variants; submit
	Approve   Action = "approve"   // approve, send back
	Publish   Action = "publish"   // schedule, publish now, correct, withdraw, retry
	Answer    Action = "answer"    // conversations: answer, assign, note, close
	Moderate  Action = "moderate"  // hide, report, block; approve comments
	Freeze    Action = "freeze"    // freeze and unfreeze
	Alert     Action = "alert"     // emergencies
	Configure Action = "configure" // profiles, offices, channels, slots, subscribers
	Staff     Action = "staff"     // people and roles, tokens, audit log
)

// may says which roles allow an action.
func may(a Action) []Role {
	switch a {
	case See:
		return roles
	case Write:
		return []Role{Writer, Approver, Administrator}
	case Publish, Answer, Moderate:
		return []Role{Writer, Approver, Administrator}
	case Approve:
		return []Role{Approver, Administrator}
	case Freeze:
		return []Role{Approver, Duty, Administrator}
	case Alert:
		return []Role{Duty, Administrator}
	case Configure, Staff:
		return []Role{Administrator}
	}
	return nil
}

// Actor is who acts: a person, or a program with an API token, in one
// institution.
type Actor struct {
	PersonID      string
	Name          string
	Email         string
	Locale        string
	InstitutionID string
	Roles         []Role
	TokenID       string // set when a program acts with an API token
}

// May reports whether the actor's roles allow the action in its institution.
func (a Actor) May(action Action) bool {
	for _, r := range may(action) {
		if slices.Contains(a.Roles, r) {
			return true
		}
	}
	return false
}

// Actions lists all actions.
func Actions() []Action {
	return []Action{See, Write, Approve, Publish, Answer, Moderate, Freeze, Alert, Configure, Staff}
}

// Covers reports whether somebody with the roles have may do all that the role
// may: then the role can be passed on, to an API token for instance.
func Covers(have []Role, role Role) bool {
	for _, action := range Actions() {
		if (Actor{Roles: []Role{role}}).May(action) && !(Actor{Roles: have}).May(action) {
			return false
		}
	}
	return true
}

type actorKey struct{}

// With returns a context in which a acts.
func With(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// From returns who acts; ok is false when nobody is signed in.
func From(ctx context.Context) (a Actor, ok bool) {
	a, ok = ctx.Value(actorKey{}).(Actor)
	return a, ok
}

// Can returns the actor when it may do the action in the institution. Faults:
// Unsigned when nobody is signed in, Forbidden when the role is missing,
// NotFound when the actor acts in another institution: it learns nothing of this.
func Can(ctx context.Context, action Action, institutionID string) (Actor, error) {
	a, ok := From(ctx)
	switch {
	case !ok:
		return a, fault.New(fault.Unsigned, "people.unsigned")
	case a.InstitutionID != institutionID:
		return a, fault.Missing("institution.missing")
	case !a.May(action):
		return a, fault.Refused("people.forbidden." + string(action))
	}
	return a, nil
}

// Key is the role's name in the catalogue.
func (r Role) Key() string {
	switch r {
	case Reader:
		return "people.role.reader"
	case Writer:
		return "people.role.writer"
	case Approver:
		return "people.role.approver"
	case Duty:
		return "people.role.duty"
	}
	return "people.role.administrator"
}

// Hint is what the role may do, in the catalogue.
func (r Role) Hint() string {
	switch r {
	case Reader:
		return "people.role.reader.hint"
	case Writer:
		return "people.role.writer.hint"
	case Approver:
		return "people.role.approver.hint"
	case Duty:
		return "people.role.duty.hint"
	}
	return "people.role.administrator.hint"
}

// Here is Can in the institution in which the actor acts: that of the request's
// host. Faults: Unsigned, Forbidden.
func Here(ctx context.Context, action Action) (Actor, error) {
	a, ok := From(ctx)
	if !ok {
		return a, fault.New(fault.Unsigned, "people.unsigned")
	}
	return Can(ctx, action, a.InstitutionID)
}
