package deploys

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/programs"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// laterProjections is the code of a later release: one projection has another
// version.
func laterProjections() programs.Edit {
	return programs.Edit{
		File: "pkg/domain/samples/repofiles.go",
		Old:  `projection.New("repofiles", 1,`,
		New:  `projection.New("repofiles", 2,`,
	}
}

// TestOtherProjectionsEndARebuild deploys other projections when a rebuild has folded
// a part of the log. The playback consumer has the new version at once and must write
// nothing into the generation of the old version. The rebuild ends with the named
// failure, readers keep the old state, and a new rebuild uses the new version only.
func TestOtherProjectionsEndARebuild(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	later := deployed.Build(t, laterProjections())
	d := datasets.Litestream(t)
	first, rest := d.Lines[:len(d.Lines)/2], d.Lines[len(d.Lines)/2:]
	w.SendLog(datasets.Log{Lines: first})
	before := w.SettleRows(int64(len(first)))
	old := versionsOf(before)

	// One record is enough: its rows are written before its mark.
	lift := w.RefuseAfter("kinesis", "reprise-playback", 1)
	defer lift()
	request := []byte(`{"name":"begun","input":{"rebuild":true,"promote":true}}`)
	if status, body := w.Call("POST", "/replays", "application/json", request); status != http.StatusCreated {
		t.Fatalf("start replay: %d %s", status, body)
	}
	w.AwaitGivenUp("read-segment")
	begun := localtest.Until(w, "/replays/begun", func(v lifecycle.View) bool { return v.Progress.Consumed > 0 })
	if begun.Progress.Consumed >= int64(len(first)) {
		t.Fatalf("nothing is left to be folded by other code: %+v", begun.Progress)
	}
	written := w.CountWrites("dynamodb", "reprise-generation-"+begun.Generation)
	w.DeployCode(later)
	lift()
	got := localtest.Until(w, "/replays/begun", func(v lifecycle.View) bool { return v.Status.Ended() })
	if got.Status != replay.Failed || got.Failure == nil || got.Failure.Error != steps.FaultOtherVersion || got.Promoted {
		t.Errorf("a rebuild across other projections: %+v, failure %+v", got, got.Failure)
	}
	if n := written(); n > 0 {
		t.Errorf("%d writes into the generation of other projections", n)
	}
	localtest.Until(w, "/generations", func(view api.GenerationsView) bool {
		return !slices.ContainsFunc(view.Generations, func(g api.GenerationView) bool { return g.ID == begun.Generation })
	})
	datasets.Same(t, "what readers had before the deploy", w.Rows("", deployed.Lanes), before)

	anew := w.Replay("anew", `{"rebuild":true,"promote":true}`)
	if anew.Status != replay.Succeeded || !anew.Promoted || anew.Proof == nil || anew.Proof.Rows == nil ||
		anew.Proof.Rows.Others > 0 ||
		slices.Contains(old, anew.Proof.Version) {
		t.Fatalf("rebuild with the new code: %+v, failure %+v", anew, anew.Failure)
	}
	rebuilt := w.Rows("", deployed.Lanes)
	datasets.Same(t, "rebuilt with the new code", rebuilt, before)
	// Each generation continues with the code of its own projections.
	w.SendLog(datasets.Log{Lines: rest})
	live := w.SettleRows(int64(len(d.Lines)))
	d.Judge(t, "live with the new code", live)
	for what, versions := range map[string][]string{"rebuilt": versionsOf(rebuilt), "live": versionsOf(live)} {
		if !slices.Equal(versions, []string{anew.Proof.Version}) {
			t.Errorf("%s: rows of %v, want %s alone", what, versions, anew.Proof.Version)
		}
	}
	rollBack(t, w, d, old, versionsOf(live))
}

// rollBack deploys the earlier release again. The active generation goes on with the later
// code until a rebuild with the earlier one replaces it.
func rollBack(t *testing.T, w *deployed.World, d datasets.Log, earlier, later []string) {
	t.Helper()
	w.DeployCode(deployed.Build(t))
	w.SendLog(datasets.Log{Lines: []json.RawMessage{json.RawMessage(
		`{"specversion":"1.0","id":"after","source":"test","type":"account.opened","subject":"after","data":{"owner":"Ada"}}`,
	)}})
	live := w.SettleRows(int64(len(d.Lines)) + 1)
	if versions := versionsOf(live); !slices.Equal(versions, later) || live["after"].Count != 1 {
		t.Errorf("live after the rollback: rows of %v, want %v; the new entity is %+v", versions, later, live["after"])
	}
	back := w.Replay("back", `{"rebuild":true,"promote":true}`)
	if back.Status != replay.Succeeded || !back.Promoted || !back.Proof.Complete {
		t.Fatalf("rebuild after the rollback: %+v, failure %+v", back, back.Failure)
	}
	rows := w.Rows("", deployed.Lanes)
	if versions := versionsOf(rows); !slices.Equal(versions, earlier) {
		t.Errorf("rebuilt after the rollback: rows of %v, want %v", versions, earlier)
	}
	datasets.Same(t, "rebuilt after the rollback", rows, live)
}

// versionsOf are the versions of projections that rows were made by.
func versionsOf(rows map[string]entities.View) []string {
	var all []string
	for _, row := range rows {
		all = append(all, row.Version)
	}
	slices.Sort(all)
	return slices.Compact(all)
}
