package channeltest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
)

func text(b *bench) {
	p := b.post("Domani il mercato si sposta in piazza della Libertà.\n\nLe strade intorno restano aperte <a tutti> & senza *limiti* _d'orario_.")
	r, _ := b.publish(p)
	seen := b.one(p)
	if seen.ID != r.ID {
		b.Errorf("the copy is %q, citizens see %q", r.ID, seen.ID)
	}
	if seen.URL != "" && seen.URL != r.URL {
		b.Errorf("the address is %q, citizens find it at %q", r.URL, seen.URL)
	}
}

func languages(b *bench) {
	for _, words := range []string{
		"Perché già più così? È l'ora: «città», naïve, Ünïcode, ſ.",
		"Festa 🎉 con 👩‍👩‍👧‍👦 e 🇮🇹, pollice 👍🏽 e cuore ❤️.",
		"مرحبا بكم في الساحة — ברוכים הבאים לכיכר.",
		"欢迎来到广场。Добро пожаловать на площадь.",
	} {
		p := b.post(words)
		b.publish(p)
		b.one(p)
	}
}

func picture(b *bench) {
	p := b.post("Una foto della piazza.", Photo(b, 1))
	b.publish(p)
	b.one(p)
}

func album(b *bench) {
	var photos []channel.Media
	for n := range b.caps.Images {
		photos = append(photos, Photo(b, n))
	}
	if len(photos) < 2 {
		b.Fatalf("the platform takes %d pictures: name the case in Cannot", len(photos))
	}
	p := b.post("Le foto della festa.", photos...)
	b.publish(p)
	b.one(p)
}

func video(b *bench) {
	if b.caps.Videos == 0 {
		b.Fatal("the platform takes no video: name the case in Cannot")
	}
	p := b.post("Il corteo.", Clip(b.s.Video))
	b.publish(p)
	b.one(p)
}

// count counts the requests of a kind that arrive from now on.
func (b *bench) count(kind func(*http.Request) bool) func() int {
	n := 0
	b.s.Gate.watch(func(r *http.Request) {
		if kind != nil && kind(r) {
			n++
		}
	})
	return func() int { b.s.Gate.mu.Lock(); defer b.s.Gate.mu.Unlock(); return n }
}

// uploads counts the uploads that arrive from now on.
func (b *bench) uploads() func() int { return b.count(b.s.Upload) }

func prepareTwice(b *bench) {
	p := b.post("Due foto.", Photo(b, 1), Photo(b, 2))
	uploads := b.uploads()
	var progress channel.Progress
	for range 2 {
		if err := b.prepare(b.Context(), p, &progress); err != nil {
			b.Fatal(err)
		}
		if len(progress) > 0 && !json.Valid(progress) {
			b.Fatalf("the progress is no JSON: %s", progress)
		}
		b.none(p)
	}
	if n := uploads(); b.s.Upload != nil && n != 2 {
		b.Errorf("%d uploads for two pictures", n)
	}
	if _, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress); err != nil {
		b.Fatal(err)
	}
	b.one(p)
}

func resume(b *bench) {
	if b.s.Upload == nil {
		b.Fatal("the platform has no invisible upload: name the case in Cannot")
	}
	p := b.post("Due foto.", Photo(b, 1), Photo(b, 2))
	uploads := b.uploads()
	var progress channel.Progress
	cut := errors.New("cut")
	for stops := 0; ; stops++ {
		if stops > 20 {
			b.Fatal("preparing never ends")
		}
		// The step is kept, and then the program dies.
		_, err := b.s.Adapter.Prepare(b.Context(), b.account(), p, progress, func(step channel.Progress) error {
			progress = append(channel.Progress(nil), step...)
			return cut
		})
		if err == nil {
			if stops < 2 {
				b.Errorf("two uploads were saved in %d steps, want one for each", stops)
			}
			break
		}
	}
	if n := uploads(); n != 2 {
		b.Errorf("%d uploads for two pictures", n)
	}
	if err := b.prepare(b.Context(), p, &progress); err != nil {
		b.Fatal(err)
	}
	if _, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress); err != nil {
		b.Fatal(err)
	}
	b.one(p)
}

