package runbooks

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/integration/datasets"
	"reprise/integration/process"
	"reprise/pkg/api"
	"reprise/pkg/api/entities"
)

// run runs a client command, which must succeed.
func run(t *testing.T, p *process.Process, args ...string) string {
	t.Helper()
	out, err := p.Reprise(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// answer runs a command with --json and decodes what it prints.
func answer[View any](t *testing.T, p *process.Process, args ...string) (view View) {
	t.Helper()
	out := run(t, p, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &view); err != nil {
		t.Fatalf("decode answer of %v: %v\n%s", args, err, out)
	}
	return view
}

// send sends events as a file, and does not wait until they are applied.
func send(t *testing.T, p *process.Process, lines []json.RawMessage) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "events.jsonl")
	var text strings.Builder
	for _, line := range lines {
		text.Write(line)
		text.WriteByte('\n')
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, p, "send", name)
}

// settle waits until the log has that many events and the active generation has them.
// A generation of another program stands still.
func settle(t *testing.T, p *process.Process, events int64) api.StatusView {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		view := answer[api.StatusView](t, p, "status")
		behind := int64(0)
		for _, c := range view.Consumers {
			if c.Name == "pump" || c.Name == "write#"+view.Active {
				behind += *c.BehindRecords
			}
		}
		if behind == 0 && view.Log.Events >= events {
			return view
		}
		if time.Now().After(deadline) {
			t.Fatalf("the platform does not settle: %+v", view)
		}
		<-tick.C
	}
}

// rows are the entities of the active generation.
func rows(t *testing.T, p *process.Process) map[string]entities.View {
	t.Helper()
	all := make(map[string]entities.View)
	for _, line := range datasets.ReadLines(t, strings.NewReader(run(t, p, "state", "export"))) {
		var row entities.View
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		all[row.Entity] = row
	}
	return all
}

// replace makes dir a copy of another directory.
func replace(t *testing.T, dir, from string) {
	t.Helper()
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.CopyFS(dir, os.DirFS(from))
	}
	if err != nil {
		t.Fatal(err)
	}
}
