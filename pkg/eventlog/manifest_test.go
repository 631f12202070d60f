package eventlog_test

import (
	"slices"
	"testing"
	"time"

	"reprise/pkg/eventlog"
)

// The manifests as of a head are those of its buckets, each once, whatever was
// stored since, and of a range those inside.
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
