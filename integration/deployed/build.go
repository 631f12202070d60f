package deployed

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"reprise/integration/engines"
	"reprise/integration/programs"
	"reprise/integration/template"
)

// place is the region and account that dynalite and kinesalite use.
func place() template.Place { return template.Place{Region: "us-east-1", Account: "000000000000"} }

// Synthesize makes the templates with the settings of cdk.json, except for changes,
// and reads them. Without node and the engines it skips the test, or fails it in CI,
// before anything is built.
func Synthesize(t testing.TB, changes map[string]any) *template.Deployment {
	t.Helper()
	engines.DynamoDB(t, nil)
	raw, err := os.ReadFile(filepath.Join(programs.Root(), "cdk.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatalf("decode cdk.json: %v", err)
	}
	if len(changes) > 0 {
		file.Context["reprise:concurrency"] = 100 // more than the defaults need; the host has no limit
	}
	maps.Copy(file.Context, changes)
	context, err := json.Marshal(file.Context)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	synth := programs.Build(t, programs.Order{Packages: []string{"./integration/deployed/synth"}})
	command := exec.CommandContext(t.Context(), filepath.Join(synth, "synth"), dir, string(context))
	command.Dir = programs.Root()
	command.Env = append(os.Environ(), "CDK_VALIDATION=false", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("synthesize templates: %v\n%s", err, out)
	}
	read, err := template.ReadAll(place(), os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// Build compiles every function for this machine and returns the directory with the
// programs, each named as its folder. Edits turn them into another release. The
// flags allow go build to reuse packages that tests have compiled; other tests build
// the functions as they are deployed.
func Build(t testing.TB, edits ...programs.Edit) string {
	t.Helper()
	return programs.Build(t, programs.Order{
		Packages: []string{"./functions/..."},
		Flags:    []string{"-buildvcs=false", "-tags", "lambda.norpc", "-ldflags", "-s -w"},
		Edits:    edits,
	})
}
