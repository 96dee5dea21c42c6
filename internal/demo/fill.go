package demo

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// Fill puts the town into an empty installation, as it would be at now.
func Fill(ctx context.Context, a *app.App, piazza *square.Square, squareURL string, now time.Time) error {
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		inst, err := institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, now)
		if err != nil {
			return err
		}
		if _, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: inst.ID, Name: "Comune", FourEyes: true}, now); err != nil {
			return err
		}
		for _, role := range people.Roles() {
			if _, err := auth.CreateUser(ctx, tx, auth.NewUser{Email: string(role) + "@cesate.example", Name: string(role), InstitutionID: inst.ID, Roles: []people.Role{role}}, "", now); err != nil {
				return err
			}
		}
		return nil
	})
}
