package cost

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/programs"
	"reprise/pkg/meter"
	"reprise/pkg/replay/lifecycle"
)

// costs are units for each event, and the state transitions of the whole replay.
type costs struct {
	name                 string
	writes, reads, puts  float64
	transitions, dollars float64
}

// statedCosts are the rows of the table in stacks/COST.md: what the larger log cost on
// a deployment, and what a naive design would cost that reads and writes state for
// each event and sends each event in its own record, for the same events at the same
// prices. Dollars are for a million events. An event takes about 440 bytes in the
// table, so reading it takes 0.11 units.
func statedCosts() []costs {
	return []costs{
		{"ingest", 1.47, 0.48, 0.016, 0, 0.98},
		{"ingest, naive", 2, 1, 1, 0, 1.39},
		{"rebuild", 0.26, 0.37, 0.002, 62, 0.25},
		{"rebuild, naive", 1, 1.11, 1, 0, 0.78},
	}
}

// A run may use less than the table says, or somewhat more. It depends on timing how
// events are divided into batches, and so how many are folded together, and how far
// the state's consumer is behind the log's.
const (
	atLeast = 0.5
	atMost  = 2
)

func (c costs) row() string {
	transitions := "–"
	if c.transitions > 0 {
		transitions = fmt.Sprint(c.transitions)
	}
	return fmt.Sprintf("| %s | %.2f | %.2f | %.3f | %s | %.2f |", c.name, c.writes, c.reads, c.puts, transitions,
		c.dollars)
}

func costsOf(name string, used meter.Usage, events int64) costs {
	n := float64(events)
	return costs{name, used.WriteUnits / n, used.ReadUnits / n, used.PutUnits / n, used.Transitions,
		meter.OnDemand().Cost(used) / n * 1e6}
}

func (c costs) agrees(t *testing.T, want costs) {
	t.Helper()
	t.Logf("measured %s", c.row())
	for what, pair := range map[string][2]float64{
		"write units": {c.writes, want.writes},
		"read units":  {c.reads, want.reads},
		"PUT units":   {c.puts, want.puts},
		"transitions": {c.transitions, want.transitions},
		"dollars":     {c.dollars, want.dollars},
	} {
		if pair[0] < atLeast*pair[1] || pair[0] > atMost*pair[1] {
			t.Errorf("%s: %.4f %s, stacks/COST.md says %v", c.name, pair[0], what, pair[1])
		}
	}
}

// ingestCosts compares the usage of the live path's functions with the stated costs.
// Exactly one write unit in the log is used for each event, and one more per lane for
// the witness of each bucket: there is one bucket, or two around midnight.
func ingestCosts(t *testing.T, w *deployed.World, events int64) {
	t.Helper()
	var all meter.Usage
	for _, folder := range []string{"load-events", "pump-events", "write-state", "run-microservice"} {
		used, invocations := w.Used(folder)
		t.Logf("%s: %d invocations, %+v", folder, invocations, used)
		if all = all.Add(used.Total()); invocations == 0 {
			t.Errorf("%s has not logged its usage", folder)
		}
	}
	pump, _ := w.Used("pump-events")
	if witnesses := pump["log"].WriteUnits - float64(events); witnesses < 1 || witnesses > 2*deployed.Lanes {
		t.Errorf("%v write units in the log for %d events", pump["log"].WriteUnits, events)
	}
	costsOf("ingest", all, events).agrees(t, statedCosts()[0])
}

// replayCosts compares the report of a rebuild with the stated costs.
func replayCosts(t *testing.T, view lifecycle.View, events int64) {
	t.Helper()
	if view.Cost == nil || view.Cost.Transitions == nil {
		t.Fatalf("the report has no cost: %+v", view)
	}
	for name, spent := range view.Cost.Functions {
		t.Logf("%s: %+v", name, spent)
	}
	total := view.Cost.Total
	used := meter.Usage{WriteUnits: total.WriteUnits, ReadUnits: total.ReadUnits, PutUnits: total.PutUnits,
		Transitions: float64(*view.Cost.Transitions)}
	if math.Abs(total.Dollars-meter.OnDemand().Cost(used)) > 1e-9 {
		t.Errorf("the report's price is %v", total.Dollars)
	}
	costsOf("rebuild", used, events).agrees(t, statedCosts()[2])
}

// TestLargeLogAgreesWithGitAtTheStatedCost uses a large log, because in a small log's
// costs the fixed part would dominate.
func TestLargeLogAgreesWithGitAtTheStatedCost(t *testing.T) {
	w, log := deployed.New(t), datasets.Karpenter(t)
	n := int64(len(log.Lines))
	rebuilt := w.AgreesWithGit(t, log, func() { ingestCosts(t, w, n) })
	replayCosts(t, rebuilt, n)
}

// TestStatedCostsMatchThePriceList compares stacks/COST.md with statedCosts, and the
// naive design's prices with the price list.
func TestStatedCostsMatchThePriceList(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(programs.Root(), "stacks", "COST.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range statedCosts() {
		if !strings.Contains(string(text), c.row()) {
			t.Errorf("stacks/COST.md lacks %s", c.row())
		}
		if !strings.HasSuffix(c.name, "naive") {
			continue
		}
		usage := meter.Usage{WriteUnits: c.writes * 1e6, ReadUnits: c.reads * 1e6, PutUnits: c.puts * 1e6}
		if price := meter.OnDemand().Cost(usage); math.Abs(price-c.dollars) > 0.005 {
			t.Errorf("%s costs %.3f", c.name, price)
		}
	}
}
