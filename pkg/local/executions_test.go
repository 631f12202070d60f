package local

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/asl/states"
	"reprise/pkg/steps"
)

// The end of another machine's execution is not reported as the end of the replay of
// that name.
func TestAnEndIsReportedWithItsMachine(t *testing.T) {
	t.Parallel()
	var got steps.EndedExecution
	report := onEnd(func(_ context.Context, e events.CloudWatchEvent) error { return json.Unmarshal(e.Detail, &got) })
	for _, machine := range []string{machineARN, machineARN + "-too"} {
		err := report(t.Context(), states.Execution{StateMachineArn: machine, Name: "r", Status: states.StatusAborted})
		if err != nil || got.Machine != machine || got.Name != "r" || got.Status != "ABORTED" {
			t.Errorf("%s: %+v, %v", machine, got, err)
		}
	}
}

// Files of state machines that are removed or broken after the start do not keep a
// new engine from opening, with the machines as they were.
func TestMachineFilesAreReadOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "own.asl.json")
	definition := `{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Succeed"}}}`
	if err := os.WriteFile(path, []byte(definition), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Open(t.Context(), Options{Dir: t.TempDir(), Addr: "127.0.0.1:0", Lanes: 2, Shards: 1, Workflows: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.openEngine(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.engine.Load().Start(t.Context(), "own", "x", json.RawMessage("{}")); err != nil {
		t.Error(err)
	}
}
