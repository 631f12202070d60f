package runbooks

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"reprise/integration/programs"
)

// TestCommandsAreSound checks the commands of the runbooks as far as it can be done without
// an account: a shell can read them, and the functions that they name exist.
func TestCommandsAreSound(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join(programs.Root(), ".github", "RUNBOOKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n *```sh\n(.*?)\n *```").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 8 {
		t.Errorf("there are %d blocks of commands", len(blocks))
	}
	for _, block := range blocks {
		command := exec.CommandContext(t.Context(), "bash", "-n")
		command.Stdin = strings.NewReader(block[1])
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, out, block[1])
		}
		for _, loop := range regexp.MustCompile("for f in (.*); do").FindAllStringSubmatch(block[1], -1) {
			for folder := range strings.FieldsSeq(loop[1]) {
				if _, err := os.Stat(filepath.Join(programs.Root(), "functions", folder)); err != nil {
					t.Errorf("no such function: %v", err)
				}
			}
		}
	}
}
