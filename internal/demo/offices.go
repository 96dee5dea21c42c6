package demo

import (
	"context"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/inbox/office/hours"
	"codeberg.org/arengo/arengo/internal/institution"
)

// appoint says who heads the offices, by when they answer, and which words lead to
// which of them.
func (t *town) appoint(ctx context.Context) error {
	ctx, err := t.as(ctx, "admin", t.cesate)
	if err != nil {
		return err
	}
	var all []institution.Office
	if err := t.app.DB.Read(ctx, func(tx *db.Tx) (err error) {
		all, err = institution.Offices(ctx, tx, t.cesate.ID)
		return err
	}); err != nil {
		return err
	}
	named := func(name string) string {
		at := slices.IndexFunc(all, func(o institution.Office) bool { return o.Name == name })
		return all[at].ID
	}
	patron := hours.Closing{Date: hours.Date{Month: time.September, Day: 8}, Name: "Patrono"}
	if err := t.app.Offices.AddClosing(ctx, t.cesate.ID, patron); err != nil {
		return err
	}
	for _, h := range []struct {
		office, head, mail string
		target             time.Duration
	}{
		{"Lavori pubblici", "ing. Carlo Monti", "carlo.monti@cesate.example", 24 * time.Hour},
		{"Servizi scolastici", "Paola Grassi", "paola.grassi@cesate.example", 8 * time.Hour},
		{"Servizi sociali", "Anna Sala", "anna.sala@cesate.example", 4 * time.Hour},
		{"Anagrafe e stato civile", "Teresa Longo", "teresa.longo@cesate.example", 8 * time.Hour},
	} {
		s := office.Usual(named(h.office))
		s.HeadName, s.HeadEmail, s.Target = h.head, h.mail, h.target
		if err := t.app.Offices.SaveSetting(ctx, t.cesate.ID, s); err != nil {
			return err
		}
	}
	for _, r := range []struct{ words, office string }{
		{"lampione, illuminazione, buca, marciapiede, ponte", "Lavori pubblici"},
		{"mensa, scuolabus, nido, iscrizione a scuola", "Servizi scolastici"},
		{"carta d'identità, anagrafe, residenza", "Anagrafe e stato civile"},
		{"rifiuti, ingombranti, lavatrice, fosso", "Ambiente e rifiuti"},
	} {
		if _, err := t.app.Offices.SaveRule(ctx, t.cesate.ID, office.Rule{Words: r.words, OfficeID: named(r.office)}); err != nil {
			return err
		}
	}
	return nil
}

// prepareAnswers keeps what is answered again and again.
func (t *town) prepareAnswers(ctx context.Context) error {
	ctx, err := t.as(ctx, "approver", t.cesate)
	if err != nil {
		return err
	}
	for _, a := range [][2]string{
		{"Segnalazione ricevuta", "Grazie {nome}, la segnalazione è arrivata a {ufficio}. Le rispondiamo qui entro due giorni lavorativi."},
		{"Serve un recapito", "Buongiorno {nome}, per darle una risposta precisa {ufficio} ha bisogno di un recapito: lo scriva in un messaggio privato, non qui sotto."},
		{"Grazie", "Grazie {nome}, lo riferiamo a chi ci ha lavorato. {firma}"},
	} {
		if err := t.app.Answering.AddCanned(ctx, t.cesate.ID, a[0], a[1]); err != nil {
			return err
		}
	}
	return nil
}

// request asks an office for a text, as an officer does in good time.
func (t *town) request(ctx context.Context) error {
	ctx, err := t.as(ctx, "comune", t.cesate)
	if err != nil {
		return err
	}
	h := &hearing{town: t}
	o, err := h.office(ctx, "Anagrafe e stato civile")
	if err != nil {
		return err
	}
	_, err = t.app.Offices.Request(ctx, t.cesate.ID, office.Request{
		OfficeID: o.ID, ProfileID: t.profiles["comune"].ID, Title: "Censimento permanente: che cosa succede a chi riceve la lettera",
		Question: "Ci serve un testo semplice per chi riceve la lettera del censimento: chi la riceve, entro quando si risponde, chi aiuta chi non ha il computer. Bastano dieci righe.",
		DueAt:    t.clock.now().Add(4 * 24 * time.Hour),
	})
	return err
}

// federate gives each voice of the town a name on the Fediverse, and lets it tell
// browsers.
func (t *town) federate(ctx context.Context) error {
	ctx, err := t.as(ctx, "admin", t.cesate)
	if err != nil {
		return err
	}
	for _, v := range voices() {
		if v.union {
			continue
		}
		wish := channel.Wish{InstitutionID: t.cesate.ID, ProfileID: t.profiles[v.part].ID, Platform: channel.ActivityPub}
		if _, err := t.app.Channels.Connect(ctx, wish, map[string]string{}); err != nil {
			return err
		}
		wish.Platform, wish.Name = channel.WebPush, "Notifiche · "+v.name
		if _, err := t.app.Channels.Connect(ctx, wish, map[string]string{}); err != nil {
			return err
		}
	}
	return nil
}
