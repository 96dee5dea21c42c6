package pb_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/pbtest"
)

var synthetic = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	if err := pbtest.Synth(&b, pbtest.Shape{Projects: 200, Voters: 100_000, Seed: 1}); err != nil {
		panic(err)
	}
	return b.Bytes()
})

func benchRule(b *testing.B, in *pb.Instance, name string, o pb.Options) {
	rule, err := pb.ParseRule(name, in.VoteType)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var res *pb.Result
	for b.Loop() {
		if res, err = pb.Run(context.Background(), in, rule, o); err != nil {
			b.Fatal(err)
		}
	}
	if res.Steps > 0 {
		b.ReportMetric(float64(res.Steps), "steps")
		b.ReportMetric(float64(res.Effort.Runs), "runs")
		b.ReportMetric(float64(res.Effort.Skipped), "skipped")
	}
}

func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"Poland_Lodz_2022", "SYN_200x100000"} {
		b.Run(name, func(b *testing.B) {
			data := synthetic()
			if name != "SYN_200x100000" {
				var err error
				if data, err = os.ReadFile(filepath.Join(shared(b), "instances", name+".pb")); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pb.Read(bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLodz2022(b *testing.B) {
	in := readFile(b, filepath.Join(shared(b), "instances", "Poland_Lodz_2022.pb"))
	for _, rule := range []string{"greedy_cost", "mes_cost", "mes_cost_add1", "mes_cost_add1u", "phragmen"} {
		b.Run(rule, func(b *testing.B) { benchRule(b, in, rule, pb.Options{}) })
	}
}

func BenchmarkSynthetic200x100000(b *testing.B) {
	in, err := pb.Read(bytes.NewReader(synthetic()))
	if err != nil {
		b.Fatal(err)
	}
	for _, rule := range []string{"greedy_cost", "mes_cost", "phragmen"} {
		b.Run(rule, func(b *testing.B) { benchRule(b, in, rule, pb.Options{}) })
	}
}

// BenchmarkPublish measures what --json adds to a tally: explanations of all
// projects and the three certificates.
func BenchmarkPublish(b *testing.B) {
	in, err := pb.Read(bytes.NewReader(synthetic()))
	if err != nil {
		b.Fatal(err)
	}
	rule, err := pb.ParseRule("mes_cost", in.VoteType)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		res, err := pb.Run(context.Background(), in, rule, pb.Options{})
		if err != nil {
			b.Fatal(err)
		}
		res.Publish()
	}
}

// BenchmarkBudapestLike completes an election whose endowments are thousands of
// units, step by step and with certified skipping.
func BenchmarkBudapestLike(b *testing.B) {
	in := synth(b, pbtest.Shape{Projects: 100, Voters: 2000, Seed: 3, CostFactor: 10})
	b.Run("certified", func(b *testing.B) { benchRule(b, in, "mes_cost_add1", pb.Options{}) })
	b.Run("every_step", func(b *testing.B) { benchRule(b, in, "mes_cost_add1", pb.Options{NoSkip: true}) })
}
