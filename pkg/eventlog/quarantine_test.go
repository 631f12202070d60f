package eventlog_test

import (
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
)

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

// A late record that cannot be decoded is quarantined at its own position,
// whether the head passed that position before the batch or within it.
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
