package site_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/site"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// town is an institution with a site, and a clock that stands still.
type town struct {
	t        testing.TB
	db       *db.DB
	blobs    *blob.Disk
	kit      *web.Kit
	site     *site.Site
	handler  http.Handler
	i        institution.Institution
	profiles map[string]institution.Profile
	now      time.Time
	base     string // address at which citizens read
	n        int
	numbers  int64
}

func rome() *time.Location {
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	return l
}

// at is a moment in the town's zone: at("2026-05-04T18:30").
func at(wall string) time.Time {
	t, err := time.ParseInLocation("2006-01-02T15:04", wall, rome())
	if err != nil {
		panic(err)
	}
	return t
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	ctx := context.Background()
	w := &town{t: t, db: d, base: "https://piazza.cesate.example", now: at("2026-05-04T18:30"), profiles: map[string]institution.Profile{}}
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		w.i, err = institution.Create(ctx, tx, institution.Institution{
			Name: "Comune di Cesate", Motto: "La piazza di Cesate: notizie, eventi e ascolto", Colour: "#0b6b53",
			SiteURL: "https://www.comune.cesate.example/", PrivacyURL: "/privacy", AccessibilityURL: "https://form.agid.gov.example/cesate", LegalURL: "/note-legali",
			Address: "Via Don Oreste Moretti 10, 20031 Cesate (MI)", Phone: "02 0000 0000", Email: "urp@comune.cesate.example",
		}, w.now)
		if err != nil {
			return err
		}
		for n, p := range []institution.Profile{
			{Slug: "comune", Name: "Comune di Cesate", Bio: "Servizi, lavori, decisioni e avvisi dal municipio."},
			{Slug: "biblioteca", Name: "Biblioteca", Bio: "Libri, letture ad alta voce e incontri nella vecchia filanda."},
			{Slug: "centro-giovani", Name: "Centro giovani", Bio: "Laboratori, musica e sport dai 14 ai 25 anni."},
		} {
			p.InstitutionID, p.Position = w.i.ID, n
			if p, err = institution.SaveProfile(ctx, tx, p, w.now); err != nil {
				return err
			}
			w.profiles[p.Slug] = p
		}
		return nil
	}))
	var err error
	w.blobs, err = blob.NewDisk(t.TempDir())
	w.must(err)
	w.open()
	return w
}

// open builds the site as the application does.
func (w *town) open() {
	w.t.Helper()
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.base)
	w.must(err)
	clock := func() time.Time { return w.now }
	w.kit, err = web.New(web.Options{
		Bundle: bundle, Log: slog.New(slog.NewTextHandler(testWriter{w.t}, nil)), BaseURL: base, Now: clock,
		Shell: func(r *http.Request, p *layout.Page) { w.site.Shell(r, p) },
		Around: func(h web.Handler) web.Handler {
			return func(rw http.ResponseWriter, r *http.Request) error {
				if r.Header.Get("X-Test-Staff") != "" {
					r = r.WithContext(people.With(r.Context(), people.Actor{InstitutionID: w.i.ID, PersonID: "p", Roles: []people.Role{people.Reader}}))
				}
				return h(rw, r)
			}
		},
	})
	w.must(err)
	w.site, err = site.New(site.Options{DB: w.db, Kit: w.kit, Blobs: w.blobs, BaseURL: base, Clock: clock})
	w.must(err)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.site.Mount(mux)
	w.handler = institution.NewResolver(w.db, clock).Around(w.site.Kept(w.kit.Wrap(mux)))
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Helper()
	w.t.Errorf("the server logged: %s", p)
	return len(p), nil
}

