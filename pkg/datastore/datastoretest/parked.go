package datastoretest

import (
	"fmt"
	"testing"

	"reprise/pkg/datastore"
)

// testParked parks some awkward neighbours, and lets others come and go.
func (s *suite) testParked(t *testing.T) {
	lane, other := s.lane(), s.lane()
	wantScan(t, readPages(t, s.shared.Parked, lane, "", 3), nil)
	var parked []datastore.Row
	for i, entity := range entities {
		r := row(entity, i)
		if i%2 == 0 {
			r.Parked = &datastore.Parked{Position: position(i), Type: "t", Reason: "why"}
			parked = append(parked, r)
		}
		write(t, s.shared, lane, "", r)
	}
	stranger := row("stranger", 1)
	stranger.Parked = &datastore.Parked{}
	write(t, s.shared, other, "", stranger)
	parked = sorted(parked)
	for _, limit := range []int{1, 2, len(parked), len(parked) + 1} {
		wantScan(t, readPages(t, s.shared.Parked, lane, "", limit), parked)
	}
	for i, r := range parked {
		wantScan(t, readPages(t, s.shared.Parked, lane, r.Entity, 100), parked[i+1:])
	}
	// A refused write parks nothing, a parked row is listed in its current state,
	// and a row that is no longer parked is not listed.
	refused := row(entities[1], 50)
	refused.Parked = &datastore.Parked{}
	if tryWrite(t, s.shared, lane, refused, position(40)) {
		t.Fatal("a write on another position was stored")
	}
	waits, freed := parked[0], parked[1]
	before := waits.Position
	waits.Position, waits.Parked = position(60), &datastore.Parked{Position: before, Type: "t", Reason: "why", Waiting: 1}
	write(t, s.shared, lane, before, waits)
	before = freed.Position
	freed.Position, freed.Parked = position(61), nil
	write(t, s.shared, lane, before, freed)
	parked = append([]datastore.Row{waits}, parked[2:]...)
	for _, limit := range []int{1, len(parked), 100} {
		wantScan(t, readPages(t, s.shared.Parked, lane, "", limit), parked)
	}
	wantScan(t, readPages(t, s.shared.Parked, other, "", 5), []datastore.Row{stranger})
	rows, err := s.shared.Scan(t.Context(), lane, "", len(entities)+5)
	if err != nil || len(rows) != len(entities) {
		t.Fatalf("a scan gives %d rows of %d, %v", len(rows), len(entities), err)
	}
}

// testParkedAmongMany looks for two among many, and empties the generation.
func (s *suite) testParkedAmongMany(t *testing.T) {
	id, g := s.create(t)
	lane := s.lane()
	var rows, parked []datastore.Row
	for i := range 300 {
		r := row(fmt.Sprintf("e%03d", i), i)
		if i == 7 || i == 250 {
			r.Parked = &datastore.Parked{Position: position(i), Type: "t", Reason: "why"}
			parked = append(parked, r)
		}
		rows = append(rows, r)
	}
	write(t, g, lane, "", rows...)
	wantScan(t, readPages(t, g.Parked, lane, "", 1), parked)
	must(t, s.all.Clear(t.Context(), id))
	wantScan(t, readPages(t, g.Parked, lane, "", 1), nil)
	write(t, g, lane, "", row("e007", 1))
	wantScan(t, readPages(t, g.Parked, lane, "", 1), nil)
}
