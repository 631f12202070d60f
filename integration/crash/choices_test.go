package crash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/web"
	"reprise/pkg/cli/demo"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// twoLogs are two real logs, with names for the files of the second that the first has not,
// and sources. The second is the long one if the platform is to be killed often.
func twoLogs(t *testing.T) (first, second datasets.Log, truth demo.Truth) {
	t.Helper()
	first, second = datasets.Litestream(t), datasets.Litestream(t)
	if kills(t) >= 12 {
		second = datasets.Karpenter(t)
	}
	truth = make(demo.Truth)
	for path, lines := range first.Truth {
		truth[path] = lines
	}
	for path, lines := range second.Truth {
		truth["second/"+path] = lines
	}
	for i, line := range second.Lines {
		line = bytes.Replace(line, []byte(`"subject":"`), []byte(`"subject":"second/`), 1)
		second.Lines[i] = bytes.Replace(line, []byte(`"source":"`), []byte(`"source":"second/`), 1)
	}
	return first, second, truth
}

// chosen is a platform whose generations are chosen while events arrive and it is killed.
type chosen struct {
	t           *testing.T
	binary, dir string
	rng         *rand.Rand
	asking      sync.WaitGroup // commands that were begun before a kill

	mu sync.Mutex
	*process.Process
	down bool // on purpose, at present or a moment ago
}

func (c *chosen) kill() {
	c.mu.Lock()
	c.down = true
	p := c.Process
	c.mu.Unlock()
	p.Kill()
}

func (c *chosen) restart() {
	c.t.Helper()
	c.kill()
	p := process.Launch(c.t, c.binary, c.dir)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Process, c.down = p, false
}

func (c *chosen) at() (url string, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.URL, c.down
}

// breather is how long the platform has the processors for itself between two reads, and
// between two batches.
const breather = 10 * time.Millisecond

// sends sends lines, each batch again until it was acknowledged, and everything again and
// again while there is time for it: more slowly, since each verification folds all of it.
func (c *chosen) sends(lines []json.RawMessage, over <-chan struct{}) {
	const size = 200
	pause := breather
	for round := 0; ; round++ {
		if round > 0 {
			pause = 10 * breather
		}
		for i := 0; i < len(lines); i += size {
			for batch := lines[i:min(i+size, len(lines))]; ; {
				url, down := c.at()
				sent := !down && post(url, batch)
				<-time.After(pause)
				if sent {
					break
				}
			}
			select {
			case <-over:
				if round > 0 {
					return
				}
			default:
			}
		}
	}
}

// reads reads an entity, whose count never steps back; and while the platform is not
// killed, no read fails.
func (c *chosen) reads(entity string, over <-chan struct{}) {
	seen := int64(0)
	for {
		select {
		case <-over:
			return
		case <-time.After(breather):
		}
		url, down := c.at()
		view, err := read(url, entity)
		now, downNow := c.at()
		switch {
		case err != nil && (down || downNow || now != url):
		case err != nil:
			c.t.Errorf("read: %v", err)
		case view.Count < seen:
			c.t.Errorf("the count of %s went from %d back to %d", entity, seen, view.Count)
		default:
			seen = view.Count
		}
	}
}

func read(url, entity string) (view entities.View, err error) {
	client := &http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url + "/entities/" + web.EncodeEntity(entity))
	if err != nil {
		return view, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return view, err
	case resp.StatusCode != http.StatusOK:
		return view, fmt.Errorf("%d %s", resp.StatusCode, body)
	}
	return view, json.Unmarshal(body, &view)
}

func (c *chosen) active() string {
	c.t.Helper()
	all := localtest.Until(&localtest.Client{T: c.t, URL: c.URL}, "/generations",
		func(v api.GenerationsView) bool { return v.Active != "" })
	return all.Active
}

// becomes runs a command that makes a generation active, kills the platform meanwhile, and
// runs it again until the generation is active.
func (c *chosen) becomes(generation string, command ...string) {
	c.t.Helper()
	// It may not come to an answer, and asks the platform that is gone for some seconds more.
	first := c.Process
	c.asking.Go(func() { _, _ = first.Reprise(command...) })
	<-time.After(time.Duration(c.rng.IntN(80)) * time.Millisecond)
	c.restart()
	for deadline := time.Now().Add(time.Minute); c.active() != generation; {
		_, err := c.Reprise(command...)
		if err != nil && c.active() != generation && time.Now().After(deadline) {
			c.t.Fatalf("generation %s does not become active: %v", generation, err)
		}
	}
}

// isWhole verifies a generation while events arrive.
func (c *chosen) isWhole(generation string) {
	c.t.Helper()
	if _, err := c.Reprise("verify", "start", "--full", "--wait", "--generation", generation); err != nil {
		c.t.Errorf("generation %s: %v", generation, err)
	}
}

// One log is rebuilt while the other is taken in. The rebuild is approved, rolled back and
// promoted again, and the platform is killed at each of these steps. At every step both
// generations are the fold of the log at their rows' positions, reads neither fail nor step
// back, and in the end nothing that was accepted is missing.
func TestKilledWhilePeopleChoose(t *testing.T) {
	t.Parallel()
	first, second, truth := twoLogs(t)
	c := &chosen{t: t, binary: process.Binary(t), dir: t.TempDir(), rng: seeded(t)}
	c.Process = process.Launch(t, c.binary, c.dir)
	for i := 0; i < len(first.Lines); i += 500 {
		if !post(c.URL, first.Lines[i:min(i+500, len(first.Lines))]) {
			t.Fatal("a batch was not accepted")
		}
	}
	settle(t, c.Process)
	over := make(chan struct{})
	var traffic sync.WaitGroup
	traffic.Go(func() { c.sends(second.Lines, over) })
	traffic.Go(func() { c.reads("README.md", over) })
	end := sync.OnceFunc(func() { close(over); traffic.Wait(); c.asking.Wait() })
	defer end()

	for round := range max(1, kills(t)/6) {
		id, before := fmt.Sprintf("asked-%d", round), c.active()
		if _, err := c.Reprise("replay", "start", "--rebuild", "--promote=ask", "--name", id); err != nil {
			t.Fatal(err)
		}
		timer := time.NewTimer(time.Duration(c.rng.IntN(200)) * time.Millisecond)
		<-timer.C
		c.restart()
		asks := localtest.Until(&localtest.Client{T: t, URL: c.URL}, "/replays/"+id, func(v lifecycle.View) bool {
			return v.Status == replay.ShownAsking || v.Status.Ended()
		})
		if asks.Status != replay.ShownAsking || asks.Comparison == nil {
			t.Fatalf("%s: %s, %+v, %+v", id, asks.Status, asks.Failure, asks.Comparison)
		}
		c.becomes(asks.Generation, "generation", "promote", asks.Generation)
		c.isWhole(asks.Generation)
		c.becomes(before, "generation", "promote", before)
		c.isWhole(before)
		c.becomes(asks.Generation, "generation", "promote", asks.Generation)
		c.isWhole(asks.Generation)
	}
	end()
	settle(t, c.Process)
	datasets.Log{Truth: truth}.Judge(t, "chosen", exported(t, c.Process))
	if _, err := c.Reprise("generation", "rollback"); err != nil {
		t.Fatal(errors.Join(errors.New("back in the end"), err))
	}
	datasets.Log{Truth: truth}.Judge(t, "rolled back", exported(t, c.Process))
	c.Terminate()
}
