package steps

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/planning"
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
	Execution
	// CatchUp says that the state machine can move the cut. One that began under an
	// earlier release cannot.
	CatchUp bool `json:"catchUp,omitempty"`
}

// Work names the replay of an invocation and its worker among the concurrent
// ones, "" if there is only one. Costs are recorded by both. Every step's input
// implements it.
func (in StepInput) Work() (id, worker string) { return in.Replay, "" }

// PlanReplay freezes the cut of a replay and plans it. It first creates the row
// of a replay that was started from the Step Functions console.
type PlanReplay struct {
	Store    replay.Store
	Planner  *planning.Planner
	Promoter *cutover.Promoter
	Replays  *lifecycle.Service
	// Version is the version of the set of projections.
	Version string
	// Forecaster plans dry runs, and bounds the segment readers that run at a time,
	// whatever the request asks for.
	Forecaster *forecast.Forecaster
}

// PlanInput is the execution's name and its input.
type PlanInput struct {
	Replay string          `json:"replay"`
	Input  json.RawMessage `json:"input"`
	// CatchUp asks to move the cut of the replay, whose id Replay then is, for Execution.
	CatchUp bool `json:"catchUp,omitempty"`
	Execution
}

// Work is like StepInput.Work.
func (in PlanInput) Work() (id, worker string) {
	if id, continues := lifecycle.ParseContinuation(in.Input); continues {
		return id, ""
	}
	return in.Replay, ""
}

// PlanOutput is what the state machine needs to know about the plan of the present cut.
type PlanOutput struct {
	// Replay is the replay's id, which is not the execution's name if it continues one.
	Replay string `json:"replay"`
	// Proved says that the replay was proved complete by an earlier execution.
	Proved bool `json:"proved"`
	// CatchUps is how often the cut was moved.
	CatchUps    int `json:"catchUps"`
	Groups      int `json:"groups"`
	Parallelism int `json:"parallelism"`
	// ToleratedFailures is how many groups may fail before the others are stopped; with
	// all of them, none is.
	ToleratedFailures int `json:"toleratedFailures"`
	// Events is the number of events in the buckets that are read, and Bytes the length
	// of their lines; 0 for single entities.
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	Slices int   `json:"slices"`
	// Inputs describes the children of the map run, at most 512, each in some 100 bytes.
	// It is left out where none will be started.
	Inputs []segment.GroupText `json:"inputs,omitempty"`
	// Totals are those of the replay so far, which an earlier execution may have left.
	Totals  *replay.Totals `json:"totals,omitempty"`
	Rebuild bool           `json:"rebuild"`
	Promote bool           `json:"promote"`
	Stopped bool           `json:"stopped"`
	Paused  bool           `json:"paused"`
	// DryRun says that nothing was planned but the forecast.
	DryRun   bool           `json:"dryRun"`
	Forecast *forecast.Plan `json:"forecast,omitempty"`
}

// Handle is idempotent.
func (h *PlanReplay) Handle(ctx context.Context, in PlanInput) (PlanOutput, error) {
	if in.CatchUp {
		return h.catchUp(ctx, in)
	}
	if continues(in.Input) {
		id, err := h.resume(ctx, in)
		if err != nil {
			return PlanOutput{}, fault(err)
		}
		return h.plan(ctx, id)
	}
	request, err := replay.ParseRequest(in.Input)
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := request.CheckSlice(time.Duration(h.Planner.Width)); err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := request.CheckEffects(h.Replays.Effects); err != nil {
		return PlanOutput{}, fault(err)
	}
	if request.DryRun {
		return h.forecast(ctx, request)
	}
	if err := h.Replays.CheckOwner(ctx, in.Replay, request); err != nil {
		return PlanOutput{}, fault(err)
	}
	if _, _, err := h.Store.Create(ctx, in.Replay, request); err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := h.Store.CheckExecution(ctx, in.Replay, in.Replay); err != nil {
		return PlanOutput{}, fault(err)
	}
	return h.plan(ctx, in.Replay)
}

// catchUp moves the cut of a replay, unless that is not needed or not possible yet.
func (h *PlanReplay) catchUp(ctx context.Context, in PlanInput) (PlanOutput, error) {
	row, err := h.Promoter.CatchUp(ctx, h.Planner, in.Replay, in.Name)
	if err == nil {
		row, err = h.Replays.CheckBudget(ctx, row)
	}
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	return h.planned(ctx, row)
}

// plan plans a replay that has a row.
func (h *PlanReplay) plan(ctx context.Context, id string) (PlanOutput, error) {
	if err := h.Store.Started(ctx, id); err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := h.Promoter.Prepare(ctx, id, h.Version); err != nil {
		return PlanOutput{}, fault(err)
	}
	if err := h.Store.Bound(ctx, id, h.Forecaster.Readers); err != nil {
		return PlanOutput{}, fault(err)
	}
	row, err := h.Planner.Plan(ctx, id)
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	if row, err = h.Replays.CheckBudget(ctx, row); err != nil {
		return PlanOutput{}, fault(err)
	}
	return h.planned(ctx, row)
}

// planned is what the state machine needs to know about a plan. A replay that was
// cancelled before it had one has none.
func (h *PlanReplay) planned(ctx context.Context, row replay.Row) (PlanOutput, error) {
	out := PlanOutput{
		Replay: row.ID,
		Proved: row.Proof != nil && row.Proof.Complete,

		CatchUps: row.CatchUps,

		Groups: row.Children(),

		ToleratedFailures: tolerated(row),

		Parallelism: row.Readers(),
		Events:      row.Total,
		Slices:      row.Slices,
		Rebuild:     row.Request.Rebuild,
		Promote:     row.Request.Promote,
		Stopped:     row.Cancel || row.Status.Ended(),
		Paused:      row.Paused,
	}
	if out.Stopped || row.Cut == nil {
		return out, nil
	}
	lanes, err := h.Store.LoadLanePlans(ctx, row, row.Lanes)
	for _, lane := range lanes {
		out.Bytes += lane.Expect.Bytes
	}
	if err == nil {
		out.Totals, err = h.Store.Totals(ctx, row)
	}
	if err == nil {
		out.Inputs, err = segment.GroupTexts(ctx, h.Store, row)
	}
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	return out, nil
}

// tolerated is how many groups of a replay may fail before the others are stopped.
func tolerated(row replay.Row) int {
	if n := row.Request.ToleratedFailures; n != nil {
		return *n
	}
	return row.Children()
}

// forecast creates nothing: the name of a dry run is not the name of a replay.
func (h *PlanReplay) forecast(ctx context.Context, request replay.Request) (PlanOutput, error) {
	plan, err := h.Forecaster.Forecast(ctx, request)
	if err != nil {
		return PlanOutput{}, fault(err)
	}
	return PlanOutput{DryRun: true, Forecast: &plan}, nil
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

// FollowOutput tells whether the generation follows the stream.
type FollowOutput struct {
	Replay string `json:"replay"`
	// Status is "following", or "behind" if the cut has to be moved first.
	Status string `json:"status"`
}

// Handle is idempotent.
func (h *FollowStream) Handle(ctx context.Context, in StepInput) (FollowOutput, error) {
	err := h.Promoter.Follow(ctx, in.Replay)
	switch {
	case in.CatchUp && errors.Is(err, cutover.ErrCutTooOld):
		return FollowOutput{in.Replay, "behind"}, nil
	case err != nil:
		return FollowOutput{}, fault(err)
	}
	return FollowOutput{in.Replay, "following"}, nil
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
