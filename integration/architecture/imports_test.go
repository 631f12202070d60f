package architecture

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"reprise/integration/programs"
)

// listed is a package as go list describes it.
type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// packages lists packages without their tests, which may import any layer.
func packages(t *testing.T, patterns ...string) []listed {
	t.Helper()
	programs.DependOnSources(t)
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, patterns...)...)
	cmd.Dir, cmd.Stderr = programs.Root(), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// layers are listed from the inside out: a package may import its own layer and
// earlier ones. Packages of one layer that must not import each other are in apart.
var layers = [][]string{
	{"event", "event/strict", "personal/sealed", "asl/states", "storefault", "purity"},
	{"event/record", "control", "feed", "local/localstore", "meter", "asl/jsonata", "asl/journal"},
	{"eventlog", "datastore", "personal", "asl"},
	{"projection/jsonstate", "gateway", "projection", "projection/refold", "projection/codecheck", "projection/rowdiff",
		"domain",
		"asl/interpreter"},
	{"replay", "replay/cutover", "replay/lifecycle", "meter/spending", "aws/settings", "asl/engine", "effects"},
	{"api", "consume", "steps", "asl/wire"},
	{"platform", "console"},
	{"local"},
	{"cli"},
	{"cmd"},
}

// layerOf is the layer of a package below pkg, whose name is cut at the first
// directory unless it has a layer of its own; adapters and tests' helpers have
// none.
func layerOf(path string) int {
	name := strings.TrimPrefix(path, "reprise/pkg/")
	for i, layer := range layers {
		if slices.Contains(layer, name) {
			return i
		}
	}
	top, rest, _ := strings.Cut(name, "/")
	if rest == "" || slices.Contains([]string{"cli", "cmd"}, top) {
		for i, layer := range layers {
			if slices.Contains(layer, top) {
				return i
			}
		}
	}
	return -1
}

func TestImportsPointInwards(t *testing.T) {
	for _, p := range packages(t, "./pkg/...") {
		from := layerOf(p.ImportPath)
		for _, imported := range p.Imports {
			if to := layerOf(imported); strings.HasPrefix(imported, "reprise/") && from >= 0 && to > from {
				t.Errorf("%s imports %s, which is further out", p.ImportPath, imported)
			}
			if strings.HasPrefix(imported, "reprise/functions") || strings.HasPrefix(imported, "reprise/stacks") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// TestEventsNeedTheStandardLibraryOnly, so that subscribers can use the package as
// it is.
func TestEventsNeedTheStandardLibraryOnly(t *testing.T) {
	for _, p := range packages(t, "./pkg/event", "./pkg/meter", "./pkg/asl/states") {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "reprise/") || strings.Contains(strings.SplitN(dep, "/", 2)[0], ".") {
				t.Errorf("%s needs %s", p.ImportPath, dep)
			}
		}
	}
}

const awsSDK = "github.com/aws/aws-sdk-go-v2"

// adapter reports whether a package is an adapter: its name ends with that of a
// store or service.
func adapter(path string) bool {
	last := path[strings.LastIndex(path, "/")+1:]
	return strings.HasPrefix(path, "reprise/pkg/") &&
		slices.ContainsFunc([]string{"dynamo", "kinesis", "kms", "stepfunctions", "pebble"},
			func(service string) bool { return strings.HasSuffix(last, service) })
}

func TestOnlyAdaptersAndFunctionsKnowTheSDK(t *testing.T) {
	users := 0
	for _, p := range packages(t, "./...") {
		if !slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, awsSDK) }) {
			continue
		}
		users++
		allowed := strings.HasPrefix(p.ImportPath, "reprise/pkg/aws/") ||
			strings.HasPrefix(p.ImportPath, "reprise/functions/") ||
			strings.HasPrefix(p.ImportPath, "reprise/integration/")
		if !allowed {
			t.Errorf("%s imports the SDK", p.ImportPath)
		}
	}
	if users < 5 {
		t.Errorf("only %d packages were seen to import the SDK", users)
	}
}

func TestAdaptersDoNotKnowEachOther(t *testing.T) {
	adapters := 0
	for _, p := range packages(t, "./pkg/...") {
		for _, imported := range p.Imports {
			if adapter(imported) {
				adapters++
			}
			if adapter(p.ImportPath) && adapter(imported) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
	if adapters < 5 {
		t.Errorf("only %d imports of adapters were seen", adapters)
	}
}

// TestStacksKnowTheWorkflowsOnly; the program that synthesizes them also asks the doctor
// what is deployed, and the domain whether it has a service.
func TestStacksKnowTheWorkflowsOnly(t *testing.T) {
	for _, p := range packages(t, "./stacks/...") {
		asks := []string{"reprise/pkg/aws/doctor", "reprise/pkg/aws/settings", "reprise/pkg/domain"}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, "reprise/") && imported != "reprise/workflows" &&
				!strings.HasPrefix(imported, "reprise/stacks") &&
				(p.ImportPath != "reprise/stacks/app" || !slices.Contains(asks, imported)) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}

// TestFunctionsLinkNoRunner: on AWS the service runs the state machines.
func TestFunctionsLinkNoRunner(t *testing.T) {
	const runner, terms = "reprise/pkg/asl", "reprise/pkg/asl/states"
	users := 0
	for _, p := range packages(t, "./functions/...") {
		for _, dep := range p.Deps {
			switch {
			case dep == terms:
				users++
			case dep == runner || strings.HasPrefix(dep, runner+"/") || strings.Contains(dep, "jsonata"):
				t.Errorf("%s needs %s", p.ImportPath, dep)
			}
		}
	}
	if users < 5 {
		t.Errorf("only %d packages were seen to need %s", users, terms)
	}
}

// TestRunnerKnowsNothingOfReplays, so that it runs any state machine.
func TestRunnerKnowsNothingOfReplays(t *testing.T) {
	for _, p := range packages(t, "./pkg/asl/...") {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "reprise/") && !strings.HasPrefix(dep, "reprise/pkg/asl") {
				t.Errorf("%s needs %s", p.ImportPath, dep)
			}
		}
	}
}

// TestNothingButStacksCompilesTheCDK: it takes a minute and a gibibyte.
func TestNothingButStacksCompilesTheCDK(t *testing.T) {
	for _, p := range packages(t, "./functions/...", "./pkg/...", "./workflows/...") {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "github.com/aws/jsii-runtime-go") || strings.HasPrefix(dep, "github.com/aws/aws-cdk-go") ||
				strings.HasPrefix(dep, "github.com/aws/constructs-go") {
				t.Errorf("%s needs %s", p.ImportPath, dep)
			}
		}
	}
}
