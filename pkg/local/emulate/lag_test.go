package emulate

import (
	"strconv"
	"testing"
	"time"

	"reprise/pkg/feed"
)

func TestLagIsTheAgeOfTheOldestRecordNotDone(t *testing.T) {
	var m Mapping
	first, second := newTracker(), newTracker()
	m.follow("first", first)
	m.follow("second", second)
	at := time.Unix(1000, 0)
	want := func(what string, lag time.Duration) {
		t.Helper()
		if got := m.Lag(at.Add(10 * time.Second)); got != lag {
			t.Errorf("%s: %v, want %v", what, got, lag)
		}
	}
	want("nothing read", 0)
	for i := range 3 {
		first.begin(feed.Record{Sequence: strconv.Itoa(i), Arrival: at.Add(time.Duration(i) * time.Second)})
	}
	second.begin(feed.Record{Sequence: "0", Arrival: at.Add(5 * time.Second)})
	want("nothing done", 10*time.Second)
	first.end("1")
	want("a later record done", 10*time.Second)
	first.end("0")
	want("two done", 8*time.Second)
	first.fail(1)
	want("a shard whose batch fails", 5*time.Second)
	first.fail(-1)
	want("it no longer fails", 8*time.Second)
	first.end("2")
	want("one left", 5*time.Second)
	m.follow("second", newTracker())
	want("its shard begun again", 0)
}
