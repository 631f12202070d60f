package asltest

import (
	"testing"

	"reprise/pkg/asl/journal"
)

func TestMemory(t *testing.T) {
	Journal(t, func(*testing.T) (journal.Journal, func() journal.Journal) { return &Memory{}, nil })
}

func TestMemoryAsOf(t *testing.T) {
	m := &Memory{}
	write(t, m, op("a"))
	write(t, m, op("b"), journal.Op{Key: "a"})
	past := m.AsOf(1)
	expect(t, past, "a", "a")
	absent(t, past, "b")
	if all, synced := m.Writes(); all != 2 || synced != 0 {
		t.Errorf("%d writes, %d safe", all, synced)
	}
}
