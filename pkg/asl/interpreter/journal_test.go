package interpreter_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"reprise/pkg/asl/asltest"
	"reprise/pkg/asl/journal"
)

// TestTakesUpAnEarlierJournal opens a journal that the engine wrote before it
// was divided into packages, as of many of its writes, and finishes the
// execution. Each line of the file is one write. The first line has the tokens
// that were handed out.
func TestTakesUpAnEarlierJournal(t *testing.T) {
	raw, err := os.ReadFile("testdata/journal.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	text, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(text)
	var tokens []string
	if err := lines.Decode(&tokens); err != nil {
		t.Fatal(err)
	}
	earlier := &asltest.Memory{}
	for lines.More() {
		var write []struct {
			Key, Until string
			Value      *string
		}
		if err := lines.Decode(&write); err != nil {
			t.Fatal(err)
		}
		var ops []journal.Op
		for _, w := range write {
			op := journal.Op{Key: w.Key, Until: w.Until}
			if w.Value != nil {
				op.Value = []byte(*w.Value)
			}
			ops = append(ops, op)
		}
		if err := earlier.Write(ops); err != nil {
			t.Fatal(err)
		}
	}
	writes, _ := earlier.Writes()
	if writes < 80 {
		t.Fatalf("only %d writes", writes)
	}
	step := 2
	if testing.Short() {
		step = 9
	}
	m := asltest.Parse(t, asltest.Mixed())
	for n := 1; n <= writes; n += step {
		after := newOutside()
		after.tokens = slices.Clone(tokens)
		t.Run(fmt.Sprint(n), func(t *testing.T) { resume(t, m, earlier.AsOf(n), after, uint64(n)) })
	}
}