func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// get answers a GET as a citizen's browser would see it.
func (w *town) get(path string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://piazza.cesate.example"+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// page is the body of a GET that succeeds.
func (w *town) page(path string, headers ...string) string {
	w.t.Helper()
	rec := w.get(path, headers...)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: %d\n%s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// note is a message to be put on the site, as publishing would write it.
type note struct {
	Profile, Title, Body, Lang, Category string
	Tags                                 []string
	Media                                []site.Media
	Start, End                           time.Time
	Days                                 bool
	Place                                string
	Lat, Lon                             *float64
	Published                            time.Time
	Corrections                          []site.Correction
	ID                                   string
}

// publish writes the rows that publishing writes when a message goes out.
func (w *town) publish(n note) string {
	w.t.Helper()
	w.n++
	if n.Profile == "" {
		n.Profile = "comune"
	}
	if n.Lang == "" {
		n.Lang = "it"
	}
	if n.Category == "" {
		n.Category = "news"
	}
	if n.Published.IsZero() {
		n.Published = w.now.Add(-time.Duration(1000-w.n) * time.Hour)
	}
	if n.ID == "" {
		n.ID = fmt.Sprintf("0198a000-0000-7000-8000-%012d", w.n)
	}
	kind := "news"
	switch {
	case !n.Start.IsZero():
		kind = "event"
	case len(n.Media) > 4:
		kind = "album"
	}
	var corrected int64
	if len(n.Corrections) > 0 {
		corrected = n.Corrections[0].At
	}
	type label struct {
		Tag   string `json:"tag"`
		Label string `json:"label"`
	}
	tags := []label{}
	for _, t := range n.Tags {
		tags = append(tags, label{publishing.TagKey(t), t})
	}
	slug := institution.Slug(n.Title)
	writing := publishing.NewWriting()
	html, err := writing.HTML(n.Body)
	w.must(err)
	plain := writing.Plain(n.Body, "https://piazza.cesate.example")
	ctx := context.Background()
	w.must(w.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `
			INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, media, tags,
				event_start, event_end, place, lat, lon, rev, published_at, corrected_at, corrections, updated_at, event_days)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 1, $19, $20, $21, $19, $22)`,
			w.i.ID, n.ID, w.profiles[n.Profile].ID, slug, kind, n.Category, n.Lang, n.Title, publishing.Summary(writing.Words(n.Body), 200), html, plain, w.json(n.Media), w.json(tags),
			db.At(n.Start), db.At(n.End), n.Place, n.Lat, n.Lon, db.At(n.Published), corrected, w.json(n.Corrections), n.Days); err != nil {
			return err
		}
		if err := w.found(ctx, tx, n.ID, slices.Sorted(maps.Keys(publishing.Stems(plain+" "+n.Title, n.Lang))), slices.Sorted(maps.Keys(publishing.Stems(n.Title, n.Lang)))...); err != nil {
			return err
		}
		for _, t := range tags {
			if _, err := tx.Exec(ctx, `INSERT INTO publication_tag (institution_id, tag, message_id, label) VALUES ($1, $2, $3, $4)`, w.i.ID, t.Tag, n.ID, t.Label); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1`, w.i.ID)
		return err
	}))
	return "/m/" + slug
}

func (w *town) json(v any) string {
	b, err := json.Marshal(v)
	w.must(err)
	if string(b) == "null" {
		return "[]"
	}
	return string(b)
}

// withdraw leaves of a publication what publishing leaves.
func (w *town) withdraw(path, reason string) {
	w.t.Helper()
	ctx := context.Background()
	w.must(w.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE publication SET withdrawn_at = $3, withdrawal = $4, updated_at = $3, summary = '', body_html = '', body_text = '', media = '[]'
			WHERE institution_id = $1 AND slug = $2`, w.i.ID, strings.TrimPrefix(path, "/m/"), db.At(w.now), reason); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM publication_word WHERE publication = (SELECT number FROM publication WHERE institution_id = $1 AND slug = $2)`,
			w.i.ID, strings.TrimPrefix(path, "/m/")); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1`, w.i.ID)
		return err
	}))
}

// photo stores a picture with two smaller copies, as an upload does.
func (w *town) photo(n int, alt, caption string) site.Media {
	w.t.Helper()
	original := w.blob(paint(n, 1600, 1067))
	m := site.Media{ID: fmt.Sprintf("foto-%d", n), Hash: original.Hash, Size: original.Size, ContentType: "image/jpeg", Name: fmt.Sprintf("foto-%d.jpg", n), Alt: alt, Caption: caption, Width: 1600, Height: 1067}
	w.media(m)
	for _, width := range []int{480, 960} {
		b := w.blob(paint(n, width, width*2/3))
		m.Renditions = append(m.Renditions, site.Rendition{Kind: fmt.Sprint(width), Hash: b.Hash, ContentType: "image/jpeg", Width: width, Height: width * 2 / 3})
		w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error {
			_, err := tx.Exec(context.Background(), `INSERT INTO rendition (institution_id, source_hash, kind, hash, content_type, size, width, height)
				VALUES ($1, $2, $3, $4, 'image/jpeg', $5, $6, $7) ON CONFLICT DO NOTHING`, w.i.ID, m.Hash, fmt.Sprint(width), b.Hash, b.Size, width, width*2/3)
			return err
		}))
	}
	return m
}

// document stores a file that is no picture.
func (w *town) document(name, kind, alt string, content []byte) site.Media {
	w.t.Helper()
	b := w.blob(bytes.NewReader(content))
	m := site.Media{ID: name, Hash: b.Hash, Size: b.Size, ContentType: kind, Name: name, Alt: alt}
	w.media(m)
	return m
}

