package pages

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
)

// uploaded is the answer to a script that sent files.
type uploaded struct {
	Media   []uploadedFile `json:"media"`
	Refused []refusedFile  `json:"refused,omitempty"`
}

type uploadedFile struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
	Width       int    `json:"width,omitempty"`
	Height      int    `json:"height,omitempty"`
}

type refusedFile struct {
	Name string `json:"name"`
	Text string `json:"text"` // why, in the reader's language
}

// upload takes files from a script, each streamed to the store as it arrives. A
// file that is refused does not stop the others; when all are, that is the answer.
func (p *Pages) upload(w http.ResponseWriter, r *http.Request, v visit) error {
	if _, err := people.Can(r.Context(), people.Write, v.institution.ID); err != nil {
		return err
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return fault.New(fault.Invalid, "fault.form.unreadable").Because(err)
	}
	answer := uploaded{Media: []uploadedFile{}}
	var first error
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return p.unreadable(r, err)
		}
		if part.FileName() == "" {
			continue
		}
		m, err := p.desk.Upload(r.Context(), v.institution.ID, part.FileName(), part)
		switch k := fault.Of(err).Kind; {
		case err == nil:
			answer.Media = append(answer.Media, uploadedFile{m.ID, m.Name, m.ContentType, m.Size, m.Width, m.Height})
		case k == fault.Invalid || k == fault.TooLarge:
			text, _ := p.kit.Printer(r).Fault(err)
			answer.Refused = append(answer.Refused, refusedFile{part.FileName(), text})
			first = errors.Join(first, err)
		default:
			return p.unreadable(r, err)
		}
	}
	if len(answer.Media) == 0 {
		if first != nil {
			return first
		}
		return fault.InvalidField(filesField, "message.files.none")
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body)
	return nil
}

// media serves a file to those who may see the desk, before it is out: a picture
// or video in the page, a document as a download.
func (p *Pages) media(w http.ResponseWriter, r *http.Request, v visit) error {
	kind := map[string]string{"miniatura": "thumb", "grande": "large"}[r.URL.Query().Get("formato")]
	f, err := p.desk.OpenFile(r.Context(), v.institution.ID, r.PathValue("id"), kind)
	if err != nil {
		return err
	}
	defer f.Close()
	h := w.Header()
	h.Set("Content-Type", f.ServedType)
	// Content never changes under its hash, but who may see it does: ask each time.
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+f.ServedHash+`"`)
	if !f.IsImage() && !f.IsVideo() {
		h.Set("Content-Disposition", web.Attachment(f.Name))
	}
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

// mediaCard is the entry of one file in the editor's list, for the script that
// has just uploaded it.
func (p *Pages) mediaCard(w http.ResponseWriter, r *http.Request, v visit) error {
	form := web.NewForm("media", r.PathValue("id"))
	return p.renderMedia(w, r, v, form)
}

// mediaList is the editor's list of files as a form says it, for the script that
// has restored what was typed.
func (p *Pages) mediaList(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	return p.renderMedia(w, r, v, form)
}

func (p *Pages) renderMedia(w http.ResponseWriter, r *http.Request, v visit, form *web.Form) error {
	if _, err := people.Can(r.Context(), people.Write, v.institution.ID); err != nil {
		return err
	}
	c := publishing.Content{}
	for _, id := range form.Strings("media") {
		c.Media = append(c.Media, publishing.Attachment{MediaID: id})
	}
	if len(c.Media) > publishing.MaxAttachments {
		return fault.InvalidField("media", "message.media.many", publishing.MaxAttachments)
	}
	files, err := p.filesOf(r.Context(), v, c)
	if err != nil {
		return err
	}
	items := mediaItems(form, c, files, "")
	if len(items) == 1 && items[0].Missing() && r.Method == http.MethodGet {
		return fault.Missing("media.missing")
	}
	return p.kit.RenderFragment(w, r, http.StatusOK, "publishing/editor", "media-items", items)
}
