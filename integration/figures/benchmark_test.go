package figures

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"reprise/integration/datasets"
	"reprise/pkg/cli/demo"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// synthetic returns n synthetic events.
func synthetic(b *testing.B, n int) []json.RawMessage {
	b.Helper()
	var text bytes.Buffer
	if err := demo.Synthetic(&text, n, n/2, 1); err != nil {
		b.Fatal(err)
	}
	return datasets.ReadLines(b, &text)
}

const benchmarkEvents = 50_000

// BenchmarkIngest measures events from HTTP until they are in the log and
// applied to the Data Store.
func BenchmarkIngest(b *testing.B) {
	events := synthetic(b, benchmarkEvents)
	for b.Loop() {
		b.StopTimer()
		p := localtest.Start(b, local.Options{Dir: b.TempDir()})
		b.StartTimer()
		for batch := range slices.Chunk(events, 2000) {
			p.Send("/events", batch)
		}
		p.Settle(benchmarkEvents)
		b.StopTimer()
		p.Stop()
		b.StartTimer()
	}
	b.ReportMetric(benchmarkEvents*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkRebuild measures a rebuild from its start to its end, with its proof and
// promotion.
func BenchmarkRebuild(b *testing.B) {
	p := localtest.Start(b, local.Options{Dir: b.TempDir()})
	for batch := range slices.Chunk(synthetic(b, benchmarkEvents), 2000) {
		p.Send("/events", batch)
	}
	p.Settle(benchmarkEvents)
	n := 0
	for b.Loop() {
		n++
		got := p.Replay(fmt.Sprintf("rebuild-%d", n), `{"rebuild":true,"promote":true}`)
		if got.Status != replay.Succeeded || got.Progress.Applied != benchmarkEvents {
			b.Fatalf("replay: %+v", got)
		}
	}
	b.ReportMetric(benchmarkEvents*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReplay measures a replay without a rebuild.
func BenchmarkReplay(b *testing.B) {
	p := localtest.Start(b, local.Options{Dir: b.TempDir()})
	for batch := range slices.Chunk(synthetic(b, benchmarkEvents), 2000) {
		p.Send("/events", batch)
	}
	p.Settle(benchmarkEvents)
	n := 0
	for b.Loop() {
		n++
		if got := p.Replay(fmt.Sprintf("replay-%d", n), `{}`); got.Progress.Applied != benchmarkEvents {
			b.Fatalf("replay: %+v", got)
		}
	}
	b.ReportMetric(benchmarkEvents*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
