package event_test

import (
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"reprise/pkg/event"
)

func newLanes(t testing.TB, count int) *event.Lanes {
	t.Helper()
	lanes, err := event.NewLanes(count)
	if err != nil {
		t.Fatal(err)
	}
	return lanes
}

func TestNewLanesRefuses(t *testing.T) {
	for _, count := range []int{-1 << 63, -64, -2, -1, 0, 3, 5, 6, 7, 63, 65, 96, 1000, 1023, 1025, 2048, 1 << 62} {
		if lanes, err := event.NewLanes(count); !errors.Is(err, event.ErrLanes) || lanes != nil {
			t.Errorf("NewLanes(%d): %v", count, err)
		}
	}
}

// The lane of an entity may never change: its events would be lost to their
// readers.
func TestLanesGolden(t *testing.T) {
	lanes := newLanes(t, 64)
	for entity, want := range map[string]event.Lane{
		"account-000042": 15, "a": 50, "é": 18, "👩‍🚀": 46, "a#b": 32, "": 56,
	} {
		if got := lanes.Of(entity); got != want {
			t.Errorf("%q is in lane %d, want %d", entity, got, want)
		}
	}
	for lane, want := range map[event.Lane]string{0: "0000-23", 1: "0001-8", 31: "0031-99", 63: "0063-49"} {
		if got := lanes.Key(lane); got != want {
			t.Errorf("lane %d has the key %s, want %s", lane, got, want)
		}
	}
	if got := event.Lane(7).String(); got != "0007" {
		t.Errorf("lane 7 is written %s", got)
	}
}

func TestLanesAreUniform(t *testing.T) {
	const seed, ids = 20260301, 100_000
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for name, id := range map[string]func(i int) string{
		"numbered": func(i int) string { return fmt.Sprintf("account-%06d", i) },
		"random":   func(int) string { return fmt.Sprintf("%x", random.Uint64()) },
	} {
		for _, count := range []int{2, 64, 1024} {
			lanes := newLanes(t, count)
			seen := make([]float64, count)
			for i := range ids {
				seen[lanes.Of(id(i))]++
			}
			chi, expected := 0.0, float64(ids)/float64(count)
			for _, n := range seen {
				chi += (n - expected) * (n - expected) / expected
			}
			// Mean count−1, variance 2(count−1); four deviations and some for
			// small counts.
			freedom := float64(count - 1)
			if bound := freedom + 4*math.Sqrt(2*freedom) + 10; chi > bound {
				t.Errorf("%s ids, %d lanes: chi-square is %.0f, over %.0f", name, count, chi, bound)
			}
		}
	}
}

// Twice as many lanes split each lane in two, so lanes could be refined.
func TestLanesRefine(t *testing.T) {
	var all []*event.Lanes
	for count := 1; count <= event.MaxLanes; count *= 2 {
		all = append(all, newLanes(t, count))
	}
	rapid.Check(t, func(t *rapid.T) {
		entity := rapid.OneOf(rapid.String(), rapid.StringN(100, 300, -1)).Draw(t, "entity")
		if all[0].Of(entity) != 0 {
			t.Error("one lane does not hold everything")
		}
		for i, lanes := range all[1:] {
			if got := lanes.Of(entity); got/2 != all[i].Of(entity) || int(got) >= lanes.Count() {
				t.Errorf("%q is in lane %d of %d, but lane %d of %d", entity, got, lanes.Count(), all[i].Of(entity), all[i].Count())
			}
		}
	})
}

func TestLaneKeys(t *testing.T) {
	for count := 1; count <= event.MaxLanes; count *= 2 {
		lanes := newLanes(t, count)
		if lanes.Count() != count {
			t.Errorf("%d lanes count as %d", count, lanes.Count())
		}
		for lane := range event.Lane(count) {
			key := lanes.Key(lane)
			sum := md5.Sum([]byte(key))
			// The slice of a lane is [lane, lane+1) times 2^128/count; its first
			// 16 bits decide, since count is at most 2^10.
			if got := int(binary.BigEndian.Uint16(sum[:])) / (1 << 16 / count); got != int(lane) {
				t.Errorf("key %s of lane %d of %d lies in slice %d", key, lane, count, got)
			}
			if got, err := lanes.ParseKey(key); got != lane || err != nil {
				t.Errorf("ParseKey(%s) = %d, %v; want %d", key, got, err, lane)
			}
		}
	}
}

func TestParseKeyRefuses(t *testing.T) {
	lanes := newLanes(t, 64)
	good := lanes.Key(5)
	for _, key := range []string{"", "0", "0005", good + "0", good + " ", good[:len(good)-1], "+" + good[1:],
		"1" + good[1:], "0006" + good[4:], "0064-0", "-001-0", "account-000042"} {
		if lane, err := lanes.ParseKey(key); err == nil {
			t.Errorf("ParseKey(%q) = %d", key, lane)
		}
	}
	if _, err := newLanes(t, 4).ParseKey(lanes.Key(63)); err == nil {
		t.Error("four lanes know a key of lane 63")
	}
}
