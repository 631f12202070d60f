package verify_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/verify"
)

// drifted is a world with three buckets of events of a few entities, among them
// duplicates and a parked one. x is in the lane that is returned.
func drifted(t *testing.T, open opener) (*world, event.Lane) {
	t.Helper()
	return driftedAt(t, open, "")
}

// driftedAt also has a throwaway for depth rebuild.
func driftedAt(t *testing.T, open opener, depth verify.Depth) (*world, event.Lane) {
	t.Helper()
	w := newWorldOf(t, t, open)
	if depth == verify.Rebuild {
		w.rebuild()
	}
	for hour := range 3 {
		w.sendTo("x", "y", "z", "x", "a!b", "a")
		w.send(event.Event{Subject: "x", ID: fmt.Sprint("x", hour)})
		w.send(event.Event{Subject: "x", ID: fmt.Sprint("x", hour)})
		w.send(event.Event{Subject: "p", Type: "is.wrong"})
		w.clock.pass(time.Hour)
	}
	w.settle()
	return w, w.pump.Decoder.Lanes.Of("x")
}

func kinds(row verify.Row) string {
	return fmt.Sprint(slices.Sorted(maps.Keys(row.Report.Drift)))
}

func edit(entity string, change func(*datastore.Row)) func([]datastore.Row) []datastore.Row {
	return func(rows []datastore.Row) []datastore.Row {
		for i := range rows {
			if rows[i].Entity == entity {
				change(&rows[i])
			}
		}
		return rows
	}
}

// Every kind of drift that is planted into the rows is found, named and located, and
// nothing else is.
func TestDriftOfRowsIsFound(t *testing.T) { onBoth(t, driftOfRowsIsFound) }

func driftOfRowsIsFound(t *testing.T, open opener) {
	for _, c := range driftsOfRows() {
		for _, depth := range []verify.Depth{"", verify.Rebuild} {
			t.Run(c.name+" "+string(depth), func(t *testing.T) {
				w, lane := driftedAt(t, open, depth)
				c.change(w, lane)
				row := w.verifyOf("v", verify.Request{Depth: depth})
				c.judge(t, w, row)
				if have, want := row.Report.RebuiltRows, map[verify.Depth]int64{verify.Rebuild: 6}[depth]; have != want {
					t.Errorf("%d rows of the throwaway were compared, want %d", have, want)
				}
			})
		}
	}
}

// driftOfRows is a change of rows and the kinds of drift that it has to be found as.
type driftOfRows struct {
	name, entity, want string
	change             func(w *world, lane event.Lane)
}

func driftsOfRows() []driftOfRows {
	return []driftOfRows{
		{"nothing", "", "[]", func(*world, event.Lane) {}},
		{"a row deleted", "x", "[missing]", func(w *world, lane event.Lane) {
			w.rewrite(lane, func(rows []datastore.Row) []datastore.Row {
				return slices.DeleteFunc(rows, func(r datastore.Row) bool { return r.Entity == "x" })
			})
		}},
		{"a row added", "never", "[surplus]", func(w *world, _ event.Lane) {
			w.rewrite(w.pump.Decoder.Lanes.Of("never"), func(rows []datastore.Row) []datastore.Row {
				added := rows[0]
				added.Entity = "never"
				return append(rows, added)
			})
		}},
		{"a field changed", "x", "[state]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) {
				r.State = json.RawMessage(bytes.Replace(r.State, []byte(`"sum":6`), []byte(`"sum":7`), 1))
			}))
		}},
		{"a count off by one", "x", "[count]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) { r.Count++ }))
		}},
		{"duplicates off by one", "x", "[count]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) { r.Duplicates-- }))
		}},
		{"another chain", "x", "[chain]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) { r.Chain.Lo++ }))
		}},
		{"another version", "x", "[version]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) { r.Version = "ledger@0" }))
		}},
		{"parked for nothing", "x", "[parked]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) {
				r.Parked = &datastore.Parked{Position: r.Position, Type: "it.happened", Reason: "no"}
			}))
		}},
		{"no longer parked", "p", "[parked]", func(w *world, _ event.Lane) {
			w.rewrite(w.pump.Decoder.Lanes.Of("p"), edit("p", func(r *datastore.Row) { r.Parked = nil }))
		}},
		{"a bucket unknown", "x", "[buckets]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) { r.Buckets = r.Buckets[1:] }))
		}},
		{"a position of no event", "x", "[position]", func(w *world, lane event.Lane) {
			w.rewrite(lane, edit("x", func(r *datastore.Row) { r.Position = r.Position[:len(r.Position)-1] + "9" }))
		}},
	}
}

