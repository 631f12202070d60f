package programs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"reprise/integration/filelock"
)

// Root is the module's directory.
func Root() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..")
}

// Order is what to build, and how.
type Order struct {
	// Packages are patterns, relative to the module's directory.
	Packages []string
	// Flags are flags of go build.
	Flags []string
	// Edits turn the programs into another release, without changing the files.
	Edits []Edit
}

// Edit replaces a text, which must occur once, in a file of the module. Without Old, New
// is the whole file, which need not exist.
type Edit struct{ File, Old, New string }

// Build compiles programs for this machine and returns a directory with them, each
// named as its package's folder. The directory belongs to the test; later builds do
// not change it. Build is safe for concurrent use, also by other processes.
func Build(t testing.TB, order Order) string {
	t.Helper()
	DependOnSources(t)
	dir := t.TempDir()
	if err := order.build(Root(), filepath.Join(Root(), ".ci", "programs", order.key()), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// key names the shared directory of an order.
func (o Order) key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", o))
	return hex.EncodeToString(sum[:8])
}

// build compiles a module's programs into the shared directory, under a lock, and
// links or copies them to dir.
func (o Order) build(module, shared, dir string) error {
	if err := os.MkdirAll(shared, 0o755); err != nil {
		return fmt.Errorf("create directory of programs: %w", err)
	}
	unlock, err := filelock.Lock(shared + ".lock")
	if err != nil {
		return fmt.Errorf("wait for a build of the same programs: %w", err)
	}
	defer unlock()
	out := filepath.Join(shared, "bin")
	overlay, err := o.overlay(module, shared)
	if err != nil {
		return err
	}
	args := append([]string{"build", "-overlay", overlay, "-o", out + string(filepath.Separator)}, o.Flags...)
	command := exec.Command("go", append(args, o.Packages...)...)
	command.Dir = module
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build programs: %w\n%s", err, output)
	}
	return give(out, dir)
}

// overlay writes the edited files to the shared directory, and the file that tells go
// build to use them. It returns the name of that file.
func (o Order) overlay(module, shared string) (name string, err error) {
	replace := make(map[string]string)
	for i, edit := range o.Edits {
		edited, err := edit.apply(module)
		if err != nil {
			return "", err
		}
		file := filepath.Join(module, edit.File)
		replace[file] = filepath.Join(shared, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(replace[file], []byte(edited), 0o600); err != nil {
			return "", fmt.Errorf("write edited file: %w", err)
		}
	}
	described, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("encode overlay: %w", err)
	}
	name = filepath.Join(shared, "overlay.json")
	if err := os.WriteFile(name, described, 0o600); err != nil {
		return "", fmt.Errorf("write overlay: %w", err)
	}
	return name, nil
}

// apply returns the edited file's text.
func (e Edit) apply(module string) (string, error) {
	if e.Old == "" {
		return e.New, nil
	}
	source, err := os.ReadFile(filepath.Join(module, e.File))
	if err != nil {
		return "", fmt.Errorf("read file to be edited: %w", err)
	}
	if n := strings.Count(string(source), e.Old); n != 1 {
		return "", fmt.Errorf("edit %s: it contains %q %d times, want once", e.File, e.Old, n)
	}
	return strings.Replace(string(source), e.Old, e.New, 1), nil
}

// give links the programs in one directory into another, or copies them if that is on
// another disk. A later go build writes new files and does not change these.
func give(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return fmt.Errorf("find programs: %w", err)
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if os.Link(source, target) == nil {
			continue
		}
		if err := duplicate(source, target); err != nil {
			return fmt.Errorf("copy program: %w", err)
		}
	}
	return nil
}

func duplicate(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// DependOnSources makes go test discard this test's cached result when a file of the
// module changes. go test knows the files that the test binary is compiled from and
// those that the test opens, but not those that the go command reads; so this opens
// every directory.
func DependOnSources(t testing.TB) {
	t.Helper()
	err := filepath.WalkDir(Root(), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		name := entry.Name()
		if strings.HasPrefix(name, ".") && path != Root() || name == "testdata" || name == "node_modules" {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
