package replay

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
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
	Group Extent
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
	plan Plan
}

func (t *tally) add(track Track, at Checkpoint) {
	t.Group.add(at.Reached())
	if at.Done {
		return
	}
	open := track.Slice
	if open == 0 {
		open = 1 + t.plan.First + t.plan.sliceOf(at.Bucket)
	}
	t.Slice = min(t.Slice, max(open, at.Slices))
}

// finish adds the parts of a child that were not begun.
func (t *tally) finish(ctx context.Context, store Store, row Row, parts []part) error {
	var tracks []Track
	for _, p := range parts {
		for _, lane := range p.lanes {
			tracks = append(tracks, Track{lane, p.track})
		}
	}
	if len(tracks) == 0 {
		return nil
	}
	found, err := store.loadTracks(ctx, row.Present(), tracks)
	for _, track := range tracks {
		t.add(track, found[track])
	}
	return err
}

// sliceOf is the index of the slice that a bucket is in.
func (p *Plan) sliceOf(bucket eventlog.Bucket) int {
	at := slices.IndexFunc(p.Slices, func(s Slice) bool { return s.To == "" || bucket < s.To })
	return max(0, at)
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
func (l *laneReader) kept() Checkpoint {
	at := l.stored
	at.Most = l.most
	return at
}

// maxText bounds the text of a group's lanes: the state machine carries one for each
// group, up to 512, and must stay far below the 256 KiB of a payload.
const maxText = 64

// GroupText describes what a segment reader reads, for the inputs of a map run.
type GroupText struct {
	// Group is the number of the segment reader, from 0.
	Group int `json:"group"`
	// Lanes are its lanes, such as "0-3 8", shortened to some of them if they are many.
	Lanes string `json:"lanes"`
	// From and To are its time range: the first bucket, or the time that was asked for,
	// and the end, which is excluded.
	From string `json:"from"`
	To   string `json:"to"`
}

// GroupTexts describes the segment readers of a planned replay, by number.
func (s Store) GroupTexts(ctx context.Context, row Row) ([]GroupText, error) {
	plan, err := s.LoadPlan(ctx, row)
	if err != nil {
		return nil, err
	}
	row.Window = plan.End() // the whole group, whatever is open at present
	all := Children(row.Request, len(plan.Groups), len(plan.Slices))
	texts := make([]GroupText, all)
	for child := range all {
		texts[child].Group = child
		texts[child].describe(row, plan, assigned(row, plan, child, all))
	}
	return texts, nil
}

func (g *GroupText) describe(row Row, plan Plan, parts []part) {
	var lanes []event.Lane
	first, last := len(plan.Slices), 0
	for _, p := range parts {
		lanes = append(lanes, p.lanes...)
		first, last = min(first, p.from-plan.First), max(last, p.to-plan.First)
	}
	if first >= last {
		return
	}
	slices.Sort(lanes)
	g.Lanes = LanesText(slices.Compact(lanes))
	g.From, g.To = string(plan.Slices[first].From), string(plan.Slices[last-1].To)
	if row.Request.From != nil && first == 0 {
		g.From = row.Request.From.Format(time.RFC3339)
	}
	switch {
	case g.To != "":
	case row.Request.To != nil:
		g.To = row.Request.To.Format(time.RFC3339)
	case row.Cut != nil:
		g.To = row.Cut.Format(time.RFC3339)
	}
}

// LanesText lists ascending lanes, with neighbours as ranges. It has at most 66 bytes: of
// many lanes it lists some.
func LanesText(lanes []event.Lane) string {
	var text strings.Builder
	for i := 0; i < len(lanes); {
		end := i
		for end+1 < len(lanes) && lanes[end+1] == lanes[end]+1 {
			end++
		}
		one := strconv.Itoa(int(lanes[i]))
		if end > i {
			one += "-" + strconv.Itoa(int(lanes[end]))
		}
		if text.Len()+len(one) > maxText-len(" … (1024 lanes)") {
			return text.String() + " … (" + strconv.Itoa(len(lanes)) + " lanes)"
		}
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(one)
		i = end + 1
	}
	return text.String()
}

// Totals are the numbers of a whole replay so far, for the outputs of its state machine.
// None but the rate ever falls.
type Totals struct {
	Extent
	// Consumed events were taken in by the consumer. A segment reader does not know it.
	Consumed int64 `json:"consumed"`
	// Slice is the number, from 1, of the time slice that readers may have reached,
	// and Slices that of the last.
	Slice  int `json:"slice"`
	Slices int `json:"slices"`
	// EventsPerSecond is how many events were read on average since the first cut, pauses
	// included.
	EventsPerSecond float64 `json:"eventsPerSecond"`
}

func (r *Row) totals(sum Extent, consumed int64, now time.Time) *Totals {
	t := &Totals{Extent: sum, Consumed: consumed, Slice: r.Slices, Slices: r.Slices}
	if r.windowed() {
		t.Slice = min(r.Window+1, r.Slices)
	}
	t.EventsPerSecond = PerSecond(sum.Events, r.since(now))
	return t
}

// since is the time in seconds since the first cut, 0 before it.
func (r *Row) since(now time.Time) float64 {
	first := r.FirstCut()
	if first == nil {
		return 0
	}
	return math.Max(0, now.Sub(*first).Seconds())
}

// PerSecond is a rate, 0 where no time has passed, to three digits after the point.
func PerSecond(events int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return Rounded(float64(events) / seconds)
}

// Rounded keeps three digits after the point.
func Rounded(n float64) float64 { return math.Round(n*1000) / 1000 }

// Totals returns the totals of a replay that is planned, without what was consumed.
func (s Store) Totals(ctx context.Context, row Row) (*Totals, error) {
	checkpoints, err := s.Tracks(ctx, row)
	if err != nil {
		return nil, err
	}
	var sum Extent
	for _, at := range checkpoints {
		sum.add(at.Reached())
	}
	return row.totals(sum, 0, s.Now()), nil
}
