package story

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"reprise/integration/process"
	"reprise/integration/programs"
	"reprise/pkg/api/entities"
)

// projections registers the team's projection alone.
const projections = `package domain

import "reprise/pkg/projection"

func Projections() []projection.Projection { return []projection.Projection{Orders()} }
`

// team runs a platform with its own program.
type team struct {
	t        *testing.T
	binary   string
	platform *process.Process
}

// build builds the platform with the team's projection, as a repository of its own does.
func build(t *testing.T, orders string) string {
	t.Helper()
	dir := programs.Build(t, programs.Order{
		Packages: []string{"./pkg/cmd/reprise"},
		Edits: []programs.Edit{
			{File: "pkg/domain/orders.go", New: orders},
			{File: "pkg/domain/projections.go", New: projections},
		},
	})
	return filepath.Join(dir, "reprise")
}

// TestStory carries out STORY.md: every command with the program that the team has at
// that time. Each line below a command must be part of what it prints.
func TestStory(t *testing.T) {
	t.Parallel()
	told, orders := text(t, "STORY.md"), text(t, filepath.Join("testdata", "orders.go"))
	data := t.TempDir()
	shop := &team{t: t, binary: build(t, orders)}
	shop.platform = process.Launch(t, shop.binary, data)
	before, after, found := strings.Cut(told, "\n```diff\n")
	change, after, closed := strings.Cut(after, "\n```\n")
	if !found || !closed {
		t.Fatal("STORY.md has no diff")
	}
	if n := shop.carryOut(before); n != 3 {
		t.Errorf("%d commands before the mend", n)
	}
	shop.platform.Terminate()

	shop.binary = build(t, mend(t, orders, change))
	shop.platform = process.Launch(t, shop.binary, data)
	mended, skipped, _ := strings.Cut(after, "\n## Replay\n")
	if n := shop.carryOut(mended); n != 8 {
		t.Errorf("%d commands from the mend to the skip", n)
	}
	live := shop.states()
	if n := shop.carryOut(skipped); n != 3 {
		t.Errorf("%d commands after the skip", n)
	}
	if rebuilt := shop.states(); rebuilt != live {
		t.Errorf("rebuilt\n%s, live\n%s", rebuilt, live)
	}
	for _, want := range []string{
		`{"customer":"Ada","total":900,"paid":true,"shipped":true}`,
		`{"customer":"Bob","total":1200,"paid":true,"shipped":true}`,
		`{"customer":"Cleo","total":300,"paid":false,"shipped":false}`,
		`{"customer":"Dan","total":500,"paid":true,"shipped":true}`,
	} {
		if !strings.Contains(live, want) {
			t.Errorf("the states lack %s:\n%s", want, live)
		}
	}
	shop.platform.Terminate()
}

// states are the states of all orders, one a line.
func (s *team) states() string {
	s.t.Helper()
	var all strings.Builder
	for line := range strings.Lines(s.run("state", "export")) {
		var row entities.View
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			s.t.Fatal(err)
		}
		all.WriteString(row.Entity + " " + string(row.State) + "\n")
	}
	return all.String()
}

// mend applies the lines of a diff: each removed line is followed by its replacement.
func mend(t *testing.T, source, diff string) string {
	t.Helper()
	lines := strings.Split(diff, "\n")
	for i := 0; i < len(lines); i += 2 {
		old, removed := strings.CutPrefix(lines[i], "-")
		replacement, added := strings.CutPrefix(lines[i+1], "+")
		if !removed || !added || strings.Count(source, old) != 1 {
			t.Fatalf("cannot apply %q, %q", lines[i], lines[i+1])
		}
		source = strings.Replace(source, old, replacement, 1)
	}
	return source
}

// carryOut runs the commands of a part of the story, and returns how many they are.
func (s *team) carryOut(part string) (commands int) {
	s.t.Helper()
	for _, block := range regexp.MustCompile("(?s)\n```console\n\\$ (.*?)\n```").FindAllStringSubmatch(part, -1) {
		for one := range strings.SplitSeq(block[1], "\n$ ") {
			commands++
			lines := strings.Split(one, "\n")
			command := strings.TrimPrefix(lines[0], "reprise ")
			s.compare(command, s.run(s.arguments(command)...), lines[1:])
		}
	}
	return commands
}

// compare checks that each line of the story is part of what a command printed. A list
// is shown in full.
func (s *team) compare(command, printed string, told []string) {
	s.t.Helper()
	for _, line := range told {
		for part := range strings.SplitSeq(line, "…") {
			if !strings.Contains(spaced(printed), spaced(part)) {
				s.t.Errorf("reprise %s: %q is not part of\n%s", command, line, printed)
			}
		}
	}
	if strings.HasSuffix(command, " list") && strings.Count(printed, "\n") != len(told) {
		s.t.Errorf("reprise %s does not print what is told:\n%s", command, printed)
	}
}

// arguments splits a command at spaces outside quotes, and fills in the file of events
// and the position of the only parked event.
func (s *team) arguments(command string) []string {
	s.t.Helper()
	var all []string
	for _, word := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(command, -1) {
		switch word = strings.Trim(word, `"`); word {
		case "orders.jsonl":
			word = filepath.Join("testdata", word)
		case "POSITION":
			var only entities.ParkedEntity
			if err := json.Unmarshal([]byte(s.run("parked", "list", "--json")), &only); err != nil {
				s.t.Fatal(err)
			}
			word = string(only.Position)
		}
		all = append(all, word)
	}
	return all
}

// run returns all that a command prints, which must succeed.
func (s *team) run(args ...string) string {
	s.t.Helper()
	command := exec.CommandContext(s.t.Context(), s.binary, args...)
	command.Env = append(os.Environ(), "REPRISE_ENDPOINT="+s.platform.URL)
	out, err := command.CombinedOutput()
	if err != nil {
		s.t.Fatalf("reprise %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// spaced makes one space of any white space, since tables are aligned.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }

func text(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
