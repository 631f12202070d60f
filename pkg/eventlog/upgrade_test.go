package eventlog_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// age turns a lane's documents into those that the version before the register
// wrote.
func (w *world) age() {
	w.t.Helper()
	ctx := w.t.Context()
	key := control.Key{Partition: "head#0000", Sort: "head"}
	doc, err := w.table.Get(ctx, key)
	if err != nil {
		w.t.Fatal(err)
	}
	var head eventlog.Head
	if err := json.Unmarshal(doc.Body, &head); err != nil {
		w.t.Fatal(err)
	}
	for _, closed := range head.Closed {
		_, err := control.Store(ctx, w.table, control.Key{Partition: "manifest#0000", Sort: string(closed.Bucket)},
			closed.Manifest, "")
		if err != nil {
			w.t.Fatal(err)
		}
	}
	var old map[string]json.RawMessage
	if err := json.Unmarshal(doc.Body, &old); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{"closed", "digest", "since", "records", "pageEnd"} {
		delete(old, name)
	}
	old["trail"] = json.RawMessage(`"AAAAAAAAAAAAAAAA"`)
	if _, err := control.Store(ctx, w.table, key, old, doc.Version); err != nil {
		w.t.Fatal(err)
	}
}

func TestLogOfAnEarlierVersionGoesOn(t *testing.T) {
	w := newWorld(t)
	for _, n := range []int{1, 2, 4} {
		w.commit(w.record(n, noon.Add(time.Duration(n)*40*time.Minute), 0, 1))
	}
	w.age()
	w.wantHistory(1, 2, 4)
	again := w.another()
	got, err := again.Commit(t.Context(), 0, []eventlog.Incoming{w.record(1, noon.Add(40*time.Minute), 0, 1),
		w.record(3, noon.Add(3*40*time.Minute), 0, 1), w.record(5, noon.Add(9*time.Hour), 0)})
	if err != nil || got.Dropped != 1 || got.Late != 1 || got.Events != 1 {
		t.Fatalf("commit gave %+v, %v", got, err)
	}
	for n := 6; n < 60; n++ {
		w.commit(w.record(n, noon.Add(time.Duration(n)*2*time.Hour), 0))
	}
	var sum event.Digest
	head := again.Heads
	now, err := head.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, entries := range w.contents() {
		for _, e := range entries {
			sum = sum.Add(event.DigestOf(e.Position, e.Line))
		}
	}
	if now.Digest == nil || *now.Digest != sum {
		t.Errorf("the head's digest is %v, the events' is %v", now.Digest, sum)
	}
	if now.Since == nil || now.Since.Sequence() != "104" {
		t.Errorf("the register begins behind %v", now.Since)
	}
	// Records are redelivered across the change of version and across pages of
	// the register.
	var all []eventlog.Incoming
	for _, n := range []int{1, 2, 4, 5, 6, 30, 59} {
		all = append(all, w.record(n, noon.Add(time.Duration(n)*40*time.Minute), 0, 1))
	}
	if got, err := w.another().Commit(t.Context(), 0, all); err != nil || got.Dropped != len(all) {
		t.Errorf("redelivered: %+v, %v", got, err)
	}
	w.wantAside(1)
}

// TestCutOfAnEarlierVersionIsRead continues a replay that was planned before
// the register existed with its old cut.
func TestCutOfAnEarlierVersionIsRead(t *testing.T) {
	w := newWorld(t)
	for n := range 5 {
		w.commit(w.record(n+1, noon.Add(time.Duration(n)*40*time.Minute), 0))
	}
	w.age()
	cut, err := w.pump.Heads.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	w.commit(w.record(6, noon.Add(5*time.Hour), 0))
	var read []string
	err = w.pump.Heads.Manifests(t.Context(), 0, cut, "", "", func(b eventlog.Bucket, m eventlog.Manifest) error {
		roster, err := w.pump.Heads.Roster(t.Context(), 0, &cut, &m)
		if err != nil {
			return err
		}
		page, err := w.log.Read(t.Context(), 0, b, "", eventlog.PageLimit{Entries: 100}, true)
		for _, e := range page.Entries {
			if roster.Has(e.Position) {
				read = append(read, e.Position.Sequence())
			}
		}
		return err
	})
	if err != nil || !slices.Equal(read, []string{"101", "102", "103", "104", "105"}) {
		t.Errorf("read %v, %v", read, err)
	}
}
