package scenarios

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/integration/deployed"
	"reprise/pkg/api"
	"reprise/pkg/api/verifications"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

const accounts, deposits = 30, 4

// deposited returns n events of some accounts, each with an id of its own.
func deposited(first, n, accounts int) (batch []json.RawMessage) {
	for i := first; i < first+n; i++ {
		kind, data := "account.deposited", `{"amount":1}`
		if i < accounts {
			kind, data = "account.opened", `{"owner":"Ada"}`
		}
		batch = append(batch, json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t","type":%q,`+
			`"subject":"account-%d","data":%s}`, i, kind, i%accounts, data)))
	}
	return batch
}

// tonight lets the schedule start a verification, and returns it once it has ended.
func tonight(w *deployed.World, name string) verifications.View {
	w.T.Helper()
	w.Fire("verify", name)
	listed := localtest.Until(w, "/verifications", func(p verifications.Page) bool {
		return slices.ContainsFunc(p.Verifications, func(v verifications.View) bool {
			return v.ID == name && v.Status.Ended()
		})
	})
	at := slices.IndexFunc(listed.Verifications, func(v verifications.View) bool { return v.ID == name })
	return listed.Verifications[at]
}

// The schedule verifies everything in the first night, and in the next one what has
// changed. Drift that is planted into a row is found when it is touched, and by a full
// verification otherwise; each verdict is counted by the metric of its alarm.
func TestTheScheduleFindsPlantedDrift(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	w.Send("/events", deposited(0, accounts*deposits, accounts))
	w.Settle(accounts * deposits)
	first := tonight(w, "first")
	if first.Status != verify.Clean || first.Scope != verifications.Full || first.Report.Rows != accounts {
		t.Fatalf("%s, %s: %+v, %+v", first.Status, first.Scope, first.Report, first.Failure)
	}
	w.Send("/events", deposited(accounts*deposits, 5, accounts))
	w.Settle(accounts*deposits + 5)
	second := tonight(w, "second")
	if second.Status != verify.Clean || second.Base != "first" || second.Report.Rows != 5 {
		t.Fatalf("%s of %q: %+v, %+v", second.Status, second.Base, second.Report, second.Failure)
	}
	plant(t, w, "account-7") // has no event until it is touched
	if idle := tonight(w, "idle"); idle.Status != verify.Clean || idle.Report.Rows != 0 {
		t.Errorf("%s: %+v", idle.Status, idle.Report)
	}
	metrics(t, w, 3, 0)
	touch := accounts*deposits + 7
	w.Send("/events", deposited(touch, 1, accounts))
	w.Settle(accounts*deposits + 6)
	drift := tonight(w, "drift")
	if drift.Status != verify.Drift || drift.Report.Drift[verify.Count] != 1 || len(drift.Report.Drift) != 1 {
		t.Fatalf("%s: %+v, %+v", drift.Status, drift.Report, drift.Failure)
	}
	full := tonight(w, "after-drift")
	if full.Status != verify.Drift || full.Scope != verifications.Full || full.Report.Drift[verify.Count] != 1 {
		t.Errorf("%s, %s: %+v", full.Status, full.Scope, full.Report)
	}
	metrics(t, w, 3, 2)
	deep := rebuilt(w, "deep")
	if deep.Status != verify.Drift || deep.Report.Drift[verify.Count] != 1 || len(deep.Report.Drift) != 1 ||
		deep.Report.RebuiltRows != accounts || deep.Report.Cost.Rebuild.WriteUnits <= 0 {
		t.Errorf("%s: %+v, %+v", deep.Status, deep.Report, deep.Failure)
	}
	metrics(t, w, 3, 3)
	stopped(w, "stopped")
}

// stopped stops the execution of a verification that rebuilds, as a person does in the console
// of Step Functions: its replay ends, too, and nothing is left of it.
func stopped(w *deployed.World, name string) {
	w.T.Helper()
	begun(w, name)
	localtest.Until(w, "/verifications/"+name, func(v verifications.View) bool {
		return v.Rebuild != nil && v.Rebuild.Generation != ""
	})
	machine := strings.TrimSuffix(*w.MachineARN(), "replay") + "verify"
	arn := strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name
	if _, err := w.StepFunctions().StopExecution(w.T.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn}); err != nil {
		w.T.Fatal(err)
	}
	view := localtest.Until(w, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
	if view.Status != verify.Failed {
		w.T.Errorf("the verification is %s: %+v", view.Status, view.Failure)
	}
	localtest.Until(w, "/replays/"+name, func(v lifecycle.View) bool { return v.Status.Ended() })
	localtest.Until(w, "/generations", func(v api.GenerationsView) bool { return len(v.Generations) == 1 })
}

func begun(w *deployed.World, name string) {
	w.T.Helper()
	status, body := w.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"`+name+`","input":{"depth":"rebuild"}}`))
	if status != http.StatusCreated {
		w.T.Fatalf("%d %s", status, body)
	}
}

// rebuilt carries a verification of depth rebuild out, and waits until its throwaway is
// dropped with its consumer.
func rebuilt(w *deployed.World, name string) verifications.View {
	w.T.Helper()
	begun(w, name)
	view := localtest.Until(w, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
	localtest.Until(w, "/generations", func(v api.GenerationsView) bool { return len(v.Generations) == 1 })
	return view
}

// plant lets a row count an event too many.
func plant(t *testing.T, w *deployed.World, entity string) {
	t.Helper()
	lanes, err := event.NewLanes(deployed.Lanes)
	if err != nil {
		t.Fatal(err)
	}
	g, lane := w.Generation(datastore.FirstGeneration), lanes.Of(entity)
	rows, err := g.Rows(t.Context(), lane, []string{entity})
	if err != nil || rows[entity].Count == 0 {
		t.Fatalf("%+v, %v", rows, err)
	}
	row := rows[entity]
	row.Count++
	if _, err := g.WriteRows(t.Context(), lane, []datastore.RowWrite{{Row: row, Previous: row.Position}}); err != nil {
		t.Fatal(err)
	}
}

func metrics(t *testing.T, w *deployed.World, clean, drift int) {
	t.Helper()
	if have := w.Metric("VerificationClean"); have != clean {
		t.Errorf("%d clean verifications are counted, want %d", have, clean)
	}
	if have := w.Metric("VerificationDrift"); have != drift {
		t.Errorf("%d verifications with drift are counted, want %d", have, drift)
	}
	if have := w.Metric("VerificationFailed"); have != 0 {
		t.Errorf("%d failed verifications are counted", have)
	}
}
