package platform

import (
	"context"
	"log/slog"

	"reprise/pkg/eventlog"
	"reprise/pkg/steps"
	"reprise/pkg/verify"
)

// PlanVerification is plan-verification.
func (p *Platform) PlanVerification() Step[steps.PlanVerificationInput, steps.PlanVerificationOutput] {
	plan := &steps.PlanVerification{Store: p.verifications(), Planner: p.verificationPlanner(),
		AtOnce: p.Settings.Readers, Log: p.Log}
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
		Executions: p.VerifyExecutions,
		Random:     p.Random,
	}
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
	return &verify.Reporter{Store: p.verifications(), Log: p.EventLog}
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
