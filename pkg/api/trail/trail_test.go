package trail

import (
	"fmt"
	"testing"
	"time"

	"reprise/pkg/replay"
)

func at(second int) time.Time { return time.Unix(int64(second), 0) }

// However long a replay runs, its trail is bounded, reaches from its first to its latest
// sample, keeps its order, and has every change of what it does.
func TestATrailIsBoundedAndReachesBack(t *testing.T) {
	var all Trail
	const n = 20_000
	for i := range n {
		status := replay.Running
		if i%1000 == 500 {
			status = "PAUSED"
		}
		all.Add("r", Sample{At: at(i), Status: status, Read: int64(i)})
	}
	kept := all.Of("r")
	if len(kept) > maxSamples || len(kept) < maxSamples/3 {
		t.Errorf("%d samples are kept", len(kept))
	}
	if !kept[0].At.Equal(at(0)) || !kept[len(kept)-1].At.Equal(at(n-1)) {
		t.Errorf("from %v to %v", kept[0].At, kept[len(kept)-1].At)
	}
	pauses := 0
	for i := range kept {
		if i > 0 && !kept[i].At.After(kept[i-1].At) {
			t.Fatalf("sample %d is not after the one before", i)
		}
		if kept[i].Status == "PAUSED" {
			pauses++
		}
	}
	if pauses != n/1000 {
		t.Errorf("%d of %d pauses are kept", pauses, n/1000)
	}
}

// Changes without end take no more room.
func TestATrailOfChangesIsBounded(t *testing.T) {
	var all Trail
	for i := range 5000 {
		all.Add("r", Sample{At: at(i), Limit: i})
	}
	if kept := all.Of("r"); len(kept) > maxSamples || !kept[0].At.Equal(at(0)) {
		t.Errorf("%d samples from %v", len(kept), kept[0].At)
	}
}

// A pause of any length takes two samples.
func TestNothingTakesNoRoom(t *testing.T) {
	var all Trail
	for i := range 1000 {
		lag := int64(i)
		all.Add("r", Sample{At: at(i), Status: "PAUSED", Read: 7, LagMillis: &lag})
	}
	if kept := all.Of("r"); len(kept) != 2 || !kept[0].At.Equal(at(0)) || !kept[1].At.Equal(at(999)) {
		t.Errorf("%+v", kept)
	}
}

// The replays that were sampled last are kept.
func TestTheNumberOfTrailsIsBounded(t *testing.T) {
	var all Trail
	all.Add("kept", Sample{At: at(0)})
	for i := range 100 {
		all.Add(fmt.Sprint(i), Sample{At: at(i)})
		all.Add("kept", Sample{At: at(i + 1), Read: int64(i)})
	}
	if len(all.all) != maxReplays || len(all.Of("kept")) != 101 || len(all.Of("99")) != 1 || all.Of("1") != nil {
		t.Errorf("%d trails, %d samples", len(all.all), len(all.Of("kept")))
	}
}
