package cli

import (
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/event"
	"reprise/pkg/projection/codecheck"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

func differing() codecheck.Comparison {
	return codecheck.Comparison{Generation: "g0001", Compared: 2000, Differing: 651,
		Projections: []codecheck.Differing{{Projection: "prize", Entities: 651, Lanes: []event.Lane{0, 3}}}}
}

const differs = "651 of 2,000 entities differ from generation g0001 (prize: 651 in lanes 0 3): " +
	"the code of the projections was changed and their version was not\n"

func TestAReplayShowsStatesThatDiffer(t *testing.T) {
	t.Parallel()
	view := lifecycle.View{ID: "r1", Status: replay.Succeeded, Phase: replay.Succeeded, Created: seenAt,
		Proof: &replay.Proof{Complete: true}}
	different, agreeing := differing(), codecheck.Comparison{Generation: "g0001", Compared: 2000, Partial: true}
	for want, c := range map[string]*codecheck.Comparison{
		differs: &different,
		"of 2,000 entities compared with generation g0001, none differs (not all were looked at)\n": &agreeing,
	} {
		view.Proof.SameVersion = c
		out := answering(t, seenAt, http.StatusOK, view).fine("", "replay", "get", "r1")
		if !strings.Contains(out, "\nstates ") || !strings.Contains(out, " "+want) {
			t.Errorf("replay get lacks %q:\n%s", want, out)
		}
	}
	view.Proof.SameVersion = nil
	if out := answering(t, seenAt, http.StatusOK, view).fine("", "replay", "get", "r1"); strings.Contains(out, "states") {
		t.Errorf("replay get of an earlier release's proof:\n%s", out)
	}
}

func TestStatusShowsStatesThatDiffer(t *testing.T) {
	t.Parallel()
	view := api.StatusView{Active: "g0001", Code: &codecheck.Report{Comparison: differing(), Version: "prize@1"}}
	got := answering(t, seenAt, http.StatusOK, view).run("", "status")
	if !strings.Contains(got.stdout, " "+differs) || !strings.Contains(got.stderr, "hint: raise the version") {
		t.Errorf("status: %+v", got)
	}
	shown := decode[api.StatusView](t, answering(t, seenAt, http.StatusOK, view).fine("", "status", "--json"))
	if shown.Code == nil || shown.Code.Differing != 651 || shown.Code.Version != "prize@1" {
		t.Errorf("status --json: %+v", shown.Code)
	}
	view.Code = nil
	got = answering(t, seenAt, http.StatusOK, view).run("", "status")
	if strings.Contains(got.stdout, "states") || strings.Contains(got.stderr, "hint") {
		t.Errorf("status without a check: %+v", got)
	}
}
