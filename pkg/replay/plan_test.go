package replay

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// randomWeights makes lanes with skewed weights over many buckets.
func randomWeights(rng *rand.Rand, lanes, buckets int) []weight {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	weights := make([]weight, lanes)
	for i := range weights {
		w := weight{lane: event.Lane(i), buckets: make(map[eventlog.Bucket]int64)}
		for range rng.IntN(buckets) {
			b := eventlog.Day.Of(start.AddDate(0, 0, rng.IntN(buckets)).UnixMilli())
			bytes := int64(1 + rng.IntN(1000))
			w.buckets[b] += bytes
			w.bytes += bytes
		}
		weights[i] = w
	}
	return weights
}

func TestPlanCoversEverythingOnceInEqualParts(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 200 {
		weights := randomWeights(rng, 1+rng.IntN(64), 1+rng.IntN(400))
		var total, heaviestLane, heaviestBucket int64
		perBucket := make(map[eventlog.Bucket]int64)
		var want []event.Lane
		for _, w := range weights {
			total += w.bytes
			heaviestLane = max(heaviestLane, w.bytes)
			if w.bytes > 0 {
				want = append(want, w.lane)
			}
			for b, bytes := range w.buckets {
				perBucket[b] += bytes
				heaviestBucket = max(heaviestBucket, perBucket[b])
			}
		}
		plan := divide(weights, 1+rng.IntN(32))
		if lanes := plan.lanes(); !slices.Equal(lanes, want) {
			t.Fatalf("lanes %v, want %v", plan.lanes(), want)
		}
		checkGroups(t, plan.Groups, want, total, heaviestLane)
		checkSlices(t, plan.Slices, perBucket, total, heaviestBucket)
	}
}

func checkGroups(t *testing.T, groups []Group, want []event.Lane, total, heaviest int64) {
	t.Helper()
	var got []event.Lane
	for _, g := range groups {
		got = append(got, g.Lanes...)
		// The lightest group took the last lane, so no group is above the
		// average by more than one lane.
		if average := total / int64(len(groups)); g.Weight > average+heaviest {
			t.Fatalf("a group weighs %d of %d in %d groups, the heaviest lane %d", g.Weight, total, len(groups), heaviest)
		}
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Fatalf("groups hold lanes %v, want %v", got, want)
	}
}

func checkSlices(t *testing.T, slicesOf []Slice, perBucket map[eventlog.Bucket]int64, total, heaviest int64) {
	t.Helper()
	if len(slicesOf) > maxSlices || (len(perBucket) > 0) != (len(slicesOf) > 0) {
		t.Fatalf("%d slices of %d buckets", len(slicesOf), len(perBucket))
	}
	var sum int64
	for i, s := range slicesOf {
		if i > 0 && slicesOf[i-1].To != s.From {
			t.Fatalf("slice %d begins at %s, the one before ends at %s", i, s.From, slicesOf[i-1].To)
		}
		var inside int64
		for b, bytes := range perBucket {
			if b >= s.From && (s.To == "" || b < s.To) {
				inside += bytes
			}
		}
		if inside != s.Weight {
			t.Fatalf("slice %d says %d bytes, its buckets have %d", i, s.Weight, inside)
		}
		if average := total / int64(len(slicesOf)); s.Weight > average+heaviest {
			t.Fatalf("slice %d weighs %d of %d in %d slices", i, s.Weight, total, len(slicesOf))
		}
		sum += inside
	}
	if sum != total {
		t.Fatalf("slices hold %d bytes of %d", sum, total)
	}
	if n := len(slicesOf); n > 0 && slicesOf[n-1].To != "" {
		t.Fatal("the last slice has an end")
	}
}

