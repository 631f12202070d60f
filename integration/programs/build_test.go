package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// module makes a module with one program, which prints the given text.
func module(t *testing.T, says string) string {
	t.Helper()
	root := t.TempDir()
	put(t, filepath.Join(root, "go.mod"), "module small\n")
	if err := os.Mkdir(filepath.Join(root, "speak"), 0o755); err != nil {
		t.Fatal(err)
	}
	speak(t, root, says)
	return root
}

func speak(t *testing.T, root, says string) {
	t.Helper()
	put(t, filepath.Join(root, "speak", "main.go"),
		"package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\""+says+"\") }\n")
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func built(t *testing.T, order Order, root, shared string) (program string) {
	t.Helper()
	dir := t.TempDir()
	order.Packages = []string{"./..."}
	if err := order.build(root, shared, dir); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "speak")
}

func wantSaid(t *testing.T, program, want string) {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), program).Output()
	if err != nil || string(said) != want {
		t.Errorf("the program says %q, want %q (%v)", said, want, err)
	}
}

func TestUpToDateProgramsAreNotRebuilt(t *testing.T) {
	root, shared := module(t, "one"), t.TempDir()
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	var group sync.WaitGroup
	for _, dir := range dirs {
		group.Go(func() {
			if err := (Order{Packages: []string{"./..."}}).build(root, shared, dir); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, dir := range dirs {
		if !same(t, filepath.Join(dir, "speak"), filepath.Join(dirs[0], "speak")) {
			t.Errorf("the program in %s was not taken from the shared build", dir)
		}
	}
}

func same(t *testing.T, a, b string) bool {
	t.Helper()
	first, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.Stat(b)
	if err != nil {
		t.Fatal(err)
	}
	return os.SameFile(first, second)
}

func TestProgramsAreBuiltFromTheCurrentSources(t *testing.T) {
	root, shared := module(t, "one"), t.TempDir()
	first := built(t, Order{}, root, shared)
	speak(t, root, "two")
	second := built(t, Order{}, root, shared)
	wantSaid(t, second, "two")
	wantSaid(t, first, "one")                     // a test that still runs is not given other programs
	copied := filepath.Join(t.TempDir(), "speak") // as on another disk
	if err := duplicate(first, copied); err != nil {
		t.Fatal(err)
	}
	wantSaid(t, copied, "one")
}

func TestEditsDoNotChangeTheSources(t *testing.T) {
	root, shared := module(t, "one"), t.TempDir()
	edit := Edit{File: "speak/main.go", Old: "one", New: "another"}
	order := Order{Edits: []Edit{edit}}
	wantSaid(t, built(t, order, root, shared), "another")
	source, err := os.ReadFile(filepath.Join(root, "speak", "main.go"))
	if err != nil || strings.Contains(string(source), "another") {
		t.Errorf("the source is %s, %v", source, err)
	}
	if plain := (Order{}); plain.key() == order.key() {
		t.Error("an edited build replaces an unedited one")
	}
	whole := Edit{File: "speak/other.go", New: "package main\n\nfunc init() { println() }\n"}
	wantSaid(t, built(t, Order{Edits: []Edit{edit, whole}}, root, shared), "another")
	if _, err := os.Stat(filepath.Join(root, whole.File)); !os.IsNotExist(err) {
		t.Errorf("an added file is in the sources: %v", err)
	}
	broken := Order{Edits: []Edit{{File: whole.File, New: "package main\n\nfunc main() {}\n"}}}
	if err := broken.build(root, shared, t.TempDir()); err == nil {
		t.Error("an added file was not compiled")
	}
	speak(t, root, "one one")
	if err := order.build(root, shared, t.TempDir()); err == nil {
		t.Error("an edit of a text that occurs twice gave no error")
	}
}

func TestABrokenBuildSaysWhy(t *testing.T) {
	root := module(t, `"`)
	err := Order{Packages: []string{"./..."}}.build(root, t.TempDir(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "main.go:5") {
		t.Errorf("the error is %v", err)
	}
}