func pace(b *bench) {
	if b.caps.Pace.Upload.N == 0 {
		b.Fatal("the platform has no limit for uploads: name the case in Cannot")
	}
	p := b.post("Due foto.", Photo(b, 1), Photo(b, 2))
	uploads := b.uploads()
	full := &channel.Error{Class: channel.Transient, Code: channel.CodeTooMany, RetryAfter: waitAsked}
	b.deny = full
	var progress channel.Progress
	if err := b.prepare(b.Context(), p, &progress); channel.AsError(err) != full {
		b.Fatalf("Prepare: %v, want the refusal of Take as it is", err)
	}
	if n := uploads(); n != 0 {
		b.Fatalf("%d uploads without the right to go", n)
	}
	b.deny = nil
	if err := b.prepare(b.Context(), p, &progress); err != nil {
		b.Fatal(err)
	}
	if b.taken != 2 || uploads() != 2 {
		b.Errorf("two pictures: %d rights asked, %d uploads", b.taken, uploads())
	}
}

func edit(b *bench) {
	p := b.post("Il mercato è sabato.")
	r, _ := b.publish(p)
	p.Text = strings.Replace(p.Text, "sabato", "domenica, ci eravamo sbagliati", 1)
	if !b.caps.Edit {
		_, err := b.s.Adapter.Edit(b.Context(), b.account(), p, r)
		b.fails("Edit", err, channel.Refused, channel.CodeCannotEdit)
		return
	}
	for range 2 {
		changed, err := b.s.Adapter.Edit(b.Context(), b.account(), p, r)
		if err != nil {
			b.Fatal(err)
		}
		b.remote(changed)
		r = changed
	}
	if seen := b.one(p); seen.ID != r.ID {
		b.Errorf("the edited copy is %q, citizens see %q", r.ID, seen.ID)
	}
}

func editMedia(b *bench) {
	p := b.post("La festa.", Photo(b, 1), Photo(b, 2))
	r, _ := b.publish(p)
	p.Text = strings.Replace(p.Text, "La festa", "La festa di ieri", 1)
	p.Media[1].Alt = "La banda suona sul palco"
	if _, err := b.s.Adapter.Edit(b.Context(), b.account(), p, r); err != nil {
		b.Fatal(err)
	}
	b.one(p)
}

func editGone(b *bench) {
	p := b.post("Il mercato è sabato.")
	r, _ := b.publish(p)
	if err := b.s.Adapter.Withdraw(b.Context(), b.account(), r); err != nil {
		b.Fatal(err)
	}
	p.Text = "Il mercato è domenica. " + mark(p.Key)
	_, err := b.s.Adapter.Edit(b.Context(), b.account(), p, r)
	b.fails("Edit", err, channel.Refused, channel.CodeGone)
	b.none(p)
}

func withdraw(b *bench) {
	stays, goes := b.post("Resta."), b.post("Va via.", Photo(b, 1), Photo(b, 2))
	b.publish(stays)
	r, _ := b.publish(goes)
	for range 2 {
		if err := b.s.Adapter.Withdraw(b.Context(), b.account(), r); err != nil {
			b.Fatal(err)
		}
		b.none(goes)
	}
	b.one(stays)
}

func tooLong(b *bench) {
	if b.caps.MaxText == 0 {
		b.Fatal("the platform has no limit: name the case in Cannot")
	}
	p := b.post(strings.Repeat("parola ", b.caps.MaxText/3))
	var progress channel.Progress
	err := b.prepare(b.Context(), p, &progress)
	if err == nil {
		_, err = b.s.Adapter.Finalize(context.WithoutCancel(b.Context()), b.account(), p, progress)
	}
	b.fails("a long text", err, channel.Refused, channel.CodeTooLong)
	b.none(p)
}
