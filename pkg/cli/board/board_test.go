package board_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/cli/board"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func detail() *lifecycle.Detail {
	moved := at.Add(-time.Second)
	percent := 42.0
	group := func(n int, rate float64) lifecycle.GroupProgress {
		return lifecycle.GroupProgress{Group: n, Lanes: []event.Lane{0, 1, 2, 7}, Rate: rate, Moved: &moved, Slice: 1,
			Bucket: eventlog.Bucket("2026-02-03"), Counts: lifecycle.Counts{Read: 1200, Delivered: 1100, Consumed: 900}}
	}
	stalled, done, waiting := group(4, 0), group(1, 0), group(3, 0)
	stalled.Stalled = &lifecycle.Stall{Since: at.Add(-2 * time.Minute), Why: "Reprise.Full: no room"}
	done.Done, waiting.Moved = true, nil
	return &lifecycle.Detail{
		At: at, Percent: &percent, Total: 5000, Rate: 1500, Average: 1000, Slices: make([]replay.Slice, 3),
		ETA:    &lifecycle.ETA{LeastSeconds: 60, MostSeconds: 125},
		Counts: lifecycle.Counts{Read: 3600, Filtered: 300, Delivered: 3300, Consumed: 2700},
		Groups: []lifecycle.GroupProgress{group(0, 500), done, group(2, 1000), waiting, stalled},
	}
}

func TestHeadSaysTheNumbersOfTheWholeReplay(t *testing.T) {
	const want = "at most 7/s, as live events wait, 1,500/s now, 1,000/s on average, 1m00s to 2m05s left"
	d := detail()
	if got := board.Head(d, "at most 7/s, as live events wait"); got != want {
		t.Errorf("got %s", got)
	}
	if got := board.Head(&lifecycle.Detail{}, ""); got != "0/s on average, time left unknown" {
		t.Errorf("got %s", got)
	}
	const counts = "read 3,600 of 5,000, left out 300, delivered 3,300, taken in 2,700"
	if got := board.Counts(&d.Counts, d.Total); got != counts {
		t.Errorf("got %s", got)
	}
}

// Stalled groups come first, then busy ones, and those that do not fit are counted.
func TestGroupsAreOrderedAndCounted(t *testing.T) {
	d := detail()
	begins := func(most int) (names []string) {
		for _, line := range board.Groups(d, most) {
			names = append(names, strings.Join(strings.Fields(line)[:2], " "))
		}
		return names
	}
	for most, want := range map[int][]string{
		9: {"group 4", "group 2", "group 0", "group 3", "group 1"},
		5: {"group 4", "group 2", "group 0", "group 3", "group 1"},
		3: {"group 4", "group 2", "and 3"},
		1: {"and 5"},
		0: nil,
	} {
		if got := begins(most); !slices.Equal(got, want) {
			t.Errorf("%d lines: %q", most, got)
		}
	}
	lines := board.Groups(d, 3)
	for i, want := range []string{
		"group 4  stalled for 2m00s: Reprise.Full: no room  slice 2 of 3, 2026-02-03  read 1,200  delivered 1,100  " +
			"taken in 900  lanes 0-2 7",
		"group 2  1,000/s  slice 2 of 3, 2026-02-03  read 1,200  delivered 1,100  taken in 900  lanes 0-2 7",
		"and 3 more groups (1 wait for a reader, 1 done)",
	} {
		if strings.Join(strings.Fields(lines[i]), " ") != strings.Join(strings.Fields(want), " ") {
			t.Errorf("line %d is %q", i, lines[i])
		}
	}
}

// A document that is older than the one before shows no number that falls.
func TestNumbersNeverFall(t *testing.T) {
	var steady board.Steady
	first, second := detail(), detail()
	second.Read, second.Applied = 100, 5
	second.Groups[0].Delivered, second.Groups[2].Parked = 3, 1
	*second.Percent = 7
	steady.Keep(first)
	steady.Keep(second)
	if second.Read != 3600 || second.Applied != 5 || second.Groups[0].Delivered != 1100 || second.Groups[2].Parked != 1 ||
		*second.Percent != 42 {
		t.Errorf("%+v", second)
	}
}
