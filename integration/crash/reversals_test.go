package crash

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/past"
	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/local/localtest"
)

// reversed is an entity whose last event is reversed.
type reversed struct {
	entity string
	last   event.Position
	// without is the state before that event.
	without string
}

// reversible are n entities with more than one event.
func reversible(t *testing.T, p *process.Process, n int) []reversed {
	t.Helper()
	client := &localtest.Client{T: t, URL: p.URL}
	var all []reversed
	rows := exported(t, p)
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		if row.Count < 2 || len(all) == n {
			continue
		}
		at := localtest.Until(client, "/past/"+web.EncodeEntity(name)+"/state?at="+string(row.Position),
			func(past.StateAt) bool { return true })
		all = append(all, reversed{name, row.Position, string(at.Before)})
	}
	return all
}

// reverse asks for a reversal, and returns the status of the answer, 0 without one.
func (r *reversed) reverse(url string) int {
	return statusOf(url+"/entities/"+web.EncodeEntity(r.entity)+"/reverse", "application/json",
		fmt.Appendf(nil, `{"event":%q,"reason":"a test"}`, r.last))
}

// An event whose reversal is asked for until there is an answer is reversed once, however
// often the platform is killed meanwhile, and stays so in a rebuild.
func TestKilledWhileEventsAreReversed(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	d := datasets.Litestream(t)
	binary, dir := process.Binary(t), t.TempDir()
	p := process.Launch(t, binary, dir)
	if !post(p.URL, d.Lines[:500]) {
		t.Fatal("a batch was not accepted")
	}
	settle(t, p)
	all := reversible(t, p, 5*kills(t))
	for i := range all {
		one := &all[i]
		for deadline := time.Now().Add(time.Minute); ; {
			doomed := rng.IntN(5) == 0
			if doomed {
				time.AfterFunc(time.Duration(rng.IntN(6000))*time.Microsecond, p.Kill)
			}
			status := one.reverse(p.URL)
			if doomed {
				p.Kill()
				p = process.Launch(t, binary, dir)
			}
			if status == http.StatusOK || status == http.StatusAccepted || status == http.StatusConflict {
				break
			}
			if status != 0 && status != http.StatusServiceUnavailable || time.Now().After(deadline) {
				t.Fatalf("the reversal of %s at %s was answered with %d", one.entity, one.last, status)
			}
		}
	}
	p.Kill()
	p = process.Launch(t, binary, dir)
	settle(t, p)
	wantReversed(t, "after kills", exported(t, p), all)
	if _, err := p.Reprise("replay", "start", "--rebuild", "--promote", "--wait"); err != nil {
		t.Fatal(err)
	}
	wantReversed(t, "rebuilt", exported(t, p), all)
	p.Terminate()
}

// wantReversed checks that each entity is as it was before its last event. If that had been
// reversed twice, it would be as it was after it.
func wantReversed(t *testing.T, when string, rows map[string]entities.View, all []reversed) {
	t.Helper()
	for _, one := range all {
		if row := rows[one.entity]; string(row.State) != one.without {
			t.Errorf("%s: %s has the state %s, want %s", when, one.entity, row.State, one.without)
		}
	}
}
