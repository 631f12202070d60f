package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/request"
)

// Sum is the count, bytes and digest of a set of events, in any order.
type Sum struct {
	Count  int64        `json:"count"`
	Bytes  int64        `json:"bytes"`
	Digest event.Digest `json:"digest"`
}

// SumOf is the sum of the events of a manifest.
func SumOf(m *eventlog.Manifest) Sum { return Sum{Count: m.Count, Bytes: m.Bytes, Digest: m.Digest} }

// Add adds an event whose line has so many bytes.
func (s *Sum) Add(bytes int, digest event.Digest) {
	s.Count++
	s.Bytes += int64(bytes)
	s.Digest = s.Digest.Add(digest)
}

// AddSum adds another sum to s.
func (s *Sum) AddSum(o Sum) {
	s.Count += o.Count
	s.Bytes += o.Bytes
	s.Digest = s.Digest.Add(o.Digest)
}

// Track is what has a checkpoint and a mark of its own, and ordinals from 0: a lane,
// or, in an unordered replay, a lane's part of one time slice.
type Track struct {
	Lane event.Lane
	// Slice is 0 for a whole lane, else the slice's number, from 1.
	Slice int
}

// name is the name of a track's document of a kind.
func (t Track) name(kind string) string {
	name := kind + t.Lane.String()
	if t.Slice > 0 {
		name += fmt.Sprintf("#%04d", t.Slice)
	}
	return name
}

// wholeLanes are the tracks of lanes that are read from their begin to their end.
func wholeLanes(lanes []event.Lane) []Track {
	tracks := make([]Track, len(lanes))
	for i, lane := range lanes {
		tracks[i].Lane = lane
	}
	return tracks
}

// tracks are the tracks of a planned replay.
func (r *Row) tracks() []Track {
	if r.Request.Order() != request.Unordered {
		return wholeLanes(r.Lanes)
	}
	tracks := make([]Track, 0, len(r.Lanes)*r.Slices)
	for _, lane := range r.Lanes {
		for slice := range r.Slices {
			tracks = append(tracks, Track{lane, slice + 1})
		}
	}
	return tracks
}

// has reports whether a record can be of a track: no other has a mark.
func (r *Row) has(t Track) bool {
	if r.Request.Order() != request.Unordered {
		return t.Slice == 0
	}
	return t.Slice >= 1 && t.Slice <= r.Slices
}

// Checkpoint is how far a track of a replay was read and delivered: the playback
// stream has acknowledged everything before it.
type Checkpoint struct {
	// Bucket and After are where reading continues: after the sort key After of
	// that bucket.
	Bucket eventlog.Bucket `json:"bucket"`
	After  string          `json:"after"`
	// Read sums the events read from the log, up to the cut, and Delivered those
	// of them that were selected. Delivered.Count is the next event's ordinal.
	Read      Sum `json:"read"`
	Delivered Sum `json:"delivered"`
	// Stranded is the highest position beyond the cut at which the Events table
	// has an event that is older than the event stream's retention, "" if there
	// is none. Unless the head has reached it since, it is lost to the log.
	Stranded event.Position `json:"stranded,omitempty"`
	// Missing is a position at or before the cut at which the Events table has an
	// event that is older than the event stream's retention, but neither in the
	// log nor quarantined: a head was set back, and moved on from there.
	Missing event.Position `json:"missing,omitempty"`
	// CatchUp is the number of the cut up to which the track is being read.
	CatchUp int `json:"catchUp,omitempty"`
	// Slices is how many time slices were read whole, if each waits for its
	// consumer, and Edge the end of the last of them. Like End, Edge stays when the
	// checkpoint is set back.
	Slices int   `json:"slices,omitempty"`
	Edge   *Edge `json:"edge,omitempty"`
	// Moved is when the checkpoint was stored, in milliseconds since 1970, and Rate how
	// many events a second were read lately. A place has neither.
	Moved int64   `json:"moved,omitempty"`
	Rate  float64 `json:"rate,omitempty"`
	// Most is how far the track was read and delivered before the checkpoint was set
	// back, nil if it never was. It is only shown, so that no number falls.
	Most *Extent `json:"most,omitempty"`
	// Done says that the lane was read to its end.
	Done bool `json:"done,omitempty"`
	// End is the lane's end marker, once a reader has reached it. It stays when
	// the checkpoint is set back, so that an abandoned drain that is still running
	// cannot undo it.
	End *End `json:"end,omitempty"`
}

// Extent is how many events were read, the length of their lines, and how many of them
// were delivered.
type Extent struct {
	Events    int64 `json:"events"`
	Bytes     int64 `json:"bytes"`
	Delivered int64 `json:"delivered"`
}

// Add adds another extent to e.
func (e *Extent) Add(o Extent) {
	e.Events += o.Events
	e.Bytes += o.Bytes
	e.Delivered += o.Delivered
}

// Reached is the furthest that the track was ever read and delivered. It never falls,
// also while the track is read again.
func (c *Checkpoint) Reached() Extent {
	now := Extent{c.Read.Count, c.Read.Bytes, c.Delivered.Count}
	if c.Most != nil && c.Most.Events > now.Events {
		return *c.Most
	}
	return now
}

// Edge is the end of a time slice in a lane.
type Edge struct {
	// Slices is the number of slices up to here, and Delivered the ordinal of the
	// next event.
	Slices    int   `json:"slices"`
	Delivered int64 `json:"delivered"`
}

