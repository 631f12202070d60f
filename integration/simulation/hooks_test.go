package simulation

import (
	"context"
	"errors"
	"sync"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
)

// steps makes something happen at one call of many. Before the call number at,
// before runs; if dies is set, that call and all later ones fail instead, as if
// the process had died. With late set, the call itself still takes effect and
// only its answer is lost.
type steps struct {
	mu     sync.Mutex
	at     int
	n      int
	before func()
	dies   bool
	late   bool
}

var errDied = errors.New("the process died")

// reached reports whether the call number at was made.
func (s *steps) reached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n > s.at
}

func (s *steps) do(call func() error) error {
	s.mu.Lock()
	n := s.n
	s.n++
	s.mu.Unlock()
	switch {
	case n == s.at && s.before != nil:
		s.before()
	case s.dies && n == s.at && s.late:
		return errors.Join(call(), errDied)
	case s.dies && n >= s.at:
		return errDied
	}
	return call()
}

// steppedTable counts the calls to a control table.
type steppedTable struct {
	control.Table
	*steps
}

func (t steppedTable) Get(ctx context.Context, key control.Key) (doc control.Document, err error) {
	err = t.do(func() error { doc, err = t.Table.Get(ctx, key); return err })
	return doc, err
}

func (t steppedTable) GetAll(ctx context.Context, keys []control.Key) (docs []control.Document, err error) {
	err = t.do(func() error { docs, err = t.Table.GetAll(ctx, keys); return err })
	return docs, err
}

func (t steppedTable) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (version control.Version, err error) {
	err = t.do(func() error { version, err = t.Table.Put(ctx, key, body, previous); return err })
	return version, err
}

func (t steppedTable) Delete(ctx context.Context, key control.Key, previous control.Version) error {
	return t.do(func() error { return t.Table.Delete(ctx, key, previous) })
}

func (t steppedTable) List(
	ctx context.Context, partition, after string, limit int,
) (docs []control.Document, err error) {
	err = t.do(func() error { docs, err = t.Table.List(ctx, partition, after, limit); return err })
	return docs, err
}

// steppedStore counts the calls to the Data Store that make and drop tables.
type steppedStore struct {
	datastore.Generations
	*steps
}

func (s steppedStore) Create(ctx context.Context, id string) error {
	return s.do(func() error { return s.Generations.Create(ctx, id) })
}

func (s steppedStore) Drop(ctx context.Context, id string) error {
	return s.do(func() error { return s.Generations.Drop(ctx, id) })
}

func (s steppedStore) List(ctx context.Context) (ids []string, err error) {
	err = s.do(func() error { ids, err = s.Generations.List(ctx); return err })
	return ids, err
}

// executionDouble is Step Functions for one replay: stop ends the execution.
type executionDouble struct {
	stop   func(id string)
	exists bool
	began  int
}

func (e *executionDouble) Start(context.Context, string, []byte) error {
	e.began++
	e.exists = true
	return nil
}
func (e *executionDouble) State(context.Context, string) (lifecycle.ExecutionStatus, error) {
	if !e.exists {
		return lifecycle.ExecutionUnknown, nil
	}
	return lifecycle.ExecutionRunning, nil
}
func (e *executionDouble) Release(context.Context, string, []byte) error     { return nil }
func (e *executionDouble) SetConcurrency(context.Context, string, int) error { return nil }
func (e *executionDouble) Stop(_ context.Context, id, _, _ string) error {
	if e.stop != nil {
		e.stop(id)
	}
	return nil
}

// serviceWith cancels replays of a world whose calls go through steps, nil for
// none.
func (w *world) serviceWith(a *actor, s *steps, executions *executionDouble) *lifecycle.Service {
	closer := w.closerOf(a)
	if s != nil {
		table := steppedTable{w.tableOf(a), s}
		closer.Store.Table, closer.Registry.Table = table, table
		closer.Generations = steppedStore{closer.Generations, s}
	}
	return &lifecycle.Service{Store: closer.Store, Closer: closer, Executions: executions}
}

func (w *world) promoterWith(a *actor, s *steps) *cutover.Promoter {
	p := w.promoterOf(a)
	table := steppedTable{w.tableOf(a), s}
	p.Store.Table, p.Registry.Table, p.Heads.Table = table, table, table
	p.Generations = steppedStore{p.Generations, s}
	return p
}

func aRebuild(id string, promote bool) *replayModel {
	return &replayModel{
		id:      id,
		request: replay.Request{Rebuild: true, Promote: promote},
		lanes:   make(map[event.Lane]*expected),
	}
}

// followed is a quiet world with a rebuild whose generation follows the stream
// and is to be promoted.
func followed(t *testing.T) (*world, *actor, *replayModel) {
	t.Helper()
	w, a := quietWorld(t)
	w.logEvent(t, a, w.names[0], "1", typeNoted)
	r := aRebuild("rebuild", true)
	w.rebuild(t, a, r)
	if err := w.writeAll(context.Background(), a, datastore.FirstGeneration); err != nil {
		t.Fatal(err)
	}
	return w, a, r
}

func (w *world) rowOf(t *testing.T, a *actor, id string) replay.Row {
	t.Helper()
	row, err := w.storeOf(a).Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (w *world) registryStateOf(t *testing.T, a *actor) datastore.RegistryState {
	t.Helper()
	registered, err := w.registryOf(a).Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return registered
}
