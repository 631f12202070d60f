package effects_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/datastore"
	"reprise/pkg/effects"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/projection"
)

// summing folds amounts; its state is the sum times a factor.
func summing(version, factor int) projection.Projection {
	return projection.New("sums", version, []string{"added"}, func(sum int, e *event.Event) (int, error) {
		return sum + factor*len(e.ID), nil
	})
}

// witness is a platform whose service notes the states around events.
type witness struct {
	*platformtest.World
	t    *testing.T
	seen []string
}

func newWitness(t *testing.T) *witness {
	w := &witness{World: platformtest.New(t), t: t}
	w.project(1, 1)
	return w
}

func (w *witness) project(version, factor int) {
	set, err := projection.NewSet(summing(version, factor))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Parts.Applier = projection.NewApplier(set, w.View())
}

func (w *witness) service() {
	w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
		Do: func(_ context.Context, r *gateway.Reaction, _ gateway.Gateway) error {
			w.seen = append(w.seen, fmt.Sprintf("%s %s→%s", r.Event.ID, r.Before, r.After))
			return nil
		}}
}

// add sends an event and lets the platform take it in.
func (w *witness) add(ids ...string) {
	w.t.Helper()
	p := w.Platform()
	for _, id := range ids {
		platformtest.Send(w.t, p, fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"s","type":"added","subject":"x"}`, id))
	}
	w.deliver(p)
}

func (w *witness) deliver(p *platform.Platform) events.KinesisEvent {
	w.t.Helper()
	// It says that the generation has no consumer once the projections have changed.
	_ = p.Keep(w.t.Context())
	batch := platformtest.Records(w.t, p.Events)
	for _, consume := range []platform.Batch{p.Pump(), p.Microservice()} {
		if answer, err := consume(w.t.Context(), batch); err != nil || len(answer.BatchItemFailures) > 0 {
			w.t.Fatalf("%+v, %v", answer, err)
		}
	}
	return batch
}

func (w *witness) want(seen ...string) {
	w.t.Helper()
	if !slices.Equal(w.seen, seen) {
		w.t.Errorf("the service saw %q, want %q", w.seen, seen)
	}
	w.seen = nil
}

// TestStatesOfBeforeTheServiceAreKnown: the entity has a history when the service begins,
// and the projections change later.
func TestStatesOfBeforeTheServiceAreKnown(t *testing.T) {
	w := newWitness(t)
	w.add("a", "bb", "a") // the third is a duplicate
	w.service()
	w.add() // the service begins
	w.add("ccc")
	w.want("ccc 3→6")
	w.add("dddd", "bb")
	w.want("dddd 6→10")
	w.project(2, 10)
	w.add("e")
	w.want("e 100→110")
}

// TestAnEntityWithAVeryLongHistory has an identity index, and is folded in parts.
func TestAnEntityWithAVeryLongHistory(t *testing.T) {
	const many = 1200
	w := newWitness(t)
	ids := make([]string, many)
	for i := range ids {
		ids[i] = fmt.Sprintf("%04d", i)
	}
	w.add(ids...)
	w.service()
	w.add()
	w.add("next", "0007") // the second is a duplicate of long ago
	w.want(fmt.Sprintf("next %d→%d", 4*many, 4*many+4))
	w.project(2, 2)
	w.add("last", "0008")
	w.want(fmt.Sprintf("last %d→%d", 8*many+8, 8*many+16))
}

// TestARestrictedCall: what is not declared, too large or sent to an unknown system is
// refused by name.
func TestARestrictedCall(t *testing.T) {
	for name, c := range map[string]struct {
		effect gateway.Effect
		parked bool
		says   string
	}{
		"undeclared":     {gateway.Effect{System: "mail", Name: "other"}, false, "declares no such update"},
		"unknown system": {gateway.Effect{System: "fax", Name: "send"}, false, "no address of the system"},
		"no JSON":        {gateway.Effect{System: "mail", Name: "send", Body: []byte("{")}, false, "not JSON"},
		"long part":      {gateway.Effect{System: "mail", Name: "send", Part: strings.Repeat("p", 200)}, false, "part"},
		"large": {gateway.Effect{System: "mail", Name: "send",
			Body: []byte(`"` + strings.Repeat("b", gateway.MaxBytes) + `"`)}, true, "too large"},
	} {
		w := newWitness(t)
		mail := &effectstest.System{}
		w.Parts.Systems = gateway.Systems{"mail": mail}
		w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
			May: []gateway.Call{{System: "mail", Name: "send", Kind: gateway.Updating},
				{System: "fax", Name: "send", Kind: gateway.Updating}},
			Do: func(ctx context.Context, _ *gateway.Reaction, outside gateway.Gateway) error {
				_, err := outside.Update(ctx, c.effect)
				return err
			}}
		w.add("a")
		held := w.waiting()
		if len(held) != 1 || held[0].Parked != c.parked || !strings.Contains(held[0].Reason, c.says) ||
			len(mail.Received()) > 0 {
			t.Errorf("%s: %+v, %d requests", name, held, len(mail.Received()))
		}
	}
}

func (w *witness) waiting() []effects.Held {
	w.t.Helper()
	held, _, err := effects.Ledger{Table: w.Parts.Effects}.Waiting(w.t.Context(), "", 10)
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

// TestTroubleParksAfterABound, and a person lets it go on.
func TestTroubleParksAfterABound(t *testing.T) {
	w := newWitness(t)
	ahead := time.Duration(0)
	w.Parts.Now = func() time.Time { return time.Now().Add(ahead) }
	trouble := errors.New("the service is confused")
	w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
		Do: func(_ context.Context, r *gateway.Reaction, _ gateway.Gateway) error {
			if r.Event.ID == "panics" {
				panic("at the disco")
			}
			if r.Event.ID == "b" {
				return trouble
			}
			w.seen = append(w.seen, r.Event.ID)
			return nil
		}}
	w.add("a", "b", "c")
	for range effects.DefaultAttempts + 2 {
		ahead += time.Hour
		if _, err := w.Platform().RetryEffects(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	held := w.waiting()
	if len(held) != 1 || !held[0].Parked || held[0].Attempts != effects.DefaultAttempts ||
		!strings.Contains(held[0].Reason, "confused") || held[0].Call != "" {
		t.Fatalf("%+v", held)
	}
	w.want("a")
	trouble = nil
	reactor, err := effects.NewReactor(w.reactor())
	if err != nil {
		t.Fatal(err)
	}
	mended := effects.Resolution{By: "ann", Reason: "mended"}
	if _, err := reactor.Resume(t.Context(), held[0].Lane, "x", mended); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Platform().RetryEffects(t.Context()); err != nil || len(w.waiting()) > 0 {
		t.Errorf("%v, %+v", err, w.waiting())
	}
	w.want("c")
	w.add("panics", "d")
	if held := w.waiting(); len(held) != 1 || !strings.Contains(held[0].Reason, "panicked: at the disco") {
		t.Errorf("%+v", held)
	}
	if _, err := reactor.Resume(t.Context(), held[0].Lane, "x", effects.Resolution{GiveUp: true, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Platform().RetryEffects(t.Context()); err != nil || len(w.waiting()) > 0 {
		t.Errorf("%v, %+v", err, w.waiting())
	}
	w.want("d")
	_, err = reactor.Resume(t.Context(), held[0].Lane, "x", effects.Resolution{By: "ann"})
	if !errors.Is(err, effects.ErrNotWaiting) {
		t.Errorf("an entity that does not wait: %v", err)
	}
}

func (w *witness) reactor() effects.Reactor {
	p := w.Platform()
	finder := &datastore.BucketFinder{Heads: w.View().Heads, Registry: p.Registry(), Generations: p.Generations}
	return effects.Reactor{
		Buckets: finder.Find,
		Ledger:  effects.Ledger{Table: p.Effects},
		Service: p.Service,
		Systems: p.Systems,
		Applier: p.Applier,
		View:    w.View(),
		Now:     p.Now,
		Log:     p.Log,
	}
}

// TestASystemThatDoesNotAnswerRests: after some silences its calls fail at once, and count
// as no attempts.
func TestASystemThatDoesNotAnswerRests(t *testing.T) {
	w := newWitness(t)
	mail := &effectstest.System{Answer: func(*gateway.Request) ([]byte, error) {
		return nil, context.DeadlineExceeded
	}}
	w.Parts.Systems = gateway.Systems{"mail": mail}
	w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
		May: []gateway.Call{{System: "mail", Name: "send", Kind: gateway.Updating}},
		Do: func(ctx context.Context, _ *gateway.Reaction, outside gateway.Gateway) error {
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "send"})
			return err
		}}
	p := w.Platform()
	const entities = 200
	for i := range entities {
		platformtest.Send(t, p, fmt.Sprintf(`{"specversion":"1.0","id":"a","source":"s","type":"added","subject":"x%d"}`, i))
	}
	w.deliver(p)
	asked, attempts := len(mail.Received()), 0
	held, _, err := effects.Ledger{Table: p.Effects}.Waiting(t.Context(), "", entities)
	if err != nil || len(held) != entities {
		t.Fatalf("%d wait, %v", len(held), err)
	}
	for _, h := range held {
		attempts += h.Attempts
	}
	// 16 of each of 4 lanes may be asked before the third silence is known.
	if asked >= entities || attempts != asked {
		t.Errorf("asked %d times for %d entities, %d attempts counted", asked, entities, attempts)
	}
}

// TestWhatIsErasedIsNotSent: a call whose personal values are erased before it is made is
// given up by name, and the system gets nothing. One that cannot be revealed now waits.
func TestWhatIsErasedIsNotSent(t *testing.T) {
	for _, c := range []struct {
		shown  string
		err    error
		parked bool
		says   string
	}{
		{`{"name":{"$erased":true,"at":"2026-01-01T00:00:00Z"}}`, nil, true, "410"},
		{"", errors.New("no keys now"), false, "no keys now"},
	} {
		w := newWitness(t)
		mail := &effectstest.System{}
		w.Parts.Systems = gateway.Systems{"mail": mail}
		w.Parts.Service = &effectstest.Service{Code: 1, On: []string{"added"},
			May: []gateway.Call{{System: "mail", Name: "send", Kind: gateway.Updating}},
			Do: func(ctx context.Context, _ *gateway.Reaction, outside gateway.Gateway) error {
				_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "send", Body: []byte(`{"name":"sealed"}`)})
				return err
			}}
		p := w.Platform()
		reacting := w.reactor()
		reacting.Reveal = func(context.Context, []byte) ([]byte, error) { return []byte(c.shown), c.err }
		reactor, err := effects.NewReactor(reacting)
		if err != nil {
			t.Fatal(err)
		}
		platformtest.Send(t, p, `{"specversion":"1.0","id":"a","source":"s","type":"added","subject":"x"}`)
		if err := p.Keep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := p.Pump()(t.Context(), platformtest.Records(t, p.Events)); err != nil {
			t.Fatal(err)
		}
		lane := p.Lanes.Of("x")
		if _, err := reactor.Apply(t.Context(), lane, "", w.log(lane)); err != nil {
			t.Fatal(err)
		}
		held := w.waiting()
		if len(mail.Received()) > 0 || len(held) != 1 || held[0].Parked != c.parked ||
			!strings.Contains(held[0].Reason, c.says) {
			t.Errorf("%d requests, %+v", len(mail.Received()), held)
		}
	}
}
