package local_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/domain/samples"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/local"
	"reprise/pkg/local/localtest"
)

// reactions records the events that it gets, by entity.
type reactions struct {
	mu       sync.Mutex
	byEntity map[string][]string
	seen     chan struct{}
}

func (r *reactions) service() gateway.Service {
	return &effectstest.Service{Code: 1, On: samples.RepoFiles().Types(),
		Do: func(_ context.Context, reaction *gateway.Reaction, _ gateway.Gateway) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			e := reaction.Event
			r.byEntity[e.Subject] = append(r.byEntity[e.Subject], e.ID)
			r.seen <- struct{}{}
			return nil
		}}
}

// A service gets an entity's events in their order, and the status shows its
// consumer.
func TestAServiceReactsOnOneMachine(t *testing.T) {
	t.Parallel()
	const events = 60
	service := &reactions{byEntity: make(map[string][]string), seen: make(chan struct{}, 10*events)}
	p := localtest.Start(t, local.Options{
		Dir:     t.TempDir(),
		Lanes:   4,
		Shards:  2,
		Service: service.service(),
	})
	p.Send("/events", changes(0, events, 3))
	late := time.After(2 * time.Minute)
	for range events {
		select {
		case <-service.seen:
		case <-late:
			t.Fatal("not all events arrived")
		}
	}
	service.mu.Lock()
	defer service.mu.Unlock()
	for i := range 3 {
		entity := fmt.Sprintf("file-%d", i)
		next := i
		for _, id := range service.byEntity[entity] { // each may be repeated, none may be left out
			if id == strconv.Itoa(next) {
				next += 3
			}
		}
		if next < events {
			t.Errorf("%s: got %v", entity, service.byEntity[entity])
		}
	}
	localtest.Until(p, "/status", func(status api.StatusView) bool {
		return slices.ContainsFunc(status.Consumers, func(c api.ConsumerStatus) bool { return c.Name == "run-microservice" })
	})
}
