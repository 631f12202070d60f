package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/local/pebbletest"
)

// world is a pump over the embedded store in memory.
type world struct {
	t     *testing.T
	pump  *eventlog.Pump
	table *faultyTable
	log   *faultyLog
	lanes *event.Lanes
	codec *record.Codec
}

func newWorld(t *testing.T) *world {
	t.Helper()
	stores := pebbletest.Open(t)
	var err error
	w := &world{t: t, table: &faultyTable{Table: stores.Table}, log: &faultyLog{Log: stores.Log}}
	if w.lanes, err = event.NewLanes(2); err != nil {
		t.Fatal(err)
	}
	if w.codec, err = record.NewCodec(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.codec.Close)
	w.pump = &eventlog.Pump{Log: w.log, Heads: eventlog.Heads{Table: w.table}, Width: eventlog.Hour,
		Decoder: &eventlog.Decoder{Codec: w.codec, Lanes: w.lanes, Epoch: 1}}
	return w
}

// faultyTable and faultyLog fail the call number failAt, before or after it
// happened.
type faults struct {
	mu            sync.Mutex // lane-buckets are written side by side
	calls, failAt int
	happened      bool
}

var errFault = errors.New("injected fault")

func (f *faults) hit() (skip, fail bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.failAt == 0 || f.calls != f.failAt {
		return false, false
	}
	return !f.happened, true
}

type faultyTable struct {
	control.Table
	*faults
}

func (f *faultyTable) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if f.faults == nil {
		return f.Table.Put(ctx, key, body, previous)
	}
	skip, fail := f.hit()
	if skip {
		return "", errFault
	}
	version, err := f.Table.Put(ctx, key, body, previous)
	if fail {
		return "", errFault
	}
	return version, err
}

func (f *faultyTable) PutAll(ctx context.Context, writes []control.Write) ([]error, error) {
	if f.faults == nil {
		return f.Table.PutAll(ctx, writes)
	}
	skip, fail := f.hit()
	if skip {
		return nil, errFault
	}
	results, err := f.Table.PutAll(ctx, writes)
	if fail {
		return nil, errFault
	}
	return results, err
}

type faultyLog struct {
	eventlog.Log
	*faults
}

