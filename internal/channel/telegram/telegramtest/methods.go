package telegramtest

import (
	"encoding/json"
	"errors"
	"image"
	_ "image/jpeg" // so that image.DecodeConfig knows what Telegram takes as a photo
	_ "image/png"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "golang.org/x/image/webp"
)

// Limits of the documentation.
const (
	maxText    = 4096
	maxCaption = 1024
	maxPhoto   = 10 << 20
	maxSides   = 10000 // width and height of a photo together
	maxRatio   = 20
	deletable  = 48 * time.Hour
)

// inputs are the parameters of a call, from JSON or a form.
type inputs struct {
	values map[string]json.RawMessage
	form   *multipart.Form
}

func readInputs(w http.ResponseWriter, r *http.Request) (inputs, *refused) {
	in := inputs{values: map[string]json.RawMessage{}}
	body := http.MaxBytesReader(w, r.Body, maxRequest+1<<20)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "multipart/form-data":
		r.Body = body
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			var large *http.MaxBytesError
			if errors.As(err, &large) {
				return in, refuse(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
			}
			return in, bad("can't parse the form")
		}
		in.form = r.MultipartForm
		for k, v := range in.form.Value {
			in.values[k] = json.RawMessage(strconv.Quote(v[0]))
			if quoted, err := json.Marshal(v[0]); err == nil {
				in.values[k] = quoted
			}
		}
	default:
		text, err := io.ReadAll(body)
		if err != nil || len(text) > 0 && string(text) != "null" && json.Unmarshal(text, &in.values) != nil {
			return in, bad("can't parse JSON object")
		}
	}
	return in, nil
}

func (in inputs) close() {
	if in.form != nil {
		in.form.RemoveAll()
	}
}

