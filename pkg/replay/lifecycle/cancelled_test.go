package lifecycle

import (
	"testing"

	"reprise/pkg/replay"
)

// The state machine of a cancelled replay may still report a failure or a
// success. The replay nevertheless ends as cancelled.
func TestACancelledReplayEndsAsCancelledHoweverItIsClosed(t *testing.T) {
	for _, reported := range []replay.Status{replay.Failed, replay.Succeeded} {
		c := newClosing(t)
		c.Follow("", false)
		generation := c.Building("r")
		c.Change("r", func(row *replay.Row) { row.Cancel = true })
		row, err := c.closer().Close(t.Context(), "r", reported, &replay.Failure{Error: "States.TaskFailed"})
		if err != nil || row.Status != replay.Cancelled || row.Failure != nil || row.Promoted {
			t.Errorf("closed as %s: %+v, %v", reported, row, err)
		}
		registry := c.RegistryState()
		if _, found := registry.Find(generation); found {
			t.Errorf("closed as %s: generation %s is still there", reported, generation)
		}
	}
}
