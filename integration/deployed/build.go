package deployed

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"reprise/integration/engines"
	"reprise/integration/filelock"
	"reprise/integration/programs"
	"reprise/integration/template"
)

// place is the region and account that dynalite and kinesalite use.
func place() template.Place { return template.Place{Region: "us-east-1", Account: "000000000000"} }

// WithService is a change for a deployment of business logic that has a service: the
// repository's own has none.
const WithService = "service"

// WithPersonal is a change for a deployment in which fields are declared personal: the text
// of the file pkg/domain/personal.go.
const WithPersonal = "personal"

// Synthesize makes the templates with the settings of cdk.json, except for changes,
// and reads them. Without node and the engines it skips the test, or fails it in CI,
// before anything is built.
func Synthesize(t testing.TB, changes map[string]any) *template.Deployment {
	t.Helper()
	engines.Need(t)
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
	service := file.Context[WithService] == true
	delete(file.Context, WithService)
	arguments := []string{strconv.FormatBool(service)}
	if file.Context[WithPersonal] != nil {
		arguments = append(arguments, "personal")
	}
	delete(file.Context, WithPersonal)
	context, err := json.Marshal(file.Context)
	if err != nil {
		t.Fatal(err)
	}
	return synthesized(t, append([]string{string(context)}, arguments...)...)
}

// synthesized reads the templates that the program synth makes with some arguments. The
// CDK takes seconds of both cores, so tests, also of other packages, share what the same
// program has made with the same arguments.
func synthesized(t testing.TB, arguments ...string) *template.Deployment {
	t.Helper()
	synth := filepath.Join(programs.Build(t, programs.Order{Packages: []string{"./integration/deployed/synth"}}), "synth")
	program, err := os.ReadFile(synth)
	if err != nil {
		t.Fatal(err)
	}
	madeBy, arguing := sha256.Sum256(program), sha256.Sum256(fmt.Appendf(nil, "%q", arguments))
	shared := filepath.Join(programs.Root(), ".ci", "programs", "templates-"+hex.EncodeToString(arguing[:8]))
	unlock, err := filelock.Lock(shared + ".lock")
	if err != nil {
		t.Fatalf("wait for the same templates: %v", err)
	}
	defer unlock()
	marker := filepath.Join(shared, "made-by")
	if made, err := os.ReadFile(marker); err != nil || !bytes.Equal(made, madeBy[:]) {
		runSynth(t, synth, shared, arguments)
		if err := os.WriteFile(marker, madeBy[:], 0o600); err != nil {
			t.Fatalf("mark templates as complete: %v", err)
		}
	}
	read, err := template.ReadAll(place(), os.DirFS(shared))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// runSynth makes templates in a directory, which it empties before.
func runSynth(t testing.TB, synth, dir string, arguments []string) {
	t.Helper()
	err := os.RemoveAll(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		t.Fatalf("empty directory of templates: %v", err)
	}
	command := exec.CommandContext(t.Context(), synth, append([]string{dir}, arguments...)...)
	command.Dir = programs.Root()
	command.Env = append(os.Environ(), "CDK_VALIDATION=false", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("synthesize templates: %v\n%s", err, out)
	}
}

// Build compiles every function for this machine and returns the directory with the
// programs, each named as its folder. Edits turn them into another release. Another test
// builds a function as it is deployed.
func Build(t testing.TB, edits ...programs.Edit) string {
	t.Helper()
	return programs.BuildFunctions(t, edits)
}

// BuildChanged is Build, with edits for some functions only.
func BuildChanged(t testing.TB, edits []programs.Edit, names ...string) string {
	t.Helper()
	all, changed := Build(t), programs.BuildFunctions(t, edits, names...)
	for _, name := range names {
		if err := os.Rename(filepath.Join(changed, name), filepath.Join(all, name)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// BuildPersonal is Build, with other text in pkg/domain/personal.go for the functions that
// read it.
func BuildPersonal(t testing.TB, text string) string {
	t.Helper()
	edits := []programs.Edit{{File: "pkg/domain/personal.go", New: text}}
	return BuildChanged(t, edits, "load-events", "import-events", "serve-api")
}
