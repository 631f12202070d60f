package steps

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/storefault"
	"reprise/pkg/verify"
	"reprise/pkg/verify/rebuild"
)

// The error names that the state machines retry or catch. Without them
// aws-lambda-go would report the outer Go type of an error.
const (
	// FaultInvalidInput: a retry cannot help.
	FaultInvalidInput = "Reprise.InvalidInput"
	// FaultThrottled: a retry helps after a pause.
	FaultThrottled = "Reprise.Throttled"
	// FaultTransient: a store failed; a retry may help.
	FaultTransient = "Reprise.Transient"
	// FaultStalled: nobody consumes the playback stream.
	FaultStalled = replay.FaultStalled
	// FaultCutTooOld: the rebuild does not catch up with the log, or its execution began
	// under an earlier release, which did not move the cut.
	FaultCutTooOld = "Reprise.CutTooOld"
	// FaultParked: a person has to decide.
	FaultParked = replay.FaultParked
	// FaultOtherVersion: the rebuild began with other projections; a new one has
	// to start.
	FaultOtherVersion = replay.FaultOtherVersion
	// FaultLost: the rebuilt generation is lost; a new rebuild has to start.
	FaultLost = replay.FaultLost
	// FaultDamaged: a part of the store cannot be read; a backup is needed.
	FaultDamaged = replay.FaultDamaged
	// FaultFull: the disk is full. One machine waits for room; no state machine sees
	// this name.
	FaultFull = "Reprise.DiskFull"
	// FaultHeadLost: the control table has to be restored.
	FaultHeadLost = "Reprise.HeadLost"
	// FaultStopped: the replay was cancelled. Its execution fails with this name.
	FaultStopped = "Reprise.Stopped"
	// FaultConflict: the replay has ended, or is past what is asked of it, or another
	// input has its name.
	FaultConflict = "Reprise.Conflict"
	// FaultSuperseded: another execution carries the replay out.
	FaultSuperseded = "Reprise.Superseded"
	// FaultDrift: a verification found something that is not as it should be.
	FaultDrift = "Reprise.Drift"
	// FaultBudget: the budget of a verification is used up.
	FaultBudget = "Reprise.BudgetUsedUp"
	// FaultRebuildCancelled: somebody cancelled the replay of a verification.
	FaultRebuildCancelled = "Reprise.RebuildCancelled"
	// FaultGenerationGone: the generation to verify was dropped during the rebuild.
	FaultGenerationGone = "Reprise.GenerationGone"
	// FaultUnread: lane groups could not be read. It is the name that the state machine
	// itself gives.
	FaultUnread = replay.FaultUnread
)

// fault gives an error the name that the state machines use.
func fault(err error) error {
	if err == nil {
		return nil
	}
	return messages.InvokeResponse_Error{Type: faultName(err), Message: err.Error()}
}

func faultName(err error) string {
	for _, known := range []struct {
		err  error
		name string
	}{
		{storefault.ErrFull, FaultFull},
		{storefault.ErrDamaged, FaultDamaged},
		{rebuild.ErrBudget, FaultBudget},
		{rebuild.ErrCancelled, FaultRebuildCancelled},
		{rebuild.ErrGenerationGone, FaultGenerationGone},
		{verify.ErrReplayExists, FaultConflict},
		{datastore.ErrThrowaway, FaultInvalidInput},
		{replay.ErrRequest, FaultInvalidInput},
		{replay.ErrNotFound, FaultInvalidInput},
		{replay.ErrToken, FaultInvalidInput},
		{cutover.ErrNotProved, FaultInvalidInput},
		{verify.ErrRequest, FaultInvalidInput},
		{verify.ErrNotFound, FaultInvalidInput},
		{verify.ErrUnknownGeneration, FaultInvalidInput},
		{verify.ErrExists, FaultConflict},
		{verify.ErrEnded, FaultConflict},
		{verify.ErrOvertaken, FaultTransient},
		{projection.ErrOtherVersion, FaultOtherVersion},
		{replay.ErrOtherVersion, FaultOtherVersion},
		{replay.ErrOtherService, replay.FaultOtherService},
		{replay.ErrGenerationLost, FaultLost},
		{datastore.ErrLost, FaultLost},
		{datastore.ErrNoGeneration, FaultLost},
		{datastore.ErrWithdrawn, FaultStopped},
		{replay.ErrExists, FaultConflict},
		{replay.ErrEnded, FaultConflict},
		{replay.ErrNotFailed, FaultConflict},
		{replay.ErrCannotContinue, FaultConflict},
		{replay.ErrSuperseded, FaultSuperseded},
		{replay.ErrPromoted, FaultConflict},
		{replay.ErrPromoting, FaultConflict},
		{replay.ErrOverBudget, FaultConflict},
		{datastore.ErrUnknown, FaultConflict},
		{eventlog.ErrHeadLost, FaultHeadLost},
		{replay.ErrStalled, FaultStalled},
		{cutover.ErrCutTooOld, FaultCutTooOld},
		{replay.ErrNeverCatchesUp, FaultCutTooOld},
		{cutover.ErrParked, FaultParked},
		{feed.ErrThrottled, FaultThrottled},
		{eventlog.ErrThrottled, FaultThrottled},
		{datastore.ErrThrottled, FaultThrottled},
		{projection.ErrRaced, FaultTransient},
		{control.ErrConflict, FaultTransient},
		{context.DeadlineExceeded, FaultTransient},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return FaultTransient
}