// End sums up a whole track, up to the cut.
type End struct {
	Read      Sum            `json:"read"`
	Delivered Sum            `json:"delivered"`
	Stranded  event.Position `json:"stranded,omitempty"`
	Missing   event.Position `json:"missing,omitempty"`
}

// plus adds the sums of two tracks of a lane.
func (c Checkpoint) plus(o Checkpoint) Checkpoint {
	c.Read.AddSum(o.Read)
	c.Delivered.AddSum(o.Delivered)
	if c.End == nil || o.End == nil {
		c.End = nil
		return c
	}
	end := *c.End
	end.Read.AddSum(o.End.Read)
	end.Delivered.AddSum(o.End.Delivered)
	end.Stranded, end.Missing = max(end.Stranded, o.End.Stranded), max(end.Missing, o.End.Missing)
	c.End = &end
	return c
}

// LoadCheckpoint returns the checkpoint of a track in a cut, the zero one if there is none.
func (s Store) LoadCheckpoint(ctx context.Context, of CutRef, t Track) (Checkpoint, error) {
	at, _, err := control.Load[Checkpoint](ctx, s.Table, of.checkpoint(t))
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return Checkpoint{}, fmt.Errorf("load checkpoint of lane %s: %w", t.Lane, err)
	}
	return at, nil
}

// Advance stores a checkpoint, unless another reader of the track has stored one that
// is at least as far.
func (s Store) Advance(ctx context.Context, of CutRef, t Track, to Checkpoint) error {
	_, err := control.Update(ctx, s.Table, of.checkpoint(t), func(at *Checkpoint, _ bool) error {
		if at.Done || at.Read.Count > to.Read.Count ||
			(at.Read.Count == to.Read.Count && !to.Done && at.Slices >= to.Slices) {
			return control.Unchanged()
		}
		if to.End == nil {
			to.End = at.End
		}
		if at.Edge != nil && (to.Edge == nil || to.Edge.Slices < at.Edge.Slices) {
			to.Edge = at.Edge
		}
		to.Most = at.Most
		*at = to
		return nil
	})
	if err != nil {
		return fmt.Errorf("store checkpoint of lane %s: %w", t.Lane, err)
	}
	return nil
}

// rewind sets a checkpoint back to a mark's place, so that the lane is read again
// from there, but not behind the cut before: then the generation no longer contains what
// that covers, which is ErrGenerationLost.
func (s Store) rewind(ctx context.Context, of CutRef, t Track, mark datastore.Mark) error {
	var to Checkpoint
	if len(mark.Place) > 0 {
		if err := json.Unmarshal(mark.Place, &to); err != nil {
			return fmt.Errorf("decode place of lane %s: %w", t.Lane, err)
		}
	}
	if to.CatchUp != of.Number {
		plan, _, err := control.Load[LanePlan](ctx, s.Table, of.lane(t.Lane))
		if err != nil {
			return fmt.Errorf("load begin of lane %s: %w", t.Lane, err)
		}
		if to = plan.Start; mark.Ordinal < to.Delivered.Count {
			return fmt.Errorf("rewind checkpoint of lane %s: %w", t.Lane, ErrGenerationLost)
		}
	}
	to.Done = false
	_, err := control.Update(ctx, s.Table, of.checkpoint(t), func(at *Checkpoint, _ bool) error {
		most := at.Reached()
		to.End, to.Edge, to.Most = at.End, at.Edge, &most
		*at = to
		return nil
	})
	if err != nil {
		return fmt.Errorf("rewind checkpoint of lane %s: %w", t.Lane, err)
	}
	return nil
}

// LoadCheckpoints returns the checkpoints of an ordered replay that exist among lanes.
func (s Store) LoadCheckpoints(ctx context.Context, row Row, lanes []event.Lane) (map[event.Lane]Checkpoint, error) {
	found, err := s.LoadTracks(ctx, row.Present(), wholeLanes(lanes))
	byLane := make(map[event.Lane]Checkpoint, len(found))
	for t, at := range found {
		byLane[t.Lane] = at
	}
	return byLane, err
}

// LoadTracks returns the checkpoints of a replay that exist among tracks.
func (s Store) LoadTracks(ctx context.Context, of CutRef, tracks []Track) (map[Track]Checkpoint, error) {
	found, err := loadEach[Checkpoint](ctx, s.Table, tracks, of.checkpoint)
	if err != nil {
		return nil, fmt.Errorf("load checkpoints: %w", err)
	}
	return found, nil
}

// Tracks returns the checkpoints of a planned replay, as far as it has any.
func (s Store) Tracks(ctx context.Context, row Row) (map[Track]Checkpoint, error) {
	return s.LoadTracks(ctx, row.Present(), row.tracks())
}

// ReadSoFar returns how many events of a planned replay were read, and how many of
// those were delivered.
func (s Store) ReadSoFar(ctx context.Context, row Row) (read, delivered int64, err error) {
	checkpoints, err := s.Tracks(ctx, row)
	var sum Extent
	for _, at := range checkpoints {
		sum.Add(at.Reached())
	}
	return sum.Events, sum.Delivered, err
}

// WorkSoFar is ReadSoFar with bytes: what was done at least, since what is read again
// counts only once.
func (s Store) WorkSoFar(ctx context.Context, row Row) (done budget.Work, err error) {
	checkpoints, err := s.Tracks(ctx, row)
	for _, at := range checkpoints {
		done = done.Add(budget.Work{Read: at.Read.Count, ReadBytes: at.Read.Bytes,
			Delivered: at.Delivered.Count, DeliveredBytes: at.Delivered.Bytes})
	}
	return done, err
}
