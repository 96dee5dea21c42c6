package app_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/api/apitest"
	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// town is a whole Arengo with one institution, a simulated square and programs
// of two people.
type town struct {
	app      *app.App
	config   config.Config
	inst     institution.Institution
	profile  institution.Profile
	square   *square.Square
	server   string // of the square
	writer   *apitest.Client
	approver *apitest.Client
	admin    *apitest.Client
}

// settings of a fresh installation on an engine.
func settings(t testing.TB, e db.Engine) config.Config {
	t.Helper()
	env := map[string]string{"ARENGO_DATA": filepath.Join(t.TempDir(), "data"), "ARENGO_BASE_URL": "http://cesate.localhost:8080", "ARENGO_ALLOW_PRIVATE": "127.0.0.0/8"}
	if e == db.Postgres {
		env["ARENGO_DATABASE"] = testkit.Address(t, e)
	}
	c, err := config.Load(nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t testing.TB, c config.Config) *app.App {
	t.Helper()
	a, err := app.Open(context.Background(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func shut(t testing.TB, a *app.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
}

func newTown(t testing.TB, c config.Config) *town {
	t.Helper()
	w := &town{app: open(t, c), config: c}
	t.Cleanup(func() { shut(t, w.app) })
	ctx := t.Context()
	tokens := map[people.Role]string{}
	err := w.app.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		now := time.Now()
		if w.inst, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", Hosts: []string{"cesate.localhost"}}, now); err != nil {
			return err
		}
		if w.profile, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.inst.ID, Name: "Comune", FourEyes: true}, now); err != nil {
			return err
		}
		for _, role := range []people.Role{people.Writer, people.Approver, people.Administrator} {
			p, err := auth.CreateUser(ctx, tx, auth.NewUser{Email: string(role) + "@cesate.example", Name: string(role), InstitutionID: w.inst.ID, Roles: []people.Role{role}}, "", now)
			if err != nil {
				return err
			}
			if tokens[role], _, err = auth.CreateToken(ctx, tx, auth.Token{InstitutionID: w.inst.ID, Name: "test", Roles: []people.Role{role}, PersonID: p.ID}, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	client := func(role people.Role) *apitest.Client {
		c := apitest.New(t, w.app.Handler(), tokens[role])
		c.Host = "cesate.localhost"
		return c
	}
	w.writer, w.approver, w.admin = client(people.Writer), client(people.Approver), client(people.Administrator)
	if w.square, err = square.New(square.Options{}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(w.square.Handler())
	t.Cleanup(s.Close)
	w.server = s.URL
	return w
}

// connect joins the square's account of the town to its profile.
func (w *town) connect(t testing.TB) (channelID string) {
	t.Helper()
	token, err := w.square.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		t.Fatal(err)
	}
	a := w.admin.JSON(http.MethodPost, "/channels", map[string]any{"profile_id": w.profile.ID, "platform": "mastodon",
		"typed": map[string]string{"server": w.server, "token": token}})
	if a.Status != http.StatusCreated {
		t.Fatalf("connect: %d %s", a.Status, a.Raw)
	}
	return a.Field("id")
}

// await waits until ok, or ends the test.
func await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in half a minute", what)
		}
	}
}
