package workflows_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"reprise/integration/npm"
	"reprise/workflows"
)

// node runs a program of .ci/node on the definition. Without the program the
// test is skipped.
func node(t *testing.T, args ...string) string {
	t.Helper()
	directory := npm.Need(t)
	cmd := exec.Command("node", args...)
	cmd.Dir = directory
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return string(out)
}

func deployed(t *testing.T, definition string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "machine.asl.json")
	if err := os.WriteFile(file, withFunctions(t, definition), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheValidatorFindsNothing(t *testing.T) {
	const script = `const v = require("asl-validator"), fs = require("fs");
const r = v(JSON.parse(fs.readFileSync(process.argv[1], "utf8")));
if (!r.isValid) { console.log(v.formatErrors ? JSON.stringify(r.errors) : JSON.stringify(r)); process.exit(1); }`
	node(t, "-e", script, deployed(t, workflows.Replay()))
	node(t, "-e", script, deployed(t, workflows.Control()))
	node(t, "-e", script, deployed(t, workflows.Verify()))
}

// TestJSONataIsJSONata lets the reference implementation parse the expressions,
// in addition to the runner's own parser.
func TestJSONataIsJSONata(t *testing.T) {
	const script = `const jsonata = require("jsonata"), fs = require("fs"); let n = 0, bad = 0;
const walk = v => {
  if (v && typeof v === "object") Object.values(v).forEach(walk);
  if (typeof v !== "string") return;
  const m = /^\{%([\s\S]*)%\}$/.exec(v);
  if (!m) return;
  n++;
  try { jsonata(m[1]) } catch (e) { bad++; console.log(m[1], e.message) }
};
walk(JSON.parse(fs.readFileSync(process.argv[1], "utf8")));
console.log(n);
process.exit(bad || n < 15 ? 1 : 0)`
	node(t, "-e", script, deployed(t, workflows.Replay()))
	node(t, "-e", script, deployed(t, workflows.Verify()))
}
