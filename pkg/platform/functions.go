package platform

import (
	"context"
	"errors"

	"reprise/pkg/replay/lifecycle"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/erasures"
	"reprise/pkg/api/extract"
	"reprise/pkg/api/generations"
	"reprise/pkg/api/intake"
	"reprise/pkg/api/past"
	"reprise/pkg/api/reversals"
	"reprise/pkg/api/verifications"
	"reprise/pkg/consume"
	"reprise/pkg/steps"
)

// Batch is a function that consumes a stream.
type Batch = func(context.Context, events.KinesisEvent) (events.KinesisEventResponse, error)

// Load is load-events, and import-events with keepTime.
func (p *Platform) Load(keepTime bool) *intake.Load {
	return &intake.Load{
		Stream:     p.Events,
		Codec:      p.Codec,
		Lanes:      p.Lanes,
		Epoch:      p.Epoch,
		KeepTime:   keepTime,
		Reacts:     p.reactor != nil,
		Heads:      p.heads,
		Width:      p.Settings.Bucket,
		Now:        p.Now,
		Overloaded: p.overloaded(),
		Personal:   p.Personal,
		Log:        p.Log,
	}
}

// API is serve-api.
func (p *Platform) API() *api.API {
	viewer := p.viewer()
	viewer.Recent = &lifecycle.Recent{}
	return &api.API{
		Entities: entities.Entities{
			Registry:    p.registry,
			Generations: p.Generations,
			Heads:       p.heads,
			EventLog:    p.EventLog,
			Lanes:       p.Lanes,
			Buckets:     p.finder().Find,
			Load:        p.Load(false),
			Log:         p.Log,
		},
		Past:       p.past(),
		Reversals:  p.reversals(),
		Replays:    p.Replays(),
		Viewer:     viewer,
		Forecaster: p.Forecaster(),
		Platform:   p.Status,
		Verifications: verifications.Verifications{
			Service: p.Verifications(),
			Store:   p.verifications(),
			Replay: func(ctx context.Context, id string) (lifecycle.View, error) {
				row, err := p.store.Load(ctx, id)
				if err != nil {
					return lifecycle.View{}, err
				}
				return viewer.View(ctx, row)
			},
			Log: p.Log,
		},
		Outgoing: p.outgoing(),
		Extract: extract.Extract{
			Log:   p.EventLog,
			Heads: p.heads,
			Lanes: p.Lanes,
			Width: p.Settings.Bucket,
			Now:   p.Now,
		},
		Erasures: erasures.Erasures{Vault: p.Personal, Log: p.Log},
		Personal: p.Personal,
		Changes: generations.Generations{
			Registry: p.registry,
			Chooser:  p.Promoter(),
			Differ:   p.Comparer(),
			Dropper:  p.Replays(),
			Approver: p.Replays(),
			Random:   p.Random,
			Now:      p.Now,
			Log:      p.Log,
		},
	}
}

func (p *Platform) past() past.Past {
	return past.Past{
		Heads:    p.heads,
		EventLog: p.EventLog,
		Lanes:    p.Lanes,
		Width:    p.Settings.Bucket,
		Buckets:  p.finder().Find,
		Applier:  p.Applier,
		Effects:  p.effectsLog(),
		Log:      p.Log,
	}
}

func (p *Platform) reversals() reversals.Reversals {
	return reversals.Reversals{
		Registry: p.registry,
		Heads:    p.heads,
		EventLog: p.EventLog,
		Lanes:    p.Lanes,
		Buckets:  p.finder().Find,
		Applier:  p.Applier,
		Load:     p.Load(false),
		Reactor:  p.reactor,
		Log:      p.Log,
	}
}

// Pump is pump-events.
func (p *Platform) Pump() Batch {
	return (&consume.Pump{Pump: p.EventPump(), Log: p.Log}).Handle
}

// Write is write-state for one generation.
func (p *Platform) Write(generation string) Batch {
	return (&consume.Write{Live: p.Live(), Generation: generation, Log: p.Log}).Handle
}

// Microservice is run-microservice.
func (p *Platform) Microservice() Batch {
	return (&consume.Microservice{Reactor: p.reactor, Live: p.Live(), Log: p.Log}).Handle
}

// ApplyPlayback is apply-playback.
func (p *Platform) ApplyPlayback() Batch {
	return (&consume.ApplyPlayback{Consumer: p.Consumer(), Spending: p.spending, Log: p.Log}).Handle
}

