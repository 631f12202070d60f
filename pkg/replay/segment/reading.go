package segment

import (
	"context"
	"time"

	"reprise/pkg/replay"
)

// Reading is what one Read of a lane group did, and how far the group is.
type Reading struct {
	Outcome Outcome
	// Events were read by this Read, and kept in a checkpoint; Bytes is the length of
	// their lines.
	Events, Bytes int64
	// Group is the whole group so far, whoever read it. It never falls. Total is the
	// number of events in its buckets, 0 where it is unknown: of single entities, and
	// of the segments of an unordered replay.
	Group replay.Extent
	Total int64
	// Slice is the number, from 1, of the earliest time slice that the group has not
	// read whole, or of the last; and Slices that of the last.
	Slice, Slices int
	// Since is the time since the replay's first cut.
	Since time.Duration
}

// tally adds up the tracks of a reading.
type tally struct {
	Reading
	plan replay.Plan
}

func (t *tally) add(track replay.Track, at replay.Checkpoint) {
	t.Group.Add(at.Reached())
	if at.Done {
		return
	}
	open := track.Slice
	if open == 0 {
		open = 1 + t.plan.First + sliceOf(&t.plan, at.Bucket)
	}
	t.Slice = min(t.Slice, max(open, at.Slices))
}

// finish adds the parts of a child that were not begun.
func (t *tally) finish(ctx context.Context, store replay.Store, row replay.Row, parts []part) error {
	var tracks []replay.Track
	for _, p := range parts {
		for _, lane := range p.lanes {
			tracks = append(tracks, replay.Track{Lane: lane, Slice: p.track})
		}
	}
	if len(tracks) == 0 {
		return nil
	}
	found, err := store.LoadTracks(ctx, row.Present(), tracks)
	for _, track := range tracks {
		t.add(track, found[track])
	}
	return err
}

// account adds what a part has done to a reading.
func (r *run) account(t *tally) {
	for track, at := range r.ended {
		t.add(track, at)
	}
	for _, l := range r.lanes {
		t.add(l.track, l.kept())
		t.Events += max(0, l.stored.Read.Count-l.began.Count)
		t.Bytes += max(0, l.stored.Read.Bytes-l.began.Bytes)
	}
	for _, plan := range r.plans {
		if r.part.track == 0 {
			t.Total += plan.Expect.Count
		}
	}
}

// kept is the stored checkpoint with what is known of the track from before.
func (l *laneReader) kept() replay.Checkpoint {
	at := l.stored
	at.Most = l.most
	return at
}
