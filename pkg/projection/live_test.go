package projection_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/projection"
)

// liveBench is a pump and a live consumer over one lane.
type liveBench struct {
	t    *testing.T
	pump *eventlog.Pump
	live *projection.Live
	now  time.Time
}

func newLiveBench(t *testing.T) *liveBench {
	t.Helper()
	stores := pebbletest.Open(t)
	codec, err := record.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(codec.Close)
	lanes, err := event.NewLanes(1)
	if err != nil {
		t.Fatal(err)
	}
	set, err := projection.NewSet(recorder())
	if err != nil {
		t.Fatal(err)
	}
	b := &liveBench{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return b.now }
	log, heads := stores.Log, eventlog.Heads{Table: stores.Table}
	decoder := &eventlog.Decoder{Codec: codec, Lanes: lanes, Epoch: 1}
	b.pump = &eventlog.Pump{Log: log, Heads: heads, Decoder: decoder, Width: eventlog.Hour}
	b.live = &projection.Live{Log: log, Heads: heads, Registry: datastore.Registry{Table: stores.Table, Now: clock},
		Generations: stores.Generations, Decoder: decoder, Width: eventlog.Hour,
		Applier: projection.NewApplier(set, eventlog.View{Log: log, Heads: heads}),
		Sleep:   func(ctx context.Context, d time.Duration) error { b.now = b.now.Add(d); return ctx.Err() }}
	if err := stores.Generations.Create(t.Context(), "g0001"); err != nil {
		t.Fatal(err)
	}
	_, err = stores.Generations.Open("g0001").SetMark(t.Context(), datastore.LiveMark, 0, datastore.Mark{}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.live.Registry.Begin(t.Context(), "", set.Version()); err != nil {
		t.Fatal(err)
	}
	return b
}

// record makes record n, which arrives in the hour given, of an event of x.
func (b *liveBench) record(n, hour int) eventlog.Incoming {
	b.t.Helper()
	e := event.Event{ID: fmt.Sprint(n), Source: "test", Type: "it.happened", Subject: "x", Data: fmt.Sprint(n)}
	data, err := b.live.Decoder.Codec.Pack(record.Header{}, [][]byte{e.AppendJSON(nil)})
	if err != nil {
		b.t.Fatal(err)
	}
	return eventlog.Incoming{Sequence: fmt.Sprint(100 + n), Data: data,
		Arrival: time.Date(2026, 3, 1, hour, 0, 0, 0, time.UTC).UnixMilli()}
}

func (b *liveBench) commit(records ...eventlog.Incoming) {
	b.t.Helper()
	if _, err := b.pump.Commit(b.t.Context(), 0, records); err != nil {
		b.t.Fatal(err)
	}
}

func (b *liveBench) state() string {
	b.t.Helper()
	rows, err := b.live.Generations.Open("g0001").Rows(b.t.Context(), 0, []string{"x"})
	if err != nil {
		b.t.Fatal(err)
	}
	return string(rows["x"].State)
}

func TestLateRecordIsNotFoldedInAlthoughItComesInItsPlace(t *testing.T) {
	// The pump saw 1, 3, 2: record 2 is quarantined. The consumer sees 1, 2, 3,
	// in one batch or in several; record 2 arrives in a later hour than 3.
	for name, batches := range map[string][][]int{
		"one batch": {{1, 2, 3, 4}}, "one by one": {{1}, {2}, {3}, {4}}, "two": {{1, 2}, {3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLiveBench(t)
			hours := map[int]int{1: 12, 2: 15, 3: 13, 4: 14}
			for _, n := range []int{1, 3, 2, 4} {
				b.commit(b.record(n, hours[n]))
			}
			late := 0
			for _, batch := range batches {
				var records []eventlog.Incoming
				for _, n := range batch {
					records = append(records, b.record(n, hours[n]))
				}
				written, err := b.live.Write(t.Context(), "g0001", 0, records)
				if err != nil {
					t.Fatal(err)
				}
				late += written.Late
			}
			if got := b.state(); got != `{"seen":["1","3","4"]}` || late != 1 {
				t.Errorf("state %s, %d late", got, late)
			}
			rows, err := b.live.Generations.Open("g0001").Rows(t.Context(), 0, []string{"x"})
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(rows["x"].Buckets); got != "[2026-03-01T12 2026-03-01T13 2026-03-01T14]" {
				t.Errorf("buckets %s", got)
			}
		})
	}
}

func TestNothingIsFoldedInAheadOfTheLog(t *testing.T) {
	b := newLiveBench(t)
	b.commit(b.record(1, 12))
	b.live.Patience = 50 * time.Millisecond
	written, err := b.live.Write(t.Context(), "g0001", 0, []eventlog.Incoming{b.record(1, 12), b.record(2, 12)})
	if !errors.Is(err, projection.ErrBehind) || written.Done != 1 {
		t.Errorf("%+v, %v", written, err)
	}
	if got := b.state(); got != `{"seen":["1"]}` {
		t.Errorf("state %s", got)
	}
	b.commit(b.record(2, 12))
	if _, err := b.live.Write(t.Context(), "g0001", 0, []eventlog.Incoming{b.record(2, 12)}); err != nil {
		t.Fatal(err)
	}
	if got := b.state(); got != `{"seen":["1","2"]}` {
		t.Errorf("state %s", got)
	}
}

func TestHeldGenerationStandsStillUntilTheLeaseIsOver(t *testing.T) {
	b := newLiveBench(t)
	b.commit(b.record(1, 12))
	if _, err := b.live.Registry.Hold(t.Context(), "r", time.Minute); err != nil {
		t.Fatal(err)
	}
	write := func() error {
		_, err := b.live.Write(t.Context(), "g0001", 0, []eventlog.Incoming{b.record(1, 12)})
		return err
	}
	if err := write(); !errors.Is(err, datastore.ErrHeld) || b.state() != "" {
		t.Errorf("under a hold: %v, state %s", err, b.state())
	}
	b.now = b.now.Add(time.Minute)
	if err := write(); err != nil || b.state() == "" {
		t.Errorf("after the lease: %v, state %s", err, b.state())
	}
}
