package main

import (
	"strings"
	"testing"
	"time"
)

func summarise(lines ...string) (string, bool) {
	var out strings.Builder
	s := &summary{out: &out, output: map[string][]string{}, build: map[string][]string{}}
	for _, line := range lines {
		s.read([]byte(line))
	}
	good := s.end(2 * time.Second)
	return out.String(), good
}

func TestFailureShowsItsOutputAndFails(t *testing.T) {
	out, good := summarise(
		`{"Action":"output","Package":"p","Test":"TestA","Output":"a_test.go:3: broken\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestB","Output":"quiet\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestB"}`,
		`{"Action":"fail","Package":"p","Elapsed":1.5}`)
	if good || !strings.Contains(out, "a_test.go:3: broken") || strings.Contains(out, "quiet") || !strings.Contains(out, "FAIL go test: 1 packages, 2 tests: 1 passed, 1 failed") {
		t.Errorf("good %v:\n%s", good, out)
	}
}

func TestSkippedTestSaysWhy(t *testing.T) {
	out, good := summarise(
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: Chromium is missing\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestA"}`,
		`{"Action":"pass","Package":"p"}`)
	if !good || !strings.Contains(out, "skip p TestA: a_test.go:9: Chromium is missing") {
		t.Errorf("good %v:\n%s", good, out)
	}
}

func TestBrokenBuildOrNoTestsFail(t *testing.T) {
	out, good := summarise(
		`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1: undefined: x\n"}`,
		`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`)
	if good || !strings.Contains(out, "undefined: x") {
		t.Errorf("build: %v\n%s", good, out)
	}
	if _, good := summarise(); good {
		t.Error("no test at all is no success")
	}
}
