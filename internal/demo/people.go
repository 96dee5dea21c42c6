package demo

import (
	"context"
	"net/url"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// staff is who works in the town, by the part that each plays in the story.
type staff struct {
	part, name, email string
	does              string        // in the list of accounts
	roles             []people.Role // in the town
	union             []people.Role // in the union of municipalities
}

func allStaff() []staff {
	return []staff{
		{"reader", "Ada Lombardi", "ada.lombardi@cesate.example", "legge / reads", []people.Role{people.Reader}, nil},
		{"comune", "Marta Brambilla", "marta.brambilla@cesate.example", "scrive per il Comune / writes for the town", []people.Role{people.Writer}, nil},
		{"biblioteca", "Luca Ferrario", "luca.ferrario@cesate.example", "scrive per la Biblioteca / writes for the library", []people.Role{people.Writer}, nil},
		{"giovani", "Sofia Meroni", "sofia.meroni@cesate.example", "scrive per il Centro giovani / writes for the youth centre", []people.Role{people.Writer}, nil},
		{"approver", "Giorgio Castelli", "giorgio.castelli@cesate.example", "approva / approves", []people.Role{people.Writer, people.Approver}, nil},
		{"duty", "Renato Colombo", "renato.colombo@cesate.example", "reperibile / on duty", []people.Role{people.Duty}, nil},
		{"admin", "Elena Riva", "elena.riva@cesate.example", "amministra / administers", []people.Role{people.Administrator}, []people.Role{people.Administrator}},
		{"unione", "Chiara Banfi", "chiara.banfi@cesate.example", "scrive e approva qui e nell'Unione / serves the town and the union", []people.Role{people.Writer, people.Approver}, []people.Role{people.Writer, people.Approver}},
	}
}

// voice is a profile with its account on the square.
type voice struct {
	part, name, handle, bio string
	fourEyes, union         bool
}

func voices() []voice {
	return []voice{
		{"comune", "Comune", "comune_cesate", "Notizie, servizi, strade, scuola e Consiglio: la voce del Comune di Cesate.", true, false},
		{"biblioteca", "Biblioteca", "biblioteca_cesate", "Libri, letture ad alta voce, gruppi di lettura e sale studio. Via Piave.", true, false},
		{"giovani", "Centro giovani", "giovani_cesate", "Sala prove, murales, compiti e idee dai 14 ai 25 anni.", false, false},
		{"unione", "Unione delle Groane", "unione_groane", "Protezione civile, sportello lavoro e servizi sociali di quattro comuni.", false, true},
	}
}

// settle makes the institutions, their voices, offices and people.
func (t *town) settle(ctx context.Context) error {
	base, err := url.Parse(t.app.Config.BaseURL)
	if err != nil {
		return err
	}
	now := t.clock.now()
	return t.app.DB.InTx(ctx, func(tx *db.Tx) (err error) {
		t.cesate, err = institution.Create(ctx, tx, institution.Institution{
			Name: "Comune di Cesate", Slug: "cesate", Kind: "comune", Colour: "#0b5c4a", Motto: "Città nel Parco delle Groane",
			Address: "Via Don Moretti 10, 20031 Cesate (MI)", Email: "urp@cesate.example", Phone: "+39 02 0000 0100",
			Hosts: hostsOf(base),
		}, now)
		if err != nil {
			return err
		}
		t.union, err = institution.Create(ctx, tx, institution.Institution{
			Name: "Unione dei Comuni delle Groane", Slug: "unione-groane", Kind: "unione", Colour: "#5a3d7a", Motto: "Quattro comuni, uno sportello",
			Address: "Piazza del Parco 1, 20031 Cesate (MI)", Email: "segreteria@unione.example", Phone: "+39 02 0000 0200",
			Hosts: []string{"unione.localhost"},
		}, now)
		if err != nil {
			return err
		}
		if err := t.openOffices(ctx, tx); err != nil {
			return err
		}
		for n, v := range voices() {
			p, err := institution.SaveProfile(ctx, tx, institution.Profile{
				InstitutionID: t.of(v.union).ID, Name: v.name, Bio: v.bio, FourEyes: v.fourEyes, FourEyesAnswers: v.part == "comune", Position: n,
			}, now)
			if err != nil {
				return err
			}
			t.profiles[v.part] = p
		}
		return t.hire(ctx, tx, now)
	})
}

// hostsOf are the names under which a browser on this machine finds the town.
func hostsOf(base *url.URL) []string {
	hosts := []string{institution.Host(base.Host)}
	for _, h := range []string{"127.0.0.1", "localhost"} {
		if h != hosts[0] {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

func (t *town) of(union bool) institution.Institution {
	if union {
		return t.union
	}
	return t.cesate
}

func (t *town) openOffices(ctx context.Context, tx *db.Tx) error {
	for _, o := range [][2]string{
		{"URP – Relazioni con il pubblico", "urp"}, {"Polizia locale", "polizialocale"}, {"Servizi scolastici", "scuola"}, {"Lavori pubblici", "lavori"},
		{"Biblioteca", "biblioteca"}, {"Anagrafe e stato civile", "anagrafe"}, {"Servizi sociali", "sociali"}, {"Sport e cultura", "cultura"}, {"Ambiente e rifiuti", "ambiente"},
	} {
		if _, err := institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: t.cesate.ID, Name: o[0], Email: o[1] + "@cesate.example", Phone: "+39 02 0000 0101"}); err != nil {
			return err
		}
	}
	_, err := institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: t.union.ID, Name: "Protezione civile", Email: "protezionecivile@unione.example", Phone: "+39 02 0000 0201"})
	return err
}

