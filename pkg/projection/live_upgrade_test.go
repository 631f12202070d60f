package projection_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/eventlog"
)

// age turns the lane's documents into those from before there was a register.
func (b *liveBench) age() {
	b.t.Helper()
	ctx, table := b.t.Context(), b.live.Registry.Table
	key := control.Key{Partition: "head#0000", Sort: "head"}
	doc, err := table.Get(ctx, key)
	if err != nil {
		b.t.Fatal(err)
	}
	var head eventlog.Head
	if err := json.Unmarshal(doc.Body, &head); err != nil {
		b.t.Fatal(err)
	}
	for _, closed := range head.Closed {
		manifest := control.Key{Partition: "manifest#0000", Sort: string(closed.Bucket)}
		if _, err := control.Store(ctx, table, manifest, closed.Manifest, ""); err != nil {
			b.t.Fatal(err)
		}
	}
	var old map[string]json.RawMessage
	if err := json.Unmarshal(doc.Body, &old); err != nil {
		b.t.Fatal(err)
	}
	for _, name := range []string{"closed", "digest", "since", "records", "pageEnd"} {
		delete(old, name)
	}
	if _, err := control.Store(ctx, table, key, old, doc.Version); err != nil {
		b.t.Fatal(err)
	}
}

// TestEventsOfAnEarlierLogLieWhereItHasThem consumes records that were
// committed before there was a register. The pump had another record in between
// and therefore logged the last one in a later bucket than that of its arrival;
// the row names the log's bucket.
func TestEventsOfAnEarlierLogLieWhereItHasThem(t *testing.T) {
	b := newLiveBench(t)
	b.commit(b.record(1, 12))
	b.commit(b.record(2, 15))
	b.commit(b.record(3, 13))
	bad := b.record(4, 13)
	bad.Data = []byte("?") // it is quarantined, and passed
	b.commit(bad)
	b.age()
	written, err := b.live.Write(t.Context(), "g0001", 0,
		[]eventlog.Incoming{b.record(1, 12), b.record(3, 13), bad})
	if err != nil || written.Lost || written.Late != 0 {
		t.Fatalf("%+v, %v", written, err)
	}
	rows, err := b.live.Generations.Open("g0001").Rows(t.Context(), 0, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(rows["x"].Buckets); got != "[2026-03-01T12 2026-03-01T15]" || b.state() != seen(1, 3, 2) {
		t.Errorf("buckets %s, state %s", got, b.state())
	}
}
