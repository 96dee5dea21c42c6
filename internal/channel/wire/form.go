package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Form is a multipart/form-data body (RFC 7578) whose files stream from their
// store: nothing but the text parts is held in memory, and the length is known
// before the first byte goes.
type Form struct {
	parts  []io.Reader
	files  []io.Closer
	length int64
	head   bytes.Buffer // text not yet in parts
	writer *multipart.Writer
}

// NewForm makes an empty form. Close it when the request is over.
func NewForm() *Form {
	f := &Form{}
	f.writer = multipart.NewWriter(&f.head)
	return f
}

// Field adds a text.
func (f *Form) Field(name, value string) {
	f.writer.WriteField(name, value) // a bytes.Buffer never fails
}

// File adds a file. It fails with CodeFile when the file cannot be opened or is
// not as long as it says, before anything was sent.
func (f *Form) File(ctx context.Context, name string, m channel.Media) *channel.Error {
	file, err := m.Open(ctx)
	if err == nil {
		f.files = append(f.files, file)
		err = sized(file, m.Size)
	}
	if err != nil {
		return &channel.Error{Class: channel.Transient, Code: CodeFile, Detail: m.Name, Err: err}
	}
	h := textproto.MIMEHeader{}
	h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, quoted.Replace(name), quoted.Replace(m.Name)))
	h.Set("Content-Type", m.ContentType)
	f.writer.CreatePart(h)
	f.flush()
	f.parts = append(f.parts, io.LimitReader(file, m.Size))
	f.length += m.Size
	return nil
}

var quoted = strings.NewReplacer("\\", "\\\\", `"`, "\\\"", "\r", " ", "\n", " ")

// sized checks the length of a file and leaves it at its beginning.
func sized(file io.Seeker, want int64) error {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size != want {
		return fmt.Errorf("the file has %d bytes, want %d", size, want)
	}
	_, err = file.Seek(0, io.SeekStart)
	return err
}

func (f *Form) flush() {
	text := bytes.Clone(f.head.Bytes())
	f.head.Reset()
	f.parts = append(f.parts, bytes.NewReader(text))
	f.length += int64(len(text))
}

// Request makes a POST of the form.
func (f *Form) Request(ctx context.Context, address string) (*http.Request, error) {
	f.writer.Close()
	f.flush()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, io.MultiReader(f.parts...))
	if err != nil {
		return nil, bare(err)
	}
	req.ContentLength = f.length
	req.Header.Set("Content-Type", f.writer.FormDataContentType())
	return req, nil
}

// Close closes the files.
func (f *Form) Close() error {
	var errs []error
	for _, file := range f.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}
