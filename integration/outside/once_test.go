package outside

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"reprise/pkg/gateway/standin"
	"reprise/pkg/gateway/standin/standintest"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// Systems fail, break connections, answer late, twice or not at all; the platform is
// restarted; events come again; and a rebuild runs and is promoted meanwhile: the books say
// that each update was performed once, an account's in order, and none by a replay.
func TestEachUpdateHappensOnceInEffect(t *testing.T) {
	t.Parallel()
	const accounts = 30
	r, server, dir := random(t), standintest.Start(t), t.TempDir()
	server.Direct(func(_, _ string, received int) standin.Mood {
		if received > 0 {
			return standin.Mood{}
		}
		switch r.IntN(20) {
		case 0:
			return standin.Mood{Status: http.StatusServiceUnavailable}
		case 1:
			return standin.Mood{Drop: true}
		case 2:
			return standin.Mood{Twice: true}
		case 3:
			return standin.Mood{Silent: true}
		case 4:
			return standin.Mood{Late: callLimit / 10}
		}
		return standin.Mood{}
	})
	p := localtest.Start(t, options(t, dir, server))
	for at := range steps {
		p.Send("/events", batch(at, accounts))
		p.Send("/events", batch(at, accounts/2)) // again
		switch at {
		case 3, 5:
			p.Stop()
			p = localtest.Start(t, options(t, dir, server))
		case 4:
			startReplay(p, "meanwhile")
			steer(p, "pause") // over a restart
		}
	}
	localtest.Until(p, "/replays/meanwhile", func(v lifecycle.View) bool { return v.Status == replay.ShownPaused })
	steer(p, "resume")
	if got := localtest.Until(p, "/replays/meanwhile", func(v lifecycle.View) bool {
		return v.Status.Ended()
	}); got.Status != replay.Succeeded || !got.Promoted {
		t.Errorf("rebuild meanwhile: %s %+v", got.Status, got.Failure)
	}
	await(t, server, "everything that is owed", complete(t, accounts, len(steps)))
	judge(t, server.Books(), accounts, len(steps))
	want := fmt.Sprintf(`{"owner":"Ada","open":true,"balance":%d,"overdraft":100000}`, lastBalance)
	for entity, row := range p.Rows("", lanes) {
		if string(row.State) != want {
			t.Errorf("%s: %s", entity, row.State)
		}
	}
	replays(t, p, server)
	p.Stop()
	p = localtest.Start(t, options(t, dir, server))
	replays(t, p, server)
}

func startReplay(p *localtest.Platform, name string) {
	p.T.Helper()
	body := []byte(`{"name":"` + name + `","input":{"rebuild":true,"promote":true,"rate":50}}`)
	if status, answer := p.Call(http.MethodPost, "/replays", "application/json", body); status != http.StatusCreated {
		p.T.Fatalf("start replay: %d %s", status, answer)
	}
}

func steer(p *localtest.Platform, what string) {
	p.T.Helper()
	status, answer := p.Call(http.MethodPost, "/replays/meanwhile/"+what, "application/json", nil)
	if status != http.StatusOK {
		p.T.Fatalf("%s: %d %s", what, status, answer)
	}
}

// replays runs a rebuild and a plain replay, which must call nothing.
func replays(t *testing.T, p *localtest.Platform, server *standin.Server) {
	t.Helper()
	quiet(p)
	before := server.Books()
	for _, input := range []string{`{"rebuild":true,"promote":true}`, `{}`} {
		name := fmt.Sprintf("after-%d", time.Now().UnixNano())
		if got := p.Replay(name, input); got.Status != replay.Succeeded {
			t.Errorf("replay %s: %s %+v", input, got.Status, got.Failure)
		}
	}
	unchanged(t, "a replay", before, server.Books())
}
