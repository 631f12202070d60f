package steps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"reprise/pkg/verify"
	"reprise/pkg/verify/rebuild"
)

// maxVerifiers bounds the lane groups that are verified at a time: a verification has no
// haste, and shares the tables with live traffic.
const maxVerifiers = 8

// PlanVerification creates a verification that was started from the Step Functions
// console or by a schedule, and plans it.
type PlanVerification struct {
	Store   verify.Store
	Planner *verify.Planner
	// Rebuilder is for verifications of depth Rebuild.
	Rebuilder *rebuild.Rebuilder
	// AtOnce bounds the lane groups that are verified at a time; 0 means maxVerifiers.
	AtOnce int
	Log    *slog.Logger
}

// PlanVerificationInput is the execution's name and its input.
type PlanVerificationInput struct {
	Verification string          `json:"verification"`
	Input        json.RawMessage `json:"input"`
}

// PlanVerificationOutput is what the state machine needs to know about a plan.
type PlanVerificationOutput struct {
	Status      verify.Status `json:"status"`
	Ended       bool          `json:"ended"`
	Generation  string        `json:"generation"`
	Groups      int           `json:"groups"`
	Parallelism int           `json:"parallelism"`
	Events      int64         `json:"events"`
	// Base is the verification that this one goes on from, "" for a full one.
	Base string `json:"base"`
	// Wait is after how many seconds to plan again, since a rebuild goes on; 0 for not at all.
	Wait int `json:"wait"`
}

// Handle is idempotent: while the verification waits for its rebuild, it is called again. A
// verification is skipped while another one of its generation is running.
func (h *PlanVerification) Handle(ctx context.Context, in PlanVerificationInput) (PlanVerificationOutput, error) {
	request, err := verify.ParseRequest(in.Input)
	if err != nil {
		return PlanVerificationOutput{}, fault(err)
	}
	created, _, err := h.Store.Create(ctx, in.Verification, request)
	if err != nil {
		return PlanVerificationOutput{}, fault(err)
	}
	if created.Status == verify.Planned { // it was not here before, and waits for no rebuild
		if err := h.Store.Prune(ctx); err != nil { // the next night tries again
			h.Log.LogAttrs(ctx, slog.LevelWarn, "old verifications not removed", slog.String("error", err.Error()))
		}
	}
	row, wait, err := h.plan(ctx, in.Verification, request.Depth)
	if errors.Is(err, verify.ErrBusy) {
		h.Log.LogAttrs(ctx, slog.LevelWarn, "verification skipped", slog.String("verification", in.Verification),
			slog.String("error", err.Error()))
		row, err = h.Store.End(ctx, in.Verification, verify.Skipped, nil,
			&verify.Failure{Error: "Reprise.VerificationRunning", Cause: err.Error()})
	}
	if err != nil {
		return PlanVerificationOutput{}, fault(err)
	}
	return PlanVerificationOutput{
		Status:      row.Status,
		Ended:       row.Stopped(),
		Generation:  row.Generation,
		Groups:      len(row.Groups),
		Parallelism: h.parallelism(),
		Events:      row.Events,
		Base:        row.Base,
		Wait:        int((wait + time.Second - 1) / time.Second),
	}, nil
}

func (h *PlanVerification) plan(ctx context.Context, id string, depth verify.Depth) (verify.Row, time.Duration, error) {
	if depth == verify.Rebuild {
		return h.Rebuilder.Step(ctx, id)
	}
	row, err := h.Planner.Plan(ctx, id)
	return row, 0, err
}

func (h *PlanVerification) parallelism() int {
	if h.AtOnce > 0 {
		return min(h.AtOnce, maxVerifiers)
	}
	return maxVerifiers
}

// VerifyLanes verifies one lane group until it is done or time runs out.
type VerifyLanes struct {
	Checker *verify.Checker
	Now     func() time.Time
	// Limit is the longest time that one invocation verifies.
	Limit time.Duration
}

// VerifyInput names a lane group of a verification.
type VerifyInput struct {
	Verification string `json:"verification"`
	Group        int    `json:"group"`
}

