package api_test

import (
	"fmt"
	"testing"
	"time"

	"reprise/pkg/eventlog"
)

// TestImportOverManyBucketsIsCut imports an entity's events of more buckets than
// a record, or one move of a head, may have.
func TestImportOverManyBucketsIsCut(t *testing.T) {
	w := newAPIWorld(t)
	const n = 2*eventlog.MaxRecordBuckets + 7
	var lines []string
	for i := range n {
		own := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 90 * time.Minute)
		lines = append(lines, fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"s","type":"account.deposited","subject":"x",`+
				`"time":"%s","data":{"amount":1}}`,
			i, own.Format(time.RFC3339)))
	}
	w.send(lines...)
	w.flow()
	lane := w.api.Lanes.Of("x")
	head, err := w.pump.Heads.Load(t.Context(), lane)
	must(t, err)
	aside, err := w.pump.Log.ListQuarantine(t.Context(), lane, "", 10)
	must(t, err)
	if head.Count != n || len(aside) > 0 {
		t.Errorf("the log counts %d events of %d, %d records are set aside", head.Count, n, len(aside))
	}
	buckets, err := w.pump.Heads.BucketsSince(t.Context(), lane, head, "")
	must(t, err)
	var seen int
	view := eventlog.View{Log: w.pump.Log, Heads: w.pump.Heads}
	must(t, view.History(t.Context(), lane, "x", buckets, "", head.Position, func(eventlog.Bucket, *eventlog.Entry) error {
		seen++
		return nil
	}))
	if len(buckets) != n || seen != n {
		t.Errorf("%d buckets with %d events, want %d", len(buckets), seen, n)
	}
	rows, err := w.generations.Open("g0001").Rows(t.Context(), lane, []string{"x"})
	must(t, err)
	if at := rows["x"].Position; at != head.Position {
		t.Errorf("the row is at %s, the head at %s", at, head.Position)
	}
}
