package local_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/generations"
	"reprise/pkg/api/verifications"
	"reprise/pkg/api/web"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/verify"
)

// asks posts to a route of a generation, whose answer must have a status.
func asks[T any](p *localtest.Platform, path, body string, want int) T {
	p.T.Helper()
	status, answer := p.Call(http.MethodPost, "/generations/"+path, "application/json", []byte(body))
	var value T
	if err := json.Unmarshal(answer, &value); err != nil || status != want {
		p.T.Fatalf("POST /generations/%s %s: %d %s, want %d", path, body, status, answer, want)
	}
	return value
}

// isRefused posts to a route of a generation, which must answer with a problem.
func isRefused(p *localtest.Platform, path, body string, status int, kind string) {
	p.T.Helper()
	if problem := asks[web.Problem](p, path, body, status); problem.Kind() != kind {
		p.T.Errorf("POST /generations/%s: %s, want %s", path, problem.Kind(), kind)
	}
}

// folded fails the test unless a generation equals the fold of the log at the positions of
// its rows.
func folded(p *localtest.Platform, name, generation string) {
	p.T.Helper()
	status, body := p.Call(http.MethodPost, "/verifications", "application/json",
		[]byte(`{"name":"`+name+`","input":{"generation":"`+generation+`"}}`))
	if status != http.StatusCreated {
		p.T.Fatalf("%d %s", status, body)
	}
	view := localtest.Until(p, "/verifications/"+name, func(v verifications.View) bool { return v.Status.Ended() })
	if view.Status != verify.Clean {
		p.T.Errorf("generation %s: %s: %+v %+v", generation, view.Status, view.Report, view.Failure)
	}
}

// traffic sends events until stop is called, which returns how many were accepted, and
// reads an entity, whose count may never step back.
type traffic struct {
	platform *localtest.Platform
	done     chan struct{}
	group    sync.WaitGroup
	sent     int
}

const trafficEntities = 5

func begin(p *localtest.Platform, from int) *traffic {
	t := &traffic{platform: p, done: make(chan struct{}), sent: from}
	t.group.Go(func() {
		for t.goesOn() {
			p.Send("/events", changes(t.sent, t.sent+20, trafficEntities))
			t.sent += 20
		}
	})
	t.group.Go(func() {
		seen := int64(0)
		for t.goesOn() {
			status, body := p.Call(http.MethodGet, "/entities/"+web.EncodeEntity("file-0"), "", nil)
			var view entities.View
			if status != http.StatusOK || json.Unmarshal(body, &view) != nil || view.Count < seen {
				p.T.Errorf("a read: %d %s, after a count of %d", status, body, seen)
			}
			seen = view.Count
		}
	})
	return t
}

func (t *traffic) goesOn() bool {
	select {
	case <-t.done:
		return false
	default:
		return true
	}
}

func (t *traffic) stop() (sent int) {
	close(t.done)
	t.group.Wait()
	return t.sent
}

// A generation is promoted, rolled back and promoted again while live traffic goes on: at
// every step each generation equals the fold of the log at its rows' positions, reads
// never step back, and nothing accepted is missing.
func TestPromotedRolledBackAndPromotedAgainWithLiveTraffic(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 2})
	p.Send("/events", changes(0, 200, trafficEntities))
	p.Settle(200)
	live := begin(p, 200)
	view := p.Replay("built", `{"rebuild":true}`)
	if view.Status != replay.Succeeded || view.Promoted {
		t.Fatalf("%+v", view)
	}
	first, second := "g0001", view.Generation
	for i, step := range []struct{ path, body, active, previous string }{
		{second + "/promote", `{"instead":"` + first + `"}`, second, first},
		{second + "/rollback", `{}`, first, second},
		{second + "/promote", `{}`, second, first},
	} {
		got := asks[generations.Promoted](p, step.path, step.body, http.StatusOK)
		if got.Active != step.active || got.Previous != step.previous || got.HeldMillis < 0 {
			t.Errorf("%s: %+v", step.path, got)
		}
		for _, generation := range []string{first, second} {
			folded(p, fmt.Sprintf("v%d-%s", i, generation), generation)
		}
	}
	sent := live.stop()
	p.Settle(int64(sent))
	localtest.Until(p, "/generations", func(v api.GenerationsView) bool {
		for _, g := range v.Generations {
			if g.Detail.Behind == nil || *g.Detail.Behind > 0 || g.Detail.Events == nil || *g.Detail.Events != int64(sent) {
				return false
			}
		}
		return len(v.Generations) == 2
	})
	old, now := p.Rows(first, 4), p.Rows(second, 4)
	for entity, row := range now {
		if string(old[entity].State) != string(row.State) || old[entity].Count != row.Count {
			t.Errorf("%s is %s in %s and %s in %s", entity, old[entity].State, first, row.State, second)
		}
	}
}

