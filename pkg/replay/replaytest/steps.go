package replaytest

import (
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/planning"
)

// Planner plans replays.
func (w *World) Planner() *planning.Planner {
	finder := &datastore.BucketFinder{Heads: w.Heads, Registry: w.Registry, Generations: w.Generations}
	return &planning.Planner{
		Store:   w.Store,
		Heads:   w.Heads,
		Lanes:   w.Lanes,
		Width:   eventlog.Hour,
		Buckets: finder.Find,
	}
}

// Reader delivers to the playback stream.
func (w *World) Reader() *segment.Reader {
	return &segment.Reader{
		Store:    w.Store,
		Log:      w.Log,
		Heads:    w.Heads,
		Width:    eventlog.Hour,
		Lanes:    w.Lanes,
		Codec:    w.Codec,
		Playback: w.Playback,
	}
}

// Consumer is the playback stream's.
func (w *World) Consumer() *replay.Consumer {
	return &replay.Consumer{
		Store:       w.Store,
		Registry:    w.Registry,
		Generations: w.Generations,
		Codec:       w.Codec,
		Lanes:       w.Lanes,
		Width:       eventlog.Hour,
		Applier:     projection.NewApplier(w.Set, eventlog.View{Log: w.Log, Heads: w.Heads}),
	}
}

// Prover proves replays.
func (w *World) Prover() *replay.Prover {
	return &replay.Prover{
		Store:       w.Store,
		Registry:    w.Registry,
		Generations: w.Generations,
		Log:         eventlog.View{Log: w.Log, Heads: w.Heads},
		Lanes:       w.Lanes.Count(),
	}
}

// Soon is a deadline that is never reached in a world unless it sleeps.
func (w *World) Soon() time.Time { return w.Now.Add(time.Minute) }

// Plan enters a replay and plans it.
func (w *World) Plan(id string, request replay.Request) replay.Row {
	w.t.Helper()
	w.Create(id, request)
	row, err := w.Planner().Plan(w.t.Context(), id)
	w.Must(err)
	return row
}

// Deliver reads all groups of a planned replay.
func (w *World) Deliver(id string) {
	w.t.Helper()
	for group := range w.Row(id).Groups {
		_, err := w.Reader().Read(w.t.Context(), id, group, w.Soon())
		w.Must(err)
	}
}

// Drainer polls every second, and loses patience after ten.
func (w *World) Drainer() *replay.Drainer {
	return &replay.Drainer{
		Store:       w.Store,
		Registry:    w.Registry,
		Generations: w.Generations,
		Patience:    10 * time.Second,
		Poll:        time.Second,
		Sleep:       w.Sleep,
	}
}
