package wiring

import (
	"context"
	"crypto/rand"
	"time"

	"reprise/functions/internal/consumers"
	"reprise/functions/internal/microservice"
	"reprise/pkg/api"
	"reprise/pkg/consume"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/replay"
	"reprise/pkg/steps"
)

const (
	// longStep bounds a reading step, shortStep one that waits for others: the
	// time limits of their tasks in the state machine leave room above. The
	// function's own time limit bounds both.
	longStep  = 14 * time.Minute
	shortStep = 90 * time.Second
	// lease is how long a promotion holds the active generation's consumer; a
	// writer that finds it expired breaks it.
	lease = 30 * time.Second
	// poll is how often marks and heads are looked at.
	poll = 500 * time.Millisecond
	// drainPatience is how long no mark may move before lanes count as stalled.
	// A new event source mapping takes a minute to begin.
	drainPatience = 75 * time.Second
)

// Load is load-events, and import-events with keepTime.
func (p *Platform) Load(keepTime bool) *api.Load {
	return &api.Load{Stream: p.Streams.Open(p.events.Name), Codec: p.codec, Lanes: p.lanes, Epoch: p.decoder.Epoch,
		KeepTime: keepTime, Now: p.Now, Overloaded: p.overloaded(), Log: p.Log}
}

// Pump is pump-events.
func (p *Platform) Pump() *consume.Pump {
	return &consume.Pump{Log: p.Log, Pump: &eventlog.Pump{
		Log: p.EventLog, Heads: p.heads, Decoder: p.decoder, Width: p.Settings.Bucket}}
}

// Microservice is run-microservice.
func (p *Platform) Microservice(service gateway.Service, outside gateway.Gateway) *microservice.Handler {
	return &microservice.Handler{Service: service, Outside: outside, Heads: p.heads, Decoder: p.decoder,
		Patience: writePatience, Pause: p.Pause, Log: p.Log}
}

// API is serve-api.
func (p *Platform) API() *api.API {
	finder := &replay.BucketFinder{Heads: p.heads, Registry: p.registry, Generations: p.Generations}
	return &api.API{Registry: p.registry, Generations: p.Generations, Heads: p.heads, EventLog: p.EventLog,
		Lanes: p.lanes, Buckets: finder.Find, Replays: p.service(), Platform: status{p}, Log: p.Log, Viewer: p.viewer()}
}

func (p *Platform) viewer() *replay.Viewer {
	return &replay.Viewer{Store: p.store, Registry: p.registry, Generations: p.Generations}
}

func (p *Platform) closer() *replay.Closer {
	return &replay.Closer{Store: p.store, Registry: p.registry, Generations: p.Generations, Lanes: p.lanes.Count()}
}

func (p *Platform) service() *replay.Service {
	return &replay.Service{Store: p.store, Executions: p.Executions, Closer: p.closer(), Random: rand.Reader}
}

func (p *Platform) promoter() *replay.Promoter {
	return &replay.Promoter{Store: p.store, Heads: p.heads, Registry: p.registry, Generations: p.Generations,
		Lanes: p.lanes, Retention: p.Settings.Retention, Lease: lease, Poll: poll, Pause: p.Pause}
}

// Plan is plan-replay.
func (p *Platform) Plan() *steps.PlanReplay {
	finder := &replay.BucketFinder{Heads: p.heads, Registry: p.registry, Generations: p.Generations}
	return &steps.PlanReplay{Store: p.store, Promoter: p.promoter(), Version: p.applier.Version(),
		Planner: &replay.Planner{Store: p.store, Heads: p.heads, Lanes: p.lanes, Width: p.Settings.Bucket, Buckets: finder.Find}}
}

// Read is read-segment.
func (p *Platform) Read() *steps.ReadSegment {
	return &steps.ReadSegment{Now: p.Now, Limit: longStep, Reader: &replay.Reader{
		Store: p.store, Log: p.EventLog, Heads: p.heads, Width: p.Settings.Bucket, Lanes: p.lanes,
		Codec: p.codec, Playback: p.Streams.Open(p.Settings.Names.PlaybackStream()), Retention: p.Settings.Retention}}
}

// Playback is apply-playback.
func (p *Platform) Playback() *consume.ApplyPlayback {
	return &consume.ApplyPlayback{Log: p.Log, Spending: p.spending, Consumer: &replay.Consumer{
		Store: p.store, Registry: p.registry, Generations: p.Generations, Applier: p.applier,
		Codec: p.codec, Lanes: p.lanes, Width: p.Settings.Bucket}}
}

// Drained is check-drained.
func (p *Platform) Drained() *steps.CheckDrained {
	return &steps.CheckDrained{Now: p.Now, Limit: shortStep, Drainer: &replay.Drainer{
		Store: p.store, Registry: p.registry, Generations: p.Generations,
		Patience: drainPatience, Poll: poll, Pause: p.Pause}}
}

// Prove is prove-completeness.
func (p *Platform) Prove() *steps.ProveCompleteness {
	return &steps.ProveCompleteness{Prover: &replay.Prover{Store: p.store, Registry: p.registry, Generations: p.Generations,
		Log: eventlog.View{Log: p.EventLog, Heads: p.heads}, Lanes: p.lanes.Count()}}
}

// Follow is follow-stream. The generation's consumer is made soon after.
func (p *Platform) Follow() *steps.FollowStream {
	return &steps.FollowStream{Promoter: p.promoter()}
}

// Promote is promote-generation.
func (p *Platform) Promote() *steps.PromoteGeneration {
	return &steps.PromoteGeneration{Promoter: p.promoter(), Now: p.Now, Limit: shortStep}
}

// Report is report-replay.
func (p *Platform) Report() *steps.ReportReplay {
	return &steps.ReportReplay{Closer: p.closer(), Viewer: p.viewer(), Spending: p.spending,
		Transitions: p.Transitions, Now: p.Now, Log: p.Log}
}

// KeepConsumers is keep-consumers: it makes the consumers agree with the roll
// of generations, and starts replays whose start was cut short.
func (p *Platform) KeepConsumers(ctx context.Context) error {
	keeper := &consumers.Keeper{Host: p.Consumers(p.events.ARN), Registry: p.registry, Generations: p.Generations,
		Lanes: p.lanes.Count(), Projections: p.applier.Version(), Published: p.Settings.WriteVersion, Log: p.Log}
	if err := keeper.Keep(ctx); err != nil {
		return err
	}
	return p.service().Reconcile(ctx)
}
