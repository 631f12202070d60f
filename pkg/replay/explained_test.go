package replay_test

import (
	"testing"

	"reprise/pkg/replay"
)

// TestFailureShowsTheLastError: an error that only the log of the server had is
// part of the failure if it is the reason, and only then.
func TestFailureShowsTheLastError(t *testing.T) {
	last := &replay.Failure{Error: replay.FaultDamaged, Cause: "file 000012.sst cannot be read"}
	for _, c := range []struct {
		failure, want string
		last          *replay.Failure
	}{
		{replay.FaultDamaged, "why; the last error was: file 000012.sst cannot be read", last},
		{replay.FaultStalled, "why; the last error was: file 000012.sst cannot be read", last},
		{"Reprise.Incomplete", "why", last},
		{replay.FaultStalled, "why", nil},
		{replay.FaultStalled, "why", &replay.Failure{Error: replay.FaultStalled, Cause: "why"}},
	} {
		row := replay.Row{LastError: c.last}
		got := row.Explained(&replay.Failure{Error: c.failure, Cause: "why"})
		if got.Error != c.failure || got.Cause != c.want {
			t.Errorf("%s after %+v: %+v, want %q", c.failure, c.last, got, c.want)
		}
	}
	if got := (&replay.Row{LastError: last}).Explained(nil); got != nil {
		t.Errorf("a success became %+v", got)
	}
}
