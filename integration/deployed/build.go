package deployed

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"reprise/integration/engines"
	"reprise/integration/template"
)

// place is what dynalite and kinesalite call home.
func place() template.Place { return template.Place{Region: "us-east-1", Account: "000000000000"} }

// root is the module's directory.
func root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// Synthesize makes the templates with the settings of cdk.json, but for those
// that are given, and reads them. It needs node and the engines: without them
// it skips the test, or fails it in CI, before anything is built.
func Synthesize(t testing.TB, changes map[string]any) *template.Deployment {
	t.Helper()
	engines.DynamoDB(t, nil)
	raw, err := os.ReadFile(filepath.Join(root(), "cdk.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Context map[string]any `json:"context"`
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatalf("decode cdk.json: %v", err)
	}
	maps.Copy(file.Context, changes)
	context, err := json.Marshal(file.Context)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run(t, []string{"CDK_VALIDATION=false", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20"},
		"go", "run", "./integration/deployed/synth", dir, string(context))
	read, err := template.ReadAll(place(), os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// Edit replaces a text, which must be there once, in a file of the module.
type Edit struct{ File, Old, New string }

// Build compiles every function for this machine, as it is compiled for AWS,
// and returns the directory with the programs, each named as its folder. Edits
// make them those of another release; the files stay as they are.
func Build(t testing.TB, edits ...Edit) string {
	t.Helper()
	dir := t.TempDir()
	run(t, []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc",
		"-overlay", overlay(t, edits), "-ldflags", "-s -w -buildid=", "-o", dir+string(filepath.Separator), "./functions/...")
	return dir
}

// overlay writes the edited files aside, and what go build is to be told of them.
func overlay(t testing.TB, edits []Edit) string {
	t.Helper()
	dir, replace := t.TempDir(), make(map[string]string)
	for i, edit := range edits {
		file := filepath.Join(root(), edit.File)
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), edit.Old); n != 1 {
			t.Fatalf("%s has %q %d times", edit.File, edit.Old, n)
		}
		replace[file] = filepath.Join(dir, fmt.Sprintf("%d.go", i))
		write(t, replace[file], []byte(strings.Replace(string(source), edit.Old, edit.New, 1)))
	}
	described, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	write(t, name, described)
	return name
}

func write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, env []string, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = root()
	command.Env = append(os.Environ(), env...)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatal(fmt.Errorf("run %s: %w\n%s", name, err, out))
	}
}
