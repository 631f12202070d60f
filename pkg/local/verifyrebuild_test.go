package local_test

import (
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/verify"
)

// A verification of depth rebuild builds a throwaway, verifies both, and leaves nothing
// behind.
func TestAVerificationOfDepthRebuild(t *testing.T) {
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1, Projections: adding(1)})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	view := verified(p, "deep", `{"depth":"rebuild"}`)
	if view.Status != verify.Clean || view.Report.Rows != 6 || view.Report.RebuiltRows != 6 || view.Report.Events != 60 {
		t.Fatalf("%s: %+v %+v", view.Status, view.Report, view.Failure)
	}
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool {
		return len(v.Generations) == 1 && v.Active == "g0001"
	})
}
