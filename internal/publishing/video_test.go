package publishing

import (
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// video is an MP4 file of so many bytes: its type, and one box of media data
// that is made as it is read.
func video(size int64) io.Reader {
	var head bytes.Buffer
	box := func(length uint32, kind string) {
		binary.Write(&head, binary.BigEndian, length)
		head.WriteString(kind)
	}
	box(24, "ftyp")
	head.WriteString("isom\x00\x00\x02\x00isommp42")
	box(uint32(size)-24, "mdat")
	return io.LimitReader(io.MultiReader(&head, zeros{}), size)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestVideoOf200MBIsStreamedAndNeverHeld(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				tick.Stop()
				return
			case <-tick.C:
				runtime.ReadMemStats(&now)
				peak.Store(max(peak.Load(), now.HeapAlloc))
			}
		}
	}()
	m, err := w.desk.Upload(w.writer, w.inst.ID, "festa.mp4", video(200<<20))
	close(done)
	<-watched
	if err != nil || m.Size != 200<<20 || !m.IsVideo() {
		t.Fatalf("%d bytes of %s, %v", m.Size, m.ContentType, err)
	}
	if grown := int64(peak.Load()) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("%d MB in memory for a file that should pass through", grown>>20)
	}
	if _, err := w.desk.Upload(w.writer, w.inst.ID, "troppo.mp4", video(200<<20+1)); !fault.Is(err, fault.TooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
}
