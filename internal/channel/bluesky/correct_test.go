package bluesky

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
)

// settled fails unless the only post says what p says, under its first address
// and time, and no unfinished correction is left.
func (d *desk) settled(p channel.Post, r channel.Remote, createdAt string) {
	d.Helper()
	got, _ := d.record()
	if got.Text != p.Text || got.CreatedAt != createdAt || d.pds.Posts(d, d.who.DID)[0].URI != r.ID {
		d.Errorf("the post says %q of %s, want %q of %s", got.Text, got.CreatedAt, p.Text, createdAt)
	}
	if left := d.pds.Records(d, d.who.DID, correctionCollection); len(left) != 0 {
		d.Errorf("an unfinished correction is left: %s", left[0].Value)
	}
	seen := d.seen(d)[0] // reads each picture from the PDS
	if len(seen.Media) != len(p.Media) {
		d.Fatalf("%d pictures, want %d", len(seen.Media), len(p.Media))
	}
	for i := range p.Media {
		if seen.Media[i].Alt != p.Media[i].Alt {
			d.Errorf("picture %d is described as %q, want %q", i, seen.Media[i].Alt, p.Media[i].Alt)
		}
	}
}

// A correction that dies at any of its requests, before the PDS saw it or after
// the PDS did it, is completed by the next try: the post is there once, corrected,
// under its address, with its pictures.
func TestCorrectionSurvivesACrashAtEachRequest(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Prima.", channeltest.Photo(t, 1), channeltest.Photo(t, 2))
	r := d.publish(p)
	first, _ := d.record()

	correct := func(n int) {
		p.Text = fmt.Sprintf("Correzione %d.", n)
		p.Media[1] = channeltest.Photo(t, 2+n) // one picture stays, one is new each time
	}
	correct(0)
	before := d.gate.Seen()
	if _, err := d.adapter.Edit(t.Context(), d.account(), p, r); err != nil {
		t.Fatal(err)
	}
	requests := d.gate.Seen() - before
	if requests < 6 {
		t.Fatalf("%d requests: uploads, reads and two commits were expected", requests)
	}
	d.settled(p, r, first.CreatedAt)

	for n := 1; n <= requests; n++ {
		for _, fault := range []channeltest.Fault{channeltest.HangUp, channeltest.DropAnswer} {
			correct(2*n + int(fault)%2)
			ctx, die := context.WithCancel(t.Context())
			var count atomic.Int64
			d.gate.Arm(channeltest.Rule{When: func(*http.Request) bool { return count.Add(1) == int64(n) }, Do: fault, Meet: die})
			_, err := d.adapter.Edit(ctx, d.account(), p, r)
			die()
			d.gate.Clear()
			if err == nil {
				t.Fatalf("request %d, fault %d: the program died and nobody noticed", n, fault)
			}
			if again, err := d.adapter.Edit(t.Context(), d.account(), p, r); err != nil || again != r {
				t.Fatalf("request %d, fault %d: %+v, %v", n, fault, again, err)
			}
			d.settled(p, r, first.CreatedAt)
		}
	}
}

// deadInside leaves the post removed and its correction pending.
func (d *desk) deadInside(p channel.Post, r channel.Remote) {
	d.Helper()
	commits := 0
	match := isMethod("repo.applyWrites")
	d.gate.Arm(channeltest.Rule{When: func(req *http.Request) bool {
		if match(req) {
			commits++
		}
		return commits == 2
	}, Do: channeltest.HangUp})
	_, err := d.adapter.Edit(d.Context(), d.account(), p, r)
	d.gate.Clear()
	if err == nil || len(d.pds.Posts(d, d.who.DID)) != 0 || len(d.pds.Records(d, d.who.DID, correctionCollection)) != 1 {
		d.Fatalf("the correction did not stop half way: %v", err)
	}
}

func TestHalfCorrectionIsCompletedByANewerOne(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Prima.", channeltest.Photo(t, 1))
	r := d.publish(p)
	first, _ := d.record()
	p.Text = "Seconda."
	d.deadInside(p, r)
	p.Text = "Terza."
	if _, err := d.adapter.Edit(t.Context(), d.account(), p, r); err != nil {
		t.Fatal(err)
	}
	d.settled(p, r, first.CreatedAt)
}

func TestPicturesOfAHalfCorrectionAreNotForgotten(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Prima.", channeltest.Photo(t, 1))
	r := d.publish(p)
	p.Text = "Seconda."
	d.deadInside(p, r)
	if n := d.pds.ForgetBlobs(t, d.who.DID); n != 0 {
		t.Errorf("the PDS forgot %d files that the correction needs", n)
	}
}

