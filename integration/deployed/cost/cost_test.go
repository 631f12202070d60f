package cost

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/programs"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// costs are units for each event, and the state transitions of the whole replay.
type costs struct {
	name                 string
	writes, reads, puts  float64
	transitions, dollars float64
}

// load is a number of requests of one size, sent at a fixed pace or, if that is 0, each
// after the one before is applied. stated is what they are stated to cost: less than
// below, if that is set.
type load struct {
	events, requests int
	every            time.Duration
	stated           costs
	below            float64
}

// statedLoads are rows of the table in stacks/COST.md, in the order in which they are
// sent. They are stated as measured after the events before them; without those, as most
// runs measure them, rows are smaller, and all of them cost about 5 % less.
func statedLoads() []load {
	const alone = 0
	naive := naiveIngest().dollars
	return []load{
		{100, 15, time.Second / 3, costs{"ingest, requests of 100, 3 a second", 1.76, 0.44, 0.040, 0, 1.15}, naive},
		{100, 5, alone, costs{"ingest, requests of 100, each alone", 1.96, 0.75, 0.040, 0, 1.32}, naive},
		{10, 50, time.Second / 10, costs{"ingest, requests of 10, 10 a second", 2.01, 0.74, 0.378, 0, 1.35}, 0},
		{1, 60, time.Second / 10, costs{"ingest, requests of 1, 10 a second", 2.65, 1.97, 1, 0, 1.92}, 0},
		{1000, 2, alone, costs{"ingest, requests of 1,000, each alone", 1.48, 0.26, 0.004, 0, 0.96}, naive},
	}
}

// before is the number of events in the log before those of the loads. After them,
// events in a row are about as many entities as in the whole log, and no entity reaches
// the number of events above which it is indexed, which takes 337 write units at once.
const before = 24_500

// envWhole names the variable that has the whole log sent and rebuilt, which takes
// minutes; without it only the events of the loads are.
const envWhole = "REPRISE_TEST_WHOLE_LOG"

// batching is the setting batchingSeconds in one of the rows.
const batching = 5

// patientLoad is the load with requests of 10 again, for a deployment with that setting,
// and for as long as two batches take.
func patientLoad() load {
	hasty := statedLoads()[2]
	return load{hasty.events, 2 * hasty.requests, hasty.every, costs{
		fmt.Sprintf("%s, `batchingSeconds` %d", hasty.stated.name, batching), 1.64, 0.39, 0.378, 0, 1.08,
	}, hasty.stated.dollars}
}

// The other rows: a rebuild of the whole log, and what a naive design would cost that
// reads and writes state for each event and sends each event in its own record, for
// the same events at the same prices. Dollars are for a million events. An event takes
// about 440 bytes in the table, so reading it takes 0.11 units.
func naiveIngest() costs   { return costs{"ingest, naive", 2, 1, 1, 0, 1.39} }
func statedRebuild() costs { return costs{"rebuild", 0.25, 0.26, 0.002, 26, 0.21} }
func naiveRebuild() costs  { return costs{"rebuild, naive", 1, 1.11, 1, 0, 0.78} }

// A run may use somewhat less or more than the table says: it depends on timing how
// events are divided into batches, and so how many are folded together, and how often
// the state's consumer looks whether the log has its records.
const (
	unitsAtLeast, unitsAtMost     = 0.5, 2
	dollarsAtLeast, dollarsAtMost = 0.8, 1.2
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
	within := func(what string, have, want, atLeast, atMost float64) {
		t.Helper()
		if have < atLeast*want || have > atMost*want {
			t.Errorf("%s: %.4f %s, stacks/COST.md says %v", c.name, have, what, want)
		}
	}
	within("write units", c.writes, want.writes, unitsAtLeast, unitsAtMost)
	within("read units", c.reads, want.reads, unitsAtLeast, unitsAtMost)
	within("PUT units", c.puts, want.puts, unitsAtLeast, unitsAtMost)
	within("transitions", c.transitions, want.transitions, unitsAtLeast, unitsAtMost)
	within("dollars", c.dollars, want.dollars, dollarsAtLeast, dollarsAtMost)
}

// spent is the usage of the live path's functions so far.
func spent(t *testing.T, w *deployed.World) meter.Usage {
	t.Helper()
	var all meter.Usage
	for _, folder := range []string{"load-events", "pump-events", "write-state"} {
		used, invocations := w.Used(folder)
		t.Logf("%s: %d invocations, %+v", folder, invocations, used)
		all = all.Add(used.Total())
	}
	return all
}

// send sends the first of some events at the load's pace, compares the cost, and
// returns the other events and their number so far.
func (l load) send(t *testing.T, w *deployed.World, lines []json.RawMessage, sent int64) ([]json.RawMessage, int64) {
	t.Helper()
	earlier, events, begun := spent(t, w), l.events*l.requests, time.Now()
	pace := time.NewTicker(max(l.every, time.Millisecond))
	defer pace.Stop()
	for request := range slices.Chunk(lines[:events], l.events) {
		w.Send("/events", request)
		sent += int64(len(request))
		if l.every == 0 {
			w.SettleUsage(sent)
		}
		<-pace.C
	}
	t.Logf("%d requests took %v", l.requests, time.Since(begun).Round(100*time.Millisecond))
	w.SettleUsage(sent)
	have := costsOf(l.stated.name, spent(t, w).Sub(earlier), int64(events))
	have.agrees(t, l.stated)
	if l.below > 0 && have.dollars >= l.below {
		t.Errorf("%s: %.2f dollars, want less than %.2f", have.name, have.dollars, l.below)
	}
	return lines[events:], sent
}

