package replay_test

import (
	"slices"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// loseHead removes a lane's head, so that the lane looks as if it never had events.
func loseHead(t *testing.T, w *replaytest.World, lane event.Lane) {
	t.Helper()
	key := control.Key{Partition: "head#" + lane.String(), Sort: "head"}
	doc, err := w.Store.Table.Get(t.Context(), key)
	w.Must(err)
	w.Must(w.Store.Table.Delete(t.Context(), key, doc.Version))
}

// finished plans a replay, delivers it and consumes it.
func finished(w *replaytest.World, id string, request replay.Request) replay.Row {
	row := w.Plan(id, request)
	w.Deliver(id)
	w.Consume()
	return row
}

// A lane that looks empty is left out of a plan. The proof asks the log whether
// it is empty; a replay of single entities asks only about their lanes.
func TestAProofLooksAtLanesThatThePlanLeftOut(t *testing.T) {
	w := replaytest.New(t)
	here, there := w.EntitiesIn(0, 1)[0], w.EntitiesIn(1, 1)[0]
	w.Send(here, there)
	loseHead(t, w, 1)
	finished(w, "all", replay.Request{})
	proof, err := w.Prover().Prove(t.Context(), "all")
	if err != nil || proof.Complete || proof.Scoped || len(proof.Differences) != 1 || proof.Differences[0].Lane != 1 {
		t.Errorf("proved as %+v, %v", proof, err)
	}
	finished(w, "one", replay.Request{Entities: []string{here}})
	proof, err = w.Prover().Prove(t.Context(), "one")
	if err != nil || !proof.Complete || !proof.Scoped || proof.Read.Count != 1 {
		t.Errorf("of one entity, proved as %+v, %v", proof, err)
	}
}

// rebuilding enters a rebuild with an empty generation.
func rebuilding(t *testing.T, w *replaytest.World, id string) (generation string) {
	t.Helper()
	w.Create(id, replay.Request{Rebuild: true})
	info, err := w.Registry.Begin(t.Context(), id, w.Set.Version())
	w.Must(err)
	w.Must(w.Generations.Create(t.Context(), info.ID))
	w.Change(id, func(row *replay.Row) { row.Generation, row.Version = info.ID, info.Version })
	_, err = w.Planner().Plan(t.Context(), id)
	w.Must(err)
	return info.ID
}

// The proof of a rebuild sums up its rows and names their version. A row that
// no event of the replay made, or one of another version, is a difference.
func TestAProofOfARebuildCountsItsRows(t *testing.T) {
	for name, tt := range map[string]struct {
		surplus *datastore.Row
		want    []replay.Difference
		rows    datastore.Counts
	}{
		"as it was filled": {nil, nil, datastore.Counts{Entities: 3, Applied: 4, Duplicates: 0, Ignored: 1}},
		"with a row too many": {
			&datastore.Row{Position: "1", Count: 5},
			[]replay.Difference{{Lane: 0, What: "seen by the rows", Want: 3, Have: 8}},
			datastore.Counts{Entities: 4, Applied: 9, Ignored: 1},
		},
		"with a row of another version": {
			&datastore.Row{Position: "1", Version: "another"},
			[]replay.Difference{{Lane: 0, What: "rows of another version of the projections", Want: 0, Have: 1}},
			datastore.Counts{Entities: 4, Applied: 4, Ignored: 1, Others: 1},
		},
	} {
		w := replaytest.New(t)
		here, there := w.EntitiesIn(0, 3), w.EntitiesIn(1, 1)[0]
		w.Send(here[0], here[1], there, here[0])
		w.SendType("of.no.projection", there)
		generation := rebuilding(t, w, "r")
		w.Deliver("r")
		w.Consume()
		if tt.surplus != nil {
			row := *tt.surplus
			if row.Entity = here[2]; row.Version == "" {
				row.Version = w.Set.Version()
			}
			_, err := w.Generations.Open(generation).WriteRows(t.Context(), 0, []datastore.RowWrite{{Row: row}})
			w.Must(err)
		}
		proof, err := w.Prover().Prove(t.Context(), "r")
		if err != nil || !slices.Equal(proof.Differences, tt.want) || proof.Complete != (tt.want == nil) {
			t.Errorf("%s: proved as %+v, %v", name, proof, err)
		}
		if proof.Rows == nil || *proof.Rows != tt.rows || proof.Version != w.Set.Version() {
			t.Errorf("%s: version %s, rows %+v, want %+v", name, proof.Version, proof.Rows, tt.rows)
		}
	}
}

// A complete proof stands: a prover that runs again after marks have changed
// neither replaces it nor returns anything else. An incomplete proof is
// replaced.
func TestACompleteProofStands(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	prove := func() replay.Proof {
		t.Helper()
		proof, err := w.Prover().Prove(t.Context(), "r")
		w.Must(err)
		return proof
	}
	if proof := prove(); proof.Complete || w.Row("r").Proof.Complete {
		t.Errorf("before it was consumed: %+v", proof)
	}
	w.Consume()
	if proof := prove(); !proof.Complete || !w.Row("r").Proof.Complete {
		t.Errorf("once it was consumed: %+v", proof)
	}
	loseHead(t, w, w.Lanes.Of("a"))
	if proof := prove(); !proof.Complete || len(w.Row("r").Proof.Differences) != 0 {
		t.Errorf("later: %+v, kept is %+v", proof, w.Row("r").Proof)
	}
}

// A late prover does not replace a complete proof that was stored while it ran,
// and returns that proof.
func TestALateProverReturnsTheStoredProof(t *testing.T) {
	w := replaytest.New(t)
	w.Send("a")
	w.Plan("r", replay.Request{})
	w.Deliver("r")
	w.Consume()
	late := w.Prover()
	late.Store.Table = replaytest.Intercepted{Table: w.Store.Table, Write: replaytest.Once(replay.RowKey("r"), func() {
		w.Change("r", func(row *replay.Row) { row.Proof = &replay.Proof{Complete: true, Version: "the first"} })
	})}
	proof, err := late.Prove(t.Context(), "r")
	if err != nil || proof.Version != "the first" || w.Row("r").Proof.Version != "the first" {
		t.Errorf("proved as %+v, %v; kept is %+v", proof, err, w.Row("r").Proof)
	}
}
