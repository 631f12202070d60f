package platform

import (
	"context"
	"time"

	"reprise/pkg/api/outgoing"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
)

// reacting are the parts of what lets the service react.
func (p *Platform) reacting() effects.Reactor {
	return effects.Reactor{
		Ledger:  p.ledgerOfEffects(),
		Service: p.Service,
		Systems: p.Systems,
		Applier: p.Applier.Aside(),
		Reveal:  p.Personal.Reveal,
		View:    eventlog.View{Log: p.EventLog, Heads: p.heads},
		Buckets: p.finder().Find,
		Now:     p.Now,
		Log:     p.Log,
	}
}

func (p *Platform) ledgerOfEffects() effects.Ledger { return effects.Ledger{Table: p.Effects} }

// collector compares effects; it is nil without a service.
func (p *Platform) collector() replay.EffectsCollector {
	if p.reactor == nil {
		return nil
	}
	return &effects.Collector{Reactor: p.reactor}
}

// effectsLog is the effects log, nil without a service.
func (p *Platform) effectsLog() *effects.Ledger {
	if p.reactor == nil {
		return nil
	}
	return &effects.Ledger{Table: p.Effects}
}

// beginService lets a service begin that is new: on a new platform, which has no generation
// yet, with the first event of the log.
func (p *Platform) beginService(ctx context.Context) error {
	if p.reactor == nil {
		return nil
	}
	registered, err := p.registry.Load(ctx)
	if err != nil {
		return err
	}
	return p.ledgerOfEffects().Begin(ctx, p.heads, p.Lanes.Count(), registered.Active == "")
}

// sweepReserve is how long before its time limit a sweep begins nothing new: a reaction may
// take a minute.
const sweepReserve = 75 * time.Second

// RetryEffects is retry-effects: it takes up the effects of entities that wait and are due,
// and carries out what was approved, until shortly before the limit of ctx. It returns when
// the next one is due, zero if none waits.
func (p *Platform) RetryEffects(ctx context.Context) (due time.Time, err error) {
	if p.reactor == nil {
		return due, nil
	}
	until := p.Now().Add(sweepReserve)
	if deadline, has := ctx.Deadline(); has {
		until = deadline.Add(-sweepReserve)
	}
	due, err = p.reactor.Sweep(ctx, until)
	if err != nil {
		return due, err
	}
	runner := &approval.Runner{
		Store:   p.approvals(),
		Reactor: p.reactor,
		Lanes:   p.Lanes.Count(),
		Sleep:   p.Sleep,
		Log:     p.Log,
	}
	next, err := runner.Run(ctx, until)
	if due.IsZero() || !next.IsZero() && next.Before(due) {
		due = next
	}
	return due, err
}

func (p *Platform) approvals() approval.Store { return approval.Store{Table: p.Effects, Now: p.Now} }

// outgoing serves the routes of effects.
func (p *Platform) outgoing() outgoing.Outgoing {
	wake := p.WakeEffects
	if wake == nil {
		wake = func(context.Context) error { return nil }
	}
	return outgoing.Outgoing{
		Reactor:   p.reactor,
		Approvals: p.approvals(),
		Replays:   p.store,
		Lanes:     p.Lanes,
		Wake:      wake,
		Log:       p.Log,
	}
}
