package platform_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
)

// reactions collects the ids of events.
type reactions struct {
	mu   sync.Mutex
	seen []string
	err  error
}

func (r *reactions) service() *effectstest.Service {
	return &effectstest.Service{Code: 1, On: []string{"one.happened", "two.happened", "three.happened"},
		Do: func(_ context.Context, reaction *gateway.Reaction, _ gateway.Gateway) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.seen = append(r.seen, reaction.Event.ID)
			return r.err
		}}
}

// reacting is a kept platform with a service, and what it reacts to.
func reacting(t *testing.T, w *platformtest.World) (*platform.Platform, *reactions) {
	t.Helper()
	service := &reactions{}
	w.Parts.Service = service.service()
	p := w.Platform()
	if err := p.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p, service
}

func TestTheMicroserviceReactsBehindTheLog(t *testing.T) {
	p, service := reacting(t, platformtest.New(t))
	batch := platformtest.Sent(t, p, "one.happened", "other.happened", "two.happened")
	answer, err := p.Microservice()(t.Context(), batch)
	if err != nil || len(service.seen) > 0 || len(answer.BatchItemFailures) != 1 ||
		answer.BatchItemFailures[0].ItemIdentifier != batch.Records[0].Kinesis.SequenceNumber {
		t.Fatalf("before the log: %v, %+v, %v", service.seen, answer, err)
	}
	if pumped, err := p.Pump()(t.Context(), batch); err != nil || len(pumped.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", pumped, err)
	}
	for range 2 { // redelivered, too
		answer, err = p.Microservice()(t.Context(), batch)
		if err != nil || len(answer.BatchItemFailures) > 0 || strings.Join(service.seen, "") != "ac" {
			t.Errorf("%v, %+v, %v", service.seen, answer, err)
		}
	}
}

// TestAFailingReactionHoldsUpNoRecord: the entity waits, and the batch is done.
func TestAFailingReactionHoldsUpNoRecord(t *testing.T) {
	p, service := reacting(t, platformtest.New(t))
	service.err = errors.New("down")
	batch := platformtest.Sent(t, p, "one.happened", "two.happened")
	if pumped, err := p.Pump()(t.Context(), batch); err != nil || len(pumped.BatchItemFailures) > 0 {
		t.Fatalf("%+v, %v", pumped, err)
	}
	answer, err := p.Microservice()(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || strings.Join(service.seen, "") != "a" {
		t.Errorf("%v, %+v, %v", service.seen, answer, err)
	}
}

// TestTheMicroserviceIgnoresWhatTheLogDoesNotHave lets the second of three
// records reach the pump last, as a reshard can. It is late for the pump,
// although the service gets it in its place.
func TestTheMicroserviceIgnoresWhatTheLogDoesNotHave(t *testing.T) {
	p, service := reacting(t, platformtest.New(t))
	batch := platformtest.Sent(t, p, "one.happened", "two.happened", "three.happened")
	for _, i := range []int{0, 2, 1} {
		one := events.KinesisEvent{Records: batch.Records[i : i+1]}
		if pumped, err := p.Pump()(t.Context(), one); err != nil || len(pumped.BatchItemFailures) > 0 {
			t.Fatalf("%+v, %v", pumped, err)
		}
	}
	answer, err := p.Microservice()(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || strings.Join(service.seen, "") != "ac" {
		t.Errorf("%v, %+v, %v", service.seen, answer, err)
	}
}

// TestTheMicroserviceWaitsForThePump lets the pump commit while the
// microservice waits: the batch need not be retried.
func TestTheMicroserviceWaitsForThePump(t *testing.T) {
	w := platformtest.New(t)
	var batch events.KinesisEvent
	var p *platform.Platform
	waits := 0
	w.Parts.Sleep = func(ctx context.Context, _ time.Duration) error {
		waits++
		_, err := p.Pump()(ctx, batch)
		return err
	}
	p, service := reacting(t, w)
	batch = platformtest.Sent(t, p, "one.happened", "two.happened")
	answer, err := p.Microservice()(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || len(service.seen) != 2 || waits != 1 {
		t.Errorf("%v, %+v, %v, %d waits", service.seen, answer, err, waits)
	}
}

// TestANewServiceBeginsBehindTheHeads of a platform that has events, and with the first
// event of one that is new.
func TestANewServiceBeginsBehindTheHeads(t *testing.T) {
	w := platformtest.New(t)
	old := w.Platform()
	if err := old.Keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	batch := platformtest.Sent(t, old, "one.happened", "two.happened")
	if _, err := old.Pump()(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	p, service := reacting(t, w)
	platformtest.Send(t, p, `{"specversion":"1.0","id":"d","source":"s","type":"three.happened","subject":"x"}`)
	batch = platformtest.Records(t, p.Events)
	if _, err := p.Pump()(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	answer, err := p.Microservice()(t.Context(), batch)
	if err != nil || len(answer.BatchItemFailures) > 0 || strings.Join(service.seen, "") != "d" {
		t.Errorf("%v, %+v, %v", service.seen, answer, err)
	}
}

// TestTheServiceGoesOnPastWhatItMissed, and says so once.
func TestTheServiceGoesOnPastWhatItMissed(t *testing.T) {
	w := platformtest.New(t)
	p, service := reacting(t, w)
	deliver := func(types ...string) {
		t.Helper()
		batch := platformtest.Sent(t, p, types...)
		for _, consume := range []platform.Batch{p.Pump(), p.Microservice()} {
			if answer, err := consume(t.Context(), batch); err != nil || len(answer.BatchItemFailures) > 0 {
				t.Fatalf("%+v, %v", answer, err)
			}
		}
	}
	deliver("one.happened")
	key := control.Key{Partition: "marks", Sort: p.Lanes.Of("x").String()}
	_, err := control.Update(t.Context(), p.Effects, key, func(mark *datastore.Mark, _ bool) error {
		mark.Ordinal-- // as if an event before it had never come
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	deliver("one.happened", "two.happened")
	deliver("one.happened", "two.happened", "three.happened")
	said := strings.Count(w.Logged.String(), "events never came to the service in their order")
	if got := strings.Join(service.seen, ""); got != "abc" || said != 1 {
		t.Errorf("reacted to %s, said so %d times", got, said)
	}
}
