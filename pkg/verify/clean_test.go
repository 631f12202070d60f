package verify_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
	"reprise/pkg/verify"
)

// names are entity ids whose order differs between the rows and the log, among others.
var names = []string{"a", "a ", "a!", "a!b", "a#", "a\"", "aa", "b", "ä", "%", "z", "zz", strings.Repeat("n", 100)}

// act does something that happens in a platform that works; choose chooses one of n.
func act(choose func(n int) int, w *world) {
	entity := names[choose(len(names))]
	e := event.Event{Subject: entity, Data: fmt.Sprint(choose(100))}
	switch choose(10) {
	case 0:
		e.Type = "is.wrong"
	case 1:
		e.Type = "of.no.interest"
	case 2, 3: // perhaps a duplicate, perhaps with other contents
		e.ID = fmt.Sprint("again", choose(4))
	case 4:
		w.clock.pass(time.Hour)
	case 5:
		w.settle()
	case 6:
		skip(w, entity)
		return
	}
	w.send(e)
}

// skip corrects the entity if it is parked.
func skip(w *world, entity string) {
	lane := w.pump.Decoder.Lanes.Of(entity)
	rows, err := w.generation().Rows(w.ctx, lane, []string{entity})
	w.must(err)
	parked := rows[entity].Parked
	if parked == nil {
		return
	}
	var id string
	head, err := w.heads.Load(w.ctx, lane)
	w.must(err)
	view := w.checker().Log
	var buckets []eventlog.Bucket
	w.must(w.heads.Manifests(w.ctx, lane, head, "", "", func(b eventlog.Bucket, _ eventlog.Manifest) error {
		buckets = append(buckets, b)
		return nil
	}))
	find := func(_ eventlog.Bucket, at *eventlog.Entry) error {
		if at.Position == parked.Position {
			e, err := event.Parse(string(at.Line))
			w.must(err)
			id = e.ID
		}
		return nil
	}
	w.must(view.History(w.ctx, lane, entity, buckets, "", head.Position, find))
	correction := event.Skip{Source: "test", ID: id, Position: parked.Position, Reason: "wrong"}
	e, err := event.NewSkip(entity, correction, w.clock.time())
	w.must(err)
	w.send(e)
}

// No history of a platform that works is called drift, whatever the size of the spans,
// with live traffic between any two reads, and whether or not each span is verified by
// a process of its own.
func TestNoFalseAlarm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorldOf(rt, t, embedded)
		w.rows = rapid.SampledFrom([]int{1, 2, 5, 0}).Draw(rt, "rows")
		w.span = rapid.SampledFrom([]int64{300, 600, 0}).Draw(rt, "bytes")
		w.patient = 10_000 * time.Hour // live traffic moves the clock, too
		w.rebuild()
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		for range random.IntN(60) {
			act(random.IntN, w)
		}
		w.slept = w.settle
		// The first verifies everything, the others what has changed, but for the fourth.
		w.every = 3
		for night := range rapid.IntRange(1, 4).Draw(rt, "nights") {
			id := fmt.Sprint("v", night)
			// One that rebuilds verifies everything, too, in the place of a night.
			deep := night%3 == 0 && rapid.Bool().Draw(rt, "deep")
			planned := w.planOf(id, verify.Request{Depth: map[bool]verify.Depth{true: verify.Rebuild}[deep]})
			if full := night%3 == 0; full != (planned.Base == "") {
				rt.Fatalf("night %d goes on from %q", night, planned.Base)
			}
			live := random.IntN(20)
			w.log.before = func() {
				if live > 0 && random.IntN(2) == 0 {
					live--
					act(random.IntN, w)
				}
			}
			w.check(id, rapid.Bool().Draw(rt, "steps"))
			w.log.before = nil
			if row := w.report(id); row.Status != verify.Clean || row.Report.Lanes != lanes {
				rt.Fatalf("%s: %+v, %+v", row.Status, row.Report, row.Failure)
			}
			for range random.IntN(20) {
				act(random.IntN, w)
			}
		}
	})
}

