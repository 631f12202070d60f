package platform

import (
	"context"
	"strconv"

	"reprise/pkg/replay/segment"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/meter/spending"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/planning"
)

// EventPump is what pump-events is made of.
func (p *Platform) EventPump() *eventlog.Pump {
	return &eventlog.Pump{Log: p.EventLog, Heads: p.heads, Decoder: p.decoder, Width: p.Settings.Bucket}
}

// Live is what write-state is made of.
func (p *Platform) Live() *projection.Live {
	return &projection.Live{
		Log:         p.EventLog,
		Heads:       p.heads,
		Registry:    p.registry,
		Generations: p.Generations,
		Decoder:     p.decoder,
		Width:       p.Settings.Bucket,
		Applier:     p.Applier,
		Patience:    p.Settings.WritePatience,
		Sleep:       p.Sleep,
	}
}

// Planner is what plan-replay is made of, behind a Promoter.
func (p *Platform) Planner() *planning.Planner {
	return &planning.Planner{
		Store:   p.store,
		Heads:   p.heads,
		Lanes:   p.Lanes,
		Width:   p.Settings.Bucket,
		Buckets: p.finder().Find,
	}
}

// Forecaster forecasts replays.
func (p *Platform) Forecaster() *forecast.Forecaster {
	return &forecast.Forecaster{Planner: p.Planner(), Readers: p.Settings.Readers, Charged: p.spending != nil,
		Retention: p.Settings.Retention}
}

func (p *Platform) finder() *datastore.BucketFinder {
	return &datastore.BucketFinder{Heads: p.heads, Registry: p.registry, Generations: p.Generations}
}

// Reader is what read-segment is made of.
func (p *Platform) Reader() *segment.Reader {
	return &segment.Reader{
		Store:       p.store,
		Log:         p.EventLog,
		Heads:       p.heads,
		Width:       p.Settings.Bucket,
		Lanes:       p.Lanes,
		Codec:       p.Codec,
		Playback:    p.Playback,
		Retention:   p.Settings.Retention,
		PageBytes:   p.Settings.PageBytes,
		RecordBytes: p.Settings.RecordBytes,
		Pacer:       p.pacer,
		Budget:      p.keeperOf,
	}
}

// keeperOf holds a reader to the budget of a replay.
func (p *Platform) keeperOf(id string, group int) *budget.Keeper {
	return &budget.Keeper{
		Ledger: p.ledger(),
		Table:  p.Table,
		Key:    replay.BudgetKey(id),
		ID:     id,
		Worker: strconv.Itoa(group),
		Every:  p.Settings.BudgetEvery,
		Now:    p.Now,
	}
}

// ledger has what replays have used. Without a meter it counts what their work would use
// on AWS, so that a budget holds everywhere.
func (p *Platform) ledger() budget.Ledger {
	if p.spending != nil {
		return spending.Metered{Recorder: p.spending}
	}
	return spending.Counted{Store: p.store}
}

// Consumer is what apply-playback is made of.
func (p *Platform) Consumer() *replay.Consumer {
	return &replay.Consumer{
		Store:       p.store,
		Registry:    p.registry,
		Generations: p.Generations,
		Applier:     p.Applier,
		Codec:       p.Codec,
		Lanes:       p.Lanes,
		Width:       p.Settings.Bucket,
		Effects:     p.collector(),
	}
}

// Drainer is what check-drained is made of.
func (p *Platform) Drainer() *replay.Drainer {
	return &replay.Drainer{
		Store:       p.store,
		Registry:    p.registry,
		Generations: p.Generations,
		Patience:    p.Settings.DrainPatience,
		Limit:       p.Settings.DrainLimit,
		FirstPoll:   p.Settings.FirstPoll,
		Poll:        p.Settings.DrainPoll,
		SliceTime:   p.Settings.SliceStep,
		Retention:   p.Settings.Retention,
		Sleep:       p.Sleep,
	}
}

// Prover is what prove-completeness is made of.
func (p *Platform) Prover() *replay.Prover {
	return &replay.Prover{
		Store:       p.store,
		Registry:    p.registry,
		Generations: p.Generations,
		Log:         eventlog.View{Log: p.EventLog, Heads: p.heads},
		Lanes:       p.Lanes.Count(),
		Lost:        p.Lost,
	}
}

// Promoter is what follow-stream and promote-generation are made of.
func (p *Platform) Promoter() *cutover.Promoter {
	return &cutover.Promoter{
		Store:       p.store,
		Heads:       p.heads,
		Registry:    p.registry,
		Generations: p.Generations,
		Lanes:       p.Lanes,
		Comparer:    p.Comparer(),
		Retention:   p.Settings.Retention,
		OneVersion:  p.Settings.OneVersion,
		Lease:       p.Settings.Lease,
		FirstPoll:   p.Settings.FirstPoll,
		Poll:        p.Settings.Poll,
		Sleep:       p.Sleep,
	}
}

// Comparer says what a promotion would change.
func (p *Platform) Comparer() *cutover.Comparer {
	return &cutover.Comparer{
		Registry:    p.registry,
		Generations: p.Generations,
		Log:         eventlog.View{Log: p.EventLog, Heads: p.heads},
		Applier:     p.Applier,
		Lanes:       p.Lanes.Count(),
		Now:         p.Now,
		Sleep:       p.Sleep,
	}
}

// Closer is what report-replay is made of.
func (p *Platform) Closer() *lifecycle.Closer {
	return &lifecycle.Closer{Store: p.store, Registry: p.registry, Generations: p.Generations, Lanes: p.Lanes.Count(),
		Verifies: p.verifies}
}

// Replays starts and cancels replays, and closes those whose execution has ended
// or never began.
func (p *Platform) Replays() *lifecycle.Service {
	return &lifecycle.Service{
		Store:      p.store,
		Executions: p.Executions,
		Closer:     p.Closer(),
		Width:      p.Settings.Bucket,
		Random:     p.Random,
		Effects:    p.reactor != nil,
		Ledger:     p.ledger(),
	}
}

func (p *Platform) viewer() *lifecycle.Viewer {
	return &lifecycle.Viewer{
		Store:       p.store,
		Registry:    p.registry,
		Generations: p.Generations,
		Ledger:      p.ledger(),
		Charged:     p.spending != nil,
	}
}

// Registry is the registry of generations.
func (p *Platform) Registry() datastore.Registry { return p.registry }

// EnsureFirst creates the first generation of a new platform, and lets its service begin.
// It is idempotent.
func (p *Platform) EnsureFirst(ctx context.Context) error {
	if err := p.beginService(ctx); err != nil {
		return err
	}
	_, err := p.registry.EnsureFirst(ctx, p.Generations, p.Lanes.Count(), p.Applier.Version())
	return err
}

// Spending records the functions' cost; it is nil without a meter.
func (p *Platform) Spending() *spending.Recorder { return p.spending }

// Store stores the documents of replays.
func (p *Platform) Store() replay.Store { return p.store }
