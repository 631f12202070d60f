package intake

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/feed"
)

// put puts the events into the stream and enters their positions.
func (h *Load) put(ctx context.Context, batch *loadBatch) error {
	batch.positions = make([]event.Position, len(batch.ids))
	if stream, ok := h.Stream.(feed.BatchStream); ok {
		return h.putAll(ctx, stream, batch)
	}
	return h.putLanes(ctx, batch)
}

// putLanes sends the lanes concurrently, but the records of one lane one after the
// other: two records of a lane in flight could swap places.
func (h *Load) putLanes(ctx context.Context, batch *loadBatch) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lanesInFlight)
	for _, l := range batch.lanes {
		group.Go(func() error {
			return h.pack(batch, l, func(one packed) error {
				sequence, err := h.Stream.Put(ctx, one.Key, one.Data)
				if err != nil {
					return err
				}
				return h.place(batch, one, sequence)
			})
		})
	}
	return group.Wait()
}

// putAll puts all records in one call.
func (h *Load) putAll(ctx context.Context, stream feed.BatchStream, batch *loadBatch) error {
	byLane := make([][]packed, len(batch.lanes))
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, l := range batch.lanes {
		group.Go(func() error {
			return h.pack(batch, l, func(one packed) error {
				byLane[i] = append(byLane[i], one)
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var all []packed
	var inputs []feed.Input
	for _, some := range byLane {
		for _, one := range some {
			all, inputs = append(all, one), append(inputs, one.Input)
		}
	}
	sequences, err := stream.PutAll(ctx, inputs)
	if err != nil {
		return err
	}
	for i, one := range all {
		if err := h.place(batch, one, sequences[i]); err != nil {
			return err
		}
	}
	return nil
}

// packed is a record with the lines from start to end of a lane.
type packed struct {
	feed.Input
	lane       *laneBatch
	start, end int
}

// pack packs a lane's lines and calls visit for each record.
func (h *Load) pack(batch *loadBatch, l *laneBatch, visit func(packed) error) error {
	for start := 0; start < len(l.lines); {
		end := l.record(start, h.KeepTime)
		header := record.Header{Lane: l.lane, KeepTime: h.KeepTime && !batch.copied}
		if batch.copied {
			header.Arrivals = l.times[start:end]
		}
		data, err := h.Codec.Pack(header, l.lines[start:end])
		if err != nil {
			return err
		}
		if err := visit(packed{feed.Input{Key: h.Lanes.Key(l.lane), Data: data}, l, start, end}); err != nil {
			return err
		}
		start = end
	}
	return nil
}

// place enters the positions of a record's events.
func (h *Load) place(batch *loadBatch, one packed, sequence string) (err error) {
	for i := one.start; i < one.end; i++ {
		if batch.positions[one.lane.indexes[i]], err = event.NewPosition(h.Epoch, sequence, i-one.start); err != nil {
			return err
		}
	}
	return nil
}
