package effects_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/api/web"
	"reprise/pkg/effects"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/platform"
	"reprise/pkg/platform/platformtest"
	"reprise/pkg/projection"
)

// chaos is a platform whose effects meet every trouble.
type chaos struct {
	t       *testing.T
	rng     *rand.Rand
	chance  *effectstest.Chance
	world   *platformtest.World
	books   *effectstest.System
	ahead   time.Duration
	batches []events.KinesisEvent
	// paid counts how often the bank, which knows no keys, has paid.
	paid map[string]int
	// order are the keys in the order in which they were done first.
	mu    sync.Mutex
	order []string
}

func newChaos(t *testing.T, seed uint64) *chaos {
	c := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, 1)), world: platformtest.New(t)}
	c.chance = effectstest.NewChance(seed)
	done := make(map[string]bool)
	c.books = &effectstest.System{Answer: func(r *gateway.Request) ([]byte, error) {
		if c.chance.Of(15) {
			return nil, effectstest.ErrChaos
		}
		c.mu.Lock()
		if !done[r.Key] {
			done[r.Key] = true
			c.order = append(c.order, r.Key)
		}
		c.mu.Unlock()
		if c.chance.Of(15) {
			return nil, effectstest.ErrChaos // it happened, and the answer was lost
		}
		return []byte(`"ok"`), nil
	}}
	c.paid = make(map[string]int)
	bank := &effectstest.System{Answer: func(r *gateway.Request) ([]byte, error) {
		if c.chance.Of(10) {
			return nil, fmt.Errorf("%w: %w", gateway.ErrNotSent, effectstest.ErrChaos)
		}
		c.mu.Lock()
		c.paid[r.Key]++
		c.mu.Unlock()
		if c.chance.Of(10) {
			return nil, effectstest.ErrChaos // it happened, and the answer was lost
		}
		return []byte(`"paid"`), nil
	}}
	c.world.Parts.Service = telling()
	c.world.Parts.Systems = gateway.Systems{"bank": bank, "books": c.books, "rates": &effectstest.System{
		Answer: func(*gateway.Request) ([]byte, error) { return fmt.Appendf(nil, "%d", c.roll()), nil }}}
	c.world.Parts.Effects = effectstest.Shaky{Table: c.world.Parts.Effects, Chance: c.chance}
	c.world.Parts.Now = func() time.Time { return time.Now().Add(c.ahead) }
	return c
}

// roll is an answer that differs from call to call: a second question would show.
func (c *chaos) roll() int {
	return c.chance.Number(1_000_000)
}

// platform is the platform as a new process has it.
func (c *chaos) platform() *platform.Platform { return c.world.Platform() }

// send puts some random events into the stream and the log: some of them repeat others,
// some cannot be applied.
func (c *chaos) send(next *int) {
	p := c.platform()
	for range 1 + c.rng.IntN(5) {
		entity, id := c.rng.IntN(3), *next
		if c.rng.IntN(5) == 0 {
			id = c.rng.IntN(*next + 1)
		}
		*next++
		kind := []string{"account.opened", "account.deposited", "account.deposited", "account.withdrawn", "nobody.folds",
			"nobody.knows"}[c.rng.IntN(6)]
		platformtest.Send(c.t, p, fmt.Sprintf(`{"specversion":"1.0","id":"e%d","source":"s","type":%q,"subject":"x%d",`+
			`"data":{"owner":"o","amount":%d}}`, id, kind, entity, 1+c.rng.IntN(20)))
	}
	batch := platformtest.Records(c.t, p.Events)
	if answer, err := p.Pump()(c.t.Context(), batch); err != nil || len(answer.BatchItemFailures) > 0 {
		c.t.Fatalf("pump: %+v, %v", answer, err)
	}
	c.batches = append(c.batches, batch)
}

// skip steps over the events at which entities are parked.
func (c *chaos) skip() {
	p := c.platform()
	for entity := range 3 {
		id := fmt.Sprintf("x%d", entity)
		lane := p.Lanes.Of(id)
		batch := platformtest.Records(c.t, p.Events)
		_, err := p.Write("g0001")(c.t.Context(), batch)
		rows, readErr := p.Generations.Open("g0001").Rows(c.t.Context(), lane, []string{id})
		if err != nil || readErr != nil {
			c.t.Fatal(err, readErr)
		}
		if row := rows[id]; row.Parked != nil {
			body := fmt.Sprintf(`{"event":%q,"reason":"r"}`, row.Parked.Position)
			request := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost,
				"/entities/"+web.EncodeEntity(id)+"/skip", strings.NewReader(body))
			request.Header.Set("Content-Type", "application/json")
			p.API().Handler().ServeHTTP(httptest.NewRecorder(), request)
		}
	}
	batch := platformtest.Records(c.t, p.Events)
	if _, err := p.Pump()(c.t.Context(), batch); err != nil {
		c.t.Fatal(err)
	}
	c.batches = append(c.batches, batch)
}