// VerifyOutput tells whether to invoke the checker again, and how far the group is.
type VerifyOutput struct {
	Status verify.Outcome `json:"status"`
	Rows   int64          `json:"rows"`
	Events int64          `json:"events"`
	Drift  int64          `json:"drift"`
}

// Handle continues after the last span, whoever verified it.
func (h *VerifyLanes) Handle(ctx context.Context, in VerifyInput) (VerifyOutput, error) {
	checked, err := h.Checker.Check(ctx, in.Verification, in.Group, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return VerifyOutput{}, fault(err)
	}
	return VerifyOutput{checked.Outcome, checked.Rows, checked.Events, checked.Drift}, nil
}

// ReportVerification gives a verification its final status.
type ReportVerification struct {
	Reporter *verify.Reporter
	Log      *slog.Logger
}

// ReportVerificationInput is how the execution ends: successfully if there is no error.
type ReportVerificationInput struct {
	Verification string `json:"verification"`
	Error        string `json:"error"`
	Cause        string `json:"cause"`
}

// ReportVerificationOutput is the outcome. Error and Cause are what the execution fails
// with unless the status is verify.Clean.
type ReportVerificationOutput struct {
	Verification string                `json:"verification"`
	Status       verify.Status         `json:"status"`
	Error        string                `json:"error,omitempty"`
	Cause        string                `json:"cause,omitempty"`
	Rows         int64                 `json:"rows"`
	Events       int64                 `json:"events"`
	Drift        map[verify.Kind]int64 `json:"drift,omitempty"`
	// Full says that every row was verified, not only those that had changed.
	Full  bool         `json:"full"`
	Depth verify.Depth `json:"depth"`
	// Dollars is about the most that the verification costs.
	Dollars float64 `json:"dollars"`
}

// Handle is idempotent. It logs the verdict, which alarms count.
func (h *ReportVerification) Handle(ctx context.Context, in ReportVerificationInput) (ReportVerificationOutput, error) {
	var failure *verify.Failure
	if in.Error != "" {
		failure = &verify.Failure{Error: in.Error, Cause: plainCause(in.Cause)}
	}
	row, err := h.Reporter.Report(ctx, in.Verification, failure)
	if errors.Is(err, verify.ErrNotFound) && failure != nil {
		// The input was refused before a row was created.
		return ReportVerificationOutput{Verification: in.Verification, Status: verify.Failed,
			Error: failure.Error, Cause: failure.Cause}, nil
	}
	if err != nil {
		return ReportVerificationOutput{}, fault(err)
	}
	return h.conclude(ctx, &row), nil
}

func (h *ReportVerification) conclude(ctx context.Context, row *verify.Row) ReportVerificationOutput {
	out := ReportVerificationOutput{Verification: row.ID, Status: row.Status, Full: row.Base == "",
		Depth: cmp.Or(row.Request.Depth, verify.Fold)}
	if row.Report != nil {
		if row.Report.Cost != nil {
			out.Dollars = row.Report.Cost.Dollars
		}
		out.Rows, out.Events, out.Drift = row.Report.Rows, row.Report.Events, row.Report.Drift
	}
	message, level := "verification found nothing wrong", slog.LevelInfo
	switch {
	case row.Status == verify.Drift:
		message, level = "verification found drift", slog.LevelError
		out.Error, out.Cause = FaultDrift, drifted(out.Drift)
	case row.Status != verify.Clean:
		message, level = "verification failed", slog.LevelError
		out.Error, out.Cause = FaultStopped, "The verification was cancelled."
		if row.Failure != nil {
			out.Error, out.Cause = row.Failure.Error, row.Failure.Cause
		}
	}
	h.Log.LogAttrs(ctx, level, message, slog.String("verification", row.ID), slog.String("generation", row.Generation),
		slog.Bool("full", out.Full), slog.String("depth", string(out.Depth)), slog.Int64("rows", out.Rows),
		slog.Int64("events", out.Events), slog.Float64("dollars", out.Dollars), slog.String("error", out.Cause))
	return out
}

// drifted says what differs, by kind.
func drifted(counts map[verify.Kind]int64) string {
	parts := make([]string, 0, len(counts))
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[kind], kind))
	}
	return "what the log folds to and what is stored differ: " + strings.Join(parts, ", ")
}