// Requests that cannot be carried out are answered with a problem that says why, and
// change nothing.
func TestChangesOfGenerationsThatAreRefused(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1})
	p.Send("/events", changes(0, 40, 4))
	p.Settle(40)
	isRefused(p, "g0001/rollback", `{}`, 409, "no-previous-generation")
	view := p.Replay("built", `{"rebuild":true}`)
	second := view.Generation
	for _, c := range []struct {
		path, body string
		status     int
		kind       string
	}{
		{"g9999/promote", `{}`, 404, "generation-not-found"},
		{"%20/promote", `{}`, 404, "generation-not-found"},
		{"g9999/rollback", `{}`, 404, "generation-not-found"},
		{"g9999/drop", `{}`, 404, "generation-not-found"},
		{"g0001/promote", `{}`, 409, "generation-active"},
		{"g0001/drop", `{}`, 409, "generation-active"},
		{second + "/promote", `{"instead":"g0007"}`, 409, "generation-not-active"},
		{second + "/rollback", `{}`, 409, "generation-not-active"},
		{second + "/promote", `{"instead":7}`, 400, "malformed-body"},
		{second + "/promote", `{"force":true}`, 400, "malformed-body"},
		{second + "/promote", `[]`, 400, "malformed-body"},
		{second + "/drop", `{"yes":true}`, 400, "malformed-body"},
	} {
		isRefused(p, c.path, c.body, c.status, c.kind)
	}
	asks[generations.Promoted](p, second+"/promote", `{}`, http.StatusOK)
	isRefused(p, second+"/promote", `{}`, 409, "generation-active")
	asks[generations.Promoted](p, second+"/rollback", `{}`, http.StatusOK)
	isRefused(p, second+"/rollback", `{}`, 409, "generation-not-active") // asked twice, it goes back once
	asks[generations.Dropped](p, second+"/drop", `{}`, http.StatusOK)
	isRefused(p, second+"/drop", `{}`, 404, "generation-not-found")
	isRefused(p, second+"/promote", `{}`, 404, "generation-not-found")
	isRefused(p, "g0001/rollback", `{}`, 409, "no-previous-generation")
	if rows := p.Rows("", 4); len(rows) != 4 {
		t.Errorf("%d rows", len(rows))
	}
}

// Of many people who promote and roll back at the same time, each is answered, and the
// registry is what the successful ones made of it.
func TestManyPromoteAndRollBackAtOnce(t *testing.T) {
	t.Parallel()
	p := localtest.Start(t, local.Options{Dir: t.TempDir(), Lanes: 4, Shards: 1})
	p.Send("/events", changes(0, 40, 4))
	p.Settle(40)
	second := p.Replay("built", `{"rebuild":true}`).Generation
	paths := []string{second + "/promote", second + "/rollback", "g0001/promote", "g0001/rollback"}
	var group sync.WaitGroup
	var mu sync.Mutex
	flips := 0
	for n := range 24 {
		group.Go(func() {
			path := paths[n%len(paths)]
			status, body := p.Call(http.MethodPost, "/generations/"+path, "application/json", []byte("{}"))
			mu.Lock()
			defer mu.Unlock()
			switch status {
			case http.StatusOK:
				flips++
			case http.StatusConflict:
			default:
				t.Errorf("%s: %d %s", path, status, body)
			}
		})
	}
	group.Wait()
	view := localtest.Until(p, "/generations", func(api.GenerationsView) bool { return true })
	want := map[bool]string{true: "g0001", false: second}[flips%2 == 0]
	if view.Active != want || len(view.Generations) != 2 {
		t.Errorf("after %d flips %s is active", flips, view.Active)
	}
	folded(p, "first", "g0001")
	folded(p, "second", second)
}
