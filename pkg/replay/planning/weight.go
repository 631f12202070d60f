package planning

import (
	"context"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// weight is the weight of one lane, in total and by bucket.
type weight struct {
	lane    event.Lane
	bytes   int64
	buckets map[eventlog.Bucket]int64
}

// weigh sums up the manifests of the buckets of a lane that the replay reads, and
// calls each, which may be nil, for every one.
func (p *Planner) weigh(
	ctx context.Context, r replay.Request, plan replay.LanePlan, each func(eventlog.Bucket, *eventlog.Manifest),
) (weight, replay.Sum, error) {
	w := weight{lane: plan.Lane, buckets: make(map[eventlog.Bucket]int64)}
	var sum replay.Sum
	from, to := replay.BucketRange(r, p.Width)
	err := p.Heads.Manifests(ctx, plan.Lane, plan.Head, from, to, func(b eventlog.Bucket, m eventlog.Manifest) error {
		sum.AddSum(replay.SumOf(&m))
		w.buckets[b] += m.Bytes
		w.bytes += m.Bytes
		if each != nil {
			each(b, &m)
		}
		return nil
	})
	return w, sum, err
}

// since leaves only what a head does not cover.
func (w *weight) since(head *eventlog.Head) {
	for b, bytes := range w.buckets {
		switch {
		case b < head.Bucket:
			w.bytes -= bytes
			delete(w.buckets, b)
		case b == head.Bucket:
			w.bytes -= head.Open.Bytes
			w.buckets[b] -= head.Open.Bytes
		}
	}
	if w.buckets[head.Bucket] == 0 {
		delete(w.buckets, head.Bucket)
	}
}
