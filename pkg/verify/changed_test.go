package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/verify"
)

// secondNight is a world of which everything was verified, and in which x and p have had
// events since.
func secondNight(t *testing.T, open opener) (*world, event.Lane) {
	t.Helper()
	w, lane := drifted(t, open)
	w.every = 7
	if row := w.verify("v0"); row.Status != verify.Clean || row.Base != "" {
		t.Fatalf("%s of %q: %+v", row.Status, row.Base, row.Report.Differences)
	}
	w.sendTo("x", "x", "p")
	w.settle()
	return w, lane
}

// What has changed is compared, and nothing else; a full verification looks at everything
// again: on request, when it is due, and after drift.
func TestANightVerifiesWhatHasChanged(t *testing.T) {
	t.Parallel()
	w, _ := secondNight(t, embedded)
	w.every = 3
	row := w.verify("v1")
	if row.Status != verify.Clean || row.Base != "v0" || row.Nights != 1 || row.Events != 3 || row.Report.Rows != 2 {
		t.Fatalf("%s of %q: %+v, %+v", row.Status, row.Base, row, row.Report)
	}
	w.rewrite(w.pump.Decoder.Lanes.Of("y"), edit("y", func(r *datastore.Row) { r.Count++ }))
	idle := w.verify("v2") // y was not touched
	if idle.Status != verify.Clean || idle.Base != "v1" || idle.Nights != 2 || idle.Report.Rows != 0 {
		t.Errorf("%s of %q: %+v", idle.Status, idle.Base, idle.Report)
	}
	for _, id := range []string{"due", "after"} {
		if row := w.verify(id); kinds(row) != "[count]" || row.Base != "" || row.Nights != 0 || row.Report.Rows != 6 {
			t.Errorf("%s: %s of %q: %+v", id, row.Status, row.Base, row.Report)
		}
	}
	w.rewrite(w.pump.Decoder.Lanes.Of("y"), edit("y", func(r *datastore.Row) { r.Count-- }))
	if row := w.verify("mended"); row.Status != verify.Clean || row.Base != "" {
		t.Errorf("%s of %q: %+v", row.Status, row.Base, row.Report)
	}
	if row := w.verifyOf("asked", verify.Request{Full: true}); row.Status != verify.Clean || row.Base != "" {
		t.Errorf("%s of %q: %+v", row.Status, row.Base, row.Report)
	}
	if row := w.verify("again"); row.Status != verify.Clean || row.Base != "asked" {
		t.Errorf("%s of %q: %+v", row.Status, row.Base, row.Report)
	}
}

// A verification does not go on from one that says nothing, nor from one of another code.
func TestANightGoesOnFromAVerdictOnly(t *testing.T) {
	t.Parallel()
	w, _ := secondNight(t, embedded)
	w.plan("failed")
	w.report("failed")
	if row := w.plan("v1"); row.Base != "v0" {
		t.Errorf("it goes on from %q", row.Base)
	}
	w.report("v1")
	w.must(w.stores.Table.Delete(t.Context(), control.Key{Partition: verify.Partition("v0"), Sort: "cut#0000"},
		versionOf(w, "v0")))
	if row := w.plan("v2"); row.Base != "" {
		t.Errorf("it goes on from %q, whose cut is not whole", row.Base)
	}
}

func versionOf(w *world, id string) control.Version {
	w.t.Helper()
	doc, err := w.stores.Table.Get(w.ctx, control.Key{Partition: verify.Partition(id), Sort: "cut#0000"})
	w.must(err)
	return doc.Version
}

// Drift of what has changed is found, named and located as in a full verification.
func TestDriftOfChangedRowsIsFound(t *testing.T) { onBoth(t, driftOfChangedRowsIsFound) }

func driftOfChangedRowsIsFound(t *testing.T, open opener) {
	for _, c := range []struct {
		name, entity, want string
		change             func(r *datastore.Row)
	}{
		{"nothing", "", "[]", func(*datastore.Row) {}},
		{"a row deleted", "x", "[missing]", nil},
		{"a field changed", "x", "[state]", func(r *datastore.Row) {
			r.State = json.RawMessage(bytes.Replace(r.State, []byte(`"sum":`), []byte(`"sum":1`), 1))
		}},
		{"a count off by one", "x", "[count]", func(r *datastore.Row) { r.Count++ }},
		{"another chain", "x", "[chain]", func(r *datastore.Row) { r.Chain.Lo++ }},
		{"another version", "x", "[version]", func(r *datastore.Row) { r.Version = "ledger@0" }},
		{"no longer parked", "p", "[parked]", func(r *datastore.Row) { r.Parked = nil }},
		{"an old bucket unknown", "x", "[buckets]", func(r *datastore.Row) { r.Buckets = r.Buckets[1:] }},
		{"the last bucket unknown", "x", "[buckets]", func(r *datastore.Row) { r.Buckets = r.Buckets[:len(r.Buckets)-1] }},
		{"a position of no event", "x", "[position]", func(r *datastore.Row) {
			r.Position = r.Position[:len(r.Position)-1] + "9"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, _ := secondNight(t, open)
			w.rewrite(w.pump.Decoder.Lanes.Of(c.entity), func(rows []datastore.Row) []datastore.Row {
				if c.change == nil {
					return slices.DeleteFunc(rows, func(r datastore.Row) bool { return r.Entity == c.entity })
				}
				return edit(c.entity, c.change)(rows)
			})
			row := w.verify("v")
			if row.Base != "v0" || kinds(row) != c.want {
				t.Fatalf("%s of %q, want %s: %+v", kinds(row), row.Base, c.want, row.Report.Differences)
			}
			if d := row.Report.Differences; c.entity != "" && (len(d) != 1 || d[0].Entity != c.entity || d[0].What == "") {
				t.Errorf("%+v", d)
			}
		})
	}
}

