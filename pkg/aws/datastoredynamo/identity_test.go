package datastoredynamo_test

import (
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"

	"reprise/integration/engines"
	"reprise/pkg/aws/datastoredynamo"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/meter"
)

func identity(entity string, at int) datastore.Identity {
	return datastore.Identity{Entity: entity, Key: event.Digest{Hi: 1, Lo: 2}, Position: position(at), Content: uint64(at)}
}

// TestIdentityCost fixes what an event in the identity index costs: one write
// unit, new or not, with the longest entity id and a position as Kinesis gives
// them.
func TestIdentityCost(t *testing.T) {
	counter := new(meter.Meter).Part("datastore")
	all := datastoredynamo.New(engines.DynamoDB(t, nil), engines.Codec(t), datastoredynamo.Options{Prefix: prefix(),
		Pace: engines.Pace(), Waits: 10_000, Random: rand.Reader, Meter: counter})
	g := generation(t, all)
	wide, err := event.NewPosition(1, strings.Repeat("9", 56), 3)
	if err != nil {
		t.Fatal(err)
	}
	e := identity(strings.Repeat("e", event.MaxEntityKeyBytes), 1)
	e.Position = wide
	for _, what := range []string{"new", "entered before"} {
		before := counter.Usage()
		if first, err := g.Identify(t.Context(), 1023, []datastore.Identity{e}); err != nil || first[0] != e {
			t.Fatalf("%s: %+v, %v", what, first, err)
		}
		used := counter.Usage().Sub(before)
		if used.WriteUnits != 1 {
			t.Errorf("%s: %v write units", what, used.WriteUnits)
		}
		// Not every engine returns the existing item with its refusal, as the
		// service does.
		if most := map[string]float64{"entered before": 1}[what]; used.ReadUnits > most {
			t.Errorf("%s: %v read units", what, used.ReadUnits)
		}
	}
}

// TestLostIdentity loses answers to puts that took effect: an event must not be
// taken for its own duplicate, nor for the first if another one is.
func TestLostIdentity(t *testing.T) {
	for what, fault := range map[string]engines.Fault{"fail": engines.FailAfter, "reset": engines.ResetAfter,
		"timeout": engines.TimeoutAfter} {
		t.Run(what, func(t *testing.T) {
			var puts atomic.Int32
			g := generation(t, open(t, prefix(), &engines.Faults{Choose: func(operation string) engines.Fault {
				if operation == "PutItem" && puts.Add(1)%2 == 1 {
					return fault
				}
				return engines.None
			}}))
			for _, step := range []struct{ at, want int }{{5, 5}, {6, 5}, {5, 5}, {3, 3}, {5, 3}} {
				first, err := g.Identify(t.Context(), 1, []datastore.Identity{identity("a", step.at)})
				if err != nil || first[0] != identity("a", step.want) {
					t.Fatalf("entered at %d: %+v, %v; want %d", step.at, first, err, step.want)
				}
			}
		})
	}
}
