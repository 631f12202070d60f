package eventlog_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
)

// sizes records the size of every head that is stored.
type sizes struct {
	control.Table
	heads   int
	largest int
}

func (s *sizes) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if key.Sort == "head" {
		s.heads++
		s.largest = max(s.largest, len(body))
	}
	return s.Table.Put(ctx, key, body, previous)
}

// TestALargeBatchKeepsHeadsSmall commits batches of many records and of many
// buckets: a head lists the records and carries the manifests of one move only.
func TestALargeBatchKeepsHeadsSmall(t *testing.T) {
	for name, tt := range map[string]struct {
		apart   time.Duration
		heads   int
		largest int
	}{
		"many records of one bucket": {time.Millisecond, 3, 8 << 10},
		"a bucket each":              {time.Hour, 3, 96 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			const n = 700
			var batch []eventlog.Incoming
			for i := range n {
				batch = append(batch, w.record(i, noon.Add(time.Duration(i)*tt.apart), 0))
			}
			seen := &sizes{Table: w.table}
			w.pump.Heads.Table = seen
			if got := w.commit(batch...); got.Events != n || got.Head.Count != n {
				t.Errorf("commit gave %d events, the head counts %d", got.Events, got.Head.Count)
			}
			if seen.heads != tt.heads || seen.largest > tt.largest {
				t.Errorf("%d heads of up to %d bytes, want %d of up to %d", seen.heads, seen.largest, tt.heads, tt.largest)
			}
			for range 30 { // the documents of the pages and manifests that are due
				batch = append(batch, w.record(len(batch), noon.Add(time.Duration(len(batch))*tt.apart), 0))
				w.commit(batch[len(batch)-1])
			}
			total := 0
			for _, entries := range w.contents() {
				total += len(entries)
			}
			if total != n+30 {
				t.Errorf("the log has %d events of %d", total, n+30)
			}
			head, err := w.pump.Heads.Load(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if len(head.Closed) > 1 || len(head.Records) > 40*10 {
				t.Errorf("the head still carries %d manifests and %d bytes of records", len(head.Closed), len(head.Records))
			}
			if got := w.commit(batch...); got.Dropped != n+30 || got.Late != 0 || got.Events != 0 {
				t.Errorf("redelivered: %+v", got)
			}
		})
	}
}

// TestARecordTwiceInABatchCountsOnce also counts what was dropped.
func TestARecordTwiceInABatchCountsOnce(t *testing.T) {
	w := newWorld(t)
	one, two := w.record(1, noon, 0), w.record(2, noon, 0, 1)
	if got := w.commit(one, one, two, one, two); got.Events != 3 || got.Dropped != 3 || got.Late != 0 {
		t.Errorf("commit gave %+v", got)
	}
	w.wantAside(0)
	w.contents()
}

// countingLists counts the reads of the register's pages.
type countingLists struct {
	control.Table
	reads int
}

func (c *countingLists) List(ctx context.Context, partition, after string, limit int) ([]control.Document, error) {
	c.reads++
	return c.Table.List(ctx, partition, after, limit)
}

// TestTheRegisterCountsUpToEachRecord asks for records that the head lists,
// that pages list, and that are not in the log: one by one, and all at once.
func TestTheRegisterCountsUpToEachRecord(t *testing.T) {
	w := newWorld(t)
	var want int64
	counts := make(map[int]int64)
	for i := range 100 {
		if i%7 == 3 {
			continue
		}
		entities := []int{0, 1, 0}[:1+i%3]
		w.commit(w.record(i, noon.Add(time.Duration(i)*time.Minute), entities...))
		want += int64(len(entities))
		counts[i] = want
	}
	head, err := w.pump.Heads.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []event.Position
	for i := range 100 {
		at, err := position(fmt.Sprint(100 + i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, at)
		count, in, err := w.pump.Heads.CountAt(t.Context(), 0, &head, at)
		if want, known := counts[i]; err != nil || in != known || (known && count != want) {
			t.Errorf("record %d: %d, %t, %v, want %d, %t", i, count, in, err, want, known)
		}
	}
	table := &countingLists{Table: w.pump.Heads.Table}
	counted, err := eventlog.Heads{Table: table}.CountsAt(t.Context(), 0, &head, all)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range counted {
		if want, known := counts[i]; c.In != known || c.Events != want {
			t.Errorf("record %d at once: %+v, want %d, %t", i, c, want, known)
		}
	}
	// 85 records take at most 5 pages, and at most 3 missing ones are after the last page.
	if table.reads > 8 {
		t.Errorf("%d reads of pages", table.reads)
	}
}

func position(sequence string) (event.Position, error) { return event.NewPosition(1, sequence, 0) }

// TestARecordOverTooManyBucketsIsSetAside limits what a head has to carry, and
// stops no lane.
func TestARecordOverTooManyBucketsIsSetAside(t *testing.T) {
	for extra, undecodable := range map[int]int{0: 0, 1: 1} {
		w := newWorld(t)
		var lines [][]byte
		for i := range eventlog.MaxRecordBuckets + extra {
			e := event.Event{ID: fmt.Sprint(i), Source: "test", Type: "it.happened", Subject: w.entityIn(0, 0),
				Time: noon.Add(time.Duration(i) * time.Hour).Format(time.RFC3339)}
			lines = append(lines, e.AppendJSON(nil))
		}
		data, err := w.codec.Pack(record.Header{Lane: 0, KeepTime: true}, lines)
		if err != nil {
			t.Fatal(err)
		}
		late := noon.Add(365 * 24 * time.Hour)
		got := w.commit(eventlog.Incoming{Sequence: "1", Arrival: late.UnixMilli(), Data: data}, w.record(1, late, 0))
		if got.Undecodable != undecodable || got.Events != 1+len(lines)*(1-undecodable) {
			t.Errorf("%d buckets too many: %+v", extra, got)
		}
		w.wantAside(undecodable)
		w.contents()
	}
}
