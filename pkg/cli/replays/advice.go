package replays

import (
	"fmt"
	"time"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// faultIncomplete is the failure of a replay whose proof shows a difference, as
// the state machine names it.
const faultIncomplete = "Reprise.Incomplete"

// advice says what to do next about a replay that has ended and did not succeed.
func advice(v lifecycle.View) string {
	switch {
	case v.Status == replay.Cancelled:
		return "start another one with " + again(v)
	case v.Failure == nil:
		return fmt.Sprintf("reprise replay get %s --json shows all of it", v.ID)
	}
	switch v.Failure.Error {
	case replay.FaultOtherVersion:
		return "other projections were deployed while it ran; rebuild with those that run now: " + again(v)
	case replay.FaultLost:
		return "the log has every event; rebuild from it once more: " + again(v)
	case steps.FaultHeadLost:
		return "restore the control table to the time of the Events table, then start the replay again; " +
			"until then the lane takes in no events"
	case steps.FaultStalled:
		return "reprise status shows how far the playback consumer is behind; start the replay again once it runs: " +
			again(v)
	case steps.FaultCutTooOld:
		return "rebuild faster with a larger --parallelism, or let the event stream keep its records for longer: " +
			again(v)
	case steps.FaultParked:
		return fmt.Sprintf("generation %s is kept to be looked at, and the active one is as it was; "+
			"mend the projection, then %s", v.Generation, again(v))
	case steps.FaultInvalidInput:
		return "mend the input and start it again under another name"
	case faultIncomplete:
		return fmt.Sprintf("nothing it did is active; reprise replay get %s --json | jq .proof.differences "+
			"shows what differs", v.ID)
	}
	return "nothing it did is active; start it again under another name: " + again(v)
}

// again is the command that asks for the same once more; what selects a part of
// the log is left to the reader.
func again(v lifecycle.View) string {
	switch {
	case v.Input.Promote:
		return "reprise replay start --rebuild --promote --wait"
	case v.Input.Rebuild:
		return "reprise replay start --rebuild --wait"
	}
	return "reprise replay start"
}

// WaitingText says what a replay waits for, and since when.
func WaitingText(w *replay.WaitingFor, now time.Time) string {
	text := fmt.Sprintf("for %s; nothing has moved since %s", w.For, command.When(&w.Since))
	if quiet := now.Sub(w.Since); quiet >= time.Second {
		text += ", " + progress.Duration(quiet) + " ago"
	}
	return text
}

// damagedText counts playback records that could not be read.
func damagedText(n int) string {
	if n == 1 {
		return "1 record dropped because it could not be read; its events are read from the log again"
	}
	return fmt.Sprintf("%s records dropped because they could not be read; their events are read from the log again",
		progress.Count(int64(n)))
}
