package eventlog_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/eventlog"
)

// The manifests as of a head are those of its buckets, each once, whatever was
// stored since. Those of a range are the ones inside it.
func TestManifestsAreAsOfTheirHead(t *testing.T) {
	w := newWorld(t)
	var buckets []eventlog.Bucket
	var heads []eventlog.Head
	for i := range 6 {
		at := noon.Add(time.Duration(i) * time.Hour)
		buckets = append(buckets, eventlog.Hour.Of(at.UnixMilli()))
		heads = append(heads, w.commit(w.record(i, at, 0)).Head)
	}
	if old := heads[2]; len(old.Closed) != 1 || old.Closed[0].Bucket != buckets[1] {
		t.Fatalf("the old head carries %+v", old.Closed)
	}
	for name, tt := range map[string]struct {
		head     int
		from, to eventlog.Bucket
		want     []eventlog.Bucket
	}{
		"all of an old head":               {2, "", "", buckets[:3]},
		"from what it carries":             {2, buckets[1], "", buckets[1:3]},
		"up to what it carries":            {2, "", buckets[1], buckets[:1]},
		"what it carries alone":            {2, buckets[1], buckets[2], buckets[1:2]},
		"its open bucket":                  {2, buckets[2], "", buckets[2:3]},
		"behind it":                        {2, buckets[3], "", nil},
		"all":                              {5, "", "", buckets},
		"a range":                          {5, buckets[1], buckets[3], buckets[1:3]},
		"a range that ends with its open":  {5, buckets[3], buckets[5], buckets[3:5]},
		"a range that holds its open, too": {5, buckets[4], "9999-12-31T00", buckets[4:]},
	} {
		var have []eventlog.Bucket
		err := w.pump.Heads.Manifests(t.Context(), 0, heads[tt.head], tt.from, tt.to,
			func(b eventlog.Bucket, m eventlog.Manifest) error {
				if m.Count != 1 {
					t.Errorf("%s: the manifest of %s counts %d", name, b, m.Count)
				}
				have = append(have, b)
				return nil
			})
		if err != nil || !slices.Equal(have, tt.want) {
			t.Errorf("%s: %v, %v, want %v", name, have, err, tt.want)
		}
	}
}

// The manifests are the same however many buckets are requested. A bucket in
// which the lane has no event has none.
func TestManifestsOfFewAndOfManyBuckets(t *testing.T) {
	w := newWorld(t)
	var all []eventlog.Bucket
	var batch []eventlog.Incoming
	for i := range 500 {
		at := noon.Add(time.Duration(i) * time.Hour)
		all = append(all, eventlog.Hour.Of(at.UnixMilli()))
		if i%2 == 0 {
			batch = append(batch, w.record(i, at, 0))
		}
	}
	head := w.commit(batch...).Head
	for _, n := range []int{0, 3, 199, 200, 201, 500} {
		asked := all[:n]
		found, err := w.pump.Heads.ManifestsOf(t.Context(), 0, head, asked)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range asked {
			if m, has := found[b]; has != (i%2 == 0) || m.Count != int64(1-i%2) {
				t.Fatalf("of %d buckets, number %d: %+v, %t", n, i, m, has)
			}
		}
	}
}

// A lane that has no event in a bucket, or only undecodable records, has no
// manifest of it.
func TestALaneWithoutEventsHasNoManifest(t *testing.T) {
	w := newWorld(t)
	empty, err := w.pump.Heads.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	bad := w.record(1, noon, 0)
	bad.Data = []byte("no record")
	for _, head := range []eventlog.Head{empty, w.commit(bad).Head} {
		since, err := w.pump.Heads.BucketsSince(t.Context(), 0, head, "")
		if err != nil || len(since) != 0 {
			t.Errorf("at %q: buckets %q, %v", head.Position, since, err)
		}
		found, err := w.pump.Heads.ManifestsOf(t.Context(), 0, head, []eventlog.Bucket{"2026-03-01T12"})
		if err != nil || len(found) != 0 {
			t.Errorf("at %q: manifests %+v, %v", head.Position, found, err)
		}
	}
}

// A record is found in its bucket even if it is the only one there.
func TestARecordIsLocatedInItsBucket(t *testing.T) {
	w := newWorld(t)
	var head eventlog.Head
	for i := range 4 {
		head = w.commit(w.record(2*i, noon.Add(time.Duration(i)*time.Hour), 0)).Head
	}
	view := eventlog.View{Log: w.log, Heads: w.pump.Heads}
	for i := range 7 { // records with odd numbers never arrived
		in := w.record(i, noon, 0)
		decoded, err := w.pump.Decoder.Decode(0, in)
		if err != nil {
			t.Fatal(err)
		}
		home, found, err := view.Locate(t.Context(), eventlog.Hour, 0, &head, &decoded.Events[0])
		want := eventlog.Hour.Of(noon.Add(time.Duration(i/2) * time.Hour).UnixMilli())
		if err != nil || found != (i%2 == 0) || (found && home != want) {
			t.Errorf("record %d: %s, %t, %v, want %s", i, home, found, err, want)
		}
	}
	since, err := w.pump.Heads.BucketsSince(t.Context(), 0, head, "2026-03-01T14")
	if err != nil || !slices.Equal(since, []eventlog.Bucket{"2026-03-01T14", "2026-03-01T15"}) {
		t.Errorf("since %q, %v", since, err)
	}
}

// An earlier version wrote a manifest before a head that then never moved. The
// manifest that the head carries replaces it.
func TestTheHeadsManifestReplacesALeftOne(t *testing.T) {
	w := newWorld(t)
	w.commit(w.record(1, noon, 0))
	head := w.commit(w.record(2, noon.Add(time.Hour), 0)).Head
	carried := head.Closed[0]
	found, err := w.table.Get(t.Context(), control.Key{Partition: "head#0000", Sort: "head"})
	if err != nil {
		t.Fatal(err)
	}
	key := control.Key{Partition: "manifest#0000", Sort: string(carried.Bucket)}
	if _, err := control.Store(t.Context(), w.table, key, eventlog.Manifest{Count: 99}, ""); err != nil {
		t.Fatal(err)
	}
	w.commit(w.record(3, noon.Add(time.Hour), 0))
	stored, version, err := control.Load[eventlog.Manifest](t.Context(), w.table, key)
	if err != nil || stored != carried.Manifest {
		t.Errorf("stored is %+v, %v, want %+v", stored, err, carried.Manifest)
	}
	w.contents()
	// A pump that read the same head and comes late writes the same.
	late := w.another()
	late.Heads.Table = stale{w.table, found}
	records := []eventlog.Incoming{w.record(3, noon.Add(time.Hour), 0)}
	if _, err := late.Commit(t.Context(), 0, records); !errors.Is(err, eventlog.ErrOvertaken) {
		t.Errorf("the late pump: %v", err)
	}
	if _, now, err := control.Load[eventlog.Manifest](t.Context(), w.table, key); err != nil || now != version {
		t.Errorf("the late pump wrote the manifest anew: %v", err)
	}
}

// stale returns an earlier head.
type stale struct {
	control.Table
	head control.Document
}

func (s stale) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if key == s.head.Key {
		return s.head, nil
	}
	return s.Table.Get(ctx, key)
}
