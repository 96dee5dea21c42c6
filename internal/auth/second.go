package auth

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
)

// secondLimit is what a try at the second factor counts against: the person, from
// wherever and in however many sessions, since whoever has the password can open as
// many as there are addresses; in a browser that the person signed in with before,
// that browser, so that strangers who spend the one do not lock the owner out.
// Recovery codes are counted apart: they are the way in while codes are being guessed.
func secondLimit(personID, code string, from place, known bool) limit.Spend {
	switch {
	case known:
		return limit.CodeDevice.Of(from.device).And(personID)
	case isRecovery(code):
		return limit.Recovery.Of(personID)
	}
	return limit.Code.Of(personID)
}

// isRecovery reports whether something typed has the length of a recovery code.
func isRecovery(code string) bool { return len(plainCode(code)) == recoverySize }

// checkSecond checks a code of the generator or a recovery code. Faults: Invalid,
// about the field "code"; TooMany when no more tries are left: the password must be
// given again, and the person has been told.
func (s *Service) checkSecond(ctx context.Context, personID, code string, from place, now time.Time) error {
	var spent limit.Spend
	var wait time.Duration
	var right, last bool
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		known, err := knownDevice(ctx, tx, from.device, personID)
		if err != nil {
			return err
		}
		spent = secondLimit(personID, code, from, known)
		if wait, err = s.limits.Take(ctx, tx, now, spent); err != nil || wait > 0 {
			return err
		}
		// Of tries at the same moment one is the last: it raises the alarm, once.
		last, err = s.limits.Spent(ctx, tx, now, spent)
		return err
	})
	if err != nil {
		return err
	}
	if wait > 0 {
		return tooManyCodes(wait)
	}
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if right, err = s.judgeSecond(ctx, tx, personID, code, now); err != nil {
			return err
		}
		if right {
			return s.limits.GiveBack(ctx, tx, spent)
		}
		if last {
			return s.alarm(ctx, tx, personID, now)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case right:
		return nil
	case last:
		return tooManyCodes(0)
	default:
		return fault.InvalidField("code", "auth.code.wrong")
	}
}

func tooManyCodes(wait time.Duration) error {
	return fault.New(fault.TooMany, "auth.code.many", int(wait/time.Minute)+1)
}

// judgeSecond tells whether a code is right, and uses it up.
func (s *Service) judgeSecond(ctx context.Context, tx *db.Tx, personID, code string, now time.Time) (bool, error) {
	if ok, err := s.checkCode(ctx, tx, personID, digits(code), now); err != nil || ok {
		return ok, err
	}
	return s.checkRecovery(ctx, tx, personID, code, now)
}

// alarm records that somebody who has the password has used up the tries at the
// code, and tells the person, though not over and over.
func (s *Service) alarm(ctx context.Context, tx *db.Tx, personID string, now time.Time) error {
	if err := s.note(ctx, tx, personID, "auth.code.guessed"); err != nil {
		return err
	}
	if wait, err := s.limits.Take(ctx, tx, now, limit.Alarms.Of(personID)); err != nil || wait > 0 {
		return err
	}
	p, err := people.ByID(ctx, tx, personID)
	if err != nil {
		return err
	}
	return s.write(ctx, tx, p, "auth.mail.guessed.subject", "auth.mail.guessed.text", s.base.JoinPath(forgottenPath).String())
}