// A span never holds more than it may: a generation with large states is verified in
// many spans, an entity that does not fit in passes, and one that would take too many is
// counted as not verified.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 40 {
		for range 5 {
			w.sendTo(fmt.Sprint("e", i))
		}
	}
	w.settle()
	w.span = 300
	if row := w.verify("v"); row.Status != verify.Clean || row.Report.Rows != 40 || row.Report.Events != 200 {
		t.Errorf("%s: %+v, %+v", row.Status, row.Report, row.Failure)
	}
	for range 40 {
		w.sendTo("large")
	}
	w.settle()
	if row := w.verify("large"); row.Status != verify.Clean || row.Report.Rows != 41 || row.Report.Events != 240 {
		t.Errorf("%s: %+v, %+v", row.Status, row.Report, row.Failure)
	}
	for range 600 {
		w.sendTo("huge")
	}
	w.settle()
	row := w.verify("huge")
	if row.Status != verify.Failed || row.Report.Unverified != 1 || row.Report.Rows != 42 || len(row.Report.Drift) > 0 ||
		row.Failure == nil || row.Failure.Error != "Reprise.VerificationIncomplete" {
		t.Errorf("%s: %+v, %+v", row.Status, row.Report, row.Failure)
	}
}

// A generation that cannot be verified is refused by name, and nothing is planned.
func TestWhatCannotBeVerified(t *testing.T) {
	t.Parallel()
	w, _ := drifted(t, embedded)
	planner := w.planner()
	for name, c := range map[string]struct {
		request verify.Request
		change  func()
		want    error
	}{
		"unknown": {verify.Request{Generation: "g0815"}, func() {}, verify.ErrUnknownGeneration},
		"version": {verify.Request{}, func() { planner.Version = "ledger@2" }, projection.ErrOtherVersion},
	} {
		t.Run(name, func(t *testing.T) {
			planner = w.planner()
			c.change()
			_, _, err := w.store.Create(t.Context(), name, c.request)
			w.must(err)
			if _, err := planner.Plan(t.Context(), name); !errors.Is(err, c.want) {
				t.Errorf("have %v", err)
			}
			row, err := w.store.Load(t.Context(), name)
			if err != nil || row.Cut != nil || row.Status != verify.Planned {
				t.Errorf("have %+v, %v", row, err)
			}
		})
	}
	planner = w.planner()
	lost, err := w.live.Registry.Lose(t.Context(), datastore.FirstGeneration, datastore.Loss{Why: "test"})
	if err != nil || !lost {
		t.Fatal(lost, err)
	}
	_, _, err = w.store.Create(t.Context(), "lost", verify.Request{})
	w.must(err)
	if _, err := planner.Plan(t.Context(), "lost"); !errors.Is(err, datastore.ErrLost) {
		t.Errorf("have %v", err)
	}
}

// A cancelled verification stops, and one that was never carried out is no clean one.
func TestAnEndWithoutAVerdict(t *testing.T) {
	t.Parallel()
	w, _ := drifted(t, embedded)
	w.plan("idle")
	if row := w.report("idle"); row.Status != verify.Failed || row.Failure == nil {
		t.Errorf("%s: %+v", row.Status, row.Report)
	}
	w.plan("v")
	_, err := w.store.RequestCancel(t.Context(), "v")
	w.must(err)
	checked, err := w.checker().Check(t.Context(), "v", 0, w.clock.time().Add(time.Hour))
	if err != nil || checked.Outcome != verify.Stopped {
		t.Errorf("%+v, %v", checked, err)
	}
	if row := w.report("v"); row.Status != verify.Cancelled {
		t.Errorf("%s", row.Status)
	}
	if _, err := w.store.RequestCancel(t.Context(), "v"); !errors.Is(err, verify.ErrEnded) {
		t.Errorf("have %v", err)
	}
}

func TestRequestsAreStrict(t *testing.T) {
	t.Parallel()
	for text, valid := range map[string]bool{
		`{}`: true, `{"generation":"g0001"}`: true, `{"Generation":"g0001"}`: false, `{"generation":"a b"}`: false,
		`{"generation":1}`: false, `{"full":true,"budget":{"dollars":2.5}}`: true, `{"full":1}`: false,
		`{"budget":{}}`: false, `{}}`: false, ``: false, `[]`: false,
	} {
		_, err := verify.ParseRequest([]byte(text))
		if (err == nil) != valid || err != nil && !errors.Is(err, verify.ErrRequest) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
