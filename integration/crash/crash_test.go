package crash

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/local/localtest"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// kills is how many times a crash test kills the platform; REPRISE_KILLS sets it.
func kills(t *testing.T) int {
	if text := os.Getenv("REPRISE_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 4
}

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	if text := os.Getenv("REPRISE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seed %d (set REPRISE_SEED to repeat its choices)", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// post sends one batch and reports whether it was acknowledged.
func post(url string, batch []json.RawMessage) bool {
	body, err := json.Marshal(batch)
	if err != nil {
		return false
	}
	return statusOf(url+"/events", "application/cloudevents-batch+json", body) == http.StatusAccepted
}

// statusOf posts a body and returns the status of the answer, 0 without one.
func statusOf(url, kind string, body []byte) int {
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Post(url, kind, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}

// exported returns the lines of an export.
func exported(t *testing.T, p *process.Process) map[string]entities.View {
	t.Helper()
	out, err := p.Reprise("state", "export")
	if err != nil {
		t.Fatal(err)
	}
	rows := make(map[string]entities.View)
	for line := range strings.Lines(out) {
		var row entities.View
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows[row.Entity] = row
	}
	return rows
}

// TestKillDuringIngestLosesNothing kills the platform in the middle of sending
// and pumping. Every batch is sent again until it is acknowledged, as a client
// does. The state must then agree with Git, with no event applied twice.
func TestKillDuringIngestLosesNothing(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	d := datasets.Litestream(t)
	binary, dir := process.Binary(t), t.TempDir()
	p := process.Launch(t, binary, dir)
	const size = 50
	killsLeft := kills(t)
	batches := (len(d.Lines) + size - 1) / size
	for i := 0; i < batches; {
		batch := d.Lines[i*size : min((i+1)*size, len(d.Lines))]
		if killsLeft > 0 && rng.IntN(batches/kills(t)+1) == 0 {
			killsLeft--
			timer := time.AfterFunc(time.Duration(rng.IntN(4000))*time.Microsecond, p.Kill)
			acknowledged := post(p.URL, batch)
			timer.Stop()
			p.Kill()
			p = process.Launch(t, binary, dir)
			if acknowledged {
				i++
			}
			continue
		}
		if post(p.URL, batch) {
			i++
		}
	}
	p.Kill() // whatever is still on its way into the log and the Data Store
	p = process.Launch(t, binary, dir)
	settle(t, p)
	d.Judge(t, "after kills", exported(t, p))
	p.Terminate()
}

// settle waits until no consumer has anything left to do.
func settle(t *testing.T, p *process.Process) {
	t.Helper()
	client := &localtest.Client{T: t, URL: p.URL, Every: 20 * time.Millisecond}
	localtest.Until(client, "/status", func(v api.StatusView) bool {
		behind := int64(0)
		for _, c := range v.Consumers {
			behind += *c.BehindRecords
		}
		return behind == 0
	})
}

// TestKillDuringReplayEndsByItself kills the platform again and again during a
// rebuild. The execution continues by itself after every restart and ends with a
// complete proof and the state of the live path.
func TestKillDuringReplayEndsByItself(t *testing.T) {
	t.Parallel()
	rng := seeded(t)
	d := datasets.Litestream(t)
	binary, dir := process.Binary(t), t.TempDir()
	p := process.Launch(t, binary, dir)
	for i := 0; i < len(d.Lines); i += 500 {
		if !post(p.URL, d.Lines[i:min(i+500, len(d.Lines))]) {
			t.Fatal("a batch was not accepted")
		}
	}
	settle(t, p)
	live := exported(t, p)
	d.Judge(t, "live", live)

	for round := range kills(t) {
		name := "crash-" + strconv.Itoa(round)
		if _, err := p.Reprise("replay", "start", "--rebuild", "--promote", "--name", name); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			// Kill shortly after the rebuild's start or the last restart.
			timer := time.NewTimer(time.Duration(rng.IntN(250)) * time.Millisecond)
			<-timer.C
			p.Kill()
			p = process.Launch(t, binary, dir)
		}
		out, err := p.Reprise("replay", "watch", name, "--json")
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		var view lifecycle.View
		lines := strings.Split(strings.TrimSpace(out), "\n") // progress, and at last the replay
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &view); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if view.Status != replay.Succeeded || !view.Promoted || view.Proof == nil || !view.Proof.Complete {
			t.Errorf("round %d: %s", round, out)
		}
		datasets.Same(t, "round "+strconv.Itoa(round), exported(t, p), live)
	}
}