func TestRequestsAreRefusedWithAReason(t *testing.T) {
	for _, tt := range [][2]string{
		{`{"from":"2026-03-02T00:00:00Z","to":"2026-03-01T00:00:00Z"}`,
			"invalid replay request: from 2026-03-02T00:00:00Z is not before to 2026-03-01T00:00:00Z"},
		{`{"from":"2026-03-02T00:00:00Z","to":"2026-03-02T00:00:00Z"}`,
			"invalid replay request: from 2026-03-02T00:00:00Z is not before to 2026-03-02T00:00:00Z"},
		{`{"from":"yesterday"}`, "invalid replay request: from and to are RFC 3339 times such as 2026-03-01T00:00:00Z"},
		{`{"form":"2026-03-02T00:00:00Z"}`, `invalid replay request: member "form" is not known here`},
		{`{"promote":true}`, "invalid replay request: promote needs rebuild: only a rebuilt generation can become active"},
		{`{"rebuild":true,"types":["a"]}`,
			"invalid replay request: a rebuild takes the whole log: leave from, to, types and entities out"},
		{`{"types":[""]}`,
			"invalid replay request: types holds a type that no event can have: it is required and must not be empty"},
		{`{"from":"2026-03-01T00:00:00.0001Z","to":"2026-03-01T00:00:00.0009Z"}`,
			"invalid replay request: from 2026-03-01T00:00:00.001Z is not before to 2026-03-01T00:00:00.001Z"},
		{`{"to":"9999-12-31T23:59:59.9999Z"}`, "invalid replay request: to lies outside of the years 0 to 9999 in UTC"},
		{`{"from":"0000-01-01T00:00:00+01:00"}`, "invalid replay request: from lies outside of the years 0 to 9999 in UTC"},
		{`{"parallelism":-1}`, "invalid replay request: parallelism -1 is not between 1 and 256"},
		{`{"parallelism":"many"}`, "invalid replay request: parallelism must not be a string"},
		{`{} {}`, "invalid replay request: the input: there is text after the object"},
	} {
		input, want := tt[0], tt[1]
		if _, err := ParseRequest([]byte(input)); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", input, err, want)
		}
	}
}

func TestEqualRequestsHaveOneForm(t *testing.T) {
	a, err := ParseRequest([]byte(`{"from":"2026-03-01T00:59:59.9994+01:00","types":["b","a","b"],"parallelism":8}`))
	if err != nil {
		t.Fatal(err)
	}
	b, err := ParseRequest([]byte(`{"types":["a","b"],"from":"2026-03-01T00:00:00Z"}`))
	if err != nil {
		t.Fatal(err)
	}
	if !a.same(b) {
		t.Errorf("%+v and %+v ask for the same", a, b)
	}
	b.Types = b.Types[:1]
	if a.same(b) {
		t.Errorf("%+v and %+v do not ask for the same", a, b)
	}
}

func TestBucketRangeTouchesWhatTheTimesTouch(t *testing.T) {
	at := func(text string) *time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return &when
	}
	for _, c := range []struct {
		from, to         string
		wantFrom, wantTo eventlog.Bucket
	}{
		{"2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-01T00", "2026-03-02T00"},
		{"2026-03-01T12:00:00Z", "2026-03-02T00:00:01Z", "2026-03-01T00", "2026-03-03T00"},
		{"2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z", "2026-03-01T00", "2026-03-02T00"},
	} {
		from, to := bucketRange(Request{From: at(c.from), To: at(c.to)}, eventlog.Day)
		if from != c.wantFrom || to != c.wantTo {
			t.Errorf("%s to %s touches [%s, %s)", c.from, c.to, from, to)
		}
	}
	if from, to := bucketRange(Request{}, eventlog.Day); from != "" || to != "" {
		t.Errorf("an open range is [%s, %s)", from, to)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte(`{"from":"2026-03-01T01:00:00+01:00","types":["b"],"rebuild":false}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := ParseRequest(raw)
		if err != nil {
			return
		}
		again, err := r.normalized()
		if err != nil || !again.same(r) {
			t.Errorf("the form of %q is not stable: %v", raw, fmt.Sprint(again, r))
		}
	})
}
