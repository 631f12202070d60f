package platform

import (
	"context"

	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter/spending"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
	"reprise/pkg/replay/cutover"
	"reprise/pkg/replay/lifecycle"
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
func (p *Platform) Planner() *replay.Planner {
	return &replay.Planner{
		Store:   p.store,
		Heads:   p.heads,
		Lanes:   p.Lanes,
		Width:   p.Settings.Bucket,
		Buckets: p.finder().Find,
	}
}

func (p *Platform) finder() *datastore.BucketFinder {
	return &datastore.BucketFinder{Heads: p.heads, Registry: p.registry, Generations: p.Generations}
}

// Reader is what read-segment is made of.
func (p *Platform) Reader() *replay.Reader {
	return &replay.Reader{
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
	}
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
		Poll:        p.Settings.DrainPoll,
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
		Retention:   p.Settings.Retention,
		Lease:       p.Settings.Lease,
		Poll:        p.Settings.Poll,
		Sleep:       p.Sleep,
	}
}

// Closer is what report-replay is made of.
func (p *Platform) Closer() *lifecycle.Closer {
	return &lifecycle.Closer{Store: p.store, Registry: p.registry, Generations: p.Generations, Lanes: p.Lanes.Count()}
}

// Replays starts and cancels replays, and closes those whose execution has ended
// or never began.
func (p *Platform) Replays() *lifecycle.Service {
	return &lifecycle.Service{Store: p.store, Executions: p.Executions, Closer: p.Closer(), Random: p.Random}
}

func (p *Platform) viewer() *lifecycle.Viewer {
	return &lifecycle.Viewer{Store: p.store, Registry: p.registry, Generations: p.Generations}
}

// Registry is the registry of generations.
func (p *Platform) Registry() datastore.Registry { return p.registry }

// EnsureFirst creates the first generation of a new platform. It is idempotent.
func (p *Platform) EnsureFirst(ctx context.Context) error {
	_, err := p.registry.EnsureFirst(ctx, p.Generations, p.Lanes.Count(), p.Applier.Version())
	return err
}

// Spending records the functions' cost; it is nil without a meter.
func (p *Platform) Spending() *spending.Recorder { return p.spending }

// Store stores the documents of replays.
func (p *Platform) Store() replay.Store { return p.store }