// deliver hands a batch to the service, perhaps to two processes at once, and perhaps one
// that was delivered before.
func (c *chaos) deliver() {
	batch := c.batches[len(c.batches)-1]
	if c.rng.IntN(4) == 0 {
		batch = c.batches[c.rng.IntN(len(c.batches))]
	}
	var group sync.WaitGroup
	for range 1 + c.rng.IntN(2) {
		p := c.platform()
		group.Go(func() { _, _ = p.Microservice()(c.t.Context(), batch) })
	}
	group.Wait()
	if c.rng.IntN(2) == 0 {
		c.ahead += time.Duration(c.rng.IntN(30)) * time.Second
		_, _ = c.platform().RetryEffects(c.t.Context())
	}
}

// settle ends the trouble, and lets everything come to its end.
func (c *chaos) settle() {
	c.t.Helper()
	c.chance.Stop()
	p := c.platform()
	for range 50 {
		answer, err := p.Microservice()(c.t.Context(), c.batches[len(c.batches)-1])
		if err != nil {
			c.t.Fatal(err)
		}
		c.ahead += time.Hour
		if _, err := p.RetryEffects(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
		held, _, err := effects.Ledger{Table: p.Effects}.Waiting(c.t.Context(), "", 10)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, h := range held {
			if h.Parked {
				c.decide(h)
			}
		}
		if len(held) == 0 && len(answer.BatchItemFailures) == 0 {
			return
		}
	}
	held, _, err := effects.Ledger{Table: p.Effects}.Waiting(c.t.Context(), "", 10)
	c.t.Fatalf("effects never settle: %+v, %v", held, err)
}

// decide looks into the bank's books, as a person does, and lets the entity go on.
func (c *chaos) decide(h effects.Held) {
	c.t.Helper()
	if !h.Doubt || h.Call != "bank/pay" {
		c.t.Fatalf("parked: %+v", h)
	}
	happened := false
	c.history(h.Entity, func(p *projection.Placed) {
		if p.Position == h.Position {
			happened = c.paid[gateway.Key(&p.Event, "bank", "pay", "")] > 0
		}
	})
	body := fmt.Sprintf(`{"happened":%t,"reason":"looked"}`, happened)
	request := httptest.NewRequestWithContext(c.t.Context(), http.MethodPost,
		"/effects/"+web.EncodeEntity(h.Entity)+"/resume", strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	c.platform().API().Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		c.t.Fatalf("resume: %d %s", answer.Code, answer.Body)
	}
}

// recorded is the recorded answer of a system for an event.
func (c *chaos) recorded(entity, id, system string) (answer json.RawMessage) {
	c.t.Helper()
	p := c.platform()
	err := effects.Ledger{Table: p.Effects}.Calls(c.t.Context(), p.Lanes.Of(entity), entity, "", "",
		func(r *effects.Record) error {
			if r.EventID == id && r.System == system {
				answer = r.Answer
			}
			return nil
		})
	if err != nil {
		c.t.Fatal(err)
	}
	return answer
}

// history calls visit for the events of an entity in the log.
func (c *chaos) history(entity string, visit func(*projection.Placed)) {
	c.t.Helper()
	p := c.platform()
	lane := p.Lanes.Of(entity)
	head, err := eventlog.Heads{Table: p.Table}.Load(c.t.Context(), lane)
	if err != nil {
		c.t.Fatal(err)
	}
	var buckets []eventlog.Bucket
	for _, closed := range head.Closed {
		buckets = append(buckets, closed.Bucket)
	}
	err = c.world.View().History(c.t.Context(), lane, entity, append(buckets, head.Bucket), "", head.Position,
		func(b eventlog.Bucket, entry *eventlog.Entry) error {
			placed, err := projection.PlacedOf(b, entry)
			visit(&placed)
			return err
		})
	if err != nil {
		c.t.Fatal(err)
	}
}

// TestEveryUpdateIsMadeOnceWhateverFails: stores, systems, processes, redelivery and
// corrections at random. Each event that happened has its update once, with the states that
// a fold of the log has around it and the answer that was recorded, and an entity's updates
// are in the order of its events.
func TestEveryUpdateIsMadeOnceWhateverFails(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 15
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			c := newChaos(t, seed)
			c.chance.Stop()
			if err := c.platform().Keep(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.chance.Go()
			next := 0
			for range 6 + c.rng.IntN(6) {
				c.send(&next)
				for range c.rng.IntN(4) {
					c.deliver()
				}
				if c.rng.IntN(3) == 0 {
					c.skip()
				}
			}
			c.settle()
			c.judge()
		})
	}
}
