package verify_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/verify"
)

const lanes = 2

// tester is what a world needs of a test, or of one run of a property test.
type tester interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// world is a platform with a pump and a live consumer, which may lag behind.
type world struct {
	t       tester
	ctx     context.Context
	clock   clock
	stores  stores
	log     *tamperedLog
	heads   eventlog.Heads
	set     *projection.Set
	pump    *eventlog.Pump
	live    *projection.Live
	store   verify.Store
	sent    int
	queue   [lanes][]eventlog.Incoming
	span    int64
	rows    int
	patient time.Duration
	every   int
	slept   func()
	// throwaway is a second generation that follows the stream as well, "" for none.
	throwaway string
	// rewritten is the generation whose rows rewrite changes, "" for the first.
	rewritten string
}

// tamperedLog is a log with events that were altered or removed.
type tamperedLog struct {
	eventlog.Log
	alter func(*eventlog.Entry) (remove bool)
	// before, nil for nothing, happens before each read, one at a time.
	before func()
	mu     sync.Mutex
}

func (l *tamperedLog) happen() {
	if l.before == nil || !l.mu.TryLock() { // what happens reads, too
		return
	}
	defer l.mu.Unlock()
	l.before()
}

func (l *tamperedLog) Read(ctx context.Context, lane event.Lane, b eventlog.Bucket, after string,
	limit eventlog.PageLimit, consistent bool,
) (eventlog.Page, error) {
	l.happen()
	return l.altered(l.Log.Read(ctx, lane, b, after, limit, consistent))
}

func (l *tamperedLog) ReadEntity(ctx context.Context, lane event.Lane, b eventlog.Bucket, entity, after string,
	limit eventlog.PageLimit,
) (eventlog.Page, error) {
	l.happen()
	return l.altered(l.Log.ReadEntity(ctx, lane, b, entity, after, limit))
}

func (l *tamperedLog) altered(page eventlog.Page, err error) (eventlog.Page, error) {
	if l.alter == nil || err != nil {
		return page, err
	}
	kept := page.Entries[:0]
	for i := range page.Entries {
		if !l.alter(&page.Entries[i]) {
			kept = append(kept, page.Entries[i])
		}
	}
	page.Entries = kept
	return page, nil
}

var errWrong = errors.New("that is wrong")

// ledger is a state that depends on every event and its order.
type ledger struct {
	Sum  int      `json:"sum"`
	Last []string `json:"last"`
}

func book(s ledger, e *event.Event) (ledger, error) {
	if e.Type == "is.wrong" {
		return s, errWrong
	}
	s.Sum += len(e.Data)
	s.Last = append(s.Last, e.ID)
	s.Last = s.Last[max(0, len(s.Last)-3):]
	return s, nil
}

func newWorld(t *testing.T) *world { return newWorldOf(t, t, embedded) }

func newWorldOf(t tester, stores testing.TB, open opener) *world {
	t.Helper()
	w := &world{t: t, ctx: stores.Context(), stores: open(stores),
		clock: clock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}}
	w.log, w.heads = &tamperedLog{Log: w.stores.Log}, eventlog.Heads{Table: w.stores.Table}
	codec, err := record.NewCodec()
	w.must(err)
	stores.Cleanup(codec.Close)
	all, err := event.NewLanes(lanes)
	w.must(err)
	w.set, err = projection.NewSet(projection.New("ledger", 1, []string{"it.happened", "is.wrong"}, book))
	w.must(err)
	decoder := &eventlog.Decoder{Codec: codec, Lanes: all, Epoch: 1}
	w.pump = &eventlog.Pump{Log: w.log, Heads: w.heads, Decoder: decoder, Width: eventlog.Hour}
	w.live = &projection.Live{Log: w.log, Heads: w.heads, Decoder: decoder, Width: eventlog.Hour,
		Registry: datastore.Registry{Table: w.stores.Table, Now: w.clock.time}, Generations: w.stores.Generations,
		Applier: projection.NewApplier(w.set, eventlog.View{Log: w.log, Heads: w.heads}), Sleep: w.sleep}
	_, err = w.live.Registry.EnsureFirst(w.ctx, w.stores.Generations, lanes, w.set.Version())
	w.must(err)
	w.store = verify.Store{Table: w.stores.Table, Now: w.clock.time}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	w.clock.pass(d)
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	if w.slept != nil {
		w.slept()
	}
	return ctx.Err()
}

// send logs an event; the consumer gets it at the next settle.
func (w *world) send(e event.Event) event.Lane {
	w.t.Helper()
	w.sent++
	if e.ID == "" {
		e.ID = fmt.Sprint(w.sent)
	}
	if e.Type == "" {
		e.Type = "it.happened"
	}
	if e.Source == "" {
		e.Source = "test"
	}
	lane := w.pump.Decoder.Lanes.Of(e.Subject)
	data, err := w.pump.Decoder.Codec.Pack(record.Header{Lane: lane}, [][]byte{e.AppendJSON(nil)})
	w.must(err)
	in := eventlog.Incoming{Sequence: fmt.Sprint(1000 + w.sent), Arrival: w.clock.time().UnixMilli(), Data: data}
	_, err = w.pump.Commit(w.ctx, lane, []eventlog.Incoming{in})
	w.must(err)
	w.queue[lane] = append(w.queue[lane], in)
	return lane
}

func (w *world) sendTo(entities ...string) {
	w.t.Helper()
	for _, entity := range entities {
		w.send(event.Event{Subject: entity, Data: "1"})
	}
}

