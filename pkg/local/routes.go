package local

import (
	"context"
	"errors"
	"net/http"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/local/localstore"
	"reprise/pkg/replay"
)

// handler serves the HTTP API.
func (p *Platform) handler() http.Handler {
	return api.New(p.load(false), p.load(true), &api.API{
		Registry: p.registry, Generations: p.generations, Heads: p.heads, EventLog: p.log,
		Lanes: p.lanes, Buckets: p.finder().Find, Replays: p.service, Platform: status{p}, Log: p.options.Log,
		Viewer: &replay.Viewer{Store: p.store, Registry: p.registry, Generations: p.generations}})
}

func (p *Platform) load(keepTime bool) *api.Load {
	return &api.Load{Stream: p.streams.Open(eventStream), Codec: p.codec, Lanes: p.lanes, Epoch: p.decoder.Epoch,
		KeepTime: keepTime, Now: time.Now, Overloaded: p.overloaded, Log: p.options.Log,
		NoRoom: func(err error) bool { return errors.Is(err, localstore.ErrFull) }}
}

func (p *Platform) finder() *replay.BucketFinder {
	return &replay.BucketFinder{Heads: p.heads, Registry: p.registry, Generations: p.generations}
}

// overloaded reports that the pump is half the retention behind.
func (p *Platform) overloaded(ctx context.Context) bool {
	lag, err := status{p}.lag(ctx, p.events, "pump")
	return err == nil && lag.millis > (p.options.Retention/2).Milliseconds()
}