// A row that stopped following is found by the events that it has not seen.
func TestAChangedRowThatStoppedFollowingIsFound(t *testing.T) {
	t.Parallel()
	w, lane := secondNight(t, embedded)
	old, err := w.generation().Rows(t.Context(), lane, []string{"x"})
	w.must(err)
	w.clock.pass(time.Hour)
	w.sendTo("x", "y")
	w.settle()
	w.rewrite(lane, edit("x", func(r *datastore.Row) { *r = old["x"] }))
	row := w.verify("v")
	if d := row.Report.Differences; kinds(row) != "[stale]" || len(d) != 1 || d[0].Entity != "x" {
		t.Fatalf("%+v", d)
	}
}

// Damage to what the log has had since is found where it is, and a head that went back.
func TestDriftOfTheLogSinceIsFound(t *testing.T) { onBoth(t, driftOfTheLogSinceIsFound) }

func driftOfTheLogSinceIsFound(t *testing.T, open opener) {
	last := func(w *world, lane event.Lane) event.Position {
		rows, err := w.generation().Rows(w.ctx, lane, []string{"x"})
		w.must(err)
		return rows["x"].Position
	}
	for name, c := range map[string]struct {
		want   string
		change func(w *world, lane event.Lane)
	}{
		"an event altered": {"[chain manifest state]", func(w *world, lane event.Lane) {
			at := last(w, lane)
			w.log.alter = func(e *eventlog.Entry) bool {
				if e.Position == at {
					e.Line = bytes.Replace(e.Line, []byte(`"data":1`), []byte(`"data":11`), 1)
				}
				return false
			}
		}},
		"an event removed": {"[chain count manifest position state]", func(w *world, lane event.Lane) {
			at := last(w, lane)
			w.log.alter = func(e *eventlog.Entry) bool { return e.Position == at }
		}},
		"a manifest removed": {"[head manifest]", func(w *world, lane event.Lane) {
			head, err := w.heads.Load(w.ctx, lane)
			w.must(err)
			for range 2 { // so that it is closed, and stored
				w.clock.pass(time.Hour)
				w.sendTo("x")
			}
			w.settle()
			key := control.Key{Partition: "manifest#" + lane.String(), Sort: string(head.Bucket)}
			doc, err := w.stores.Table.Get(w.ctx, key)
			w.must(err)
			w.must(w.stores.Table.Delete(w.ctx, key, doc.Version))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w, lane := secondNight(t, open)
			c.change(w, lane)
			row := w.verify("v")
			if row.Base != "v0" || kinds(row) != c.want {
				t.Fatalf("%s of %q, want %s: %+v", kinds(row), row.Base, c.want, row.Report.Differences)
			}
			for _, d := range row.Report.Differences {
				if d.Lane != lane {
					t.Errorf("in another lane: %+v", d)
				}
			}
		})
	}
}

// What a night reads follows what has changed, however many entities and events there are,
// and however small its steps.
func TestTheCostOfANightFollowsItsEvents(t *testing.T) {
	t.Parallel()
	units := func(entities int) float64 {
		w := newWorld(t)
		w.every, w.rows = 7, 3
		for i := range entities {
			w.sendTo(fmt.Sprint("e", i), fmt.Sprint("e", i))
		}
		touched := []string{"e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8"}
		w.clock.pass(2 * time.Hour) // the bucket that is open at a cut is read again whole
		w.sendTo(touched...)
		w.settle()
		w.verify("v0")
		w.clock.pass(2 * time.Hour)
		w.sendTo(append(touched, "e1")...)
		w.settle()
		row := w.verify("v1")
		if row.Status != verify.Clean || row.Base != "v0" || row.Report.Rows != 8 || row.Events != 9 {
			t.Fatalf("%s of %q: %+v, %+v", row.Status, row.Base, row.Report, row.Report.Differences)
		}
		return float64(row.Report.Events)
	}
	few, many := units(10), units(500)
	if few != many {
		t.Errorf("it reads %v events of a few entities, and %v of many", few, many)
	}
}

// Drift of an entity that does not fit into memory is found, too.
func TestDriftOfALargeEntityIsFound(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "clean"} {
		w := newWorld(t)
		w.span = 300
		for i := range 100 {
			w.send(event.Event{Subject: "large", ID: fmt.Sprint("id", i%90)})
			w.sendTo("b")
		}
		w.settle()
		if base != "" {
			w.every = 7
			if row := w.verify(base); row.Status != verify.Clean {
				t.Fatalf("%s: %+v", row.Status, row.Report)
			}
			w.sendTo("large")
			w.settle()
		}
		w.rewrite(w.pump.Decoder.Lanes.Of("large"), edit("large", func(r *datastore.Row) { r.Duplicates-- }))
		row := w.verify("v")
		if d := row.Report.Differences; kinds(row) != "[count]" || row.Base != base || d[0].Entity != "large" ||
			d[0].Want != "10" || d[0].Have != "9" {
			t.Errorf("%s of %q: %+v", kinds(row), row.Base, d)
		}
	}
}
