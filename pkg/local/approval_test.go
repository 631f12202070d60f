package local_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/generations"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// summing sums up events, each as much as it says, under a version.
func summing(version, each int) []projection.Projection {
	type state struct {
		Sum    int `json:"sum"`
		Events int `json:"events"`
	}
	return []projection.Projection{projection.New("summer", version, []string{"file.changed"},
		func(s state, _ *event.Event) (state, error) { return state{s.Sum + each, s.Events + 1}, nil })}
}

// startAsking starts a rebuild that asks, and waits until it does.
func startAsking(p *localtest.Platform, name string) lifecycle.View {
	p.T.Helper()
	status, body := p.Call(http.MethodPost, "/replays", "application/json",
		[]byte(`{"name":"`+name+`","input":{"rebuild":true,"promote":"ask"}}`))
	if status != http.StatusCreated {
		p.T.Fatalf("start: %d %s", status, body)
	}
	return untilAsking(p, name)
}

func untilAsking(p *localtest.Platform, name string) lifecycle.View {
	p.T.Helper()
	return localtest.Until(p, "/replays/"+name, func(v lifecycle.View) bool { return v.Status == replay.ShownAsking })
}

func active(p *localtest.Platform) string {
	p.T.Helper()
	return localtest.Until(p, "/generations", func(api.GenerationsView) bool { return true }).Active
}

// inStep waits until a generation has taken in all that the log has.
func inStep(p *localtest.Platform, id string, events int64) {
	p.T.Helper()
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool {
		for _, g := range v.Generations {
			if g.ID == id && g.Detail.Events != nil && *g.Detail.Events == events {
				return true
			}
		}
		return false
	})
}

// A rebuild with mended code asks before its promotion, says what would change, waits over
// a restart while its generation is kept in step, and is promoted once somebody approves.
func TestAMendedProjectionIsPromotedByApproval(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	options := local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: summing(1, 1)}
	p := localtest.Start(t, options)
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	p.Stop()
	options.Projections = summing(2, 2)
	p = localtest.Start(t, options)
	asked := startAsking(p, "mend")
	diff := asked.Comparison
	if diff == nil || asked.Asked == nil || diff.Old != "g0001" || diff.New != asked.Generation ||
		diff.Compared != 6 || diff.Differing != 6 || diff.Kinds[rowdiff.State] != 6 || !diff.Complete {
		t.Fatalf("%+v: %+v", asked, diff)
	}
	if len(diff.Fields) != 1 || diff.Fields[0] != (rowdiff.Field{Path: "/sum", Entities: 6}) ||
		diff.Samples[0].Changes[0].Old != "10" || diff.Samples[0].Changes[0].New != "20" {
		t.Errorf("%+v, %+v", diff.Fields, diff.Samples)
	}
	// The output of the step that waits has the comparison.
	localtest.Until(p, "/replays/mend/execution", func(shown json.RawMessage) bool {
		return strings.Contains(string(shown), `\"path\":\"/sum\"`) &&
			strings.Contains(string(shown), "asks whether generation")
	})
	p.Stop()
	p = localtest.Start(t, options)
	untilAsking(p, "mend")
	p.Send("/events", changes(60, 120, 6))
	inStep(p, asked.Generation, 120)
	if active(p) != "g0001" {
		t.Error("it became active before somebody approved")
	}
	approved := asks[generations.Approved](p, asked.Generation+"/promote", `{"instead":"g0001"}`, http.StatusAccepted)
	if approved.Replay != "mend" || approved.Generation != asked.Generation {
		t.Errorf("%+v", approved)
	}
	end := localtest.Until(p, "/replays/mend", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || !end.Promoted || end.Approved == nil || end.Comparison == nil {
		t.Errorf("%+v", end)
	}
	isRefused(p, asked.Generation+"/promote", `{}`, 409, "generation-active")
	isRefused(p, asked.Generation+"/rollback", `{}`, 409, "other-version") // nothing here keeps g0001 in step
	folded(p, "after", asked.Generation)
}

