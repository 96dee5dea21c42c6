package mail

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"time"

	"codeberg.org/arengo/arengo/internal/disk"
)

// Outbox writes letters into a Maildir instead of sending them: for the
// demonstration, and for whoever wants to read them with a mail program first.
type Outbox struct {
	dir    string
	signer *Signer
}

var _ Sender = (*Outbox)(nil)

// NewOutbox opens or creates the Maildir; the signer may be nil.
func NewOutbox(dir string, signer *Signer) (*Outbox, error) {
	for _, d := range []string{"tmp", "new", "cur"} {
		if err := disk.Dir(filepath.Join(dir, d)); err != nil {
			return nil, fmt.Errorf("open outbox: %w", err)
		}
	}
	return &Outbox{dir, signer}, nil
}

// Send writes the letter to tmp and moves it to new.
func (o *Outbox) Send(ctx context.Context, l Letter) Result {
	data, err := l.Bytes(o.signer)
	if err != nil {
		return Result{Outcome: Refused, Err: err}
	}
	if err := ctx.Err(); err != nil {
		return Result{Outcome: Deferred, Ours: true, Err: err}
	}
	if err := o.keep(data); err != nil {
		return Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("write letter: %w", err)}
	}
	return Result{Outcome: Sent, Code: 250}
}

func (o *Outbox) keep(letter []byte) error {
	f, err := disk.Create(filepath.Join(o.dir, "tmp"), "letter-*")
	if err != nil {
		return err
	}
	if _, err := f.Write(letter); err != nil {
		f.Drop()
		return err
	}
	return f.Keep(filepath.Join(o.dir, "new", fmt.Sprintf("%d.%s.arengo", time.Now().UnixMicro(), rand.Text())))
}

// Close has nothing to end.
func (o *Outbox) Close() error { return nil }
