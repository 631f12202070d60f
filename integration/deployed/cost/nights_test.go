package cost

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/programs"
	"reprise/pkg/api/verifications"
	"reprise/pkg/local/localtest"
	"reprise/pkg/meter"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

// What stacks/COST.md states of a verification: read units of a full one for each event of
// the log, with the rows that they are folded into, and of an incremental one for each
// event since the one before, with the rows and the histories of the entities that these
// touch; and what a verification with 4 lane groups costs in any case.
const (
	fullReads    = 0.09
	changedReads = 4.0
	fixedReads   = 450
	fixedWrites  = 20
	fixedSteps   = 26
)

// What it states of depth rebuild: a look at the replay takes so much, and that there are
// about so many.
const (
	lookReads, lookWrites, lookSteps = 8, 2, 3
	looks                            = 100
)

// deepOf is what a verification of depth rebuild takes: a rebuild, two full verifications,
// of the generation and of the throwaway, and the looks.
func deepOf(events float64) meter.Usage {
	rebuild := statedRebuild()
	return meter.Usage{
		ReadUnits:   events*(rebuild.reads+2*fullReads) + fixedReads + looks*lookReads,
		WriteUnits:  events*rebuild.writes + fixedWrites + looks*lookWrites,
		PutUnits:    events * rebuild.puts,
		Transitions: rebuild.transitions + fixedSteps + looks*lookSteps,
	}
}

// A year's log has so many events, 1/365 of them since the night before.
const daysLogged = 365

// nightOf is the price of a night in dollars.
func nightOf(events, each float64) float64 {
	return meter.OnDemand().Cost(meter.Usage{ReadUnits: events*each + fixedReads, WriteUnits: fixedWrites,
		Transitions: fixedSteps})
}

// nightRow is a row of the table of nights.
func nightRow(millions int) string {
	events := float64(millions) * 1e6
	full, changed := nightOf(events, fullReads), nightOf(events/daysLogged, changedReads)
	return fmt.Sprintf("| %d million | %.0f | %.3f | %.4f | %.2f | %.2f | %.2f |", millions, events/daysLogged, full,
		changed, 30*(full+6*changed)/7, 30*full, meter.OnDemand().Cost(deepOf(events)))
}

// The table of nights is what its arithmetic says.
func TestNightsCostWhatTheArithmeticSays(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(programs.Root(), "stacks", "COST.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, millions := range []int{1, 10, 100} {
		if row := nightRow(millions); !strings.Contains(string(raw), row+"\n") {
			t.Errorf("stacks/COST.md lacks the row %s", row)
		}
	}
	for _, stated := range []string{
		fmt.Sprintf("%v read units for each event of the log", fullReads),
		fmt.Sprintf("%v read units for each event since the night before", changedReads),
		fmt.Sprintf("%v read units, %v write units and %v state transitions", fixedReads, fixedWrites, fixedSteps),
		fmt.Sprintf("%v looks, of %v read units, %v write units and %v state transitions each", looks, lookReads, lookWrites,
			lookSteps),
	} {
		if !strings.Contains(string(raw), stated) {
			t.Errorf("stacks/COST.md does not say: %s", stated)
		}
	}
}

// verifiedCost carries out a verification, and returns what its functions have used.
func verifiedCost(t *testing.T, w *deployed.World, name string) (verifications.View, meter.Usage) {
	t.Helper()
	used := func() (sum meter.Usage) {
		for _, folder := range []string{"plan-verification", "verify-lanes", "report-verification"} {
			snapshot, _ := w.Used(folder)
			sum = sum.Add(snapshot.Total())
		}
		return sum
	}
	before := used()
	w.Fire("verify", name)
	listed := localtest.Until(w, "/verifications", func(p verifications.Page) bool {
		for _, v := range p.Verifications {
			if v.ID == name {
				return v.Status.Ended()
			}
		}
		return false
	})
	for _, v := range listed.Verifications {
		if v.ID == name {
			return v, used().Sub(before)
		}
	}
	return verifications.View{}, meter.Usage{}
}

// TestANightCostsWhatIsStated compares what the functions used with what the report says,
// and both with stacks/COST.md.
func TestANightCostsWhatIsStated(t *testing.T) {
	t.Parallel()
	const logged, since = 3000, 300
	w, lines := deployed.New(t), datasets.Karpenter(t).Lines[before:]
	w.Send("/events", lines[:logged])
	w.SettleUsage(logged)
	for _, c := range []struct {
		name        string
		send        int
		events      int64
		each, least float64
	}{
		{"full", 0, logged, fullReads, 0.3},
		{"idle", 0, 0, changedReads, 0.3},
		{"changed", since, since, changedReads, 0.3},
	} {
		if c.send > 0 {
			w.Send("/events", lines[logged:logged+c.send])
			w.SettleUsage(int64(logged + c.send))
		}
		view, used := verifiedCost(t, w, c.name)
		if view.Status != verify.Clean || view.Events != c.events {
			t.Fatalf("%s is %s of %d events: %+v", c.name, view.Status, view.Events, view.Failure)
		}
		cost := view.Report.Cost
		t.Logf("%s: %d rows; used %+v; the report says %+v", c.name, view.Report.Rows, used, cost)
		if used.ReadUnits > cost.ReadUnits || used.WriteUnits > cost.WriteUnits {
			t.Errorf("%s used %+v, more than the report says: %+v", c.name, used, cost)
		}
		if cost.ReadUnits > 3*used.ReadUnits+fixedReads || cost.WriteUnits > 3*used.WriteUnits+fixedWrites {
			t.Errorf("%s used %+v, much less than the report says: %+v", c.name, used, cost)
		}
		stated := float64(c.events)*c.each + fixedReads
		if used.ReadUnits > stated || used.ReadUnits < c.least*stated {
			t.Errorf("%s used %.0f read units, stacks/COST.md says %.0f", c.name, used.ReadUnits, stated)
		}
	}
	deepCosts(t, w, logged+since)
}

// deepCosts verifies at depth rebuild. The report has what the replay's own report says that
// it cost, and all of it is about what stacks/COST.md says.
func deepCosts(t *testing.T, w *deployed.World, events float64) {
	t.Helper()
	if status, body := w.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"deep","input":{"depth":"rebuild"}}`)); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	view := localtest.Until(w, "/verifications/deep", func(v verifications.View) bool { return v.Status.Ended() })
	if view.Status != verify.Clean || view.Report.Cost.Rebuild == nil {
		t.Fatalf("%s: %+v, %+v", view.Status, view.Report, view.Failure)
	}
	cost := view.Report.Cost
	rebuild := localtest.Until(w, "/replays/deep", func(v lifecycle.View) bool { return v.Status.Ended() })
	total, stated := rebuild.Cost.Total, deepOf(events)
	t.Logf("deep: the report says %+v, of that the rebuild %+v; the replay %+v; stated %+v", cost, cost.Rebuild, total,
		stated)
	if r := cost.Rebuild; r.WriteUnits > total.WriteUnits || r.WriteUnits < 0.9*total.WriteUnits ||
		r.ReadUnits > total.ReadUnits || r.ReadUnits < 0.9*total.ReadUnits || r.PutUnits != total.PutUnits {
		t.Errorf("the report says that the rebuild cost %+v, and the replay %+v", r, total)
	}
	if most := meter.OnDemand().Cost(stated); cost.Dollars > 1.5*most || cost.Dollars < most/4 {
		t.Errorf("it costs %v dollars, stacks/COST.md says %v", cost.Dollars, most)
	}
}
