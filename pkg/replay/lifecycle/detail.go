package lifecycle

import (
	"slices"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// detailer sums up the documents of a replay.
type detailer struct {
	row replay.Row
	now time.Time
	// others are the lanes that the present cut adds nothing to, which have no group.
	others Counts
	lanes  map[event.Lane]replay.LanePlan
	read   map[replay.Track]replay.Checkpoint
	marks  map[replay.Track]datastore.Mark
	out    Detail
}

func (d *detailer) unordered() bool { return d.row.Request.Order() == request.Unordered }

// add adds the progress of a group.
func (d *detailer) add(number int, group replay.Group, all []replay.Slice) {
	g := GroupProgress{Group: number, Lanes: group.Lanes, Slice: -1, Done: true}
	var moved int64
	open := eventlog.Bucket("~") // after every bucket
	for _, lane := range group.Lanes {
		g.Total += d.lanes[lane].Expect.Count
		for _, track := range d.tracks(lane, len(all)) {
			at := d.read[track]
			g.count(at, d.marks[track])
			g.Done = g.Done && at.Done
			moved = max(moved, at.Moved)
			if !at.Done {
				open = min(open, at.Bucket)
				g.Rate += at.Rate
			}
		}
	}
	if moved > 0 {
		at := time.UnixMilli(moved).UTC()
		g.Moved = &at
	}
	if d.now.UnixMilli()-moved > current.Milliseconds() {
		g.Rate = 0
	}
	if !d.unordered() && !g.Done {
		g.Bucket, g.Slice = open, sliceOf(all, open)
	}
	if d.row.Proof != nil && d.row.Proof.Complete { // all that was delivered was taken in
		g.Consumed = g.Delivered
	}
	g.Stalled = d.stalled(&g)
	d.out.Groups = append(d.out.Groups, g)
}

func (d *detailer) tracks(lane event.Lane, slices int) []replay.Track {
	if !d.unordered() {
		return []replay.Track{{Lane: lane}}
	}
	tracks := make([]replay.Track, slices)
	for i := range tracks {
		tracks[i] = replay.Track{Lane: lane, Slice: i + 1}
	}
	return tracks
}

func (c *Counts) count(at replay.Checkpoint, mark datastore.Mark) {
	reached := at.Reached()
	c.Read += reached.Events
	c.Filtered += reached.Events - reached.Delivered
	c.Delivered += reached.Delivered
	c.Consumed += mark.Ordinal
	if f := mark.Folded; f != nil {
		c.Applied += f.Applied
		c.Duplicates += f.Duplicates
		c.Parked += f.Parked
	}
}

// sliceOf is the number of the slice that a bucket is in.
func sliceOf(all []replay.Slice, bucket eventlog.Bucket) int {
	at := slices.IndexFunc(all, func(s replay.Slice) bool { return s.To == "" || bucket < s.To })
	return max(0, at)
}

// stalled tells whether a group should be read and is not. Groups that no reader has
// begun wait for one that ends.
func (d *detailer) stalled(g *GroupProgress) *Stall {
	if d.row.Status != replay.Running || d.row.Paused || g.Done || g.Moved == nil ||
		d.now.Sub(*g.Moved) < stalledAfter || d.row.Waiting != nil {
		return nil
	}
	s := &Stall{Since: *g.Moved, Why: "no reader has stored a checkpoint since"}
	if failed := d.row.LastError; failed != nil {
		s.Why = failed.Error + ": " + failed.Cause
	}
	return s
}

// addOthers counts the lanes without a group in the plan of a cut that was moved.
func (d *detailer) addOthers(groups []replay.Group) {
	for _, lane := range d.row.Lanes {
		if d.row.CatchUps > 0 && !slices.ContainsFunc(groups, func(g replay.Group) bool {
			return slices.Contains(g.Lanes, lane)
		}) {
			track := replay.Track{Lane: lane}
			d.others.count(d.read[track], d.marks[track])
		}
	}
}

func (c *Counts) add(o *Counts) {
	c.Read += o.Read
	c.Filtered += o.Filtered
	c.Delivered += o.Delivered
	c.Consumed += o.Consumed
	c.Applied += o.Applied
	c.Duplicates += o.Duplicates
	c.Parked += o.Parked
}

// sum adds up the groups.
func (d *detailer) sum() {
	out := &d.out
	out.add(&d.others)
	for i := range out.Groups {
		out.add(&out.Groups[i].Counts)
		out.Rate += out.Groups[i].Rate
	}
	if p := d.row.Proof; p != nil { // the generation may no longer be the replay's
		var proved Progress
		proved.count(p)
		out.Consumed, out.Applied = proved.Consumed, proved.Applied
		out.Duplicates, out.Parked = proved.Duplicates, proved.Parked
	}
	if passed := d.now.Sub(d.began()).Seconds(); passed > 0 {
		out.Average = float64(out.Consumed) / passed
	}
	if out.Total == 0 {
		return
	}
	done := d.done()
	percent := 100 * done
	out.Percent = &percent
	out.ETA = d.eta(1 - done)
}

func (d *detailer) began() time.Time {
	if first := d.row.FirstCut(); first != nil {
		return *first
	}
	return d.row.Created
}

// done is the share that is done.
func (d *detailer) done() float64 {
	if d.row.Status == replay.Succeeded {
		return 1
	}
	return Done(d.out.Total, d.out.Read, d.out.Delivered, d.out.Consumed)
}

// eta is the time left for a share of the replay, nil while it is unknown.
func (d *detailer) eta(left float64) *ETA {
	out := &d.out
	if d.row.Status.Ended() || d.row.Paused || out.Average <= 0 {
		return nil
	}
	// What is left to consume is at most what has not been, if all of it is selected.
	events := left * float64(out.Total)
	fast, slow := out.Average, out.Average
	if out.Rate > 0 {
		fast, slow = max(fast, out.Rate), min(slow, out.Rate)
	}
	if p := out.Pace; p != nil && p.Rate > 0 {
		fast, slow = min(fast, float64(p.Rate)), min(slow, float64(p.Rate))
	}
	return &ETA{LeastSeconds: events / fast, MostSeconds: events / slow}
}