func (t *town) hire(ctx context.Context, tx *db.Tx, now time.Time) error {
	for _, s := range allStaff() {
		p, err := auth.CreateUser(ctx, tx, auth.NewUser{Email: s.email, Name: s.name, InstitutionID: t.cesate.ID, Roles: s.roles}, "", now)
		if err != nil {
			return err
		}
		t.people[s.part] = p.ID
		if len(s.union) > 0 {
			if err := people.SetRoles(ctx, tx, t.union.ID, p.ID, s.union, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// as is a context in which somebody acts, with the roles held in the institution.
func (t *town) as(ctx context.Context, part string, i institution.Institution) (context.Context, error) {
	var a people.Actor
	err := t.app.DB.Read(ctx, func(tx *db.Tx) (err error) {
		a, _, err = people.Acting(ctx, tx, t.people[part], i.ID)
		return err
	})
	return people.With(ctx, a), err
}

// connect joins each voice to its account on the square and to the newsletter.
func (t *town) connect(ctx context.Context) error {
	for _, v := range voices() {
		i, p := t.of(v.union), t.profiles[v.part]
		ctx, err := t.as(ctx, "admin", i)
		if err != nil {
			return err
		}
		token, err := t.square.AddAccount(v.handle, p.Name+" · "+i.Name)
		if err != nil {
			return err
		}
		wish := channel.Wish{InstitutionID: i.ID, ProfileID: p.ID, Platform: channel.Mastodon, Name: "Piazza · @" + v.handle}
		c, err := t.app.Channels.Connect(ctx, wish, map[string]string{"server": t.squareURL, "token": token})
		if err != nil {
			return err
		}
		t.channels[v.part] = c.ID
		wish.Platform, wish.Name = channel.Email, "Newsletter · "+p.Name
		if _, err := t.app.Channels.Connect(ctx, wish, map[string]string{}); err != nil {
			return err
		}
	}
	if err := t.federate(ctx); err != nil {
		return err
	}
	if err := t.appoint(ctx); err != nil {
		return err
	}
	if err := t.prepareAnswers(ctx); err != nil {
		return err
	}
	return t.slots(ctx)
}

// slots are the weekly moments at which the voices speak.
func (t *town) slots(ctx context.Context) error {
	ctx, err := t.as(ctx, "admin", t.cesate)
	if err != nil {
		return err
	}
	for _, s := range []struct {
		part string
		day  time.Weekday
		hour int
	}{
		{"comune", time.Monday, 9}, {"comune", time.Wednesday, 12}, {"comune", time.Friday, 17},
		{"biblioteca", time.Tuesday, 10}, {"biblioteca", time.Thursday, 16}, {"giovani", time.Wednesday, 15}, {"giovani", time.Saturday, 11},
	} {
		if _, err := t.app.Desk.AddSlot(ctx, t.cesate.ID, t.profiles[s.part].ID, s.day, s.hour*60); err != nil {
			return err
		}
	}
	return nil
}
