package projection

import (
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"reprise/pkg/event"
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
	if rate := float64(errs) / probes; rate > 0.003 {
		t.Errorf("error rate %.4f, stated is 0.0015", rate)
	}
	if f.full() || len(f) > 674 {
		t.Errorf("full %t with %d bytes", f.full(), len(f))
	}
	f = f.add(digest()).add(digest())
	if !f.full() || !f.mayHave(digest()) || len(f) > 674 {
		t.Errorf("a full filter must not rule anything out (full %t, %d bytes)", f.full(), len(f))
	}
}

// TestStoredFiltersStayReadable checks that the bits of ids never change:
// otherwise a stored filter would forget all of them.
func TestStoredFiltersStayReadable(t *testing.T) {
	var f filter
	for i := range uint64(3) {
		f = f.add(event.Digest{Hi: i<<60 + 7, Lo: i*1_000_003 + 5})
	}
	const want = "00030000121184002000204000000100040a028001200000025070a000000080241c"
	if got := hex.EncodeToString(f); got != want {
		t.Errorf("filter %s, want %s", got, want)
	}
}

// TestSmallFiltersErrAsSeldom queries many filters that are as full as the
// first stage can be: with so few bits, hashes that depend on each other would
// show.
func TestSmallFiltersErrAsSeldom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	const filters, probes = 2_000, 100
	errs := 0
	for range filters {
		var f filter
		for range firstFilterIDs {
			f = f.add(event.Digest{Hi: rng.Uint64(), Lo: rng.Uint64()})
		}
		for range probes {
			if f.mayHave(event.Digest{Hi: rng.Uint64(), Lo: rng.Uint64()}) {
				errs++
			}
		}
	}
	if rate := float64(errs) / (filters * probes); rate > 0.0010 {
		t.Errorf("error rate %.5f, stated is 0.0005", rate)
	}
}

func TestSmallFilterIsSmall(t *testing.T) {
	if f := filter(nil).add(event.Digest{Hi: 1}); len(f) != 34 {
		t.Errorf("a filter of one id takes %d bytes", len(f))
	}
	if filter(nil).mayHave(event.Digest{}) {
		t.Error("an empty filter reports an id as seen")
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
