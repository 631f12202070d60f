package eventlog

import (
	"encoding/hex"
	"testing"

	"reprise/pkg/event"
)

// TestRegisterIsStoredAsItAlwaysWas is a golden test: registers are stored for
// as long as their logs.
func TestRegisterIsStoredAsItAlwaysWas(t *testing.T) {
	var records Records
	for _, r := range []struct {
		end    event.Position
		events int
	}{{"0001-011-0000", 1}, {"0001-03123-0104", 261}, {"00ff-0249-270f", 10_000}} {
		records = records.add(r.end.Record(), r.events)
	}
	// FNV-1a of each record's name in 64 bits, and its events in 16, big endian.
	const golden = "97aa7911f3c4d4190001" + "4df4b582652a10d40105" + "c06c0168d00dfcb52710"
	if got := hex.EncodeToString(records); got != golden {
		t.Errorf("have %s, want %s", got, golden)
	}
}
