package adopting

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reprise/integration/programs"
)

// registered checks in the team's own repository that its projection is the only one.
const registered = `package domain

import "testing"

func TestOnlyOurProjection(t *testing.T) {
	if all := Projections(); len(all) != 1 || all[0].Name() != "stocks" {
		t.Errorf("registered: %v", all)
	}
	if Service() != nil {
		t.Error("our service is gone")
	}
}
`

// TestUpgradeMergesWithADomainOfItsOwn has upstream and the team change all that each of
// them may change, and runs the documented commands.
func TestUpgradeMergesWithADomainOfItsOwn(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("git is needed to merge: %v", err)
	}
	if testing.Short() {
		t.Skip("compiles a second repository")
	}
	programs.DependOnSources(t)
	upstream, team := filepath.Join(t.TempDir(), "upstream"), filepath.Join(t.TempDir(), "team")
	copySources(t, upstream)
	shell(t, upstream, "git init -q -b main && git add -A && git commit -qm release")
	shell(t, filepath.Dir(team), "git clone -q -o upstream "+upstream+" team")

	domain := filepath.Join(team, "pkg", "domain")
	write(t, filepath.Join(domain, "stocks.go"), block(t, "README.md", "Where your projection goes", "go"))
	write(t, filepath.Join(domain, "ours_test.go"), registered)
	edit(t, filepath.Join(domain, "projections.go"),
		"\t\tsamples.RepoFiles(),\n\t\tsamples.Accounts(),\n", "\t\tStocks(),\n",
		"\t\"reprise/pkg/domain/samples\"\n", "")
	edit(t, filepath.Join(domain, "service.go"), "// Service returns", "// Service has no effects yet. It returns")
	write(t, filepath.Join(team, "pkg", "outside", "payments.go"), "package outside\n\n// An adapter of ours.\n")
	shell(t, team, "git add -A && git commit -qm 'Count stocks'")

	edit(t, filepath.Join(upstream, "pkg", "domain", "samples", "accounts.go"), "not open", "not open yet")
	write(t, filepath.Join(upstream, "pkg", "domain", "samples", "another.go"), "package samples\n")
	edit(t, filepath.Join(upstream, "pkg", "projection", "doc.go"), "package projection", "package projection // improved")
	shell(t, upstream, "git add -A && git commit -qm 'Next release'")

	t.Log(shell(t, team, block(t, ".github/ADOPTING.md", "Take an upgrade", "sh")))
	if out := shell(t, team, "git log --format=%s -1 upstream/main && git status --porcelain"); out != "Next release\n" {
		t.Errorf("after the merge: %s", out)
	}
	changed := shell(t, team, "git diff --name-only upstream/main")
	want := "pkg/domain/ours_test.go\npkg/domain/projections.go\npkg/domain/service.go\npkg/domain/stocks.go\n" +
		"pkg/outside/payments.go\n"
	if changed != want {
		t.Errorf("the team's repository differs from upstream in\n%s, want\n%s", changed, want)
	}
}

// copySources copies pkg/domain with its tests, and what it is built from.
func copySources(t *testing.T, to string) {
	t.Helper()
	for _, name := range []string{"go.mod", "go.sum", "pkg"} {
		err := filepath.WalkDir(filepath.Join(programs.Root(), name), func(path string, entry fs.DirEntry, err error) error {
			tested := strings.HasPrefix(path, filepath.Join(programs.Root(), "pkg", "domain"))
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") && !tested {
				return err
			}
			inside, err := filepath.Rel(programs.Root(), path)
			if err != nil {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			write(t, filepath.Join(to, inside), string(raw))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// shell runs commands until the first that fails, which fails the test.
func shell(t *testing.T, dir, commands string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "bash", "-euc", commands)
	command.Dir = dir
	// -trimpath allows go build to reuse what it compiled in another directory.
	command.Env = append(os.Environ(), "GOFLAGS=-trimpath", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Test", "GIT_AUTHOR_EMAIL=test@example.com",
		"GIT_COMMITTER_NAME=Test", "GIT_COMMITTER_EMAIL=test@example.com")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", commands, err, out)
	}
	return string(out)
}

// block returns the first code block of a language after a heading of a document.
func block(t *testing.T, document, heading, language string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(programs.Root(), document))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(raw), "\n## "+heading+"\n")
	_, code, opened := strings.Cut(section, "\n```"+language+"\n")
	code, _, closed := strings.Cut(code, "\n```\n")
	if !found || !opened || !closed {
		t.Fatalf("%s has no %s code under %q", document, language, heading)
	}
	return code + "\n"
}

func write(t *testing.T, name, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o700)
	if err == nil {
		err = os.WriteFile(name, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// edit replaces texts, given in pairs, each of which the file must contain.
func edit(t *testing.T, name string, pairs ...string) {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(raw), pairs[i]) {
			t.Fatalf("%s does not contain %q", name, pairs[i])
		}
	}
	write(t, name, strings.NewReplacer(pairs...).Replace(string(raw)))
}