// Plan is plan-replay.
func (p *Platform) Plan() Step[steps.PlanInput, steps.PlanOutput] {
	plan := &steps.PlanReplay{Store: p.store, Planner: p.Planner(), Promoter: p.Promoter(),
		Replays: p.Replays(), Version: p.Applier.Version(),
		Forecaster: p.Forecaster()}
	return logged(p, plan.Handle)
}

// Read is read-segment.
func (p *Platform) Read() Step[steps.SegmentInput, steps.SegmentOutput] {
	read := &steps.ReadSegment{Reader: p.Reader(), Now: p.Now, Limit: p.Settings.LongStep}
	return logged(p, steps.Current(p.store, read.Handle))
}

// Drain is check-drained.
func (p *Platform) Drain() Step[steps.StepInput, steps.DrainOutput] {
	drain := &steps.CheckDrained{Drainer: p.Drainer(), Now: p.Now, Limit: p.Settings.ShortStep}
	return logged(p, steps.Current(p.store, drain.Handle))
}

// Prove is prove-completeness.
func (p *Platform) Prove() Step[steps.StepInput, steps.ProofOutput] {
	prove := &steps.ProveCompleteness{Prover: p.Prover(), Log: p.Log}
	return logged(p, steps.Current(p.store, prove.Handle))
}

// Follow is follow-stream. The keeper creates the generation's consumer soon
// after.
func (p *Platform) Follow() Step[steps.StepInput, steps.FollowOutput] {
	follow := &steps.FollowStream{Promoter: p.Promoter()}
	return logged(p, waking(p, steps.Current(p.store, follow.Handle)))
}

// Promote is promote-generation.
func (p *Platform) Promote() Step[steps.StepInput, steps.PromoteOutput] {
	promote := &steps.PromoteGeneration{Promoter: p.Promoter(), Now: p.Now, Limit: p.Settings.ShortStep}
	return logged(p, steps.Current(p.store, promote.Handle))
}

// AwaitResume is await-resume.
func (p *Platform) AwaitResume() Step[steps.WaitInput, steps.WaitOutput] {
	wait := &steps.AwaitResume{Replays: p.Replays()}
	return logged(p, steps.Current(p.store, wait.Handle))
}

// Control is control-replay. Its cost belongs to no replay: the one that it is asked for
// may not exist.
func (p *Platform) Control() Step[steps.ControlInput, steps.ControlOutput] {
	return (&steps.ControlReplay{Replays: p.Replays(), Log: p.Log}).Handle
}

// Report is report-replay.
func (p *Platform) Report() Step[steps.ReportInput, lifecycle.View] {
	report := &steps.ReportReplay{
		Closer:      p.Closer(),
		Viewer:      p.viewer(),
		Spending:    p.spending,
		Transitions: p.Transitions,
		Now:         p.Now,
		Log:         p.Log,
	}
	return logged(p, waking(p, report.Handle))
}

// Close is close-replay.
func (p *Platform) Close() func(context.Context, events.CloudWatchEvent) error {
	ended := &steps.CloseReplay{Replays: p.Replays(), Machine: p.Settings.Machine,
		Verifications: p.Verifications(), VerifyMachine: p.Settings.VerifyMachine, Wake: p.WakeKeeper,
		Log: p.Log}
	return func(ctx context.Context, e events.CloudWatchEvent) error {
		id, err := ended.Handle(ctx, e)
		if id == "" {
			return err
		}
		p.keepCost(ctx, id, "")
		if err != nil {
			return err
		}
		return p.WakeKeeper(ctx)
	}
}

// Keep is keep-consumers: it makes the consumers match the registry of
// generations, completes interrupted starts and ends of replays, and checks the
// code of the projections.
func (p *Platform) Keep(ctx context.Context) error {
	if err := p.beginService(ctx); err != nil {
		return err
	}
	if err := p.Keeper().Keep(ctx); err != nil {
		return err
	}
	if err := p.Reconcile(ctx); err != nil {
		return err
	}
	p.CheckCode(ctx)
	return nil
}

// Reconcile is the part of keep-consumers that completes interrupted starts and ends of
// replays and verifications.
func (p *Platform) Reconcile(ctx context.Context) error {
	return errors.Join(p.Verifications().Reconcile(ctx), p.Replays().Reconcile(ctx))
}

// Keeper is the part of keep-consumers that manages consumers.
func (p *Platform) Keeper() *Keeper {
	return &Keeper{
		Host:        p.Host,
		Registry:    p.registry,
		Generations: p.Generations,
		Lanes:       p.Lanes.Count(),
		Projections: p.Applier.Version(),
		Published:   p.Settings.Published,
		Log:         p.Log,
	}
}
