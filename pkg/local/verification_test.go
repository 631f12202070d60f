package local_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"reprise/pkg/api/verifications"
	"reprise/pkg/event"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/projection"
	"reprise/pkg/verify"
)

// adding counts events, each as much as it says, always under the same version.
func adding(each int) []projection.Projection {
	return []projection.Projection{projection.New("adder", 1, []string{"file.changed"},
		func(sum int, _ *event.Event) (int, error) { return sum + each, nil })}
}

// verified starts a verification and returns it once it has ended.
func verified(p *localtest.Platform, name, input string) verifications.View {
	start := []byte(`{"name":"` + name + `","input":` + input + `}`)
	status, body := p.Call(http.MethodPost, "/verifications", "application/json", start)
	if status != http.StatusCreated {
		p.T.Fatalf("%d %s", status, body)
	}
	return localtest.Until(p, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
}

// On one machine a verification finds nothing in a platform that works, and everything
// once the code of a projection was changed under the same version.
func TestAVerificationOnOneMachine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := localtest.Start(t, local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: adding(1)})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	view := verified(p, "clean", "{}")
	if view.Status != verify.Clean || view.Report.Rows != 6 || view.Report.Events != 60 || view.Report.Lanes != 4 {
		t.Errorf("%s: %+v", view.Status, view.Report)
	}
	p.Stop()
	p = localtest.Start(t, local.Options{Dir: dir, Lanes: 4, Shards: 1, Projections: adding(2)})
	view = verified(p, "drift", `{"full":true}`)
	if view.Status != verify.Drift || view.Report.Drift[verify.State] != 6 || len(view.Report.Drift) != 1 {
		t.Fatalf("%s: %+v", view.Status, view.Report)
	}
	if d := view.Report.Differences[0]; len(d.Fields) != 1 || d.Fields[0].Old != "10" || d.Fields[0].New != "20" {
		t.Errorf("%+v", d)
	}
	var page verifications.DifferencesPage
	status, body := p.Call(http.MethodGet, "/verifications/drift/differences", "", nil)
	if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK || len(page.Differences) != 6 {
		t.Errorf("%d %s", status, body)
	}
	// A rebuild makes the rows what the log folds to.
	p.Replay("mend", `{"rebuild":true,"promote":true}`)
	if view := verified(p, "mended", "{}"); view.Status != verify.Clean || view.Generation == "g0001" {
		t.Errorf("%s of %s: %+v", view.Status, view.Generation, view.Report)
	}
}

// What is wrong with a request is said by name, and nothing is started.
func TestVerificationsThatAreRefused(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1})
	for _, c := range []struct {
		method, path, body string
		status             int
		kind               string
	}{
		{http.MethodPost, "/verifications", `{"name":"a b"}`, 400, "invalid-verification"},
		{http.MethodPost, "/verifications", `{"input":{"depth":"shadow"}}`, 400, "invalid-verification"},
		{http.MethodPost, "/verifications", `{"input":{"depth":"rebuild","full":false}}`, 400, "invalid-verification"},
		{http.MethodPost, "/verifications", `{"input":{"depth":"rebuild","from":"2026-03-01"}}`, 400, "invalid-verification"},
		{http.MethodPost, "/verifications", `{"input":{"generation":"g9"}}`, 409, "generation-unknown"},
		{http.MethodGet, "/verifications/none", "", 404, "verification-not-found"},
		{http.MethodPost, "/verifications/none/cancel", "", 404, "verification-not-found"},
		{http.MethodGet, "/verifications/none/differences", "", 404, "verification-not-found"},
		{http.MethodGet, "/verifications?after=%20", "", 400, "invalid-parameter"},
	} {
		status, body := p.Call(c.method, c.path, "application/json", []byte(c.body))
		var problem struct{ Type string }
		if err := json.Unmarshal(body, &problem); err != nil || status != c.status ||
			problem.Type != "urn:reprise:problem:"+c.kind {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, body)
		}
	}
	status, body := p.Call(http.MethodGet, "/verifications", "", nil)
	if status != http.StatusOK || string(body) != `{"verifications":[]}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
}

// A verification goes on from the one before, at a cost that follows what has changed, and
// every so many verifies everything.
func TestNightsOnOneMachine(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1, VerifyFullEvery: 3,
		Projections: adding(1)})
	p.Send("/events", changes(0, 600, 60))
	p.Settle(600)
	first := verified(p, "first", "{}")
	p.Send("/events", changes(600, 606, 6))
	p.Settle(606)
	second := verified(p, "second", "{}")
	if first.Scope != verifications.Full || second.Scope != verifications.Incremental || second.Base != "first" {
		t.Fatalf("%s, then %s of %s", first.Scope, second.Scope, second.Base)
	}
	if second.Status != verify.Clean || second.Events != 6 || second.Report.Rows != 6 || second.Report.Lanes != 4 {
		t.Errorf("%s of %d events: %+v", second.Status, second.Events, second.Report)
	}
	if c := second.Report.Cost; c == nil || c.ReadUnits <= 0 || c.WriteUnits <= 0 || c.Dollars <= 0 {
		t.Errorf("it costs %+v", c)
	}
	if third, fourth := verified(p, "third", "{}"), verified(p, "fourth", "{}"); third.Base != "second" ||
		third.Report.Rows > 0 || fourth.Scope != verifications.Full || fourth.Report.Rows != 60 {
		t.Errorf("%+v, then %+v", third, fourth)
	}
}

// A budget that is used up ends a verification with a report on how far it came.
func TestABudgetOnOneMachine(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1, Projections: adding(1)})
	p.Send("/events", changes(0, 60, 6))
	p.Settle(60)
	view := verified(p, "poor", `{"budget":{"readUnits":1}}`)
	if view.Status != verify.Failed || view.Failure.Error != "Reprise.BudgetUsedUp" || view.Report.Lanes > 1 ||
		len(view.Report.Unfinished) < 3 { // a lane may have begun before the first look
		t.Errorf("%s: %+v, %+v", view.Status, view.Report, view.Failure)
	}
	view = verified(p, "rich", `{"budget":{"dollars":1}}`)
	if view.Status != verify.Clean || view.Report.Lanes != 4 {
		t.Errorf("%s: %+v, %+v", view.Status, view.Report, view.Failure)
	}
}
