package steps

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
)

// margin is how long before a Lambda's end a step returns.
const margin = 5 * time.Second

// budget is when a step has to return: well before ctx ends, and at most limit
// from now.
func budget(ctx context.Context, now time.Time, limit time.Duration) time.Time {
	end := now.Add(limit)
	if deadline, given := ctx.Deadline(); given && deadline.Add(-margin).Before(end) {
		end = deadline.Add(-margin)
	}
	return end
}

// StepInput is what the states of a replay hand to their functions: an id, and
// no more than that is needed, since the plan lies in the control table.
type StepInput struct {
	Replay string `json:"replay"`
}

// Work names the replay that an invocation works for, and its worker among
// those that work for it at a time, "" where there is one. Every input of a step
// has it; costs are kept by it.
func (in StepInput) Work() (id, worker string) { return in.Replay, "" }

// PlanReplay enters a replay that was started from a console, freezes its cut
// and plans it.
type PlanReplay struct {
	Store    replay.Store
	Planner  *replay.Planner
	Promoter *cutover.Promoter
	// Version is that of the set of projections.
	Version string
}

// PlanInput is the execution's name and its input.
type PlanInput struct {
	Replay string          `json:"replay"`
	Input  json.RawMessage `json:"input"`
}

// Work is as StepInput's.
func (in PlanInput) Work() (id, worker string) { return in.Replay, "" }

// PlanOutput is all that the state machine has to know of a plan.
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
	return PlanOutput{Groups: row.Groups, Parallelism: row.Request.Parallelism, Events: row.Total,
		Rebuild: row.Request.Rebuild, Promote: row.Request.Promote, Stopped: row.Cancel || row.Status.Ended()}, nil
}

// ReadSegment reads one lane group until it is done or time runs out.
type ReadSegment struct {
	Reader *replay.Reader
	Now    func() time.Time
	// Limit is the longest that one invocation reads.
	Limit time.Duration
}

// SegmentInput names a lane group of a plan.
type SegmentInput struct {
	Replay string `json:"replay"`
	Group  int    `json:"group"`
}

// Work is as StepInput's; a lane group has one worker.
func (in SegmentInput) Work() (id, worker string) { return in.Replay, strconv.Itoa(in.Group) }

// SegmentOutput says whether the reader is to be called again.
type SegmentOutput struct {
	Status replay.Outcome `json:"status"`
}

// Handle goes on from the last checkpoints, whoever wrote them.
func (h *ReadSegment) Handle(ctx context.Context, in SegmentInput) (SegmentOutput, error) {
	outcome, err := h.Reader.Read(ctx, in.Replay, in.Group, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return SegmentOutput{}, fault(err)
	}
	return SegmentOutput{outcome}, nil
}

// CheckDrained waits until everything delivered is consumed.
type CheckDrained struct {
	Drainer *replay.Drainer
	Now     func() time.Time
	Limit   time.Duration
}

// DrainOutput is the state of the drain.
type DrainOutput struct {
	Status replay.Drain `json:"status"`
}

// Handle may set stalled lanes back, to be read again.
func (h *CheckDrained) Handle(ctx context.Context, in StepInput) (DrainOutput, error) {
	status, err := h.Drainer.Check(ctx, in.Replay, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return DrainOutput{}, fault(err)
	}
	return DrainOutput{status}, nil
}

// ProveCompleteness holds the marks against the cut.
type ProveCompleteness struct{ Prover *replay.Prover }

// ProofOutput sums the proof up.
type ProofOutput struct {
	Complete    bool  `json:"complete"`
	Expected    int64 `json:"expected"`
	Applied     int64 `json:"applied"`
	Differences int   `json:"differences"`
}

// Handle keeps the whole proof in the replay's row.
func (h *ProveCompleteness) Handle(ctx context.Context, in StepInput) (ProofOutput, error) {
	proof, err := h.Prover.Prove(ctx, in.Replay)
	if err != nil {
		return ProofOutput{}, fault(err)
	}
	return ProofOutput{Complete: proof.Complete, Expected: proof.Expected.Count, Applied: proof.Applied.Count,
		Differences: len(proof.Differences)}, nil
}

// FollowStream gives a proved generation its consumer of the event stream.
type FollowStream struct{ Promoter *cutover.Promoter }

// Handle is idempotent.
func (h *FollowStream) Handle(ctx context.Context, in StepInput) (StepInput, error) {
	if err := h.Promoter.Follow(ctx, in.Replay); err != nil {
		return StepInput{}, fault(err)
	}
	return in, nil
}

// PromoteGeneration makes a following generation the active one.
type PromoteGeneration struct {
	Promoter *cutover.Promoter
	Now      func() time.Time
	Limit    time.Duration
}

// PromoteOutput is the state of the promotion.
type PromoteOutput struct {
	Status cutover.Promotion `json:"status"`
}

// Handle is idempotent; while the generation catches up it is called again.
func (h *PromoteGeneration) Handle(ctx context.Context, in StepInput) (PromoteOutput, error) {
	status, err := h.Promoter.Promote(ctx, in.Replay, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return PromoteOutput{}, fault(err)
	}
	return PromoteOutput{status}, nil
}
