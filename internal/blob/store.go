package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
)

// Blob is a stored content.
type Blob struct {
	Hash string // SHA-256 in lower-case hexadecimal
	Size int64  // bytes
}

// Store keeps contents by hash. All its methods are safe for concurrent use,
// and from several processes.
type Store interface {
	// Put reads r to its end and keeps it. When Put returns without an error, the
	// content is on stable storage; with an error nothing is kept. An error of r,
	// such as fault.TooLarge, is in the chain. It fails with Unavailable when the disk
	// is full or the store cannot be reached.
	Put(ctx context.Context, r io.Reader) (Blob, error)

	// Open reads a content and tells its size in bytes. It fails with NotFound
	// when there is none, and for a text that is no hash.
	Open(ctx context.Context, hash string) (io.ReadSeekCloser, int64, error)

	// Delete forgets a content; one that is not there is no error. The caller has
	// made sure that nothing refers to it.
	Delete(ctx context.Context, hash string) error
}

// checkHash keeps anything but a hash out of file names and keys.
func checkHash(h string) error {
	if len(h) == 2*sha256.Size {
		if b, err := hex.DecodeString(h); err == nil && hex.EncodeToString(b) == h {
			return nil
		}
	}
	return fault.Missing("media.missing").Because(fmt.Errorf("%.80q is no content hash", h))
}

// Limit reads at most max bytes of r; where r has more, reading fails with
// TooLarge, so that a Put of it keeps nothing.
func Limit(r io.Reader, max int64) io.Reader { return &limited{r: r, rest: max, max: max} }

type limited struct {
	r         io.Reader
	rest, max int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.rest < 0 {
		return 0, l.err()
	}
	if int64(len(p)) > l.rest+1 {
		p = p[:l.rest+1]
	}
	n, err := l.r.Read(p)
	l.rest -= int64(n)
	if l.rest < 0 {
		return n - 1, l.err()
	}
	return n, err
}

func (l *limited) err() error {
	return fault.New(fault.TooLarge, "media.too_large", l.max>>20)
}

// spool is a content on its way in: a temporary file and the hash so far.
type spool struct {
	file io.WriteCloser
	sum  hash.Hash
	size int64
}

// fill copies r into the file and makes it durable when it is a real one.
func (s *spool) fill(ctx context.Context, r io.Reader) error {
	s.sum = sha256.New()
	n, err := io.Copy(io.MultiWriter(s.file, s.sum), &untilDone{ctx, r})
	s.size = n
	if err == nil {
		if f, ok := s.file.(*os.File); ok {
			err = f.Sync()
		}
	}
	if err != nil {
		s.file.Close()
		return full(fmt.Errorf("write media: %w", err))
	}
	return full(s.file.Close())
}

func (s *spool) blob() Blob { return Blob{hex.EncodeToString(s.sum.Sum(nil)), s.size} }

// full turns a disk without room, or one that takes no writing, into what a
// person can be told.
func full(err error) error {
	switch {
	case disk.IsFull(err):
		return fault.New(fault.Unavailable, "media.disk_full").Because(err)
	case disk.IsFailing(err):
		return fault.New(fault.Unavailable, "fault.disk_failing").Because(err)
	}
	return err
}

// untilDone stops reading when the request is gone.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
