package replays

import (
	"fmt"
	"time"

	"reprise/pkg/cli/command"
	"reprise/pkg/cli/printable"
	"reprise/pkg/cli/progress"
	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/steps"
)

// faultIncomplete is the state machine's name for the failure of a replay whose
// proof shows a difference.
const faultIncomplete = "Reprise.Incomplete"

// advice says what to do next after a replay that ended without success.
func advice(v lifecycle.View) string {
	switch {
	case v.Input.Verification != "" && (v.Failure != nil || v.Status == replay.Cancelled):
		return "it belonged to a verification, which has ended with it: reprise verify report " +
			printable.Cell(v.Input.Verification)
	case v.Status == replay.Cancelled:
		return "start another replay with " + again(v)
	case v.Failure == nil:
		return fmt.Sprintf("reprise replay get %s --json shows every detail", v.ID)
	}
	switch v.Failure.Error {
	case replay.FaultOtherVersion:
		return "other projections were deployed during the replay; rebuild with the current ones: " + again(v)
	case replay.FaultLost:
		return "the log still has every event; rebuild from it again: " + again(v)
	case steps.FaultHeadLost:
		return "restore the control table to the time of the Events table, then start the replay again; " +
			"until then the lane accepts no events"
	case steps.FaultStalled:
		return "reprise status shows how far the playback consumer is behind; once it runs, start the replay again: " +
			again(v)
	case steps.FaultCutTooOld:
		return "it reads no faster than events arrive: rebuild with a larger --parallelism and without a rate: " +
			again(v)
	case steps.FaultParked:
		return fmt.Sprintf("generation %s is kept for inspection, and the active one is unchanged; "+
			"fix the projection, then %s", v.Generation, again(v))
	case steps.FaultInvalidInput:
		return "correct the input and start the replay again under another name"
	case faultIncomplete:
		if v.Proof == nil || len(v.Proof.Differences) == 0 {
			break
		}
		return fmt.Sprintf("none of its results are active; reprise replay get %s --json | jq .proof.differences "+
			"shows what differs", v.ID)
	}
	return "none of its results are active; start the replay again under another name: " + again(v)
}

// again is the command that starts the same kind of replay; the reader adds the
// flags that select a part of the log.
func again(v lifecycle.View) string {
	switch {
	case v.Input.Ask:
		return "reprise replay start --rebuild --promote=ask --wait"
	case v.Input.Promote:
		return "reprise replay start --rebuild --promote --wait"
	case v.Input.Rebuild:
		return "reprise replay start --rebuild --wait"
	}
	return "reprise replay start"
}

// askingText says how to answer a replay that asks whether to promote its generation.
func askingText(v lifecycle.View) string {
	return fmt.Sprintf("approve with reprise generation promote %s, decline with reprise replay cancel %s",
		v.Generation, v.ID)
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
