package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"reprise/pkg/replay"
)

// pausing is a world in which people pause and resume a replay while its
// execution reaches, again and again, the step at which it would wait.
type pausing struct {
	world  *world
	id     string
	rounds int
	// sent are the tokens for which success was sent. waits is the token that
	// the execution waits for.
	sent   map[string]bool
	waits  string
	tokens int
	// people are the running invocations that pause or resume.
	people int
	done   bool
}

func (w *world) beginPausing() error {
	a := w.newActor("founder")
	a.direct = true
	p := &pausing{world: w, id: "paused", rounds: 2 + w.random.IntN(6), sent: make(map[string]bool)}
	w.pausing = p
	if _, _, err := w.storeOf(a).Create(context.Background(), p.id, replay.Request{}); err != nil {
		return err
	}
	go p.execute(w.newActor("execution"))
	for i := range 1 + w.random.IntN(3) {
		p.people += 2
		go p.person(w.newActor(fmt.Sprintf("pauser-%d", i)), "pause", p.pause)
		go p.person(w.newActor(fmt.Sprintf("resumer-%d", i)), "resume", p.resume)
	}
	go p.last(w.newActor("last"))
	return nil
}

// settled runs change while the scheduler waits.
func (p *pausing) settled(change func()) {
	p.world.gate.mu.Lock()
	defer p.world.gate.mu.Unlock()
	change()
}

// person does something a few times, each time until it succeeds.
func (p *pausing) person(driver *actor, name string, do func(context.Context, *actor) error) {
	for range 1 + driver.random.IntN(4) {
		if driver.pause(driver.ctx, driver.random.Int64N(3_000)) != nil || !p.insist(driver, name, do) {
			return
		}
	}
	p.settled(func() { p.people-- })
}

// insist repeats something until it succeeds, and waits for the attempts that
// it abandoned: a pause that took effect later would be another pause.
func (p *pausing) insist(driver *actor, name string, do func(context.Context, *actor) error) bool {
	for {
		inv := invoke(p.world, name, functionTimeout, act(do))
		if !driver.await(name, 0, func() bool { return inv.ended }) {
			return false
		}
		if inv.err == nil {
			return true
		}
	}
}

func (p *pausing) pause(ctx context.Context, a *actor) error {
	_, _, err := p.world.storeOf(a).RequestPause(ctx, p.id)
	return err
}

func (p *pausing) resume(ctx context.Context, a *actor) error {
	store := p.world.storeOf(a)
	if p.world.plant.resume != nil {
		return p.world.plant.resume(ctx, a, store, p.id)
	}
	_, tokens, err := store.Resume(ctx, p.id)
	if err != nil {
		return err
	}
	for _, token := range tokens {
		if err := p.send(ctx, a, token); err != nil {
			return err
		}
	}
	return store.Released(ctx, p.id, tokens)
}

// send plays Step Functions, which accepts success for a task's token even if
// nobody waits for the token.
func (p *pausing) send(ctx context.Context, a *actor, token string) error {
	return a.do(ctx, "send", token, errThrottled, func(fate) error {
		p.sent[token] = true
		return nil
	})
}

// last resumes after everybody else has finished: nothing may wait after that.
func (p *pausing) last(driver *actor) {
	if driver.await("the others", 0, func() bool { return p.people == 0 }) {
		p.insist(driver, "resume", p.resume)
	}
}

// execute goes through the step at which the execution waits while it is
// paused. After an attempt that fails it tries again with another token.
func (p *pausing) execute(driver *actor) {
	for round := 0; round < p.rounds; {
		if driver.pause(driver.ctx, driver.random.Int64N(2_000)) != nil {
			return
		}
		token := ""
		p.settled(func() {
			p.tokens++
			token = fmt.Sprintf("token-%d", p.tokens)
			p.waits = token
		})
		inv := invoke(p.world, "park", functionTimeout, act(func(ctx context.Context, a *actor) error {
			return p.park(ctx, a, token)
		}))
		if !driver.await("success of "+token, 0, func() bool { return p.sent[token] || (inv.ended && inv.err != nil) }) {
			return
		}
		if p.sent[token] {
			round++
		}
	}
	p.settled(func() { p.done = true })
}

// park stores the token, or lets the execution continue at once.
func (p *pausing) park(ctx context.Context, a *actor, token string) error {
	store := p.world.storeOf(a)
	park := store.ParkToken
	if p.world.plant.park != nil {
		park = p.world.plant.park(store)
	}
	parked, err := park(ctx, p.id, token)
	if err != nil || parked {
		return err
	}
	return p.send(ctx, a, token)
}

func (p *pausing) checkEnd() {
	if !p.done {
		p.world.breakf(liveness, "the execution waits for ever for %s although everybody has resumed", p.waits)
	}
}

func runPausing(t *testing.T, f *fixtures, seed uint64, p plant) (w *world) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if w, err = newWorld(f, seed, p, false); err == nil {
			err = w.beginPausing()
		}
		if err != nil {
			t.Fatal(err)
		}
		w.run(synctest.Wait, maxSteps)
		w.pausing.checkEnd()
	})
	return w
}

// TestPausing races people who pause and resume with an execution that parks.
// The execution must never wait for ever.
func TestPausing(t *testing.T) {
	f := makeFixtures(t)
	for seed := range uint64(schedules(t)) {
		if w := runPausing(t, f, seed+1, plant{}); w.broken != nil {
			t.Fatalf("seed %d: %v", seed+1, w.broken)
		}
	}
}

func TestPauseTokens(t *testing.T) {
	w, a := quietWorld(t)
	ctx, store := context.Background(), w.storeOf(a)
	if _, _, err := store.Create(ctx, "p", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	park := func(token string, want bool) {
		t.Helper()
		if parked, err := store.ParkToken(ctx, "p", token); err != nil || parked != want {
			t.Errorf("park %s: %v, %v", token, parked, err)
		}
	}
	resume := func(want ...string) {
		t.Helper()
		if _, tokens, err := store.Resume(ctx, "p"); err != nil || !slices.Equal(tokens, want) {
			t.Errorf("resume: %v, %v; want %v", tokens, err, want)
		}
	}
	park("early", false)
	if _, _, err := store.RequestPause(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	park("one", true)
	park("one", true) // a retry
	park("two", true)
	resume("one", "two")
	park("late", false)
	resume("one", "two") // although their holder died
	if err := store.Released(ctx, "p", []string{"one"}); err != nil {
		t.Fatal(err)
	}
	resume("two")
}

func TestPauseAtItsLimits(t *testing.T) {
	w, a := quietWorld(t)
	ctx, store := context.Background(), w.storeOf(a)
	if _, _, err := store.Create(ctx, "p", replay.Request{}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.ParkToken(ctx, "p", ""); !errors.Is(err, replay.ErrToken) {
		t.Errorf("park an empty token: %v", err)
	}
	if _, _, err := store.End(ctx, "p", replay.Cancelled, nil, nil); err != nil {
		t.Fatal(err)
	}
	if parked, err := store.ParkToken(ctx, "p", "late"); err != nil || parked {
		t.Errorf("park after the end: %v, %v", parked, err)
	}
	if _, _, err := store.RequestPause(ctx, "p"); !errors.Is(err, replay.ErrEnded) {
		t.Errorf("pause after the end: %v", err)
	}
	if err := store.Released(ctx, "p", []string{"late"}); err != nil {
		t.Errorf("release after the end: %v", err)
	}
}