// settle lets the live consumer catch up.
func (w *world) settle() {
	w.t.Helper()
	for lane := range event.Lane(lanes) {
		w.settleLane(lane)
	}
}

func (w *world) settleLane(lane event.Lane) {
	w.t.Helper()
	_, err := w.live.Write(w.ctx, datastore.FirstGeneration, lane, w.queue[lane])
	w.must(err)
	if w.throwaway != "" {
		_, err := w.live.Write(w.ctx, w.throwaway, lane, w.queue[lane])
		w.must(err)
	}
	w.queue[lane] = nil
}

func (w *world) generation() datastore.Generation {
	return w.stores.Generations.Open(datastore.FirstGeneration)
}

func (w *world) planner() *verify.Planner {
	return &verify.Planner{Store: w.store, Heads: w.heads, Registry: w.live.Registry, Lanes: lanes,
		Version: w.set.Version(), FullEvery: w.every}
}

func (w *world) checker() *verify.Checker {
	return &verify.Checker{Store: w.store, Log: eventlog.View{Log: w.log, Heads: w.heads}, Width: eventlog.Hour,
		Generations: w.stores.Generations, Applier: w.live.Applier, SpanBytes: w.span, SpanRows: w.rows,
		Patience: w.patient, Sleep: w.sleep}
}

func (w *world) plan(id string) verify.Row {
	w.t.Helper()
	return w.planOf(id, verify.Request{})
}

func (w *world) planOf(id string, r verify.Request) verify.Row {
	w.t.Helper()
	w.clock.pass(time.Millisecond) // no two cuts are of the same time
	_, _, err := w.store.Create(w.ctx, id, r)
	w.must(err)
	if r.Depth == verify.Rebuild {
		_, err := w.store.Update(w.ctx, id, func(row *verify.Row) error {
			at := w.clock.time()
			row.Throwaway = &verify.Throwaway{Begun: at, Ended: &at, Generation: w.throwaway}
			if w.throwaway == "" {
				row.Throwaway.Failure = &verify.Failure{Error: "Reprise.RebuildFailed", Cause: "replay v failed"}
			}
			return nil
		})
		w.must(err)
	}
	row, err := w.planner().Plan(w.ctx, id)
	w.must(err)
	return row
}

// check verifies all groups, with a deadline that allows one span at a time if step is
// set.
func (w *world) check(id string, step bool) {
	w.t.Helper()
	row, err := w.store.Load(w.ctx, id)
	w.must(err)
	for group := range row.Groups {
		for checked := (verify.Checked{Outcome: verify.Continue}); checked.Outcome == verify.Continue; {
			deadline := w.clock.time().Add(24 * 365 * time.Hour)
			if step {
				deadline = w.clock.time().Add(time.Nanosecond)
				w.clock.pass(-time.Nanosecond)
			}
			checked, err = w.checker().Check(w.ctx, id, group, deadline)
			w.must(err)
		}
	}
}

func (w *world) report(id string) verify.Row {
	w.t.Helper()
	reporter := &verify.Reporter{Store: w.store, Log: w.log}
	row, err := reporter.Report(w.ctx, id, nil)
	w.must(err)
	return row
}

// verify plans, checks and reports.
func (w *world) verify(id string) verify.Row {
	w.t.Helper()
	return w.verifyOf(id, verify.Request{})
}

func (w *world) verifyOf(id string, r verify.Request) verify.Row {
	w.t.Helper()
	w.planOf(id, r)
	w.check(id, false)
	return w.report(id)
}

// rebuild begins a generation that gets all events from now on, as a rebuild would have
// built it.
func (w *world) rebuild() {
	w.t.Helper()
	info, err := w.live.Registry.Begin(w.ctx, "v", w.set.Version())
	w.must(err)
	w.throwaway = info.ID
	w.must(w.stores.Generations.Create(w.ctx, info.ID))
	for lane := range event.Lane(lanes) {
		_, err := w.stores.Generations.Open(info.ID).SetMark(w.ctx, datastore.LiveMark, lane, datastore.Mark{}, "")
		w.must(err)
	}
	w.must(w.live.Registry.Follow(w.ctx, info.ID, datastore.Cut{}))
}

// rewrite replaces the generation's rows by what change makes of them.
func (w *world) rewrite(lane event.Lane, change func([]datastore.Row) []datastore.Row) {
	w.t.Helper()
	w.rewriteOf(cmp.Or(w.rewritten, datastore.FirstGeneration), lane, change)
}

func (w *world) rewriteOf(id string, lane event.Lane, change func([]datastore.Row) []datastore.Row) {
	w.t.Helper()
	g := w.stores.Generations.Open(id)
	var all [lanes][]datastore.Row
	var marks [lanes]datastore.Mark
	for at := range event.Lane(lanes) {
		w.must(datastore.EachRow(w.ctx, g, at, func(row *datastore.Row) error {
			all[at] = append(all[at], *row)
			return nil
		}))
		var err error
		marks[at], _, err = g.Mark(w.ctx, datastore.LiveMark, at)
		w.must(err)
	}
	w.must(w.stores.Generations.Clear(w.ctx, id))
	all[lane] = change(all[lane])
	for at := range event.Lane(lanes) {
		for _, row := range all[at] {
			conflicts, err := g.WriteRows(w.ctx, at, []datastore.RowWrite{{Row: row}})
			w.must(err)
			if len(conflicts) > 0 {
				w.t.Fatalf("row of %q was not written", row.Entity)
			}
		}
		_, err := g.SetMark(w.ctx, datastore.LiveMark, at, marks[at], "")
		w.must(err)
	}
}
