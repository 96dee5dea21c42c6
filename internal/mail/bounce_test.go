package mail_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/mail"
)

func TestParseBounce(t *testing.T) {
	want := map[string][]mail.Bounce{
		"bounce-unknown.eml": {{"lettore1@example.org", "failed", "5.1.1", "550 5.1.1 <lettore1@example.org>: Recipient address rejected: User unknown", "m1.1@comune.example"}},
		"bounce-two.eml": {
			{"anna@example.org", "delayed", "4.2.2", "452 4.2.2 Mailbox full", "m2.1@comune.example"},
			{"bruno@example.org", "failed", "5.7.1", "550 blocked", "m2.1@comune.example"},
		},
	}
	files, err := filepath.Glob("testdata/bounce-*.eml")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for name, bounces := range want {
		f, err := os.Open("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		got, err := mail.ParseBounce(f)
		if err != nil || !reflect.DeepEqual(got, bounces) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if !want["bounce-unknown.eml"][0].Permanent() || want["bounce-two.eml"][0].Permanent() || !want["bounce-two.eml"][1].Permanent() {
		t.Error("a full mailbox is for now, an unknown one for good")
	}
}

func TestAnswerOfAPersonIsNoBounce(t *testing.T) {
	for _, s := range []string{
		"From: anna@example.org\r\nSubject: Re: Notizie\r\n\r\nGrazie!\r\n",
		"From: a@b.it\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n--x--\r\n",
		"Content-Type: multipart/report; report-type=delivery-status\r\n\r\n",
	} {
		if _, err := mail.ParseBounce(strings.NewReader(s)); !errors.Is(err, mail.ErrNoReport) {
			t.Errorf("got %v for %q", err, s)
		}
	}
	for _, s := range []string{"", "no header", "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x--\r\n",
		"Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n"} {
		if got, err := mail.ParseBounce(strings.NewReader(s)); err == nil || errors.Is(err, mail.ErrNoReport) {
			t.Errorf("got %v, %v for %q", got, err, s)
		}
	}
}

func FuzzParseBounce(f *testing.F) {
	files, err := filepath.Glob("testdata/bounce-*.eml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := mail.ParseBounce(strings.NewReader(s))
		if err == nil && len(got) == 0 {
			t.Fatal("a report without a recipient")
		}
		for _, b := range got {
			if !strings.Contains(b.Recipient, "@") {
				t.Fatalf("%+v", b)
			}
		}
	})
}
