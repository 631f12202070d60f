package projection

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

func TestFilterNeverForgetsAndSeldomErrs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 2))
	digest := func() event.Digest { return event.Digest{Hi: rng.Uint64(), Lo: rng.Uint64()} }
	var f filter
	var added []event.Digest
	for n := 1; n < maxFilterIDs; n++ {
		id := digest()
		f = f.add(id)
		added = append(added, id)
		if f.count() != n {
			t.Fatalf("count %d after %d ids", f.count(), n)
		}
	}
	for i, id := range added {
		if !f.mayHave(id) {
			t.Fatalf("id %d is forgotten", i)
		}
	}
	const probes = 200_000
	errs := 0
	for range probes {
		if f.mayHave(digest()) {
			errs++
		}
	}
	if rate := float64(errs) / probes; rate > 0.004 {
		t.Errorf("error rate %.4f, stated is 0.002", rate)
	}
	if f.full() || len(f) > 2722 {
		t.Errorf("full %t with %d bytes", f.full(), len(f))
	}
	f = f.add(digest()).add(digest())
	if !f.full() || !f.mayHave(digest()) || len(f) > 2722 {
		t.Errorf("a full filter must not rule anything out (full %t, %d bytes)", f.full(), len(f))
	}
}

func TestSmallFilterIsSmall(t *testing.T) {
	if f := filter(nil).add(event.Digest{Hi: 1}); len(f) != 34 {
		t.Errorf("a filter of one id takes %d bytes", len(f))
	}
	if filter(nil).mayHave(event.Digest{}) {
		t.Error("an empty filter has something")
	}
}

func TestIdentityCacheIsBounded(t *testing.T) {
	c := newIdentityCache(100)
	set := func(n int) *identities {
		s := &identities{upTo: "p", seen: make(map[event.Digest]uint64)}
		for i := range n {
			s.seen[event.Digest{Lo: uint64(i)}] = 0
		}
		return s
	}
	for _, key := range []string{"a", "b", "c"} {
		c.put(key, set(40))
	}
	if c.size > 100 || c.take("a", "p") != nil {
		t.Errorf("size %d, or the oldest set was kept", c.size)
	}
	if c.take("b", "other") != nil {
		t.Error("a set of another position was handed out")
	}
	if c.take("c", "p") == nil || c.size != 0 || len(c.sets) != 0 {
		t.Errorf("size %d, %d sets", c.size, len(c.sets))
	}
	c.put("huge", set(101))
	if c.size != 0 {
		t.Errorf("a set above the limit is kept: %d", c.size)
	}
}

func TestOfAHugeEntityOnlyTheBatchIsLookedUp(t *testing.T) {
	var reads, visited int
	past := make([]eventlog.Entry, 0, 50)
	for i := range 50 {
		e := event.Event{ID: fmt.Sprint(i), Source: "s", Type: "t", Subject: "x"}
		past = append(past, eventlog.Entry{Entity: "x", Position: event.Position(fmt.Sprintf("%04d", i)), Line: e.AppendJSON(nil)})
	}
	read := func(_ context.Context, _ string, _ []eventlog.Bucket, upTo event.Position, visit func(eventlog.Bucket, *eventlog.Entry) error) error {
		reads++
		for i := range past {
			if past[i].Position > upTo {
				break
			}
			visited++
			if err := visit("b", &past[i]); err != nil {
				return err
			}
		}
		return nil
	}
	var row datastore.Row
	row.Entity, row.Position, row.Count = "x", "0039", maxExact+1
	for n := range 40 {
		e := event.Event{ID: fmt.Sprint(n), Source: "s"}
		row.Filter = filter(row.Filter).add(e.Identity())
	}
	placed := func(id string, at event.Position) *Placed {
		e := event.Event{ID: id, Source: "s", Type: "t", Subject: "x"}
		return &Placed{Event: e, Position: at, Bucket: "b", Line: e.AppendJSON(nil)}
	}
	set, err := NewSet()
	if err != nil {
		t.Fatal(err)
	}
	events := []*Placed{placed("7", "0040"), placed("40", "0041"), placed("8", "0042"), placed("40", "0043")}
	after, exact, err := foldRow(t.Context(), set, row, nil, events, read)
	if err != nil {
		t.Fatal(err)
	}
	if after.Duplicates != 3 || after.Ignored != 1 || reads != 1 {
		t.Errorf("%d duplicates, %d new, %d reads", after.Duplicates, after.Ignored, reads)
	}
	if exact != nil {
		t.Error("a restricted set must not be kept for other batches")
	}
}