// sendAll sends all loads, and returns the other events.
func sendAll(t *testing.T, w *deployed.World, lines []json.RawMessage, sent int64) []json.RawMessage {
	t.Helper()
	for _, l := range statedLoads() {
		lines, sent = l.send(t, w, lines, sent)
	}
	return lines
}

// logCosts compares what the log cost with its number of events: one write unit each,
// and one for each lane's witness of a bucket. There is one bucket, or two around
// midnight.
func logCosts(t *testing.T, w *deployed.World, events int64) {
	t.Helper()
	pump, _ := w.Used("pump-events")
	if witnesses := pump["log"].WriteUnits - float64(events); witnesses < 1 || witnesses > 2*deployed.Lanes {
		t.Errorf("%v write units in the log for %d events", pump["log"].WriteUnits, events)
	}
}

// leastRebuild is what a rebuild costs at least: a write for each entity and a read at
// half the price, and reading the log.
func leastRebuild(events, entities int64) costs {
	n, rows := float64(events), float64(entities)
	least := costs{name: "rebuild", writes: rows / n, reads: rows/2/n + naiveRebuild().reads - 1,
		puts: statedRebuild().puts, transitions: statedRebuild().transitions}
	used := meter.Usage{WriteUnits: least.writes * n, ReadUnits: least.reads * n, PutUnits: least.puts * n,
		Transitions: least.transitions}
	least.dollars = meter.OnDemand().Cost(used) / n * 1e6
	return least
}

// replayCosts compares the report of a rebuild with the stated costs.
func replayCosts(t *testing.T, view lifecycle.View, events int64, stated costs) {
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
	costsOf("rebuild", used, events).agrees(t, stated)
}

// TestEventsAndRebuildsCostWhatIsStated with the settings of cdk.json.
func TestEventsAndRebuildsCostWhatIsStated(t *testing.T) {
	t.Parallel()
	w, lines := deployed.New(t), datasets.Karpenter(t).Lines[before:]
	rest := sendAll(t, w, lines, 0)
	n := int64(len(lines) - len(rest))
	live := w.SettleRows(n)
	logCosts(t, w, n)
	w.Wipe()
	got := w.Replay("again", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Progress.Applied != n {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	datasets.Same(t, "rebuilt", w.Rows("", deployed.Lanes), live)
	replayCosts(t, got, n, leastRebuild(n, int64(len(live))))
}

// TestLargeLogAgreesWithGitAtTheStatedCost sends and rebuilds the whole log: in a small
// log's costs the fixed part dominates.
func TestLargeLogAgreesWithGitAtTheStatedCost(t *testing.T) {
	t.Parallel()
	if os.Getenv(envWhole) == "" {
		t.Skipf("takes minutes; set %s=1", envWhole)
	}
	w, log := deployed.New(t), datasets.Karpenter(t)
	n := int64(len(log.Lines))
	rebuilt := w.AgreesWithGit(t, log, func(log datasets.Log) {
		w.SendLog(datasets.Log{Lines: log.Lines[:before]})
		w.SettleUsage(before)
		w.SendLog(datasets.Log{Lines: sendAll(t, w, log.Lines[before:], before)})
	})
	logCosts(t, w, n)
	replayCosts(t, rebuilt, n, statedRebuild())
}

// TestLongerBatchingIsCheaper sends the same events as the load with requests of 10.
func TestLongerBatchingIsCheaper(t *testing.T) {
	t.Parallel()
	w := deployed.NewWith(t, map[string]any{"reprise:batchingSeconds": batching})
	first := before
	for _, l := range statedLoads()[:2] {
		first += l.events * l.requests
	}
	patientLoad().send(t, w, datasets.Karpenter(t).Lines[first:], 0)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{programs.Root()}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestStatedCostsMatchThePriceList compares stacks/COST.md with the stated costs, and
// their dollars with the price list.
func TestStatedCostsMatchThePriceList(t *testing.T) {
	t.Parallel()
	text := read(t, "stacks", "COST.md")
	all := []costs{patientLoad().stated, naiveIngest(), statedRebuild(), naiveRebuild()}
	for _, l := range statedLoads() {
		all = append(all, l.stated)
	}
	const events = 35_549
	for _, c := range all {
		if !strings.Contains(text, c.row()) {
			t.Errorf("stacks/COST.md lacks %s", c.row())
		}
		usage := meter.Usage{WriteUnits: c.writes * events, ReadUnits: c.reads * events, PutUnits: c.puts * events,
			Transitions: c.transitions}
		if price := meter.OnDemand().Cost(usage) / events * 1e6; math.Abs(price-c.dollars) > 0.01 {
			t.Errorf("%s costs %.3f, stated are %v", c.name, price, c.dollars)
		}
	}
}

func TestReadmeSaysWhatThingsCost(t *testing.T) {
	t.Parallel()
	loads := statedLoads()
	want := fmt.Sprintf("On AWS a million events cost %.2f dollars to take in with requests of 1,000 events, "+
		"%.2f with requests of 100, %.2f one by one, and %.2f to rebuild",
		loads[4].stated.dollars, loads[0].stated.dollars, loads[3].stated.dollars, statedRebuild().dollars)
	if !strings.Contains(read(t, "README.md"), want) {
		t.Errorf("README.md does not say: %s", want)
	}
}
