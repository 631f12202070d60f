package meter_test

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"reprise/pkg/meter"
)

func TestUnits(t *testing.T) {
	for bytes, want := range map[int][4]float64{
		// bytes: write units, read units consistent and eventual, PUT units
		0:       {1, 1, 0.5, 1},
		1:       {1, 1, 0.5, 1},
		1024:    {1, 1, 0.5, 1},
		1025:    {2, 1, 0.5, 1},
		4096:    {4, 1, 0.5, 1},
		4097:    {5, 2, 1, 1},
		25_600:  {25, 7, 3.5, 1},
		25_601:  {26, 7, 3.5, 2},
		409_600: {400, 100, 50, 16},
	} {
		have := [4]float64{meter.Write(bytes), meter.Read(bytes, true), meter.Read(bytes, false), meter.Put(bytes)}
		if have != want {
			t.Errorf("%d bytes: have %v, want %v", bytes, have, want)
		}
	}
}

func TestSnapshot(t *testing.T) {
	var m meter.Meter
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 1000 {
				m.Part("log").Add(meter.ReadUnits, 0.5)
				m.Part("control").Add(meter.WriteUnits, 1)
			}
		})
	}
	group.Wait()
	before := m.Snapshot()
	want := meter.Snapshot{"log": {ReadUnits: 4000}, "control": {WriteUnits: 8000}}
	if fmt.Sprint(before) != fmt.Sprint(want) {
		t.Fatalf("have %v, want %v", before, want)
	}
	m.Part("stream").Add(meter.PutUnits, 3)
	m.Part("machine").Add(meter.Transitions, 2)
	m.Part("log").Add(meter.ReadUnits, 1)
	want = meter.Snapshot{"log": {ReadUnits: 1}, "stream": {PutUnits: 3}, "machine": {Transitions: 2}}
	if since := m.Snapshot().Since(before); fmt.Sprint(since) != fmt.Sprint(want) {
		t.Fatalf("since: have %v, want %v", since, want)
	}
	total := m.Snapshot().Total()
	if total != (meter.Usage{WriteUnits: 8000, ReadUnits: 4001, PutUnits: 3, Transitions: 2}) {
		t.Fatalf("total %+v", total)
	}
}

// TestNothing checks that a missing meter counts nothing.
func TestNothing(t *testing.T) {
	var m *meter.Meter
	m.Part("log").Add(meter.WriteUnits, 1)
	if have := m.Part("log").Usage(); have != (meter.Usage{}) || len(m.Snapshot()) > 0 {
		t.Fatalf("have %+v", have)
	}
}

// TestCost computes the prices in the table of a million events.
func TestCost(t *testing.T) {
	prices := meter.OnDemand()
	for _, c := range []struct {
		usage meter.Usage
		want  float64
	}{
		{meter.Usage{WriteUnits: 1e6}, 0.625},
		{meter.Usage{ReadUnits: 1e6}, 0.125},
		{meter.Usage{PutUnits: 1e6}, 0.014},
		{meter.Usage{Transitions: 1e6}, 25},
		{meter.Usage{WriteUnits: 1e5, ReadUnits: 1e5, PutUnits: 1e6, Transitions: 100}, 0.0625 + 0.0125 + 0.014 + 0.0025},
	} {
		if have := prices.Cost(c.usage); math.Abs(have-c.want) > 1e-9 {
			t.Errorf("%+v costs %v, want %v", c.usage, have, c.want)
		}
	}
}

func ExampleMeter() {
	var m meter.Meter
	log := m.Part("log")
	before := m.Snapshot()
	log.Add(meter.ReadUnits, 15.5)
	used := m.Snapshot().Since(before)
	fmt.Printf("%.1f read units, $%.8f\n", used["log"].ReadUnits, meter.OnDemand().Cost(used.Total()))
	// Output: 15.5 read units, $0.00000194
}

func BenchmarkAdd(b *testing.B) {
	counter := new(meter.Meter).Part("log")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			counter.Add(meter.ReadUnits, 0.5)
		}
	})
}