// A replay that asks is declined by its cancellation, or by dropping its generation; a
// pause meanwhile changes nothing.
func TestAPromotionIsDeclined(t *testing.T) {
	t.Parallel()
	for name, decline := range map[string]func(p *localtest.Platform, generation string){
		"by cancelling the replay": func(p *localtest.Platform, _ string) {
			steer(t, p, "cancel", http.StatusOK)
		},
		"by dropping the generation": func(p *localtest.Platform, generation string) {
			asks[generations.Dropped](p, generation+"/drop", `{}`, http.StatusOK)
		},
		"after a pause": func(p *localtest.Platform, _ string) {
			steer(t, p, "pause", http.StatusOK)
			steer(t, p, "resume", http.StatusOK)
			untilAsking(p, "r")
			steer(t, p, "cancel", http.StatusOK)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1})
			p.Send("/events", changes(0, 40, 4))
			p.Settle(40)
			generation := startAsking(p, "r").Generation
			decline(p, generation)
			end := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
			if end.Status != replay.Cancelled || active(p) != "g0001" {
				t.Errorf("%s; %s is active", end.Status, active(p))
			}
			status, body := p.Call(http.MethodPost, "/generations/"+generation+"/promote", "application/json", []byte("{}"))
			if status != http.StatusConflict && status != http.StatusNotFound {
				t.Errorf("a promotion afterwards: %d %s", status, body)
			}
		})
	}
}

// What is asked of a replay that asks, or asks no more, has a defined outcome.
func TestApprovalsAtTheirLimits(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1})
	p.Send("/events", changes(0, 40, 4))
	p.Settle(40)
	generation := startAsking(p, "r").Generation
	isRefused(p, generation+"/promote", `{"instead":"g0009"}`, 409, "generation-not-active")
	isRefused(p, "g0001/promote", `{}`, 409, "generation-active")
	// Approved while it is paused, it goes on once it is resumed.
	steer(t, p, "pause", http.StatusOK)
	for range 2 {
		asks[generations.Approved](p, generation+"/promote", `{}`, http.StatusAccepted)
	}
	if view := localtest.Until(p, "/replays/r", func(lifecycle.View) bool { return true }); view.Status.Ended() {
		t.Errorf("a paused replay went on: %+v", view)
	}
	steer(t, p, "resume", http.StatusOK)
	end := localtest.Until(p, "/replays/r", func(v lifecycle.View) bool { return v.Status.Ended() })
	if end.Status != replay.Succeeded || active(p) != generation {
		t.Errorf("%+v", end)
	}
	asks[generations.Promoted](p, generation+"/rollback", `{}`, http.StatusOK)
	if active(p) != "g0001" {
		t.Errorf("%s is active", active(p))
	}
}

// Generations are compared on request, and what cannot be compared is refused.
func TestGenerationsAreCompared(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1})
	p.Send("/events", changes(0, 40, 4))
	p.Settle(40)
	generation := p.Replay("built", `{"rebuild":true}`).Generation
	diff := localtest.Until(p, "/generations/"+generation+"/diff", func(rowdiff.Report) bool { return true })
	if diff.Compared != 4 || diff.Differing != 0 || !diff.Complete || diff.Old != "g0001" || diff.New != generation {
		t.Errorf("%+v", diff)
	}
	for _, c := range []struct {
		query  string
		status int
		kind   string
	}{
		{"g9999/diff", 404, "generation-not-found"},
		{"g0001/diff", 409, "same-generation"},
		{generation + "/diff?with=g9999", 404, "generation-not-found"},
		{generation + "/diff?with=" + generation, 409, "same-generation"},
		{generation + "/diff?entities=0", 400, "invalid-parameter"},
		{generation + "/diff?all=1", 400, "invalid-parameter"},
	} {
		status, body := p.Call(http.MethodGet, "/generations/"+c.query, "", nil)
		if status != c.status || !strings.Contains(string(body), "urn:reprise:problem:"+c.kind) {
			t.Errorf("%s: %d %s", c.query, status, body)
		}
	}
}