func (c *driftOfRows) judge(t *testing.T, w *world, row verify.Row) {
	t.Helper()
	if got := kinds(row); got != c.want {
		t.Fatalf("%s, want %s: %+v", got, c.want, row.Report.Differences)
	}
	if c.entity == "" {
		if row.Status != verify.Clean || row.Report.Rows != 6 || row.Report.Events != 27 {
			t.Errorf("%s: %+v", row.Status, row.Report)
		}
		return
	}
	d := row.Report.Differences
	if row.Status != verify.Drift || len(d) != 1 || d[0].Entity != c.entity || d[0].What == "" ||
		d[0].Lane != w.pump.Decoder.Lanes.Of(c.entity) {
		t.Errorf("%s: %+v", row.Status, d)
	}
	if c.want == "[state]" && (len(d[0].Fields) != 1 || d[0].Fields[0].Path != "/sum" || d[0].Fields[0].New != "6") {
		t.Errorf("fields %+v", d[0].Fields)
	}
}

// The same changes of the throwaway are found as what they are: the way of replays is at
// fault, and not the generation.
func TestDriftOfTheThrowawayIsFound(t *testing.T) { onBoth(t, driftOfTheThrowawayIsFound) }

func driftOfTheThrowawayIsFound(t *testing.T, open opener) {
	for _, c := range driftsOfRows() {
		if c.entity == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			w, lane := driftedAt(t, open, verify.Rebuild)
			w.rewritten = w.throwaway
			c.change(w, lane)
			row := w.verifyOf("v", verify.Request{Depth: verify.Rebuild})
			kind := strings.Trim(c.want, "[]")
			d := row.Report.Differences
			if kinds(row) != "[rebuilt]" || row.Status != verify.Drift || len(d) != 1 || d[0].Entity != c.entity ||
				!strings.HasPrefix(d[0].What, "rebuilt, "+kind+": ") {
				t.Errorf("%s: %s %+v", row.Status, kinds(row), d)
			}
			if cost := row.Report.Cost; cost == nil || cost.Rebuild == nil {
				t.Errorf("it costs %+v", cost)
			}
		})
	}
}

// A row that was restored from an earlier time, and one that stopped following, are
// right at their own positions, and stale.
func TestARowThatStoppedFollowingIsFound(t *testing.T) { onBoth(t, aRowThatStoppedFollowingIsFound) }

func aRowThatStoppedFollowingIsFound(t *testing.T, open opener) {
	w, lane := drifted(t, open)
	old, err := w.generation().Rows(t.Context(), lane, []string{"x"})
	w.must(err)
	w.sendTo("x", "y", "z")
	w.settle()
	w.rewrite(lane, edit("x", func(r *datastore.Row) { *r = old["x"] }))
	row := w.verify("v")
	d := row.Report.Differences
	if kinds(row) != "[stale]" || len(d) != 1 || d[0].Entity != "x" || d[0].Have != string(old["x"].Position) {
		t.Fatalf("%+v", d)
	}
}

// An event that was applied twice, and two that were applied in another order, change
// what depends on them.
func TestEventsAppliedWronglyAreFound(t *testing.T) { onBoth(t, eventsAppliedWronglyAreFound) }

func eventsAppliedWronglyAreFound(t *testing.T, open opener) {
	for name, c := range map[string]struct {
		ids  []string
		want string
	}{
		"twice":   {[]string{"1", "2", "2"}, "[chain count state]"},
		"swapped": {[]string{"2", "1"}, "[chain state]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorldOf(t, t, open)
			w.sendTo("x", "x")
			w.settle()
			lane := w.pump.Decoder.Lanes.Of("x")
			w.rewrite(lane, edit("x", func(r *datastore.Row) { wrongly(r, c.ids) }))
			if row := w.verify("v"); kinds(row) != c.want {
				t.Errorf("%s, want %s: %+v", kinds(row), c.want, row.Report.Differences)
			}
		})
	}
}