func TestWithdrawingEndsAHalfCorrection(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Prima.")
	r := d.publish(p)
	p.Text = "Seconda."
	d.deadInside(p, r)
	if err := d.adapter.Withdraw(t.Context(), d.account(), r); err != nil {
		t.Fatal(err)
	}
	_, err := d.adapter.Edit(t.Context(), d.account(), p, r)
	if e := channel.AsError(err); err == nil || e.Code != channel.CodeGone {
		t.Errorf("a withdrawn post was corrected: %v", err)
	}
	if n := len(d.pds.Posts(t, d.who.DID)) + len(d.pds.Records(t, d.who.DID, correctionCollection)); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// A finalize that the network delivers after the correction changes nothing.
func TestLateFinalizeDoesNotUndoACorrection(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("La strada è chiusa.")
	done := d.prepare(p)
	r, err := d.adapter.Finalize(t.Context(), d.account(), p, done)
	if err != nil {
		t.Fatal(err)
	}
	corrected := p
	corrected.Text = "La strada è aperta."
	if _, err := d.adapter.Edit(t.Context(), d.account(), corrected, r); err != nil {
		t.Fatal(err)
	}
	if again, err := d.adapter.Finalize(t.Context(), d.account(), p, done); err != nil || again != r {
		t.Errorf("the late finalize: %+v, %v", again, err)
	}
	if got, _ := d.record(); got.Text != corrected.Text {
		t.Errorf("citizens read %q", got.Text)
	}
}

// Progress that was lost gives another time and another mention: still one post.
func TestFinalizeWithoutItsProgressFindsItsOwn(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Una volta sola.")
	r := d.publish(p)
	again, err := d.adapter.Finalize(t.Context(), d.account(), p, d.prepare(p))
	if err != nil || again != r {
		t.Errorf("%+v, %v; want %+v", again, err, r)
	}
	d.record()
}

// While one post is corrected, others go out: the correction begins again.
func TestCorrectionGivesWayToOtherPosts(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Prima.")
	r := d.publish(p)
	races := 0
	match := isMethod("repo.applyWrites")
	w, cerr := d.adapter.worker(d.account())
	if cerr != nil {
		t.Fatal(cerr)
	}
	d.gate.Arm(channeltest.Rule{When: func(req *http.Request) bool {
		if match(req) && races < 3 {
			races++
			// Straight to the PDS, in the moment between reading its head and the commit.
			direct := *w
			direct.account.Server = d.pds.URL
			q := aPost(fmt.Sprintf("Altro avviso %d.", races))
			if cerr := direct.put(req.Context(), recordKey(q.Key, q.Due), record(q, progress{}, "2026-11-22T09:00:00.000Z")); cerr != nil {
				t.Error(cerr)
			}
		}
		return false
	}})
	p.Text = "Dopo."
	if _, err := d.adapter.Edit(t.Context(), d.account(), p, r); err != nil {
		t.Fatal(err)
	}
	d.gate.Clear()
	var texts []string
	for _, s := range d.seen(t) {
		texts = append(texts, s.Text)
	}
	if all := strings.Join(texts, " "); len(texts) != 4 || !strings.Contains(all, "Dopo.") || strings.Contains(all, "Prima.") {
		t.Errorf("citizens read %q", texts)
	}
}

func TestUnchangedPostIsNotRemovedForNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	p := aPost("Già giusto. #Cesate https://comune.example/m/1", channeltest.Photo(t, 1))
	p.Tags = []string{"avvisi"}
	r := d.publish(p)
	writes := d.counted("repo.applyWrites")
	if _, err := d.adapter.Edit(t.Context(), d.account(), p, r); err != nil {
		t.Fatal(err)
	}
	if *writes != 0 {
		t.Errorf("%d commits for a correction that changes nothing", *writes)
	}
}

func TestCopyOfAnotherAccountIsLeftAlone(t *testing.T) {
	t.Parallel()
	d, other := newDesk(t), newDesk(t)
	p := aPost("Di un altro.")
	r := other.publish(p)
	if err := d.adapter.Withdraw(t.Context(), d.account(), r); channel.AsError(err).Code != channel.CodeGone {
		t.Errorf("Withdraw: %v", err)
	}
	if _, err := d.adapter.Edit(t.Context(), d.account(), p, r); channel.AsError(err).Code != channel.CodeGone {
		t.Errorf("Edit: %v", err)
	}
	other.record()
}
