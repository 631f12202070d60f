package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
)

func TestCommitPutsEventsIntoTheBucketsOfTheirLoggedTime(t *testing.T) {
	w := newWorld(t)
	w.commit(
		w.record(1, noon, 0, 1),
		w.record(2, noon.Add(time.Hour), 0),
		w.record(3, noon.Add(59*time.Minute), 1), // arrived earlier, logged later
		w.record(4, noon.Add(5*time.Hour), 0),
	)
	got := w.contents()
	want := map[eventlog.Bucket]int{"2026-03-01T12": 2, "2026-03-01T13": 2, "2026-03-01T17": 1}
	for bucket, n := range want {
		if len(got[bucket]) != n {
			t.Errorf("bucket %s holds %d events, want %d", bucket, len(got[bucket]), n)
		}
	}
	for _, e := range got["2026-03-01T13"] {
		if e.Logged != noon.Add(time.Hour).UnixMilli() {
			t.Errorf("event at %s is logged at %d: logged time went back", e.Position, e.Logged)
		}
	}
}

func TestRedeliveryInOtherBatchesChangesNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t)
	var records []eventlog.Incoming
	at := noon
	for n := range 40 {
		at = at.Add(time.Duration(rng.IntN(50)) * time.Minute)
		records = append(records, w.record(n, at, rng.IntN(3), rng.IntN(3)))
	}
	for reached := 0; reached < len(records); {
		from := rng.IntN(reached + 1)
		to := reached + 1 + rng.IntN(min(6, len(records)-reached))
		w.commit(records[from:to]...)
		reached = to
	}
	total := 0
	for _, entries := range w.contents() {
		total += len(entries)
	}
	if total != 80 {
		t.Errorf("the log holds %d events of 80", total)
	}
	if again := w.commit(records...); again.Events != 0 || again.Dropped != 40 || again.Late != 0 {
		t.Errorf("a full redelivery gave %+v", again)
	}
}

func TestEveryInterruptedCommitCanBeRepeated(t *testing.T) {
	for failAt := 1; failAt <= 8; failAt++ {
		for _, happened := range []bool{false, true} {
			t.Run(fmt.Sprintf("call %d, happened %t", failAt, happened), func(t *testing.T) {
				w := newWorld(t)
				w.commit(w.record(1, noon, 0))
				f := &faults{failAt: failAt, happened: happened}
				w.table.faults, w.log.faults = f, f
				records := []eventlog.Incoming{
					w.record(2, noon.Add(time.Minute), 0, 1),
					w.record(3, noon.Add(2*time.Hour), 1, 0),
					w.record(4, noon.Add(4*time.Hour), 1),
				}
				_, err := w.pump.Commit(t.Context(), 0, records)
				if failed := f.calls >= failAt; failed != (err != nil) {
					t.Fatalf("%d calls, error %v", f.calls, err)
				}
				w.contents() // whatever happened, head and manifests agree
				f.failAt = 0
				// The records are divided into new batches, as a mapping does
				// after a failure.
				w.commit(records[:1]...)
				w.commit(records...)
				total := 0
				for _, entries := range w.contents() {
					total += len(entries)
				}
				if total != 6 {
					t.Errorf("the log holds %d events of 6", total)
				}
			})
		}
	}
}

// The head that a commit returns is the stored head, even if the commit found
// nothing to do.
func TestARedeliveryReturnsTheHeadThatIsStored(t *testing.T) {
	w := newWorld(t)
	records := []eventlog.Incoming{w.record(1, noon, 0), w.record(2, noon.Add(time.Hour), 0)}
	w.commit(records...)
	stored, err := w.pump.Heads.Load(t.Context(), 0)
	if err != nil || len(stored.Closed) != 1 {
		t.Fatalf("the head is %+v, %v", stored, err)
	}
	if got := w.commit(records...); !reflect.DeepEqual(got.Head, stored) {
		t.Errorf("have %+v, want %+v", got.Head, stored)
	}
}

func TestOvertakenPumpDoesNoHarm(t *testing.T) {
	w := newWorld(t)
	records := []eventlog.Incoming{w.record(1, noon, 0), w.record(2, noon.Add(3*time.Hour), 0),
		w.record(3, noon.Add(3*time.Hour), 1)}
	// The zombie has read the head. The other pump commits further.
	zombie := &eventlog.Pump{Log: w.log, Heads: eventlog.Heads{Table: &overtaking{Table: w.table, before: func() {
		w.commit(records...)
	}}}, Width: eventlog.Hour, Decoder: w.pump.Decoder}
	_, err := zombie.Commit(t.Context(), 0, records[:2])
	if !errors.Is(err, eventlog.ErrOvertaken) {
		t.Fatalf("the zombie got %v", err)
	}
	total := 0
	for _, entries := range w.contents() {
		total += len(entries)
	}
	if total != 3 {
		t.Errorf("the log holds %d events of 3", total)
	}
}

// overtaking lets another writer write before its first write.
type overtaking struct {
	control.Table
	before func()
}

func (o *overtaking) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if before := o.before; before != nil {
		o.before = nil
		before()
	}
	return o.Table.Put(ctx, key, body, previous)
}

func TestKeptTimeCountsAsArrival(t *testing.T) {
	w := newWorld(t)
	var lines [][]byte
	for i, own := range []string{"2020-01-01T00:10:00Z", "2019-05-05T05:05:05Z", "2021-01-01T00:00:00Z"} {
		e := event.Event{ID: fmt.Sprint(i), Source: "test", Type: "it.happened", Subject: w.entityIn(0, 0), Time: own}
		lines = append(lines, e.AppendJSON(nil))
	}
	data, err := w.codec.Pack(record.Header{Lane: 0, KeepTime: true}, lines)
	if err != nil {
		t.Fatal(err)
	}
	w.commit(eventlog.Incoming{Sequence: "1", Arrival: noon.UnixMilli(), Data: data})
	got := w.contents()
	if len(got["2020-01-01T00"]) != 2 || len(got["2021-01-01T00"]) != 1 {
		t.Errorf("buckets: %v", got)
	}
}
