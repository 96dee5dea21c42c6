package report_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/pbtest"
	"codeberg.org/arengo/arengo/pb/report"
)

// elections returns the elections whose reports are looked at: one of our own
// making and, where they are, two real ones.
func elections(t *testing.T) map[string]*pb.Instance {
	var b bytes.Buffer
	if err := pbtest.Synth(&b, pbtest.Shape{Projects: 25, Voters: 400, Seed: 7}); err != nil {
		t.Fatal(err)
	}
	in, err := pb.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*pb.Instance{"synthetic": in}
	for name, file := range map[string]string{"lodz": "Poland_Lodz_2022.pb", "wieliczka": "Poland_Wieliczka_2023_Green_Budget.pb"} {
		f, err := os.Open(filepath.Join("../../../shared/data/pb/instances", file))
		if err != nil {
			t.Logf("%s is not here (../shared): its report is not looked at", file)
			continue
		}
		in, err := pb.Read(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		out[name] = in
	}
	return out
}

func write(t *testing.T, in *pb.Instance, lang, rule string) string {
	t.Helper()
	run := func(name string) *pb.Result {
		r, err := pb.ParseRule(name, in.VoteType)
		if err != nil {
			t.Fatal(err)
		}
		res, err := pb.Run(context.Background(), in, r, pb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	page := report.NewPage(run(rule), run("greedy"))
	page.File, page.SHA256 = "election.pb", strings.Repeat("0123456789abcdef", 4)
	var b strings.Builder
	if err := report.Write(&b, report.Words(lang), []report.Page{page}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReportsAreAccessibleValidAndFitAPhone(t *testing.T) {
	pages := map[string]string{}
	for name, in := range elections(t) {
		pages[name+"-it"] = write(t, in, "it", "mes_add1u")
		if name == "synthetic" {
			pages[name+"-en"] = write(t, in, "en", "mes")
			pages[name+"-greedy"] = write(t, in, "it", "greedy")
		}
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Write([]byte(pages[strings.TrimPrefix(r.URL.Path, "/")]))
	}))
	defer srv.Close()
	browser := testkit.Browser(t)
	for name := range pages {
		page := browser.Open(t, srv.URL+"/"+name, testkit.NoScript())
		page.Axe()
		page.Screenshot("tally-" + name)
		phone := browser.Open(t, srv.URL+"/"+name, testkit.Phone(), testkit.NoScript())
		phone.FitsWidth()
		if strings.HasSuffix(name, "-it") {
			phone.Axe()
		}
	}
	testkit.ValidHTML(t, pages)
}
