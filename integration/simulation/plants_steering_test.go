package simulation

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/pace"
)

// Faults in how people steer replays.

func plantedSteering() []planted {
	pauses, continues := attacks{pauses: true}, attacks{pauses: true, continues: true}
	return []planted{
		{"a promotion that looks for a pause before it holds, not after", plant{promoter: plantHastyHold},
			2_000, []invariant{steering}, pauses, 620},
		{"a pause that looks for a hold before it is stored, not after", plant{service: hastyPause},
			2_000, []invariant{steering}, pauses, 830},
		{"a reader that does not look for a pause while it reads", plant{reader: plantBlindReader},
			1_000, []invariant{steering}, pauses, 110},
		{"an execution that parks although it was resumed", plant{service: unreleasing("await-resume")},
			500, []invariant{liveness}, pauses, 0},
		{"a reconciliation that releases nobody", plant{service: unreleasing("reconcile")},
			500, []invariant{liveness}, continues, 0},
		{"a resume that forgets tokens before it has sent success for them", plant{service: hastyResume},
			500, []invariant{liveness}, continues, 0},
		{"a continued replay that forgets its checkpoints", plant{adopted: forgetCheckpoints},
			200, []invariant{resumability}, continues, 0},
		{"a continued reader that begins anew", plant{reader: plantAnew}, 200, []invariant{resumability}, continues, 0},
		{"a reader that follows an order whatever was followed since", plant{reader: plantOldOrders},
			1_000, []invariant{steering}, attacks{rates: true}, 0},
	}
}

func TestPlantedFaultsOfSteering(t *testing.T) {
	f := makeFixtures(t)
	for _, fault := range plantedSteering() {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			f.find(t, &fault)
		})
	}
}

// hasty shows the row of a replay, after its generation's rival was held, as it was
// before.
type hasty struct {
	control.Table
	row  *control.Document
	held *bool
}

func plantHastyHold(t control.Table) control.Table { return hasty{t, new(control.Document), new(bool)} }

func (h hasty) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if key.Partition != "replays" {
		return h.Table.Get(ctx, key)
	}
	if *h.held {
		*h.held = false
		return *h.row, nil
	}
	doc, err := h.Table.Get(ctx, key)
	*h.row = doc
	return doc, err
}

func (h hasty) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	version, err := h.Table.Put(ctx, key, body, previous)
	*h.held = err == nil && key.Partition == "registry" && strings.Contains(string(body), `"hold":`)
	return version, err
}

// early shows the registry as it was when the call began.
type early struct {
	control.Table
	registry control.Document
}

func (e early) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if key.Partition == "registry" && e.registry.Version != "" {
		return e.registry, nil
	}
	return e.Table.Get(ctx, key)
}

func hastyPause(a *actor, s *lifecycle.Service) {
	if strings.HasPrefix(a.name, "pause.") {
		table := s.Closer.Registry.Table
		// After an error it is read when it is needed.
		doc, _ := table.Get(a.ctx, control.Key{Partition: "registry", Sort: "generations"})
		_ = a.pause(a.ctx, 1+a.random.Int64N(4_000)) // only the schedule's end ends it early
		s.Closer.Registry.Table = early{table, doc}
	}
}

// unreleasing keeps the functions of a name from ending the wait of an execution.
func unreleasing(function string) func(*actor, *lifecycle.Service) {
	return func(a *actor, s *lifecycle.Service) {
		if strings.HasPrefix(a.name, function+".") {
			s.Executions = silent{s.Executions}
		}
	}
}

type silent struct{ lifecycle.Executions }

func (silent) Release(context.Context, string, []byte) error { return nil }

// edited shows or stores a document other than it is.
type edited struct {
	control.Table
	shown  func(key control.Key, doc control.Document, err error) (control.Document, error)
	stored func(key control.Key, body []byte) []byte
}

func (e edited) Get(ctx context.Context, key control.Key) (control.Document, error) {
	doc, err := e.Table.Get(ctx, key)
	if e.shown != nil {
		return e.shown(key, doc, err)
	}
	return doc, err
}

func (e edited) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if e.stored != nil {
		body = e.stored(key, body)
	}
	return e.Table.Put(ctx, key, body, previous)
}

// changed edits a document; one that cannot be decoded stays as it is.
func changed[T any](body []byte, change func(*T)) []byte {
	var value T
	if json.Unmarshal(body, &value) != nil {
		return body
	}
	change(&value)
	if edited, err := json.Marshal(value); err == nil {
		return edited
	}
	return body
}

func hastyResume(a *actor, s *lifecycle.Service) {
	if !strings.HasPrefix(a.name, "resume.") {
		return
	}
	s.Store.Table = edited{Table: s.Store.Table, stored: func(key control.Key, body []byte) []byte {
		if key.Partition != "replays" {
			return body
		}
		return changed(body, func(row *replay.Row) { row.Tokens = nil })
	}}
}

// plantBlindReader shows a reader only once that its replay is paused.
func plantBlindReader(_ *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	loads := 0
	return edited{Table: t, shown: func(key control.Key, doc control.Document, err error) (control.Document, error) {
		if loads++; key.Partition == "replays" && loads > 1 {
			doc.Body = changed(doc.Body, func(row *replay.Row) { row.Paused = false })
		}
		return doc, err
	}}, s
}

func forgetCheckpoints(ctx context.Context, a *actor, id string) error {
	table := a.world.tableOf(a)
	docs, err := table.List(ctx, replay.Partition(id), "checkpoint#", 100)
	for _, doc := range docs {
		if strings.HasPrefix(doc.Sort, "checkpoint#") && err == nil {
			_, err = control.Store(ctx, table, doc.Key, replay.Checkpoint{}, doc.Version)
		}
	}
	return err
}

// plantAnew hides the checkpoints from the readers of a continued replay.
func plantAnew(a *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	if a.replay == nil || a.replay.row.Attempt() == 0 {
		return t, s
	}
	seen := make(map[control.Key]bool)
	return edited{Table: t, shown: func(key control.Key, doc control.Document, err error) (control.Document, error) {
		if strings.HasPrefix(key.Sort, "checkpoint#") && err == nil && !seen[key] {
			seen[key] = true
			doc.Body = changed(doc.Body, func(at *replay.Checkpoint) { *at = replay.Checkpoint{} })
		}
		return doc, err
	}}, s
}

// plantOldOrders hides from readers which order is followed already.
func plantOldOrders(_ *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	return edited{Table: t, shown: func(key control.Key, doc control.Document, err error) (control.Document, error) {
		if key.Sort == "pace" && err == nil {
			doc.Body = changed(doc.Body, func(state *pace.State) { state.Order = 0 })
		}
		return doc, err
	}}, s
}
