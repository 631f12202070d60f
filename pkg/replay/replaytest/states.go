package replaytest

import (
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// Create enters a replay.
func (w *World) Create(id string, request replay.Request) {
	w.t.Helper()
	_, _, err := w.Store.Create(w.t.Context(), id, request)
	w.Must(err)
}

// Change changes a replay's row.
func (w *World) Change(id string, change func(*replay.Row)) {
	w.t.Helper()
	_, err := w.Store.Update(w.t.Context(), id, func(row *replay.Row) error { change(row); return nil })
	w.Must(err)
}

// Row returns a replay's row.
func (w *World) Row(id string) replay.Row {
	w.t.Helper()
	row, err := w.Store.Load(w.t.Context(), id)
	w.Must(err)
	return row
}

// Follow makes a generation that a replay of the given name owns, and lets it
// follow the stream. Without a name it is the platform's first one, which is
// active. A lost one has no marks.
func (w *World) Follow(id string, lost bool) (generation string) {
	w.t.Helper()
	generation = w.begin(id)
	for _, lane := range event.AllLanes(w.Lanes.Count()) {
		if !lost {
			w.Must(datastore.BeginMark(w.t.Context(), w.Generations.Open(generation), lane, eventlog.Head{}, nil))
		}
	}
	if id != "" {
		w.Must(w.Registry.Follow(w.t.Context(), generation, datastore.Cut{}))
	}
	return generation
}

// begin creates a generation and, unless id is "", the replay that owns it.
func (w *World) begin(id string) (generation string) {
	w.t.Helper()
	info, err := w.Registry.Begin(w.t.Context(), id, "v1")
	w.Must(err)
	w.Must(w.Generations.Create(w.t.Context(), info.ID))
	if id != "" {
		w.Create(id, replay.Request{Rebuild: true})
		w.Change(id, func(row *replay.Row) { row.Generation = info.ID })
	}
	return info.ID
}

// Filled makes a generation whose replay has brought three events to each lane,
// with end markers and marks that say so, and lets it follow if asked to.
func (w *World) Filled(id string, follows bool) replay.Row {
	w.t.Helper()
	ctx := w.t.Context()
	generation := w.begin(id)
	w.Change(id, func(row *replay.Row) { row.Lanes = event.AllLanes(w.Lanes.Count()) })
	for _, lane := range event.AllLanes(w.Lanes.Count()) {
		at := replay.Checkpoint{Done: true, End: &replay.End{Delivered: replay.Sum{Count: 3}}}
		_, err := control.Store(ctx, w.Store.Table, CheckpointKey(id, lane), at, "")
		w.Must(err)
		_, err = w.Generations.Open(generation).SetMark(ctx, datastore.ReplayMark, lane, datastore.Mark{Ordinal: 3}, "")
		w.Must(err)
	}
	if follows {
		w.Must(w.Registry.Follow(ctx, generation, datastore.Cut{}))
	}
	return w.Row(id)
}

// CheckpointKey is where the checkpoint of a replay in a lane is stored.
func CheckpointKey(id string, lane event.Lane) control.Key {
	return control.Key{Partition: replay.Partition(id), Sort: "checkpoint#" + lane.String()}
}

// Building makes a generation that a replay is still filling.
func (w *World) Building(id string) (generation string) {
	w.t.Helper()
	return w.Filled(id, false).Generation
}

// Promote makes a following generation the active one.
func (w *World) Promote(id, generation string) {
	w.t.Helper()
	hold, err := w.Registry.Hold(w.t.Context(), id, time.Minute)
	w.Must(err)
	w.Must(w.Registry.Flip(w.t.Context(), generation, id, hold))
}

// RegistryState returns the registry.
func (w *World) RegistryState() datastore.RegistryState {
	w.t.Helper()
	registered, err := w.Registry.Load(w.t.Context())
	w.Must(err)
	return registered
}

// Info returns a generation's entry in the registry.
func (w *World) Info(generation string) datastore.Info {
	w.t.Helper()
	registered := w.RegistryState()
	info, found := registered.Find(generation)
	if !found {
		w.t.Errorf("no generation %s in %+v", generation, registered)
		return datastore.Info{}
	}
	return *info
}

// WantGenerations compares the entries of the registry.
func (w *World) WantGenerations(want ...string) {
	w.t.Helper()
	var have []string
	for _, info := range w.RegistryState().Generations {
		have = append(have, info.ID)
	}
	if !slices.Equal(have, want) {
		w.t.Errorf("generations %v, want %v", have, want)
	}
}

// WantTables compares the tables of generations that exist.
func (w *World) WantTables(want ...string) {
	w.t.Helper()
	have, err := w.Generations.List(w.t.Context())
	w.Must(err)
	if !slices.Equal(have, want) {
		w.t.Errorf("tables %v, want %v", have, want)
	}
}

// Checkpoint returns the stored checkpoint of a lane.
func (w *World) Checkpoint(id string, lane event.Lane) replay.Checkpoint {
	w.t.Helper()
	found, err := w.Store.LoadCheckpoints(w.t.Context(), w.Row(id), []event.Lane{lane})
	w.Must(err)
	return found[lane]
}
