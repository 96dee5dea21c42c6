package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func newDisk(t *testing.T) *Disk {
	t.Helper()
	d, err := NewDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// newS3 talks to an independent implementation of S3 over loopback, with TLS: in
// clear the client signs a body piece by piece, which this server does not take
// apart in uploads of several parts.
func newS3(t *testing.T) *S3 {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("media"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(gofakes3.New(backend).Server())
	t.Cleanup(server.Close)
	s, err := NewS3(S3Options{
		Endpoint: strings.TrimPrefix(server.URL, "https://"), Bucket: "media", Prefix: "town/", Region: "us-east-1",
		AccessKey: "key", SecretKey: "secret", PathStyle: true, TempDir: t.TempDir(),
		Transport: server.Client().Transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStores is what every store promises.
func TestStores(t *testing.T) {
	for name, open := range map[string]func(*testing.T) Store{
		"disk": func(t *testing.T) Store { return newDisk(t) },
		"s3":   func(t *testing.T) Store { return newS3(t) },
	} {
		t.Run(name, func(t *testing.T) { conform(t, open(t)) })
	}
}

func conform(t *testing.T, s Store) {
	ctx := t.Context()
	put := func(t *testing.T, content []byte) Blob {
		t.Helper()
		b, err := s.Put(ctx, bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	read := func(t *testing.T, hash string) []byte {
		t.Helper()
		r, size, err := s.Open(ctx, hash)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		data, err := io.ReadAll(r)
		if err != nil || int64(len(data)) != size {
			t.Fatalf("read %d of %d bytes, %v", len(data), size, err)
		}
		return data
	}
	random := func(n int) []byte {
		b := make([]byte, n)
		rand.Read(b)
		return b
	}

	t.Run("the name is the hash of the content", func(t *testing.T) {
		content := random(100_000)
		sum := sha256.Sum256(content)
		b := put(t, content)
		if b.Hash != hex.EncodeToString(sum[:]) || b.Size != 100_000 {
			t.Fatalf("got %+v", b)
		}
		if !bytes.Equal(read(t, b.Hash), content) {
			t.Fatal("other content came back")
		}
	})
	t.Run("nothing is a content too", func(t *testing.T) {
		if got := read(t, put(t, nil).Hash); len(got) != 0 {
			t.Fatalf("got %d bytes", len(got))
		}
	})
	t.Run("more than one part", func(t *testing.T) {
		content := random(17 << 20)
		if !bytes.Equal(read(t, put(t, content).Hash), content) {
			t.Fatal("other content came back")
		}
	})
	t.Run("twice is once", func(t *testing.T) {
		a, b := put(t, []byte("due")), put(t, []byte("due"))
		if a != b {
			t.Fatalf("%+v and %+v", a, b)
		}
		if err := s.Delete(ctx, a.Hash); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.Open(ctx, a.Hash); !fault.Is(err, fault.NotFound) {
			t.Fatalf("still there: %v", err)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if b, err := s.Put(ctx, strings.NewReader("insieme")); err != nil || b.Size != 7 {
					t.Error(b, err)
				}
			})
		}
		wg.Wait()
	})
	t.Run("a range", func(t *testing.T) {
		content := random(300_000)
		r, _, err := s.Open(ctx, put(t, content).Hash)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		part := make([]byte, 1000)
		for _, at := range []int64{250_000, 10, 299_000} {
			if _, err := r.Seek(at, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(r, part); err != nil || !bytes.Equal(part, content[at:at+1000]) {
				t.Fatalf("at %d: %v", at, err)
			}
		}
		if n, err := r.Seek(0, io.SeekEnd); err != nil || n != 300_000 {
			t.Fatalf("the end is at %d, %v", n, err)
		}
	})
	conformMissing(t, s)
	t.Run("too large keeps nothing", func(t *testing.T) {
		content := random(2 << 20)
		_, err := s.Put(ctx, Limit(bytes.NewReader(content), 2<<20-1))
		if !fault.Is(err, fault.TooLarge) {
			t.Fatalf("got %v", err)
		}
		for _, kept := range [][]byte{content, content[:2<<20-1]} {
			sum := sha256.Sum256(kept)
			if _, _, err := s.Open(ctx, hex.EncodeToString(sum[:])); !fault.Is(err, fault.NotFound) {
				t.Fatalf("kept %d bytes: %v", len(kept), err)
			}
		}
		if _, err := s.Put(ctx, Limit(bytes.NewReader(content), 2<<20)); err != nil {
			t.Fatalf("exactly the limit: %v", err)
		}
	})
	t.Run("a reader that breaks keeps nothing", func(t *testing.T) {
		torn := errors.New("the browser went away")
		_, err := s.Put(ctx, io.MultiReader(strings.NewReader("metà"), errorReader{torn}))
		if !errors.Is(err, torn) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("a request that is gone keeps nothing", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Put(gone, strings.NewReader("x")); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	})
}

// conformMissing holds a store to what it says of contents that it has not.
func conformMissing(t *testing.T, s Store) {
	ctx := t.Context()
	t.Run("what is not there", func(t *testing.T) {
		missing := strings.Repeat("ab", 32)
		if _, _, err := s.Open(ctx, missing); !fault.Is(err, fault.NotFound) {
			t.Errorf("open: %v", err)
		}
		if err := s.Delete(ctx, missing); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
	t.Run("no hash, no path", func(t *testing.T) {
		for _, h := range []string{"", "..", "../../etc/passwd", strings.Repeat("AB", 32), strings.Repeat("g", 64), strings.Repeat("ab", 33)} {
			if _, _, err := s.Open(ctx, h); !fault.Is(err, fault.NotFound) {
				t.Errorf("open %q: %v", h, err)
			}
			if err := s.Delete(ctx, h); !fault.Is(err, fault.NotFound) {
				t.Errorf("delete %q: %v", h, err)
			}
		}
	})
}

type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }

// /dev/full answers every write as a full disk does.
func TestFullDiskIsSaidAndKeepsNothing(t *testing.T) {
	d := newDisk(t)
	d.create = func(dir string) (string, io.WriteCloser, error) {
		f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		return filepath.Join(dir, "put-full"), f, err
	}
	_, err := d.Put(t.Context(), strings.NewReader("una fotografia"))
	if !fault.Is(err, fault.Unavailable) || fault.Of(err).Text.Key != "media.disk_full" {
		t.Fatalf("got %v", err)
	}
}

func TestFailedPutLeavesNoFile(t *testing.T) {
	d := newDisk(t)
	d.Put(t.Context(), errorReader{errors.New("torn")})
	if left, err := os.ReadDir(filepath.Join(d.dir, incoming)); err != nil || len(left) != 0 {
		t.Fatalf("left %v, %v", left, err)
	}
}

func TestSweepRemovesOnlyWhatACrashLeft(t *testing.T) {
	d := newDisk(t)
	now := time.Now()
	for name, age := range map[string]time.Duration{"put-old": 48 * time.Hour, "put-new": time.Minute} {
		path := filepath.Join(d.dir, incoming, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.Sweep(t.Context(), now.Add(-24*time.Hour)); n != 1 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(d.dir, incoming, "put-new")); err != nil {
		t.Fatal(err)
	}
}

func TestUnreachableBucketIsUnavailable(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	s, err := NewS3(S3Options{Endpoint: strings.TrimPrefix(server.URL, "http://"), Bucket: "media", Region: "x", AccessKey: "a", SecretKey: "b", Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.Check(ctx); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	if err := newS3(t).Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestVideoIsNeverHeldInMemory(t *testing.T) {
	const size = 64 << 20
	film := io.MultiReader(bytes.NewReader(atom("ftyp", []byte("isom"))), bytes.NewReader(atom("moov", []byte("indice"))),
		strings.NewReader("\x00\x00\x00\x00mdat"), io.LimitReader(zeros{}, size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m, err := NewProcessor(0).Take(t.Context(), newDisk(t), film, TakeOptions{TempDir: t.TempDir(), MaxBytes: size + 100})
	runtime.ReadMemStats(&after)
	if err != nil || m.Original.Size < size {
		t.Fatalf("%+v, %v", m.Original, err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 2<<20 {
		t.Fatalf("%d bytes were allocated", used)
	}
}
