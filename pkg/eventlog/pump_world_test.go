package eventlog_test

import (
	"context"
	"errors"
	"fmt"
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

// faultyTable and faultyLog fail the call number failAt, before or after its
// effect.
type faults struct {
	mu            sync.Mutex // lane-buckets are written concurrently
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
		// Some of the entries are stored, as a failed batch leaves them.
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
