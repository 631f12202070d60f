package approval_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/effects"
	"reprise/pkg/effects/approval"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/event"
	"reprise/pkg/gateway"
	"reprise/pkg/local/pebbletest"
)

const lanes = 4

// world has differences of a replay to be approved, and the books of the system.
type world struct {
	t      *testing.T
	table  control.Table
	chance *effectstest.Chance
	now    time.Time
	mu     sync.Mutex
	// performed counts how often each key was performed by a system that honours keys.
	performed map[string]string
	received  int
	declines  string
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, chance: effectstest.NewChance(seed), now: time.Unix(1_800_000_000, 0),
		performed: make(map[string]string)}
	w.table = pebbletest.Open(t).Effects
	return w
}

// system performs each key once; its answer may get lost.
func (w *world) system() gateway.System {
	return &effectstest.System{Answer: func(r *gateway.Request) ([]byte, error) {
		if w.chance.Of(10) {
			return nil, effectstest.ErrChaos
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.received++
		if w.declines != "" && strings.Contains(string(r.Body), w.declines) {
			return nil, &gateway.Declined{Status: 422}
		}
		w.performed[r.Key] = r.Call.Name + " " + string(r.Body)
		if w.chance.Of(10) {
			return nil, effectstest.ErrChaos
		}
		return []byte(`"done"`), nil
	}}
}

func (w *world) reactor(table control.Table) *effects.Reactor {
	w.t.Helper()
	service := &effectstest.Service{Code: 2, On: []string{"a"}, May: []gateway.Call{
		{System: "bank", Name: "charge", Kind: gateway.Updating, Compensation: "refund"},
		{System: "bank", Name: "refund", Kind: gateway.Updating},
		{System: "mail", Name: "send", Kind: gateway.Updating},
	}}
	systems := gateway.Systems{"bank": w.system(), "mail": w.system()}
	reactor, err := effects.NewReactor(effects.Reactor{Ledger: effects.Ledger{Table: table}, Service: service,
		Systems: systems, Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		w.t.Fatal(err)
	}
	return reactor
}

func (w *world) store(table control.Table) approval.Store {
	return approval.Store{Table: table, Now: func() time.Time { return w.now }}
}

func (w *world) runner(table control.Table) *approval.Runner {
	return &approval.Runner{Store: w.store(table), Reactor: w.reactor(table), Lanes: lanes,
		Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Log: slog.New(slog.DiscardHandler)}
}

// differ enters differences: of each class some, in every lane.
func (w *world) differ(each int) {
	w.t.Helper()
	for lane := range event.Lane(lanes) {
		for i := range each {
			for _, e := range []effects.Entry{
				{Class: effects.Changed, System: "bank", Name: "charge", Sent: num(1), Wanted: num(2), Key: "changed"},
				{Class: effects.Surplus, System: "mail", Name: "send", Turn: -1, Wanted: num(3), Key: "surplus"},
				{Class: effects.Missing, System: "bank", Name: "charge", Part: "p", Sent: num(4), Key: "missing"},
				{Class: effects.Missing, System: "mail", Name: "send", Part: "p", Sent: num(5), Key: "stays"},
				{Class: effects.Unanswered},
			} {
				e.Entity, e.Lane, e.Key = fmt.Sprintf("x%d", i), lane, fmt.Sprintf("%s-%d-%d", e.Key, lane, i)
				e.Position = event.Position(fmt.Sprintf("0001-01%d-0000", i))
				if err := (effects.Ledger{Table: w.table}).Enter(w.t.Context(), "r", &e); err != nil {
					w.t.Fatal(err)
				}
			}
		}
	}
}

func num(n int) json.RawMessage { return json.RawMessage(fmt.Sprint(n)) }

func (w *world) approve(only approval.Only) {
	w.t.Helper()
	_, err := w.store(w.table).Approve(w.t.Context(), approval.Approval{Replay: "r", By: "ann", Reason: "bug",
		Only: only, Rate: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
}

// last is the newest approval.
func (w *world) last() approval.Approval {
	w.t.Helper()
	all, err := w.store(w.table).Of(w.t.Context(), "r")
	if err != nil || len(all) == 0 {
		w.t.Fatalf("%v, %v", all, err)
	}
	return all[len(all)-1]
}

// TestEachCorrectionIsMadeOnce, whatever fails or is cancelled in between, and with two
// runners at once.
func TestEachCorrectionIsMadeOnce(t *testing.T) {
	// Each of at most two runners tries a correction once a round: with fewer than ten
	// attempts none is given up.
	const each, rounds = 3, 4
	for seed := range uint64(100) {
		w := newWorld(t, seed)
		w.chance.Stop()
		w.differ(each)
		w.approve(approval.Only{})
		w.chance.Go()
		shaky := effectstest.Shaky{Table: w.table, Chance: w.chance}
		for range rounds {
			var group sync.WaitGroup
			for range 1 + w.chance.Number(2) {
				ctx, cancel := context.WithCancel(t.Context())
				if w.chance.Of(30) {
					cancel() // as if the process were killed at once
				}
				runner := w.runner(shaky)
				group.Go(func() {
					defer cancel()
					_, _ = runner.Run(ctx, w.now.Add(time.Minute))
				})
			}
			group.Wait()
			w.now = w.now.Add(time.Minute)
		}
		w.chance.Stop()
		for range 20 {
			w.now = w.now.Add(time.Hour)
			if _, err := w.runner(w.table).Run(t.Context(), w.now.Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		w.judge(seed, each)
	}
}

func (w *world) judge(seed uint64, each int) {
	w.t.Helper()
	a, n := w.last(), int64(lanes*each)
	// A changed one is undone and sent, a surplus one sent, a missing one undone; a mail
	// cannot be undone.
	if a.Ended == nil || a.Sent != 2*n || a.Undone != 2*n || a.Failed != n || a.Left != 0 {
		w.t.Errorf("seed %d: %+v", seed, a)
	}
	found := make(map[string]int)
	for _, what := range w.performed {
		name, body, _ := strings.Cut(what, " ")
		if name == "refund" {
			var undone gateway.Compensated
			if err := json.Unmarshal([]byte(body), &undone); err != nil {
				w.t.Fatal(err)
			}
			body = string(undone.Body)
		}
		found[name+" "+body]++
	}
	for what, times := range map[string]int{"refund 1": int(n), "charge 2": int(n), "send 3": int(n), "refund 4": int(n)} {
		if found[what] != times {
			w.t.Errorf("seed %d: %s was performed %d times, want %d", seed, what, found[what], times)
		}
		delete(found, what)
	}
	if len(found) > 0 {
		w.t.Errorf("seed %d: also performed: %v", seed, found)
	}
	received := w.received
	if _, err := w.runner(w.table).Run(w.t.Context(), w.now.Add(time.Minute)); err != nil || w.received != received {
		w.t.Errorf("seed %d: after its end an approval goes on: %v", seed, err)
	}
}

// TestApprovalsAreNarrowed, and what is declined is not tried again.
func TestApprovalsAreNarrowed(t *testing.T) {
	w := newWorld(t, 1)
	w.chance.Stop()
	w.differ(2)
	w.declines = "3"
	only := approval.Only{
		Classes: []effects.Class{effects.Surplus}, Calls: []string{"mail/send"}, Entities: []string{"x1"}}
	w.approve(only)
	if _, err := w.store(w.table).Approve(t.Context(), approval.Approval{Replay: "r", Reason: "again"}); !errors.Is(
		err, approval.ErrRunning) {
		t.Errorf("a second approval at the same time: %v", err)
	}
	if _, err := w.runner(w.table).Run(t.Context(), w.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if a := w.last(); a.Ended == nil || a.Failed != lanes || a.Sent != 0 || w.received != lanes {
		t.Errorf("%+v, %d received", a, w.received)
	}
	w.declines = ""
	w.approve(only)
	if _, err := w.runner(w.table).Run(t.Context(), w.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	// The system has declined for good: the record says so, and another approval tells.
	if a := w.last(); a.Number != 2 || a.Ended == nil || a.Failed != lanes || w.received != lanes {
		t.Errorf("%+v, %d received", a, w.received)
	}
	for _, wrong := range []approval.Approval{
		{Replay: "r"}, {Replay: "r", Reason: strings.Repeat("r", 501)}, {Replay: "r", Reason: "r", Rate: -1},
		{Replay: "r", Reason: "r", Rate: approval.MaxRate + 1},
		{Replay: "r", Reason: "r", Only: approval.Only{Classes: []effects.Class{effects.Same}}},
		{Replay: "r", Reason: "r", Only: approval.Only{Calls: make([]string, approval.MaxListed+1)}},
	} {
		if _, err := w.store(w.table).Approve(t.Context(), wrong); !errors.Is(err, approval.ErrInvalid) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}
