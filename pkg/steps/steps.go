package steps

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// margin is how long before Lambda's time limit a step returns.
const margin = 5 * time.Second

// budget is the time by which a step has to return: well before ctx ends, and at
// most limit from now.
func budget(ctx context.Context, now time.Time, limit time.Duration) time.Time {
	end := now.Add(limit)
	if deadline, given := ctx.Deadline(); given && deadline.Add(-margin).Before(end) {
		end = deadline.Add(-margin)
	}
	return end
}

// StepInput is the input of most steps: the replay's id is enough, since the plan
// is in the control table.
type StepInput struct {
	Replay string `json:"replay"`
}

// Work names the replay of an invocation and its worker among the concurrent
// ones, "" if there is only one. Costs are recorded by both. Every step's input
// implements it.
func (in StepInput) Work() (id, worker string) { return in.Replay, "" }

// PlanReplay freezes the cut of a replay and plans it. It first creates the row
// of a replay that was started from the Step Functions console.
type PlanReplay struct {
	Store    replay.Store
	Planner  *replay.Planner
	Promoter *cutover.Promoter
	// Version is the version of the set of projections.
	Version string
	// Readers bounds the segment readers that run at a time, whatever the request
	// asks for; 0 means no bound.
	Readers int
}

// PlanInput is the execution's name and its input.
type PlanInput struct {
	Replay string          `json:"replay"`
	Input  json.RawMessage `json:"input"`
}

// Work is like StepInput.Work.
func (in PlanInput) Work() (id, worker string) { return in.Replay, "" }

// PlanOutput is what the state machine needs to know about a plan.
type PlanOutput struct {
	Groups      int   `json:"groups"`
	Parallelism int   `json:"parallelism"`
	Events      int64 `json:"events"`
	Rebuild     bool  `json:"rebuild"`
	Promote     bool  `json:"promote"`
	Stopped     bool  `json:"stopped"`
}

// Handle is idempotent.
func (h *PlanReplay) Handle(ctx context.Context, in PlanInput) (PlanOutput, error) {
	request, err := replay.ParseRequest(in.Input)
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	if _, _, err := h.Store.Create(ctx, in.Replay, request); err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := h.Store.Started(ctx, in.Replay); err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := h.Promoter.Prepare(ctx, in.Replay, h.Version); err != nil {
		return PlanOutput{}, fault(err)
	}
	row, err := h.Planner.Plan(ctx, in.Replay)
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	readers := row.Request.Parallelism
	if h.Readers > 0 {
		readers = min(readers, h.Readers)
	}
	return PlanOutput{Groups: row.Groups, Parallelism: readers, Events: row.Total,
		Rebuild: row.Request.Rebuild, Promote: row.Request.Promote, Stopped: row.Cancel || row.Status.Ended()}, nil
}

// ReadSegment reads one lane group until it is done or time runs out.
type ReadSegment struct {
	Reader *replay.Reader
	Now    func() time.Time
	// Limit is the longest time that one invocation reads.
	Limit time.Duration
}

// SegmentInput names a lane group of a plan.
type SegmentInput struct {
	Replay string `json:"replay"`
	Group  int    `json:"group"`
}

// Work is like StepInput.Work; each lane group has one worker.
func (in SegmentInput) Work() (id, worker string) { return in.Replay, strconv.Itoa(in.Group) }

// SegmentOutput tells whether to invoke the reader again.
type SegmentOutput struct {
	Status replay.Outcome `json:"status"`
}

// Handle continues from the last checkpoints, whoever wrote them.
func (h *ReadSegment) Handle(ctx context.Context, in SegmentInput) (SegmentOutput, error) {
	outcome, err := h.Reader.Read(ctx, in.Replay, in.Group, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		if name := faultName(err); name != FaultFull {
			// The state machine keeps only the name of the error. Failing to note the
			// rest matters less than the error itself.
			_ = h.Reader.Store.NoteError(ctx, in.Replay, name, err)
		}
		return SegmentOutput{}, fault(err)
	}
	return SegmentOutput{outcome}, nil
}

// CheckDrained waits until everything delivered has been consumed.
type CheckDrained struct {
	Drainer *replay.Drainer
	Now     func() time.Time
	Limit   time.Duration
}

// DrainOutput is the state of the drain.
type DrainOutput struct {
	Status replay.Drain `json:"status"`
}

// Handle may reset stalled lanes to be read again.
func (h *CheckDrained) Handle(ctx context.Context, in StepInput) (DrainOutput, error) {
	status, err := h.Drainer.Check(ctx, in.Replay, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return DrainOutput{}, fault(err)
	}
	return DrainOutput{status}, nil
}

// ProveCompleteness compares the marks with the cut.
type ProveCompleteness struct {
	Prover *replay.Prover
	Log    *slog.Logger
}

// ProofOutput summarizes the proof.
type ProofOutput struct {
	Complete    bool  `json:"complete"`
	Expected    int64 `json:"expected"`
	Applied     int64 `json:"applied"`
	Differences int   `json:"differences"`
}

// Handle stores the whole proof in the replay's row. It logs a warning if states differ
// from those of the active generation of the same version.
func (h *ProveCompleteness) Handle(ctx context.Context, in StepInput) (ProofOutput, error) {
	proof, err := h.Prover.Prove(ctx, in.Replay)
	if err != nil {
		return ProofOutput{}, fault(err)
	}
	if c := proof.SameVersion; c != nil && c.Differing > 0 {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "the code of the projections was changed and their version was not: "+
			"the rebuilt states differ from those of the active generation",
			append(c.Attrs(), slog.String("replay", in.Replay))...)
	}
	return ProofOutput{Complete: proof.Complete, Expected: proof.Expected.Count, Applied: proof.Applied.Count,
		Differences: len(proof.Differences)}, nil
}

// FollowStream makes a proved generation follow the event stream.
type FollowStream struct{ Promoter *cutover.Promoter }

// Handle is idempotent.
func (h *FollowStream) Handle(ctx context.Context, in StepInput) (StepInput, error) {
	if err := h.Promoter.Follow(ctx, in.Replay); err != nil {
		return StepInput{}, fault(err)
	}
	return in, nil
}

// PromoteGeneration activates a generation that follows the event stream.
type PromoteGeneration struct {
	Promoter *cutover.Promoter
	Now      func() time.Time
	Limit    time.Duration
}

// PromoteOutput is the state of the promotion.
type PromoteOutput struct {
	Status cutover.Promotion `json:"status"`
}

// Handle is idempotent. The state machine invokes it again while the generation
// catches up.
func (h *PromoteGeneration) Handle(ctx context.Context, in StepInput) (PromoteOutput, error) {
	status, err := h.Promoter.Promote(ctx, in.Replay, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return PromoteOutput{}, fault(err)
	}
	return PromoteOutput{status}, nil
}