func (f *faultyLog) Put(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entries []eventlog.Entry) error {
	if f.faults == nil {
		return f.Log.Put(ctx, lane, bucket, entries)
	}
	skip, fail := f.hit()
	if skip {
		// A part of the entries is stored, as a failed batch leaves it.
		return errors.Join(errFault, f.Log.Put(ctx, lane, bucket, entries[:len(entries)/2]))
	}
	err := f.Log.Put(ctx, lane, bucket, entries)
	if fail {
		return errFault
	}
	return err
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// entityIn returns the i-th entity of a lane.
func (w *world) entityIn(lane event.Lane, i int) string {
	for n := 0; ; n++ {
		id := fmt.Sprintf("entity-%d", n)
		if w.lanes.Of(id) != lane {
			continue
		}
		if i == 0 {
			return id
		}
		i--
	}
}

// record makes the record number n of lane 0, at an arrival, with events of
// the entities named by index.
func (w *world) record(n int, arrival time.Time, entities ...int) eventlog.Incoming {
	w.t.Helper()
	var lines [][]byte
	for i, entity := range entities {
		e := event.Event{ID: fmt.Sprintf("%d-%d", n, i), Source: "test", Type: "it.happened",
			Subject: w.entityIn(0, entity), Data: fmt.Sprintf(`{"n":%d}`, n)}
		lines = append(lines, e.AppendJSON(nil))
	}
	data, err := w.codec.Pack(record.Header{Lane: 0}, lines)
	if err != nil {
		w.t.Fatal(err)
	}
	return eventlog.Incoming{Sequence: fmt.Sprint(100 + n), Arrival: arrival.UnixMilli(), Data: data}
}

func (w *world) commit(records ...eventlog.Incoming) eventlog.Committed {
	w.t.Helper()
	committed, err := w.pump.Commit(w.t.Context(), 0, records)
	if err != nil {
		w.t.Fatalf("commit: %v", err)
	}
	return committed
}

// contents returns what the head covers, by bucket, and checks every bucket
// against its manifest.
func (w *world) contents() map[eventlog.Bucket][]eventlog.Entry {
	w.t.Helper()
	head, err := w.pump.Heads.Load(w.t.Context(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	found := make(map[eventlog.Bucket][]eventlog.Entry)
	var total eventlog.Manifest
	err = w.pump.Heads.Manifests(w.t.Context(), 0, head, "", "", func(b eventlog.Bucket, m eventlog.Manifest) error {
		page, err := w.log.Read(w.t.Context(), 0, b, "", eventlog.PageLimit{Entries: 10_000}, true)
		if err != nil {
			return err
		}
		roster, err := w.pump.Heads.Roster(w.t.Context(), 0, &head, &m)
		if err != nil {
			return err
		}
		var digest event.Digest
		for _, e := range page.Entries {
			if !roster.Has(e.Position) {
				continue
			}
			digest = digest.Add(event.DigestOf(e.Position, e.Line))
			found[b] = append(found[b], e)
			total.Count++
		}
		if int64(len(found[b])) != m.Count || digest != m.Digest {
			w.t.Errorf("bucket %s holds %d events, its manifest says %d (digest %s, %s)", b, len(found[b]), m.Count, digest,
				m.Digest)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if total.Count != head.Count {
		w.t.Errorf("buckets hold %d events, the head says %d", total.Count, head.Count)
	}
	return found
}

func TestCommitPutsEventsIntoTheBucketsOfTheirLoggedTime(t *testing.T) {
	w := newWorld(t)
	w.commit(
		w.record(1, noon, 0, 1),
		w.record(2, noon.Add(time.Hour), 0),
		w.record(3, noon.Add(59*time.Minute), 1), // arrived before, logged after
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
				// The batch is cut anew, as a mapping does after a failure.
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

func TestUndecodableRecordIsSetAsideAndPassed(t *testing.T) {
	w := newWorld(t)
	bad := w.record(2, noon, 0)
	bad.Data = []byte("no record")
	for range 2 { // also when it is redelivered
		w.commit(w.record(1, noon, 0), bad, w.record(3, noon, 0))
	}
	aside, err := w.log.ListQuarantine(t.Context(), 0, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if len(aside) != 1 || aside[0].Reason != "undecodable" || string(aside[0].Data) != "no record" {
		t.Errorf("quarantine holds %+v", aside)
	}
	if n := len(w.contents()["2026-03-01T12"]); n != 2 {
		t.Errorf("the log holds %d events of 2", n)
	}
}

// A head passes an undecodable record at the end of a batch, too, and lists it:
// consumers wait for the head, and ask how many events there are up to the record.
func TestTheHeadCoversAnUndecodableRecord(t *testing.T) {
	w := newWorld(t)
	bad := w.record(2, noon, 0)
	bad.Data = []byte("no record")
	got := w.commit(w.record(1, noon, 0), bad, bad)
	if got.Undecodable != 1 || got.Dropped != 1 || got.Late != 0 {
		t.Errorf("twice in a batch: %+v", got)
	}
	at, err := event.NewPosition(1, bad.Sequence, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got.Head.Position != at {
		t.Errorf("the head is at %s, the record at %s", got.Head.Position, at)
	}
	count, in, err := w.pump.Heads.CountAt(t.Context(), 0, &got.Head, at)
	if err != nil || !in || count != 1 {
		t.Errorf("up to the record: %d events, listed %t, %v", count, in, err)
	}
	if again := w.commit(bad); again.Undecodable != 0 || again.Dropped != 1 {
		t.Errorf("delivered again: %+v", again)
	}
}

func TestRecordOfAnotherLaneIsSetAside(t *testing.T) {
	w := newWorld(t)
	e := event.Event{ID: "1", Source: "test", Type: "it.happened", Subject: w.entityIn(1, 0)}
	data, err := w.codec.Pack(record.Header{Lane: 0}, [][]byte{e.AppendJSON(nil)})
	if err != nil {
		t.Fatal(err)
	}
	got := w.commit(eventlog.Incoming{Sequence: "7", Arrival: noon.UnixMilli(), Data: data})
	if got.Undecodable != 1 || got.Events != 0 {
		t.Errorf("commit gave %+v", got)
	}
}

func TestLateRecordIsSetAsideAndNeverApplied(t *testing.T) {
	for name, batches := range map[string][][]int{
		"in a later batch": {{1, 3}, {2}},
		"in the same one":  {{1, 3, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for round := range 2 { // the second time all of it is redelivered
				late := 0
				for _, batch := range batches {
					var records []eventlog.Incoming
					for _, n := range batch {
						records = append(records, w.record(n, noon.Add(time.Duration(n)*time.Minute), 0))
					}
					late += w.commit(records...).Late
				}
				if late != 1 {
					t.Errorf("round %d set %d records aside as late, want 1", round, late)
				}
			}
			aside, err := w.log.ListQuarantine(t.Context(), 0, "", 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(aside) != 1 || aside[0].Reason != "late" {
				t.Errorf("quarantine holds %+v", aside)
			}
			if n := len(w.contents()["2026-03-01T12"]); n != 2 {
				t.Errorf("the log holds %d events of 2", n)
			}
		})
	}
}

// A late record that cannot be decoded is set aside at its own position, whether
// the head had passed it before the batch or within it.
func TestALateUndecodableRecordIsSetAside(t *testing.T) {
	for name, tt := range map[string]struct {
		batches [][]int
		reason  string
		dropped int
	}{
		"in a later batch": {[][]int{{1, 3}, {2}}, "undecodable", 1},
		"in the same one":  {[][]int{{1, 3, 2}}, "late", 0},
	} {
		w := newWorld(t)
		var got eventlog.Committed
		for _, batch := range tt.batches {
			var records []eventlog.Incoming
			for _, n := range batch {
				in := w.record(n, noon, 0)
				if n == 2 {
					in.Data = []byte("no record")
				}
				records = append(records, in)
			}
			got = w.commit(records...)
		}
		aside, err := w.log.ListQuarantine(t.Context(), 0, "", 10)
		if err != nil || len(aside) != 1 || aside[0].Reason != tt.reason || aside[0].Position != "0001-03102-0000" {
			t.Errorf("%s: quarantine holds %+v, %v", name, aside, err)
		}
		if got.Dropped != tt.dropped {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// The head that a commit returns is the one that is stored, also where the commit
// found nothing to do.
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
	// The zombie has read the head; the other pump commits more than it.
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

// overtaking lets another writer in before its first write.
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
