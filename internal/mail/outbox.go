package mail

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"time"
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
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
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
	name := fmt.Sprintf("%d.%s.arengo", time.Now().UnixMicro(), rand.Text())
	temp := filepath.Join(o.dir, "tmp", name)
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		os.Remove(temp)
		return Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("write letter: %w", err)}
	}
	if err := os.Rename(temp, filepath.Join(o.dir, "new", name)); err != nil {
		return Result{Outcome: Deferred, Ours: true, Err: fmt.Errorf("write letter: %w", err)}
	}
	return Result{Outcome: Sent, Code: 250}
}

// Close has nothing to end.
func (o *Outbox) Close() error { return nil }
