package activitypub

import (
	"context"

	"codeberg.org/arengo/arengo/internal/db"
)

// SendDue carries all that is due now, in the caller's time: tests need not wait
// for a worker.
func (s *Server) SendDue(ctx context.Context) error {
	var due []deliver
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = db.All(ctx, tx, func(r db.Scanner) (d deliver, err error) {
			err = r.Scan(&d.InstitutionID, &d.Host)
			return d, err
		}, `SELECT DISTINCT institution_id, host FROM ap_delivery WHERE state = 'waiting' AND next_at <= $1 ORDER BY host`, db.At(s.clock()))
		return err
	})
	for _, d := range due {
		if err := s.workDeliver(ctx, d); err != nil {
			return err
		}
	}
	return err
}

// LookUpDue ends all activities that wait for something read elsewhere.
func (s *Server) LookUpDue(ctx context.Context) error {
	var due []followUp
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = db.All(ctx, tx, func(r db.Scanner) (d followUp, err error) {
			err = r.Scan(&d.InstitutionID, &d.ActivityID)
			return d, err
		}, `SELECT institution_id, activity_id FROM ap_received WHERE body <> ''`)
		return err
	})
	for _, d := range due {
		if err := s.workFollowUp(ctx, d); err != nil {
			return err
		}
	}
	return err
}

// Sweep and Tidy are the periodic jobs.
func (s *Server) Sweep(ctx context.Context) error       { return s.workSweep(ctx, sweep{}) }
func (s *Server) TellChanges(ctx context.Context) error { return s.workChanges(ctx, changes{}) }
func (s *Server) Tidy(ctx context.Context) error        { return s.workTidy(ctx, tidy{}) }

// The bounds that tests speak of.
const (
	PerPage     = perPage
	ReceivedFor = receivedFor
	DeadAfter   = deadAfter
	MaxBody     = maxBody
	RotateAfter = rotateAfter
)

// Waits are the times between two tries.
var Waits = waits

// HTML is a plain text as an actor at an origin writes it.
func HTML(origin, text string, tags []string) string {
	return actor{place: place{addresses: addresses{origin}}}.words(tags, nil).html(text)
}

// Addresses is all that we read from an address of somebody.
func Addresses(origin, address string) (host, name, id string) {
	a := addresses{origin}
	return hostOf(address, true), a.actorName(address), a.objectID(address)
}

// Under reports whether a block covers a host.
func Under(host, domain string) bool { return under(host, domain) }
