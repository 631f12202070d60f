package platform

import (
	"context"
	"errors"
	"log/slog"

	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
	"reprise/pkg/verify"
	"reprise/pkg/verify/rebuild"
)

// PlanVerification is plan-verification.
func (p *Platform) PlanVerification() Step[steps.PlanVerificationInput, steps.PlanVerificationOutput] {
	plan := &steps.PlanVerification{Store: p.verifications(), Planner: p.verificationPlanner(),
		Rebuilder: p.rebuilder(), AtOnce: p.Settings.Readers, Log: p.Log}
	return timed(p, plan.Handle)
}

// VerifyLanes is verify-lanes.
func (p *Platform) VerifyLanes() Step[steps.VerifyInput, steps.VerifyOutput] {
	lanes := &steps.VerifyLanes{Checker: p.Checker(), Now: p.Now, Limit: p.Settings.LongStep}
	return timed(p, lanes.Handle)
}

// ReportVerification is report-verification.
func (p *Platform) ReportVerification() Step[steps.ReportVerificationInput, steps.ReportVerificationOutput] {
	report := &steps.ReportVerification{Reporter: p.verificationReporter(), Log: p.Log}
	return timed(p, report.Handle)
}

// Verifications starts and ends verifications.
func (p *Platform) Verifications() *verify.Service {
	return &verify.Service{
		Store:      p.verifications(),
		Planner:    p.verificationPlanner(),
		Reporter:   p.verificationReporter(),
		Executions: executionsOf{p.VerifyExecutions},
		Rebuilds:   p.rebuilder(),
		Random:     p.Random,
	}
}

// executionsOf names states as package verify does.
type executionsOf struct{ VerifyExecutions }

func (e executionsOf) State(ctx context.Context, name string) (string, error) {
	state, err := e.VerifyExecutions.State(ctx, name)
	return string(state), err
}

// rebuilder joins verifications of depth rebuild to their replays.
func (p *Platform) rebuilder() *rebuild.Rebuilder {
	return &rebuild.Rebuilder{
		Store:       p.verifications(),
		Planner:     p.verificationPlanner(),
		Replays:     p.Replays(),
		Rows:        p.store,
		Ledger:      p.ledger(),
		Generations: p.Generations,
		Lanes:       p.Lanes.Count(),
	}
}

// rebuilt is what the replay of a verification has used so far, nothing if there is none.
func (p *Platform) rebuilt(ctx context.Context, id string) (meter.Usage, error) {
	used, err := p.ledger().Used(ctx, id)
	if errors.Is(err, replay.ErrNotFound) {
		return meter.Usage{}, nil
	}
	return used, err
}

// verifies reports whether a verification goes on.
func (p *Platform) verifies(ctx context.Context, id string) (bool, error) {
	row, err := p.verifications().Load(ctx, id)
	if errors.Is(err, verify.ErrNotFound) {
		return false, nil
	}
	return err == nil && !row.Status.Ended(), err
}

// Checker is the part of verify-lanes that verifies.
func (p *Platform) Checker() *verify.Checker {
	return &verify.Checker{
		Store:       p.verifications(),
		Log:         p.view(),
		Width:       p.Settings.Bucket,
		Generations: p.Generations,
		Applier:     p.Applier,
		SpanBytes:   p.Settings.VerifyBytes,
		PageBytes:   p.Settings.PageBytes,
		Patience:    p.Settings.VerifyPatience,
		BudgetEvery: p.Settings.BudgetEvery,
		Sleep:       p.Sleep,
	}
}

func (p *Platform) view() eventlog.View { return eventlog.View{Log: p.EventLog, Heads: p.heads} }

func (p *Platform) verifications() verify.Store { return verify.Store{Table: p.Table, Now: p.Now} }

func (p *Platform) verificationPlanner() *verify.Planner {
	return &verify.Planner{
		Store:     p.verifications(),
		Heads:     p.heads,
		Registry:  p.registry,
		Lanes:     p.Lanes.Count(),
		Version:   p.Applier.Version(),
		FullEvery: p.Settings.VerifyFullEvery,
	}
}

func (p *Platform) verificationReporter() *verify.Reporter {
	return &verify.Reporter{Store: p.verifications(), Log: p.EventLog, Rebuilt: p.rebuilt}
}

// timed wraps a step that belongs to no replay: it logs the end.
func timed[In, Out any](p *Platform, step Step[In, Out]) Step[In, Out] {
	return func(ctx context.Context, in In) (Out, error) {
		began := p.Now()
		out, err := step(ctx, in)
		level, text := slog.LevelInfo, ""
		if err != nil {
			level, text = slog.LevelWarn, err.Error()
		}
		p.Log.LogAttrs(ctx, level, "step ended", slog.Any("input", in), slog.Duration("took", p.Now().Sub(began)),
			slog.String("error", text))
		return out, err
	}
}