// wrongly makes a row of events in the order given.
func wrongly(r *datastore.Row, ids []string) {
	s, chain := ledger{}, event.Digest{}
	for _, id := range ids {
		s, _ = book(s, &event.Event{ID: id, Data: "1"})
		chain = chain.Chain(event.ContentOf([]byte(id)))
	}
	r.State, _ = json.Marshal(s)
	r.Count, r.Chain = int64(len(ids)), chain
}

// Damage to the log itself is found where it is.
func TestDriftOfTheLogIsFound(t *testing.T) { onBoth(t, driftOfTheLogIsFound) }

func driftOfTheLogIsFound(t *testing.T, open opener) {
	first := func(w *world, lane event.Lane) eventlog.ClosedManifest {
		head, err := w.heads.Load(w.ctx, lane)
		w.must(err)
		var found eventlog.ClosedManifest
		w.must(w.heads.Manifests(w.ctx, lane, head, "", "", func(b eventlog.Bucket, m eventlog.Manifest) error {
			if found.Bucket == "" {
				found = eventlog.ClosedManifest{Bucket: b, Manifest: m}
			}
			return nil
		}))
		return found
	}
	for _, c := range []struct {
		name, want string
		change     func(w *world, lane event.Lane)
	}{
		{"an event altered", "[chain manifest state]", func(w *world, lane event.Lane) {
			at := first(w, lane).Manifest.First
			w.log.alter = func(e *eventlog.Entry) bool {
				if e.Position == at {
					e.Line = bytes.Replace(e.Line, []byte(`"data":1`), []byte(`"data":11`), 1)
				}
				return false
			}
		}},
		{"an event that is no event", "[chain count manifest state]", func(w *world, lane event.Lane) {
			at := first(w, lane).Manifest.First
			w.log.alter = func(e *eventlog.Entry) bool {
				if e.Position == at {
					e.Line = []byte("{")
				}
				return false
			}
		}},
		{"an event removed", "[chain count manifest state]", func(w *world, lane event.Lane) {
			at := first(w, lane).Manifest.First
			w.log.alter = func(e *eventlog.Entry) bool { return e.Position == at }
		}},
		{"a manifest removed", "[head manifest]", func(w *world, lane event.Lane) {
			key := control.Key{Partition: "manifest#" + lane.String(), Sort: string(first(w, lane).Bucket)}
			doc, err := w.stores.Table.Get(w.ctx, key)
			w.must(err)
			w.must(w.stores.Table.Delete(w.ctx, key, doc.Version))
		}},
		{"a head set back", "[chain count head position state]", func(w *world, lane event.Lane) {
			key := control.Key{Partition: "head#" + lane.String(), Sort: "head"}
			before, err := w.stores.Table.Get(w.ctx, key)
			w.must(err)
			w.clock.pass(time.Hour)
			w.sendTo("x")
			w.settle()
			now, err := w.stores.Table.Get(w.ctx, key)
			w.must(err)
			_, err = w.stores.Table.Put(w.ctx, key, before.Body, now.Version)
			w.must(err)
		}},
	} {
		// A replay from such a log fails its proof; what is wrong is found all the same.
		for _, r := range []verify.Request{{}, {Depth: verify.Rebuild}} {
			t.Run(c.name+" "+string(r.Depth), func(t *testing.T) {
				w, lane := drifted(t, open)
				w.sendTo("x") // so that the manifests of the other buckets are stored
				w.sendTo("x")
				w.settle()
				c.change(w, lane)
				row := w.verifyOf("v", r)
				if r.Depth == verify.Rebuild && (row.Failure == nil || row.Failure.Error != "Reprise.RebuildFailed") {
					t.Errorf("%+v", row.Failure)
				}
				if got := kinds(row); got != c.want {
					t.Fatalf("%s, want %s: %+v", got, c.want, row.Report.Differences)
				}
				for _, d := range row.Report.Differences {
					if d.Lane != lane {
						t.Errorf("in another lane: %+v", d)
					}
				}
			})
		}
	}
}
