package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"reprise/pkg/datastore"
	"reprise/pkg/projection"
	"reprise/pkg/replay"
)

// attacks are the faults other than faults of stores that a seed may draw. A
// test can disable each of them.
type attacks struct {
	// reshards make streams deliver records out of order, versions change the
	// code of the projections, cancels cancel a replay during any call of any
	// step, wipes clear generations, and pauses pause and resume replays. rates set the
	// rates of running replays, and continues let executions fail and continue them.
	// outdates make cuts older than the event stream's retention allows. In choices,
	// replays ask before they promote, and people choose generations. In refolds, people
	// have entities folded again, some of whose rows are spoilt before. In reversals, they
	// reverse events. In throwaways, verifications own rebuilds.
	reshards, versions, cancels, wipes, pauses, rates, continues, outdates, choices, refolds, reversals,
	throwaways bool
}

func allAttacks() attacks {
	return attacks{true, true, true, true, true, true, true, true, true, true, true, true}
}

// String lists the attacks, separated by commas, or is "none".
func (a attacks) String() string {
	var names []string
	for _, attack := range []struct {
		on   bool
		name string
	}{
		{a.reshards, "reshards"},
		{a.versions, "versions"},
		{a.cancels, "cancels"},
		{a.wipes, "wipes"},
		{a.pauses, "pauses"},
		{a.rates, "rates"},
		{a.continues, "continues"},
		{a.outdates, "outdates"},
		{a.choices, "choices"},
		{a.refolds, "refolds"},
		{a.reversals, "reversals"},
		{a.throwaways, "throwaways"},
	} {
		if attack.on {
			names = append(names, attack.name)
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}

// versions is the number of versions of the projections.
const versions = 2

func (f *fixtures) setAt(version int) *projection.Set {
	if version == 1 {
		return f.next
	}
	return f.set
}

func (f *fixtures) versionOf(name string) int {
	if name == f.next.Version() {
		return 1
	}
	return 0
}

// wipe clears a generation that has a given status, during a call of a given
// kind, after a given number of such calls.
type wipe struct {
	kind   string
	status datastore.Status
	calls  int
	// freeze freezes the caller in the meantime.
	freeze bool
	target string
}

// chooseAttacks draws from its own random source, so that the rest of the world
// does not depend on attacks.
func (w *world) chooseAttacks() {
	r := rand.New(rand.NewPCG(w.seed, 2))
	draw := func(allowed bool) bool { return r.IntN(3) == 0 && allowed }
	w.drawn = attacks{
		reshards: draw(w.attacks.reshards),
		versions: draw(w.attacks.versions),
		cancels:  draw(w.attacks.cancels),
		wipes:    draw(w.attacks.wipes),
	}
	if w.drawn.reshards {
		w.ingest.reshards = drawReshards(r, w.shape.events/2+1)
		w.playback.reshards = drawReshards(r, w.shape.events+1)
	}
	if w.drawn.reshards && r.IntN(12) == 0 {
		w.shape.long, w.shape.events = true, 100+r.IntN(200)
	}
	if w.drawn.versions {
		for at := 0; len(w.deployAt) == 0 || (len(w.deployAt) < 3 && r.IntN(2) == 0); {
			at += 20 + r.IntN(900)
			w.deployAt = append(w.deployAt, at)
		}
		if r.IntN(2) == 0 {
			w.addReplay("after-deploy", replay.Request{Rebuild: true, Promote: true}, func() bool { return w.deploys > 0 })
		}
	}
	if w.drawn.wipes {
		w.chooseWipes(r)
	}
	for _, replay := range w.order {
		steps := []string{"plan", "read", "drain", "prove", "follow", "promote", "close"}
		replay.cut = cutIn{step: steps[r.IntN(len(steps))], call: 1 + r.IntN(14), freeze: r.IntN(2) == 0, dying: r.IntN(3)}
		replay.cut.drawn = w.drawn.cancels && r.IntN(2) == 0
	}
	w.choosePauses()
	w.chooseBudgets()
	w.chooseRates()
	w.chooseFailures()
	w.chooseOutdated()
	w.chooseChoices()
	w.chooseRefolds()
	w.chooseReversals()
	w.chooseThrowaways()
}

// cutIn cancels a replay during a call of one of its steps.
type cutIn struct {
	drawn bool
	step  string
	call  int
	// freeze freezes the step in the meantime.
	freeze bool
	// dying is how many of the canceller's attempts die.
	dying int
	calls int
}

func drawReshards(r *rand.Rand, puts int) (after []int) {
	for at := 0; len(after) < 3; {
		at += 1 + r.IntN(puts)
		after = append(after, at)
	}
	return after
}

func (w *world) chooseWipes(r *rand.Rand) {
	kinds := []string{"store.rows", "store.glance", "store.writerows", "store.setmark", "store.mark", "store.scan"}
	statuses := []datastore.Status{datastore.Building, datastore.Following, datastore.Active}
	for range 1 + r.IntN(2) {
		w.wipes = append(w.wipes, &wipe{kind: kinds[r.IntN(len(kinds))], status: statuses[r.IntN(len(statuses))],
			calls: 1 + r.IntN(25), freeze: r.IntN(2) == 0})
	}
	wiped := func() bool { return len(w.wiped) > 0 }
	w.addReplay("after-wipe", replay.Request{Rebuild: true, Promote: true}, wiped)
	if r.IntN(2) == 0 {
		// Rows left by a write after the wipe must not hide the lost ones.
		var scope []string
		for range 6 {
			scope = append(scope, w.names[r.IntN(w.ordinary)])
		}
		w.addReplay("scoped-after-wipe", replay.Request{Entities: scope}, wiped)
	}
}

// startAttacks starts the attacks that need a driver.
func (w *world) startAttacks() {
	if len(w.deployAt) > 0 {
		go w.deploy(w.newActor("deployer"))
	}
	if len(w.jumps) > 0 {
		go w.jump(w.newActor("clock"))
	}
	for i := range w.choosers {
		go w.chooses(w.newActor(fmt.Sprintf("chooser-%d", i)))
	}
	for i, wipe := range w.wipes {
		go w.clear(w.newActor(fmt.Sprintf("wiper-%d", i)), wipe)
	}
}

// deploy changes the code back and forth.
func (w *world) deploy(driver *actor) {
	for _, at := range w.deployAt {
		if !driver.await("deployment", 0, func() bool { return w.steps >= at }) {
			return
		}
		w.gate.mu.Lock()
		w.code = (w.code + 1) % versions
		w.deploys++
		w.gate.mu.Unlock()
	}
}

// clear wipes a generation once trigger has chosen it.
func (w *world) clear(driver *actor, wipe *wipe) {
	if !driver.await("wipe", 0, func() bool { return wipe.target != "" }) {
		return
	}
	for {
		_, err, alive := run(driver, "wipe", functionTimeout, act(func(ctx context.Context, a *actor) error {
			return w.generationsOf(a).Clear(ctx, wipe.target)
		}))
		if !alive || err == nil {
			return
		}
	}
}

// trigger starts the attacks that begin with a call.
func (w *world) trigger(c *call) {
	if c.sure {
		return
	}
	if r := c.actor.replay; r != nil {
		w.count(c.actor, &r.cut)
		w.count(c.actor, &r.pauseAt)
	}
	for _, wipe := range w.wipes {
		id, _, _ := strings.Cut(c.key, "/")
		if wipe.target != "" || c.kind != wipe.kind || w.statuses[id] != wipe.status || w.store.tables[id] == nil {
			continue
		}
		if wipe.calls--; wipe.calls == 0 {
			wipe.target = id
			if wipe.freeze {
				w.freeze(c.actor)
			}
		}
	}
}

// count counts the calls of the step in which something is to happen.
func (w *world) count(a *actor, at *cutIn) {
	if at.drawn && at.step == a.step {
		if at.calls++; at.calls == at.call && at.freeze {
			w.freeze(a)
		}
	}
}

// freeze freezes an invocation after its current call.
func (w *world) freeze(a *actor) { a.frozen = w.now + 500 + w.random.Int64N(60_000) }

// sawCall records wipes that have taken effect.
func (w *world) sawCall(c *call, err error) {
	if c.kind == "store.clear" && err == nil && w.store.tables[c.key] != nil {
		w.wiped[c.key] = w.steps
	}
}

func (w *world) isWiped(generation string) bool {
	_, wiped := w.wiped[generation]
	return wiped
}

// cancel plays a person who cancels a replay and retries until there is an
// answer.
func (m *machine) cancel(driver *actor) {
	for failures := 0; ; {
		row, err, alive := run(driver, "cancel", functionTimeout, func(ctx context.Context, a *actor) (replay.Row, error) {
			return m.world.serviceOf(a).Cancel(ctx, m.replay.id)
		})
		// The person leaves a replay alone that has ended or not begun.
		if !alive || errors.Is(err, replay.ErrEnded) || errors.Is(err, replay.ErrNotFound) {
			return
		}
		if err == nil {
			m.world.sawCancelled(m.replay, &row)
			return
		}
		if !passing(err) {
			failures++
		}
		if failures > maxFailures || driver.pause(driver.ctx, 500) != nil {
			return // refused, or the schedule is over
		}
	}
}

// sawCancelled checks that a person is told correctly that a replay is
// cancelled.
func (w *world) sawCancelled(r *replayModel, row *replay.Row) {
	w.gate.mu.Lock()
	defer w.gate.mu.Unlock()
	if row.Status != replay.Cancelled || !w.attacks.cancels {
		return
	}
	r.answered = true
	if w.owners[w.active] == r.id && !row.Promoted {
		w.breakf(cancelled, "replay %s is reported as cancelled, but its generation %s is active", r.id, w.active)
	}
}
