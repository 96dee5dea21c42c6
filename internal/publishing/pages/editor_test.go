package pages_test

import (
	"bytes"
	"html"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// typed is what an officer writes into the editor.
func (w *town) typed(more ...string) url.Values {
	v := url.Values{"do": {"save"}, "profile": {w.profile.ID}, "title": {"Orari estivi"}, "body": {"La biblioteca apre alle **9**."}, "category": {"culture"}, "lang": {"it"}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Add(more[i], more[i+1])
	}
	return v
}

// parts is a form with files, as a browser without scripts sends it.
func parts(t *testing.T, path string, form url.Values, files map[string][]byte) *http.Request {
	t.Helper()
	var b bytes.Buffer
	mw := multipart.NewWriter(&b)
	for name, values := range form {
		for _, v := range values {
			if err := mw.WriteField(name, v); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, content := range files {
		fw, err := mw.CreateFormFile("files", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fw.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := mw.Close(); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, path, &b)
	r.Header.Set("Content-Type", mw.FormDataContentType())
	return r
}

var messageID = regexp.MustCompile(`/redazione/messaggi/([0-9a-f-]{36})`)

// saved is the message that a redirect leads to.
func (w *town) saved(t *testing.T, rec *httptest.ResponseRecorder) publishing.Message {
	t.Helper()
	m := messageID.FindStringSubmatch(rec.Header().Get("Location"))
	if rec.Code != http.StatusSeeOther || m == nil {
		t.Fatalf("got %d to %q:\n%.2000s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	return w.message(m[1])
}

func shows(t *testing.T, rec *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	body := html.UnescapeString(rec.Body.String())
	if rec.Code != status {
		t.Errorf("status %d, want %d", rec.Code, status)
	}
	for _, text := range texts {
		if !strings.Contains(body, text) {
			t.Errorf("the page does not show %q", text)
		}
	}
	if t.Failed() {
		t.Logf("%.6000s", body)
	}
}

func TestEverythingTypedIsSavedAndShownAgain(t *testing.T) {
	w := newTown(t)
	first, second := w.photo(1), w.photo(2)
	form := w.typed("tags", "biblioteca, estate 2026", "media", second.ID, "media", first.ID, "alt-"+first.ID, "La sala di lettura", "caption-"+first.ID, "Sala grande",
		"event_start", "2026-06-01T09:00", "event_where", "Biblioteca", "place", "45.59, 9.08", "place_name", "Biblioteca",
		"channels", w.channels[0].ID, "channels", w.channels[1].ID, "to", w.channels[0].ID, "edited-"+w.channels[0].ID, "1", "hand-"+w.channels[0].ID, "Si apre alle 9! {link}", "warning-"+w.channels[0].ID, "orari")
	m := w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", form))
	c := m.Content
	if c.Title != "Orari estivi" || len(c.Tags) != 2 || c.Media[0].MediaID != second.ID || c.Media[1].Alt != "La sala di lettura" ||
		c.Event.Where != "Biblioteca" || c.Place.Lat != 45.59 || c.Variant(w.channels[0].ID).Text != "Si apre alle 9! {link}" ||
		c.Variant(w.channels[0].ID).LeftOut || !c.Variant(w.channels[1].ID).LeftOut {
		t.Errorf("saved %+v", c)
	}
	shows(t, w.do("writer", "GET", "/redazione/messaggi/"+m.ID+"/modifica", nil), http.StatusOK,
		`value="Orari estivi"`, "La sala di lettura", `value="Sala grande"`, `value="biblioteca, estate 2026"`, `value="2026-06-01"`, `value="09:00"`, `value="45.59, 9.08"`, "Si apre alle 9! {link}", `value="orari"`)
}

// What the fields of an event say, with hours and without, and as older pages sent it.
func TestEventIsTypedInDaysOrHours(t *testing.T) {
	w := newTown(t)
	for name, c := range map[string]struct {
		typed []string
		want  publishing.Event
	}{
		"hours":                  {[]string{"event_start", "2026-06-01", "event_start_time", "18:30", "event_end", "2026-06-01", "event_end_time", "20:00"}, publishing.Event{Start: "2026-06-01T18:30", End: "2026-06-01T20:00"}},
		"an end on the same day": {[]string{"event_start", "2026-06-01", "event_start_time", "18:30", "event_end_time", "20:00"}, publishing.Event{Start: "2026-06-01T18:30", End: "2026-06-01T20:00"}},
		"no end":                 {[]string{"event_start", "2026-06-01", "event_start_time", "18:30"}, publishing.Event{Start: "2026-06-01T18:30"}},
		"a whole day":            {[]string{"event_start", "2026-06-01"}, publishing.Event{Start: "2026-06-01"}},
		"three days":             {[]string{"event_start", "2026-06-01", "event_end", "2026-06-03"}, publishing.Event{Start: "2026-06-01", End: "2026-06-03"}},
		"an hour without a day":  {[]string{"event_start_time", "18:30"}, publishing.Event{Start: "T18:30"}},
		"as older pages sent it": {[]string{"event_start", "2026-06-01T18:30", "event_end", "2026-06-01T20:00"}, publishing.Event{Start: "2026-06-01T18:30", End: "2026-06-01T20:00"}},
	} {
		m := w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed(c.typed...)))
		if *m.Content.Event != c.want {
			t.Errorf("%s: %+v", name, *m.Content.Event)
		}
	}
	m := w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("event_start", "2026-06-01", "event_end", "2026-06-03")))
	shows(t, w.do("writer", "GET", "/redazione/messaggi/"+m.ID+"/modifica", nil), http.StatusOK, "da lunedì 1º giugno 2026 a mercoledì 3 giugno 2026")
	form := w.typed("event_start", "2026-06-01", "event_start_time", "18:30", "event_end", "2026-06-03")
	m = w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", form))
	shows(t, w.do("writer", "GET", "/redazione/messaggi/"+m.ID+"/modifica?controlla=1", nil), http.StatusOK, "L'ora va scritta sia per l'inizio sia per la fine")
}

// Lines, tabs, tags and bullets arrive as they were typed or pasted.
func TestWhatIsTypedStaysWhatItIs(t *testing.T) {
	w := newTown(t)
	for typed, want := range map[string]string{
		"Orario\u000blunedi 9-12\u2028martedi\u2029mercoledi\u0085giovedi\u000cvenerdi\rsabato\r\ndomenica": "Orario\nlunedi 9-12\nmartedi\nmercoledi\ngiovedi\nvenerdi\nsabato\ndomenica",
		"<p>Testo dal vecchio sito</p>":                       "<p>Testo dal vecchio sito</p>",
		"Serve:\n•\tcarta\n·\tpenna\no\tcolla\n\uf0b7 nastro": "Serve:\n- carta\n- penna\n- colla\n- nastro",
		"1.\tModulo\n2.\tFirma":                               "1. Modulo\n2. Firma",
		"Rego\u00adlamento\ufeff\ufffc":                       "Regolamento",
	} {
		for _, multipart := range []bool{false, true} {
			form := w.typed()
			form.Set("body", typed)
			var m publishing.Message
			if multipart {
				m = w.saved(t, w.send("writer", parts(t, "/redazione/messaggi/nuovo", form, nil)))
			} else {
				m = w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", form))
			}
			if m.Content.Body != want {
				t.Errorf("%q is kept as %q", typed, m.Content.Body)
			}
		}
	}
}

func TestTagThatIsNoHashtagIsSaidWhileTyping(t *testing.T) {
	w := newTown(t)
	rec := w.do("writer", "POST", "/redazione/messaggi/anteprima", w.typed("tags", "biblioteca, 2026, C++, #C#"))
	shows(t, rec, http.StatusOK, "«2026» sui social non diventa un hashtag", "«C++» sui social", "«C#» sui social", "#biblioteca")
	if body := html.UnescapeString(rec.Body.String()); strings.Contains(body, "«biblioteca»") || strings.Contains(body, "#2026\n") {
		t.Error("a good tag is blamed, or a number becomes a hashtag")
	}
	m := w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("tags", "#estate, C#, C++ #mare")))
	if got := strings.Join(m.Content.Tags, "|"); got != "estate|C#|C++|mare" {
		t.Errorf("%s", got)
	}
	shows(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("tags", "biblioteca, ++")), http.StatusUnprocessableEntity, "non ha né lettere né cifre")
}

