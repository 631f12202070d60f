package wiring

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"reprise/integration/programs"
	"reprise/pkg/aws/settings"
)

// maxBinary bounds the size of a function's program: larger programs start more
// slowly.
const maxBinary = 15 << 20

// largest is the function with the largest program.
const largest = "serve-api"

// buildFlags repeats the flags of stacks.Build. Importing it would compile the CDK.
func buildFlags(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("../../../stacks/app.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?s)exec\.Command\("go", "build", (.*?), "-o"`).FindSubmatch(source)
	if call == nil {
		t.Fatal("stacks/app.go builds in another way")
	}
	var flags []string
	for _, quoted := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(string(call[1]), -1) {
		flags = append(flags, quoted[1])
	}
	if !slices.Contains(flags, "-trimpath") {
		t.Fatalf("the flags are %q", flags)
	}
	return flags
}

// target is the environment in which stacks.Build builds.
func target() []string { return []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64"} }

func build(t *testing.T, root, out string, packages ...string) {
	t.Helper()
	args := append([]string{"build"}, buildFlags(t)...)
	cmd := exec.CommandContext(t.Context(), "go", append(append(args, "-o", out), packages...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), target()...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %v: %v\n%s", packages, err, output)
	}
}

// TestTheLargestFunctionIsKnown looks at the programs for this machine: the size of the
// largest as it is deployed bounds them all.
func TestTheLargestFunctionIsKnown(t *testing.T) {
	if !programs.Each() {
		t.Skip("links every function: only with REPRISE_FUNCTIONS=each")
	}
	out := programs.BuildFunctions(t, nil)
	size := func(folder string) int64 {
		info, err := os.Stat(filepath.Join(out, folder))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	for _, folder := range settings.Functions() {
		if size(folder) > size(largest) {
			t.Errorf("%s is larger than %s: build that one as it is deployed", folder, largest)
		}
	}
}

// TestBuildsAreSmallAndReproducible builds the largest function as it is deployed, from
// two copies of the sources in different directories.
func TestBuildsAreSmallAndReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a function twice")
	}
	var programs [][]byte
	for _, name := range []string{"here", "in/another/place"} {
		root := filepath.Join(t.TempDir(), filepath.FromSlash(name))
		for _, part := range []string{"functions", "pkg", "workflows"} {
			if err := os.CopyFS(filepath.Join(root, part), os.DirFS(filepath.Join("../../..", part))); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"go.mod", "go.sum"} {
			text, err := os.ReadFile(filepath.Join("../../..", file))
			if err == nil {
				err = os.WriteFile(filepath.Join(root, file), text, 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		out := filepath.Join(root, "bootstrap")
		build(t, root, out, "./functions/"+largest)
		program, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(program), root) {
			t.Errorf("the program holds the path %s", root)
		}
		programs = append(programs, program)
	}
	if n := len(programs[0]); n > maxBinary {
		t.Errorf("%s has %d bytes, at most %d are allowed", largest, n, maxBinary)
	}
	if !bytes.Equal(programs[0], programs[1]) {
		t.Error("two builds of the same sources differ")
	}
}

// TestMainsAreShort keeps logic out of mains.
func TestMainsAreShort(t *testing.T) {
	for _, folder := range settings.Functions() {
		text, err := os.ReadFile(filepath.Join("../..", folder, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > 40 {
			t.Errorf("%s has a main of %d lines", folder, lines)
		}
	}
}
