package deploys

import (
	"testing"

	"reprise/integration/datasets"
	"reprise/integration/deployed"
	"reprise/integration/programs"
	"reprise/pkg/api"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
)

// TestChangedCodeOfOneVersionIsNoticedAfterADeploy: keep-consumers finds it, and a
// rebuild with the deployed code counts every entity.
func TestChangedCodeOfOneVersionIsNoticedAfterADeploy(t *testing.T) {
	t.Parallel()
	w := deployed.New(t)
	changed := deployed.Build(t, programs.Edit{
		File: "pkg/domain/samples/repofiles.go",
		Old:  "Changes: state.Changes + 1}",
		New:  "Changes: state.Changes + 2}",
	})
	lines := datasets.Litestream(t).Lines[:300]
	w.SendLog(datasets.Log{Lines: lines})
	files := int64(len(w.SettleRows(int64(len(lines)))))
	before := localtest.Until(w, "/status", func(v api.StatusView) bool { return v.Code != nil })
	if before.Code.Differing != 0 {
		t.Errorf("before the deploy: %+v", before.Code)
	}

	w.DeployCode(changed)
	after := localtest.Until(w, "/status", func(v api.StatusView) bool { return v.Code.Build != before.Code.Build })
	if c := after.Code; c.Differing == 0 || c.Differing != c.Compared || c.Compared > 64 || c.Generation != after.Active ||
		c.Version != before.Code.Version {
		t.Errorf("after the deploy: %+v", c)
	}
	got := w.Replay("changed", `{"rebuild":true,"promote":true}`)
	if got.Status != replay.Succeeded || got.Proof == nil || got.Proof.SameVersion == nil {
		t.Fatalf("rebuild: %+v, failure %+v", got, got.Failure)
	}
	if c := got.Proof.SameVersion; c.Compared != files || c.Differing != files || c.Generation != after.Active {
		t.Errorf("the proof of %d files shows %+v", files, c)
	}
	promoted := localtest.Until(w, "/status", func(v api.StatusView) bool {
		return v.Active == got.Generation && v.Code != nil
	})
	if c := promoted.Code; c.Differing != 0 || c.Compared == 0 {
		t.Errorf("after the rebuild: %+v", c)
	}
}
