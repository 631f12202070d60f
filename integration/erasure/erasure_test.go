package erasure

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/integration/process"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/erasures"
	"reprise/pkg/local/keyfiles"
)

// unusual is a text that is nowhere else, and that no compression shortens.
func unusual() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // it never fails
	return hex.EncodeToString(raw[:])
}

// person is what is known of a customer.
type person struct {
	id, name, mail, address string
	// note is not declared personal.
	note string
}

func newPerson(i int) person {
	return person{fmt.Sprintf("customer-%d", i), unusual(), unusual(), unusual(), unusual()}
}

func (p *person) secrets() []string { return []string{p.name, p.mail, p.address} }

func line(id, kind, subject, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"shop","type":%q,"subject":%q,"data":%s}`+"\n",
		id, kind, subject, data)
}

// events are an event about the customer itself and one about an order. The names of
// members are written in one case and declared in another.
func (p *person) events(round int) string {
	order := fmt.Sprintf("order-%d-%s", round, p.id)
	return line(fmt.Sprintf("r%d", round), registered, p.id, fmt.Sprintf(
		`{"Name":%q,"contacts":[{"kind":"mail","value":%q},{"kind":"fax","value":null}],"note":%q}`, p.name, p.mail,
		p.note)) +
		line(fmt.Sprintf("o%d", round), ordered, order, fmt.Sprintf(
			`{"customer":%q,"address":{"street":%q,"no":7},"total":12.50}`, p.id, p.address))
}

// shop is a platform that runs as a process.
type shop struct {
	t   *testing.T
	dir string
	*process.Process
}

func launch(t *testing.T, dir string) *shop {
	t.Helper()
	t.Setenv(childVariable, "1")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &shop{t, dir, process.Launch(t, binary, dir)}
}

func (s *shop) run(args ...string) string {
	s.t.Helper()
	out, err := s.Reprise(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *shop) send(lines string) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "events")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.run("send", file, "--wait")
}

func decoded[T any](t *testing.T, text string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

func (s *shop) row(entity string) entities.View {
	s.t.Helper()
	return decoded[entities.View](s.t, s.run("state", "get", entity, "--json"))
}

// answers are all that a reader can see of a customer.
func (s *shop) answers(p person) string {
	s.t.Helper()
	var all strings.Builder
	for _, args := range [][]string{
		{"state", "get", p.id}, {"state", "get", p.id, "--json"}, {"events", p.id}, {"events", p.id, "--explain", "--json"},
		{"state", "get", "order-1-" + p.id}, {"events", "order-1-" + p.id}, {"state", "export"},
		{"state", "get", p.id, "--at", "2999-01-01T00:00:00Z"}, {"effects", "list", p.id, "--json"}, {"effects", "waiting"},
		{"audit", "--correlation", "none", "--from", "2000-01-01T00:00:00Z"}, {"parked", "list"}, {"generation", "list"},
	} {
		all.WriteString(s.run(args...))
	}
	diff, err := s.Reprise("diff", p.id, "2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "--json")
	if !strings.Contains(diff, `"changed":1`) { // which it says by its exit code, too
		s.t.Errorf("diff: %v: %s", err, diff)
	}
	all.WriteString(diff)
	return all.String()
}

// keyOf is the key of a data subject in the files of the platform, in its wrapped and its
// plain form.
func (s *shop) keyOf(view erasures.View) (wrapped, plain []byte) {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "keys", keyfiles.SlotsName))
	if err != nil {
		s.t.Fatal(err)
	}
	master := keyfiles.NewMaster(vfs.Default, filepath.Join(s.dir, "keys"), rand.Reader)
	for ; len(raw) >= 128; raw = raw[128:] {
		wrapped := raw[1 : 1+raw[0]]
		if key, err := master.Unwrap(context.Background(), wrapped,
			fmt.Sprintf("%s.%d", view.Ref, view.Generation)); err == nil {
			return bytes.Clone(wrapped), key
		}
	}
	s.t.Fatalf("no slot has the key of %s", view.Ref)
	return nil, nil
}

// TestNothingOfAnErasedSubjectIsLeft erases one of several customers, and searches all
// that is left. The notes, which are not declared, show that the search finds what is
// there; the other customers, that it is the key and not the seal alone.
func TestNothingOfAnErasedSubjectIsLeft(t *testing.T) {
	dir, copies := filepath.Join(t.TempDir(), "data"), t.TempDir()
	s := launch(t, dir)
	var people []person
	var lines strings.Builder
	for i := range 12 {
		people = append(people, newPerson(i))
		lines.WriteString(people[i].events(1))
	}
	s.send(lines.String())
	s.send(lines.String()) // all are duplicates
	gone, stays := people[7], people[3]
	if row := s.row(gone.id); row.Duplicates != 1 || row.Conflicts != 0 {
		t.Errorf("events that were sent twice: %+v", row)
	}
	before := s.answers(gone)
	for _, secret := range gone.secrets() {
		if !strings.Contains(before, secret) {
			t.Fatalf("a reader does not see %s before the erasure: %s", secret, before)
		}
	}
	s.run("export", "--out", filepath.Join(copies, "before.jsonl.zst"))
	s.run("fork", "--into", filepath.Join(copies, "fork"))
	chain := s.row(gone.id).Chain

	view := decoded[erasures.View](t, s.run("erase", gone.id, "--dry-run", "--json"))
	if !view.Readable || view.Erased || view.Generation != 1 {
		t.Errorf("before the erasure: %+v", view)
	}
	wrapped, plain := s.keyOf(view)
	view = decoded[erasures.View](t, s.run("erase", gone.id, "--reason", "asked for", "--who", "Ada", "--yes", "--json"))
	if view.Readable || !view.Erased || len(view.Erasures) != 1 || view.Erasures[0].Who != "Ada" {
		t.Errorf("after the erasure: %+v", view)
	}
	if again := decoded[erasures.View](t, s.run("erase", gone.id, "--reason", "again", "--yes",
		"--json")); !again.Repeated {
		t.Errorf("erased again: %+v", again)
	}

	outputs := s.replayed(copies)
	after := s.answers(gone)
	if n := strings.Count(after, `"$erased"`); n < 10 {
		t.Errorf("a reader sees %d marks of erased values: %s", n, after)
	}
	if row := s.row(gone.id); row.Chain != chain || row.Count != 1 || row.Parked != nil {
		t.Errorf("the rebuilt row: %+v, chain before: %s", row, chain)
	}
	if seen := s.answers(stays); !strings.Contains(seen, stays.name) || !strings.Contains(seen, stays.address) {
		t.Errorf("another customer cannot be read: %s", seen)
	}
	s.Terminate()
	outputs += s.Stderr() + after
	if err := os.WriteFile(filepath.Join(copies, "outputs"), []byte(outputs), 0o600); err != nil {
		t.Fatal(err)
	}
	compact(t, dir)
	compact(t, filepath.Join(copies, "fork"))

	wanted := append(gone.secrets(), string(wrapped), string(plain), hex.EncodeToString(plain),
		base64.StdEncoding.EncodeToString(plain), base64.StdEncoding.EncodeToString(wrapped))
	for _, root := range []string{dir, copies} {
		for _, p := range search(t, root, wanted) {
			t.Errorf("%s has %q", p.file, p.text)
		}
	}
	for _, root := range []string{dir, filepath.Join(copies, "fork"), filepath.Join(copies, "after.jsonl.zst")} {
		if len(search(t, root, []string{gone.note})) == 0 {
			t.Errorf("the search of %s does not find what is there", root)
		}
	}
	if len(search(t, filepath.Join(dir, "keys"), []string{string(plain[:16])})) > 0 ||
		strings.Contains(outputs, gone.mail) {
		t.Error("the key is left")
	}
	for _, p := range search(t, dir, stays.secrets()) {
		t.Errorf("a field that was not erased is not sealed: %s has %q", p.file, p.text)
	}
}

// replayed rebuilds, verifies and exports, and returns what was printed.
func (s *shop) replayed(copies string) string {
	s.t.Helper()
	out := s.run("replay", "start", "--rebuild", "--promote", "--wait", "--json") +
		s.run("replay", "start", "--wait", "--json") +
		s.run("verify", "start", "--full", "--wait", "--json") +
		s.run("export", "--out", filepath.Join(copies, "after.jsonl.zst")) +
		s.run("status", "--json")
	return out
}

// TestNewDataOfAnErasedSubjectHasANewKey: the person comes back, and what was erased
// stays erased.
func TestNewDataOfAnErasedSubjectHasANewKey(t *testing.T) {
	s := launch(t, filepath.Join(t.TempDir(), "data"))
	p := newPerson(1)
	s.send(p.events(1))
	s.run("erase", p.id, "--reason", "asked for", "--yes")
	back := person{p.id, unusual(), unusual(), unusual(), unusual()}
	s.send(line("c2", changed, p.id, fmt.Sprintf(`{"name":%q}`, back.name)))
	seen := s.run("state", "get", p.id, "--json")
	if !strings.Contains(seen, back.name) || strings.Count(seen, `"$erased"`) != 1 {
		t.Errorf("the state of one who came back: %s", seen)
	}
	history := s.run("events", p.id)
	if !strings.Contains(history, back.name) || strings.Contains(history, p.name) {
		t.Errorf("the history of one who came back: %s", history)
	}
	view := decoded[erasures.View](t, s.run("erase", p.id, "--reason", "again", "--yes", "--json"))
	if view.Generation != 2 || len(view.Erasures) != 2 {
		t.Errorf("erased again: %+v", view)
	}
	if history := s.run("events", p.id); strings.Contains(history, back.name) {
		t.Errorf("the history after the second erasure: %s", history)
	}
	if _, err := s.Reprise("erase", "nobody", "--reason", "asked for", "--yes"); err == nil {
		t.Error("a subject that nobody knows was erased")
	}
	s.Terminate()
}

// fails starts the platform, which must not start, and returns what it says.
func (s *shop) fails() string {
	s.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := exec.CommandContext(s.t.Context(), binary, "local", "--data", s.dir, "--addr",
		"127.0.0.1:0").CombinedOutput()
	if err == nil {
		s.t.Error("the platform has started and ended")
	}
	return string(out)
}