// text is a parameter as text: JSON numbers and objects as they are written.
func (in inputs) text(name string) string {
	raw := in.values[name]
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// file is an uploaded file.
func (in inputs) file(name string) *multipart.FileHeader {
	if in.form == nil || len(in.form.File[name]) == 0 {
		return nil
	}
	return in.form.File[name][0]
}

// trimmed checks a text as the server does before it counts.
func trimmed(text string, most int, tooLong string) (string, *refused) {
	text = strings.TrimSpace(text)
	if units(text) > most {
		return "", bad(tooLong)
	}
	return text, nil
}

func (c call) sendMessage() (any, *refused) {
	to, p := c.mayWrite()
	if p != nil {
		return nil, p
	}
	text, p := trimmed(c.in.text("text"), maxText, "message is too long")
	if p != nil {
		return nil, p
	}
	if text == "" {
		return nil, bad("message text is empty")
	}
	reply, p := c.replied(to)
	if p != nil {
		return nil, p
	}
	if p := c.paced(to, 1); p != nil {
		return nil, p
	}
	return c.add(to, Message{Text: text, replyTo: reply}), nil
}

func (c call) sendFile(kind string) (any, *refused) {
	to, p := c.mayWrite()
	if p != nil {
		return nil, p
	}
	caption, p := trimmed(c.in.text("caption"), maxCaption, "message caption is too long")
	if p != nil {
		return nil, p
	}
	m, p := c.take(kind, kind)
	if p != nil {
		return nil, p
	}
	if p := c.paced(to, 1); p != nil {
		return nil, p
	}
	m.Text, m.Spoiler = caption, c.in.text("has_spoiler") == "true"
	return c.add(to, m), nil
}

// take checks an uploaded file.
func (c call) take(field, kind string) (Message, *refused) {
	f := c.in.file(field)
	if f == nil {
		return Message{}, bad("wrong file identifier/HTTP URL specified")
	}
	m := Message{Kind: kind, Name: f.Filename, Size: f.Size}
	switch {
	case f.Size == 0:
		return m, bad("file must be non-empty")
	case f.Size > maxRequest:
		return m, refuse(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	case kind != "photo":
		return m, nil
	case f.Size > maxPhoto:
		return m, bad("file is too big")
	}
	content, err := f.Open()
	if err != nil {
		return m, bad("IMAGE_PROCESS_FAILED")
	}
	defer content.Close()
	size, _, err := image.DecodeConfig(content)
	if err != nil {
		return m, bad("IMAGE_PROCESS_FAILED")
	}
	if size.Width+size.Height > maxSides || size.Width > maxRatio*size.Height || size.Height > maxRatio*size.Width {
		return m, bad("PHOTO_INVALID_DIMENSIONS")
	}
	return m, nil
}

func (c call) sendMediaGroup() (any, *refused) {
	to, p := c.mayWrite()
	if p != nil {
		return nil, p
	}
	var parts []struct {
		Type    string `json:"type"`
		Media   string `json:"media"`
		Caption string `json:"caption"`
		Spoiler bool   `json:"has_spoiler"`
	}
	if json.Unmarshal([]byte(c.in.text("media")), &parts) != nil {
		return nil, bad("can't parse media JSON object")
	}
	if len(parts) < 2 || len(parts) > 10 {
		return nil, bad("wrong number of media, 2-10 expected")
	}
	var album []Message
	documents := 0
	for _, part := range parts {
		caption, p := trimmed(part.Caption, maxCaption, "message caption is too long")
		if p != nil {
			return nil, p
		}
		field, attached := strings.CutPrefix(part.Media, "attach://")
		if !attached || !slices.Contains([]string{"photo", "video", "document"}, part.Type) {
			return nil, bad("wrong file identifier/HTTP URL specified")
		}
		m, p := c.take(field, part.Type)
		if p != nil {
			return nil, p
		}
		if part.Type == "document" {
			documents++
		}
		m.Text, m.Spoiler = caption, part.Spoiler
		album = append(album, m)
	}
	if documents > 0 && documents < len(album) {
		return nil, bad("document can't be mixed with other media types")
	}
	if p := c.paced(to, len(album)); p != nil {
		return nil, p
	}
	group := strconv.FormatInt(to.last+1, 10)
	var results []any
	for _, m := range album {
		m.Album = group
		results = append(results, c.add(to, m))
	}
	return results, nil
}

// own finds the bot's message of a call.
func (c call) own(to *chatState, id string) *Message {
	for _, m := range to.messages {
		if strconv.FormatInt(m.ID, 10) == id {
			return m
		}
	}
	return nil
}

func (c call) edit(what string) (any, *refused) {
	to, p := c.mayWrite()
	if p != nil {
		return nil, p
	}
	m := c.own(to, c.in.text("message_id"))
	switch {
	case m == nil:
		return nil, bad("message to edit not found")
	case m.from != c.bot.ID:
		return nil, bad("message can't be edited")
	case what == "text" && m.Kind != "":
		return nil, bad("there is no text in the message to edit")
	case what == "caption" && m.Kind == "":
		return nil, bad("there is no caption in the message to edit")
	}
	most, long := maxText, "message is too long"
	if what == "caption" {
		most, long = maxCaption, "message caption is too long"
	}
	text, p := trimmed(c.in.text(what), most, long)
	if p != nil {
		return nil, p
	}
	if text == "" && what == "text" {
		return nil, bad("message text is empty")
	}
	if text == m.Text {
		return nil, bad("message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message")
	}
	m.Text, m.Edited = text, true
	return m.result(to.Chat), nil
}

func (c call) deleteMessage() (any, *refused) {
	to, p := c.mayWrite()
	if p != nil {
		return nil, p
	}
	m := c.own(to, c.in.text("message_id"))
	if m == nil {
		return nil, bad("message to delete not found")
	}
	if m.from != c.bot.ID && !to.members[c.bot.ID].Delete {
		return nil, bad("message can't be deleted")
	}
	return c.remove(to, []*Message{m})
}

// deleteMessages passes over what is not there.
func (c call) deleteMessages() (any, *refused) {
	to, p := c.mayWrite()
	if p != nil {
		return nil, p
	}
	var ids []int64
	if json.Unmarshal([]byte(c.in.text("message_ids")), &ids) != nil || len(ids) == 0 || len(ids) > 100 {
		return nil, bad("message identifiers are not specified")
	}
	var found []*Message
	for _, id := range ids {
		if m := c.own(to, strconv.FormatInt(id, 10)); m != nil {
			found = append(found, m)
		}
	}
	return c.remove(to, found)
}

func (c call) remove(to *chatState, found []*Message) (any, *refused) {
	for _, m := range found {
		if c.s.o.Now().Sub(m.At) > deletable {
			return nil, bad("message can't be deleted for everyone")
		}
	}
	to.messages = slices.DeleteFunc(to.messages, func(m *Message) bool { return slices.Contains(found, m) })
	return true, nil
}
