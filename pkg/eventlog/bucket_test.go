package eventlog_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/eventlog"
)

func TestBucketOf(t *testing.T) {
	at := func(text string) int64 {
		parsed, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.UnixMilli()
	}
	tests := []struct {
		millis    int64
		day, hour eventlog.Bucket
	}{
		{0, "1970-01-01T00", "1970-01-01T00"},
		{-1, "1969-12-31T00", "1969-12-31T23"},
		{at("2026-03-01T09:30:00.123Z"), "2026-03-01T00", "2026-03-01T09"},
		{at("2026-03-01T23:59:59.999Z"), "2026-03-01T00", "2026-03-01T23"},
		{at("2026-03-02T00:00:00+02:00"), "2026-03-01T00", "2026-03-01T22"},
		{at("2024-02-29T12:00:00Z"), "2024-02-29T00", "2024-02-29T12"},
		{at("0001-01-01T00:00:00Z"), "0001-01-01T00", "0001-01-01T00"},
		{math.MinInt64, "0001-01-01T00", "0001-01-01T00"},
		{math.MaxInt64, "9999-12-31T00", "9999-12-31T23"},
	}
	for _, tt := range tests {
		if day, hour := eventlog.Day.Of(tt.millis), eventlog.Hour.Of(tt.millis); day != tt.day || hour != tt.hour {
			t.Errorf("%d: have day %s and hour %s, want %s and %s", tt.millis, day, hour, tt.day, tt.hour)
		}
	}
}

// TestBucketsTile checks that every time lies in the range of its bucket and of
// no other, and that buckets sort as their times do.
func TestBucketsTile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.SampledFrom([]eventlog.Width{eventlog.Day, eventlog.Hour}).Draw(t, "width")
		millis := rapid.Int64Range(-62135596800000, 253402300799999)
		a, b := millis.Draw(t, "a"), millis.Draw(t, "b")
		bucket := width.Of(a)
		from, to, err := width.Range(bucket)
		if err != nil || a < from || a >= to || to-from != time.Duration(width).Milliseconds() {
			t.Fatalf("%d is not in [%d, %d) of %s: %v", a, from, to, bucket, err)
		}
		if (b >= from && b < to) != (width.Of(b) == bucket) {
			t.Fatalf("%d has bucket %s, but [%d, %d) is that of %s", b, width.Of(b), from, to, bucket)
		}
		if a < b && width.Of(a) > width.Of(b) {
			t.Fatalf("%d comes before %d, but %s behind %s", a, b, width.Of(a), width.Of(b))
		}
	})
}

func TestRangeRefusesWhatIsNoBucket(t *testing.T) {
	for _, bucket := range []eventlog.Bucket{"", "2026-03-01", "2026-03-01T24", "2026-02-29T00", "yesterday",
		"2026-03-01T00Z"} {
		if _, _, err := eventlog.Day.Range(bucket); err == nil {
			t.Errorf("range of %q gave no error", bucket)
		}
	}
}

func TestWidthValidate(t *testing.T) {
	for _, width := range []eventlog.Width{eventlog.Day, eventlog.Hour} {
		if err := width.Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, width := range []eventlog.Width{0, -eventlog.Day, 2 * eventlog.Hour, 7 * eventlog.Day, 1} {
		if err := width.Validate(); !errors.Is(err, eventlog.ErrWidth) {
			t.Errorf("width %v: %v", time.Duration(width), err)
		}
	}
}

func TestBucketListsAreBoundedAndForgetNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	for _, width := range []eventlog.Width{eventlog.Day, eventlog.Hour} {
		for _, n := range []int{1, 511, 512, 513, 2000} {
			at := time.Date(2019, 12, 30, 0, 0, 0, 0, time.UTC)
			var list, added []eventlog.Bucket
			for range n {
				b := width.Of(at.UnixMilli())
				before := slices.Clone(list)
				next := eventlog.AddBucket(list, b)
				if !slices.Equal(list, before) {
					t.Fatal("the list was changed in place")
				}
				list, added = next, append(added, b)
				at = at.Add(time.Duration(width) * time.Duration(1+rng.IntN(3)))
			}
			if len(list) > 512 {
				t.Errorf("a list of %d buckets names %d", n, len(list))
			}
			if list[len(list)-1] != added[n-1] {
				t.Errorf("the last of %d buckets is %s, want %s", n, list[len(list)-1], added[n-1])
			}
			all := eventlog.ExpandBuckets(list)
			if n <= 512 && !slices.Equal(all, added) || !slices.IsSorted(all) {
				t.Errorf("a list of %d buckets expands to %d, sorted %t", n, len(all), slices.IsSorted(all))
			}
			for _, b := range added {
				if _, found := slices.BinarySearch(all, b); !found {
					t.Fatalf("of %d buckets %s is forgotten", n, b)
				}
			}
		}
	}
}

func TestSpanOfMidnightsTakesHoursIn(t *testing.T) {
	// The list of a log with hourly buckets may happen to be full of midnights.
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	var list []eventlog.Bucket
	for range 600 {
		list = eventlog.AddBucket(list, eventlog.Hour.Of(at.UnixMilli()))
		at = at.AddDate(0, 0, 1)
	}
	noon := eventlog.Hour.Of(at.Add(12 * time.Hour).UnixMilli())
	list = eventlog.AddBucket(eventlog.AddBucket(list, noon), noon)
	if all := eventlog.ExpandBuckets(list); !slices.Contains(all, noon) || !slices.Contains(all, "2020-03-01T00") {
		t.Errorf("the span %v is short", list)
	}
}