func (w *town) blob(r io.Reader) blob.Blob {
	w.t.Helper()
	b, err := w.blobs.Put(context.Background(), r)
	w.must(err)
	return b
}

func (w *town) media(m site.Media) {
	w.t.Helper()
	w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), `INSERT INTO media (institution_id, id, hash, content_type, name, size, width, height, created_by, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'p', 1) ON CONFLICT DO NOTHING`, w.i.ID, m.ID, m.Hash, m.ContentType, m.Name, m.Size, m.Width, m.Height)
		return err
	}))
}

// paint draws a small landscape, another one for each n.
func paint(n, width, height int) io.Reader {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	skies := []color.RGBA{{126, 178, 221, 255}, {240, 178, 122, 255}, {94, 129, 172, 255}, {163, 205, 181, 255}, {222, 160, 170, 255}}
	sky := skies[n%len(skies)]
	for x := range width {
		u := float64(x) / float64(width)
		var hills [3]float64
		for l := range hills {
			f := float64(l)
			hills[l] = 0.52 + 0.14*f + 0.07*math.Sin(u*(4+2*f)+float64(n)*1.7+f*2) + 0.03*math.Sin(u*13+f+float64(n))
		}
		for y := range height {
			v := float64(y) / float64(height)
			fade := func(c uint8) uint8 { return uint8(float64(c) + (255-float64(c))*v*0.7) }
			c := color.RGBA{fade(sky.R), fade(sky.G), fade(sky.B), 255}
			if dx, dy := u-0.2-0.13*float64(n%5), (v-0.28)*float64(height)/float64(width); dx*dx+dy*dy < 0.0035 {
				c = color.RGBA{255, 244, 214, 255}
			}
			for l, hill := range hills {
				if v > hill {
					c = color.RGBA{uint8(70 - 18*l + 6*(n%3)), uint8(120 - 26*l), uint8(88 - 18*l + 10*(n%4)), 255}
				}
			}
			img.SetRGBA(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 82}); err != nil {
		panic(err)
	}
	return &b
}

func degrees(v float64) *float64 { return &v }

// furnish fills the town with a few weeks of messages.
func (w *town) furnish() {
	w.t.Helper()
	w.publish(note{Profile: "comune", Category: "roads", Title: "Via Romanò chiusa al traffico per tre giorni", Tags: []string{"Viabilità", "Lavori pubblici"}, Published: at("2026-04-20T09:00"),
		Body: "Da lunedì a mercoledì **via Romanò** resta chiusa tra via Trento e via Piave per il rifacimento dell'acquedotto.\n\nLe linee 165 e 166 fermano in via Vittorio Veneto. Residenti e mezzi di soccorso passano sempre.", Place: "Via Romanò, Cesate", Lat: degrees(45.5921), Lon: degrees(9.0742)})
	w.publish(note{Profile: "biblioteca", Category: "culture", Title: "Storie sotto il glicine: letture per bambini", Tags: []string{"Bambini", "Letture"}, Published: at("2026-04-24T10:00"),
		Start: at("2026-05-09T16:30"), End: at("2026-05-09T17:30"), Place: "Cortile della biblioteca, via Piave 5", Body: "Un pomeriggio di storie lette ad alta voce, dai tre ai sette anni. Ingresso libero, in caso di pioggia si sta dentro.",
		Media: []site.Media{w.photo(3, "Il glicine fiorito nel cortile della biblioteca", "")}})
	var album []site.Media
	for n := range 9 {
		album = append(album, w.photo(n+10, fmt.Sprintf("La sfilata dei carri, momento %d", n+1), map[bool]string{true: "La banda apre la sfilata"}[n == 0]))
	}
	w.publish(note{Profile: "comune", Category: "culture", Title: "La festa di primavera in nove fotografie", Tags: []string{"Feste"}, Published: at("2026-04-27T12:00"), Media: album,
		Body: "Domenica le vie del centro si sono riempite di musica e di gente. Grazie ai volontari della Pro loco e alla protezione civile."})
	w.publish(note{Profile: "centro-giovani", Category: "sport", Title: "Torneo di pallavolo al parco", Tags: []string{"Sport", "Giovani"}, Published: at("2026-04-28T15:00"), Start: at("2026-05-16T14:00"), End: at("2026-05-17T19:00"),
		Place: "Parco di via Dante", Body: "Squadre miste da sei, iscrizione entro mercoledì. Premi offerti dai commercianti."})
	w.publish(note{Profile: "comune", Category: "school", Title: "Mensa delle scuole: il nuovo menu e le iscrizioni", Tags: []string{"Scuola", "Servizi"}, Published: at("2026-04-30T08:30"),
		Body:        "Le **scuole** primarie hanno un menu nuovo, preparato con la dietista dell'azienda sanitaria.\n\n- iscrizioni dal 4 al 29 maggio\n- tariffe invariate\n- diete speciali con certificato medico\n\nLe domande si presentano [allo sportello online](https://www.comune.cesate.example/sportello).",
		Media:       []site.Media{w.document("menu-primavera.pdf", "application/pdf", "Il menu di primavera", []byte("%PDF-1.7\nmenu"))},
		Corrections: []site.Correction{{At: db.At(at("2026-05-02T11:05")), Note: "La data di chiusura era sbagliata.", Changes: []site.Change{{Field: "body", Before: "iscrizioni dal 4 al 22 maggio, tariffe invariate", After: "iscrizioni dal 4 al 29 maggio, tariffe invariate"}}}}})
	w.publish(note{Profile: "comune", Category: "news", Lang: "en", Title: "Welcome desk for new residents", Tags: []string{"Servizi"}, Published: at("2026-05-01T10:00"),
		Body: "Every Thursday afternoon our staff helps new residents with forms, schools and doctors. Interpreters in English and Arabic."})
	w.publish(note{Profile: "comune", Category: "news", Title: "Il mercato del giovedì torna in piazza", Tags: []string{"Commercio"}, Published: at("2026-05-03T09:00"), Media: []site.Media{w.photo(1, "I banchi del mercato visti dal campanile", "Il mercato com'era l'anno scorso")},
		Body: "Finiti i lavori alla pavimentazione, da giovedì 7 maggio i banchi tornano in **piazza IV Novembre**, dalle 8 alle 13.\n\n## Dove parcheggiare\n\nSono aperti il parcheggio della stazione e quello di via Concordia, gratuiti per due ore."})
}

func open(t *testing.T) *town { t.Helper(); return newTown(t, testkit.SQLite(t)) }

// many publishes n short messages at once, as years of work would.
func (w *town) many(n int) {
	w.t.Helper()
	ctx := context.Background()
	media := `[{"id":"m","hash":"` + strings.Repeat("ab", 32) + `","content_type":"image/jpeg","name":"foto.jpg","alt":"Una foto","width":1600,"height":1067,"renditions":[{"kind":"480","hash":"` + strings.Repeat("cd", 32) + `","content_type":"image/jpeg","width":480,"height":320}]}]`
	body := strings.Repeat("Le scuole del paese aprono alle otto e chiudono alle sedici. ", 30)
	w.must(w.db.InTx(ctx, func(tx *db.Tx) error {
		for k := range n {
			id := fmt.Sprintf("0198b000-0000-7000-8000-%012d", k)
			start := int64(0)
			if k%10 == 0 {
				start = db.At(w.now.Add(time.Duration(k) * time.Hour))
			}
			if _, err := tx.Exec(ctx, `
				INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, media, tags, event_start, rev, published_at, updated_at)
				VALUES ($1, $2, $3, $4, 'news', 'news', 'it', $5, $6, $7, $8, $9, '[{"tag":"scuola","label":"Scuola"}]', $10, 1, $11, $11)`,
				w.i.ID, id, w.profiles["comune"].ID, fmt.Sprintf("avviso-numero-%d", k), fmt.Sprintf("Avviso numero %d per le scuole", k), body[:180], "<p>"+body+"</p>", body, media,
				start, db.At(w.now.Add(-time.Duration(n-k)*time.Hour))); err != nil {
				return err
			}
			if err := w.found(ctx, tx, id, []string{"scuol", "pa", fmt.Sprint(k)}); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, `INSERT INTO publication_tag (institution_id, tag, message_id, label) VALUES ($1, 'scuola', $2, 'Scuola')`, w.i.ID, id); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1`, w.i.ID)
		return err
	}))
}

// found stores under which stems a publication is found, and which are in its title.
func (w *town) found(ctx context.Context, tx *db.Tx, id string, stems []string, title ...string) error {
	w.numbers++
	var number int64 // it grows with the moment, and is nobody else's
	if err := tx.QueryRow(ctx, `UPDATE publication SET number = published_at * 100 + CAST($3 AS BIGINT) WHERE institution_id = $1 AND message_id = $2 RETURNING number`, w.i.ID, id, w.numbers%100).Scan(&number); err != nil {
		return err
	}
	var words []int64
	for _, stem := range stems {
		words = append(words, db.Number(w.i.ID, stem))
	}
	for _, stem := range title {
		words = append(words, publishing.TitleWord(w.i.ID, stem))
	}
	for _, word := range words {
		if _, err := tx.Exec(ctx, `INSERT INTO publication_word (word, publication) VALUES ($1, $2)`, word, number); err != nil {
			return err
		}
	}
	return nil
}