// A text that was written for a channel of another profile is not lost without a word.
func TestTextForAnotherProfilesChannelIsRefused(t *testing.T) {
	w := newTown(t)
	id := w.channels[0].ID
	form := w.typed("channels", id, "to", id, "edited-"+id, "1", "hand-"+id, "Solo per la piazza")
	form.Set("profile", w.library.ID)
	shows(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", form), http.StatusUnprocessableEntity, "Questo canale è di un altro profilo")
	form.Del("edited-" + id)
	form.Del("hand-" + id)
	form.Del("to") // not here: it will not go there anyway
	w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", form))
}

func TestPhotosUploadedWithoutScriptJoinTheFormAndNothingTypedIsLost(t *testing.T) {
	w := newTown(t)
	old := w.photo(9)
	rec := w.send("writer", parts(t, "/redazione/messaggi/nuovo", w.typed("media", old.ID, "alt-"+old.ID, "Già descritta"),
		map[string][]byte{"piazza.jpg": photo(t, 1)}))
	if rec.Code != http.StatusSeeOther {
		// "save" stores at once; the button "upload" shows the form again.
		t.Fatalf("save: %d", rec.Code)
	}
	form := w.typed("media", old.ID, "alt-"+old.ID, "Già descritta")
	form.Set("do", "upload")
	rec = w.send("writer", parts(t, "/redazione/messaggi/nuovo", form, map[string][]byte{"piazza.jpg": photo(t, 2), "finta.jpg": []byte("MZ no picture at all")}))
	shows(t, rec, http.StatusUnprocessableEntity, `value="Orari estivi"`, "La biblioteca apre alle **9**.", "Già descritta", "piazza.jpg", "finta.jpg: Questo tipo di file non è accettato")
	if got := strings.Count(rec.Body.String(), `name="media"`); got != 2 {
		t.Errorf("%d files in the form, want the old one and the good one", got)
	}
}

func TestPhotosMoveWithoutScript(t *testing.T) {
	w := newTown(t)
	a, b := w.photo(1), w.photo(2)
	form := w.typed("media", a.ID, "media", b.ID, "alt-"+b.ID, "La seconda")
	for do, want := range map[string][]string{"up:" + b.ID: {b.ID, a.ID}, "down:" + a.ID: {b.ID, a.ID}, "up:" + a.ID: {a.ID, b.ID}, "remove:" + a.ID: {b.ID}} {
		form.Set("do", do)
		rec := w.do("writer", "POST", "/redazione/messaggi/nuovo", form)
		shows(t, rec, http.StatusOK, "La seconda")
		var got []string
		for _, m := range regexp.MustCompile(`name="media" value="([^"]+)"`).FindAllStringSubmatch(rec.Body.String(), -1) {
			got = append(got, m[1])
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v, want %v", do, got, want)
		}
	}
	if n := w.count(); n != 0 {
		t.Errorf("moving stored %d messages", n)
	}
}

func (w *town) count() (n int) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(w.t.Context(), `SELECT count(*) FROM message`).Scan(&n)
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestSecondEditorIsToldAndNothingIsLost(t *testing.T) {
	w := newTown(t)
	m := w.draft(w.content())
	path := "/redazione/messaggi/" + m.ID + "/modifica"
	mine := w.typed("rev", "1")
	mine.Set("body", "Testo scritto da Giulia.")
	other := m.Content
	other.Body = "Testo scritto da Marco."
	must[publishing.Message](t)(w.desk.Save(w.as("approver"), w.inst.ID, m.ID, 1, other))

	rec := w.do("writer", "POST", path, mine)
	shows(t, rec, http.StatusConflict, "Marco Bianchi", "Nel frattempo", "<mark>Giulia</mark>", "<mark>Marco</mark>", "Testo scritto da Giulia.</textarea>", `name="rev" value="2"`)
	if got := w.message(m.ID); got.Rev != 2 || got.Content.Body != "Testo scritto da Marco." {
		t.Errorf("the refused save changed the message: %+v", got)
	}

	mine.Set("rev", "2")
	mine.Set("conflict", "1")
	mine.Set("do", "take:title")
	rec = w.do("writer", "POST", path, mine)
	shows(t, rec, http.StatusOK, `value="Via Roma chiusa da lunedì"`, "Testo scritto da Giulia.</textarea>", "Nel frattempo")

	mine.Set("do", "save")
	if got := w.saved(t, w.do("writer", "POST", path, mine)); got.Rev != 3 || got.Content.Body != "Testo scritto da Giulia." {
		t.Errorf("the merged text was not saved: %+v", got)
	}
	var versions []publishing.Version
	if err := w.db.Read(t.Context(), func(tx *db.Tx) (err error) {
		versions, err = publishing.Versions(t.Context(), tx, w.inst.ID, m.ID)
		return err
	}); err != nil || len(versions) != 3 || versions[1].Content.Body != "Testo scritto da Marco." {
		t.Errorf("the history lost a text: %v %v", versions, err)
	}
}

func TestTextOfOneMegabyteIsRefusedInWordsAndKept(t *testing.T) {
	w := newTown(t)
	form := w.typed()
	form.Set("body", strings.Repeat("parola ", 150_000))
	shows(t, w.send("writer", parts(t, "/redazione/messaggi/nuovo", form, nil)), http.StatusUnprocessableEntity, "al massimo 50.000", "parola parola", `value="Orari estivi"`)
	form.Set("body", strings.Repeat("x", 5<<20))
	shows(t, w.send("writer", parts(t, "/redazione/messaggi/nuovo", form, nil)), http.StatusRequestEntityTooLarge, "supera 4 MB")
	if n := w.count(); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestMessageIsNotSubmittedBeforeItIsComplete(t *testing.T) {
	w := newTown(t)
	pic := w.photo(1)
	form := w.typed("media", pic.ID)
	form.Set("do", "submit")
	rec := w.do("writer", "POST", "/redazione/messaggi/nuovo", form)
	m := w.saved(t, rec)
	if m.State != publishing.Draft {
		t.Errorf("state %s", m.State)
	}
	shows(t, w.do("writer", "GET", rec.Header().Get("Location"), nil), http.StatusOK, "Manca la descrizione della foto numero 1.", `aria-describedby="f-alt-`+pic.ID+`-error"`)
	shows(t, w.do("writer", "GET", "/redazione/messaggi/"+m.ID, nil), http.StatusOK, "Prima di inviarlo manca", "Manca la descrizione della foto numero 1.")

	form = w.typed("media", pic.ID, "alt-"+pic.ID, "La piazza con il mercato", "rev", "1")
	form.Set("do", "submit")
	if m = w.saved(t, w.do("writer", "POST", "/redazione/messaggi/"+m.ID+"/modifica", form)); m.State != publishing.Submitted {
		t.Errorf("state %s after the description was written", m.State)
	}
}

func TestMistypedPlaceIsToldAndKept(t *testing.T) {
	w := newTown(t)
	for place, said := range map[string]string{"Piazza Grande": "come 45.59, 9.08", "95, 9": "non sta sulla Terra"} {
		shows(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("place", place)), http.StatusUnprocessableEntity, said, `value="`+place+`"`)
	}
	shows(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("place_name", "Municipio")), http.StatusUnprocessableEntity, "aggiungerle o cancellare il nome")
	if n := w.count(); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestPreviewShowsEachVariantAndOnlyThat(t *testing.T) {
	w := newTown(t)
	form := w.typed("tags", "biblioteca")
	form.Set("body", strings.Repeat("La biblioteca apre alle nove. ", 40))
	rec := w.do("writer", "POST", "/redazione/messaggi/anteprima", form, "HX-Request", "true")
	shows(t, rec, http.StatusOK, "su 500", "su 300", "https://cesate.example.it/m/orari-estivi", "#biblioteca", `hx-swap-oob="true"`)
	if strings.Contains(rec.Body.String(), "<textarea") || strings.Contains(strings.ReplaceAll(rec.Body.String(), `<input type="hidden" name="_look"`, ""), "<input") {
		t.Error("the fragment holds fields: it would replace what is being typed")
	}

	if !strings.Contains(rec.Body.String(), "possono uscire così") {
		t.Error("the first preview does not sum up")
	}
	form.Set("_look", "")
	if strings.Contains(w.do("writer", "POST", "/redazione/messaggi/anteprima", form, "HX-Request", "true").Body.String(), "possono uscire così") {
		t.Error("a summary that did not change would be read aloud at each pause")
	}

	id := w.channels[1].ID
	form.Set("do", "hand:"+id)
	rec = w.do("writer", "POST", "/redazione/messaggi/anteprima", form, "HX-Request", "true", "HX-Target", "variants")
	shows(t, rec, http.StatusOK, `name="hand-`+id+`"`, "{link}", "autofocus")

	form = w.typed("channels", id, "to", id, "edited-"+id, "1", "hand-"+id, strings.Repeat("lungo ", 80))
	shows(t, w.do("writer", "POST", "/redazione/messaggi/anteprima", form, "HX-Request", "true"), http.StatusOK, "il limite è 300", "Da sistemare prima di uscire")
	if n := w.count(); n != 0 {
		t.Errorf("the preview stored %d messages", n)
	}
}

func TestUploadByScriptAnswersForEachFile(t *testing.T) {
	w := newTown(t)
	r := parts(t, "/redazione/media", nil, map[string][]byte{"a.jpg": photo(t, 1), "b.exe": []byte("MZ")})
	r.Header.Set("Accept", "application/json")
	rec := w.send("writer", r)
	shows(t, rec, http.StatusCreated, `"name":"a.jpg"`, `"refused":[{"name":"b.exe"`)
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(rec.Body.String())[1]
	shows(t, w.do("writer", "GET", "/redazione/media/"+id+"/scheda", nil), http.StatusOK, `data-item="`+id+`"`, `name="alt-`+id+`"`)
	thumb := w.do("reader", "GET", "/redazione/media/"+id+"?formato=miniatura", nil)
	if thumb.Header().Get("Content-Type") != "image/jpeg" || thumb.Body.Len() == 0 || thumb.Body.Len() >= len(photo(t, 1)) {
		t.Errorf("thumbnail: %s, %d bytes", thumb.Header().Get("Content-Type"), thumb.Body.Len())
	}
	r = parts(t, "/redazione/media", nil, map[string][]byte{"b.exe": []byte("MZ")})
	r.Header.Set("Accept", "application/json")
	shows(t, w.send("writer", r), http.StatusUnprocessableEntity, "Questo tipo di file non è accettato")
}

func TestFileOverTheLimitIsRefused(t *testing.T) {
	w := newTown(t)
	r := parts(t, "/redazione/media", nil, map[string][]byte{"video.mp4": make([]byte, 21<<20)})
	r.Header.Set("Accept", "application/json")
	shows(t, w.send("writer", r), http.StatusRequestEntityTooLarge, "supera il limite di 20 MB")
}

func TestDateChosenOnTheCalendarStaysWithTheDraft(t *testing.T) {
	w := newTown(t)
	shows(t, w.do("writer", "GET", "/redazione/messaggi/nuovo?data=2026-05-07", nil), http.StatusOK, `value="2026-05-07T09:00"`)
	if m := w.saved(t, w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("due", "2026-05-07T09:00"))); m.Plan.Due.Text != "2026-05-07T09:00" || m.State != publishing.Draft {
		t.Errorf("plan %+v, state %s", m.Plan, m.State)
	}
	rec := w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("due", "2026-05-01T09:00"))
	if m := w.saved(t, rec); m.Plan.Set() {
		t.Error("a moment of the past was accepted")
	}
}

// Whoever uploads a file that stays as it came is told so.
func TestUploaderIsToldWhatAFileStillSays(t *testing.T) {
	w := newTown(t)
	r := parts(t, "/redazione/media", nil, map[string][]byte{"bando.pdf": []byte("%PDF-1.7\n/Author (Ada)\n%%EOF\n")})
	r.Header.Set("Accept", "application/json")
	rec := w.send("writer", r)
	shows(t, rec, http.StatusCreated, `"name":"bando.pdf"`)
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(rec.Body.String())[1]
	shows(t, w.do("writer", "GET", "/redazione/media/"+id+"/scheda", nil), http.StatusOK, "Un PDF resta com'è")
}
