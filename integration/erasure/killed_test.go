package erasure

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reprise/pkg/api/erasures"
	"reprise/pkg/local/keyfiles"
)

// TestKilledDuringAnErasure kills the process at some moment of an erasure, several times.
// What was answered holds; what was not is either not begun, or finished at the next start.
func TestKilledDuringAnErasure(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	dir := filepath.Join(t.TempDir(), "data")
	s := launch(t, dir)
	outcomes := make(map[string]int)
	for round := range 6 {
		p := newPerson(round)
		s.send(p.events(1))
		view := decoded[erasures.View](t, s.run("erase", p.id, "--dry-run", "--json"))
		wrapped, _ := s.keyOf(view)
		answered := s.killedErasing(p.id, time.Duration(rng.Int64N(int64(6*time.Millisecond))))
		s = launch(t, dir)
		seen := s.run("events", p.id)
		erased := strings.Contains(seen, `"$erased"`)
		if plain := strings.Contains(seen, p.name); plain == erased || (answered && !erased) {
			t.Fatalf("round %d: answered %t: %s", round, answered, seen)
		}
		outcomes[fmt.Sprintf("answered %t, erased %t", answered, erased)]++
		if kept := s.slotsHave(wrapped); kept == erased {
			t.Fatalf("round %d: erased %t, the key is in the file: %t", round, erased, kept)
		}
		view = decoded[erasures.View](t, s.run("erase", p.id, "--reason", "again", "--yes", "--json"))
		if view.Repeated != erased || len(view.Erasures) != 1 || s.slotsHave(wrapped) {
			t.Fatalf("round %d: erased again: %+v", round, view)
		}
	}
	t.Log(outcomes)
	s.run("verify", "start", "--full", "--wait")
	s.Terminate()
}

// killedErasing begins to erase, and kills the process after a time. It reports whether
// there was an answer.
func (s *shop) killedErasing(subject string, after time.Duration) (answered bool) {
	s.t.Helper()
	done := make(chan bool)
	go func() {
		body := strings.NewReader(fmt.Sprintf(`{"subject":%q,"reason":"asked for"}`, subject))
		answer, err := http.Post(s.URL+"/erasures", "application/json", body)
		if err == nil {
			err = answer.Body.Close()
		}
		done <- err == nil && answer.StatusCode == http.StatusOK
	}()
	<-time.After(after)
	s.Kill()
	return <-done
}

func (s *shop) slotsHave(key []byte) bool {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.dir, "keys", keyfiles.SlotsName))
	if err != nil {
		s.t.Fatal(err)
	}
	return bytes.Contains(raw, key)
}

// TestALostMasterKeyStopsTheStart, with the reason: a new one would seal, but could not
// open what is in the log.
func TestALostMasterKeyStopsTheStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := launch(t, dir)
	p := newPerson(1)
	s.send(p.events(1))
	s.Terminate()
	name := filepath.Join(dir, "keys", keyfiles.MasterName)
	right, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if says := s.fails(); !strings.Contains(says, name) || !strings.Contains(says, "restore the file from a backup") {
		t.Errorf("without the master key: %s", says)
	}
	if err := os.WriteFile(name, right, 0o600); err != nil {
		t.Fatal(err)
	}
	if seen := launch(t, dir).run("events", p.id); !strings.Contains(seen, p.name) {
		t.Errorf("with the master key again: %s", seen)
	}
}
