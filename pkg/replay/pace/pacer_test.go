package pace_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/replay/pace"
)

// table keeps documents in memory.
type table struct {
	control.Table
	mu      sync.Mutex
	docs    map[control.Key]control.Document
	writes  int
	version int
}

func (t *table) Get(_ context.Context, key control.Key) (control.Document, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	doc, found := t.docs[key]
	if !found {
		return doc, control.ErrNotFound
	}
	return doc, nil
}

func (t *table) Put(
	_ context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.docs[key].Version != previous {
		return "", control.ErrConflict
	}
	t.version++
	t.writes++
	doc := control.Document{Key: key, Version: control.Version(strconv.Itoa(t.version)), Body: body}
	t.docs[key] = doc
	return doc.Version, nil
}

func (t *table) written() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writes
}

// fleet is a number of readers that deliver as fast as they may.
type fleet struct {
	t         *testing.T
	table     *table
	key       control.Key
	requested int
	readers   int
	pressure  pace.Pressure
	every     time.Duration
	// record is how many events a record may hold, and each is how long a reader
	// takes for one without any limit.
	record int
	each   time.Duration

	delivered atomic.Int64
	order     atomic.Pointer[pace.Order]
}

// limit sets another limit while the readers run.
func (f *fleet) limit(n int) {
	order := pace.Order{Limit: n, Number: 1}
	if before := f.order.Load(); before != nil {
		order.Number = before.Number + 1
	}
	f.order.Store(&order)
}

// check is what readers do while they wait: they look at the replay's row.
func (f *fleet) check(p *pace.Pacer) func(context.Context) error {
	return func(ctx context.Context) error {
		if order := f.order.Load(); order != nil {
			p.Obey(*order)
		}
		return ctx.Err()
	}
}

func newFleet(t *testing.T, readers, requested int) *fleet {
	return &fleet{
		t:         t,
		table:     &table{docs: map[control.Key]control.Document{}},
		key:       control.Key{Partition: "replay#r", Sort: "pace"},
		requested: requested,
		readers:   readers,
		record:    400,
		each:      20 * time.Millisecond,
	}
}

func (f *fleet) pacer() *pace.Pacer {
	return &pace.Pacer{
		Table:     f.table,
		Key:       f.key,
		Requested: f.requested,
		Readers:   f.readers,
		Pressure:  f.pressure,
		Every:     f.every,
		Now:       time.Now,
		Sleep: func(ctx context.Context, d time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(d):
				return nil
			}
		},
	}
}

// run runs every reader until ctx ends.
func (f *fleet) run(ctx context.Context) *sync.WaitGroup {
	var group sync.WaitGroup
	for range f.readers {
		group.Go(func() {
			if err := f.read(ctx, f.pacer()); err != nil && !errors.Is(err, context.Canceled) {
				f.t.Error(err)
			}
		})
	}
	return &group
}

func (f *fleet) read(ctx context.Context, p *pace.Pacer) error {
	if err := p.Begin(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		n := f.record
		if most := p.Most(); most > 0 {
			n = min(n, most)
		}
		time.Sleep(f.each)
		check := f.check(p)
		if err := check(ctx); err != nil {
			return nil
		}
		if err := p.Wait(ctx, n, check); err != nil {
			return err
		}
		f.delivered.Add(int64(n))
	}
	return nil
}

// during returns the events that are delivered a second for a while.
func (f *fleet) during(d time.Duration) float64 {
	before := f.delivered.Load()
	time.Sleep(d)
	return float64(f.delivered.Load()-before) / d.Seconds()
}

func near(t *testing.T, what string, got, want, share float64) {
	t.Helper()
	if got < want*(1-share) || got > want*(1+share) {
		t.Errorf("%s: %.0f events a second, want %.0f", what, got, want)
	}
}

func TestRateHoldsOverAllReaders(t *testing.T) {
	for _, c := range []struct{ readers, rate int }{
		{1, 1}, {1, 10}, {1, 3000}, {8, 100}, {8, 100_000}, {256, 50}, {256, 3000}, {256, 1_000_000},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, c.readers, c.rate)
			ctx, cancel := context.WithCancel(t.Context())
			group := f.run(ctx)
			time.Sleep(5 * time.Second)
			writes := f.table.written()
			got := f.during(time.Minute)
			want := min(float64(c.rate), float64(c.readers*f.record)/f.each.Seconds())
			t.Logf("%d readers", c.readers)
			near(t, "over a minute", got, want, 0.1)
			// Each reader looks at the document; only leases write it.
			if each := float64(f.table.written()-writes) / 60; each > 60 {
				t.Errorf("the document is written %.0f times a second", each)
			}
			cancel()
			group.Wait()
		})
	}
}

func TestARateThatIsChangedHoldsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 64, 0)
		ctx, cancel := context.WithCancel(t.Context())
		group := f.run(ctx)
		near(t, "without a limit", f.during(10*time.Second), 64*400/0.020, 0.1)
		for _, rate := range []int{10_000, 1000, 50_000, 2500} {
			f.limit(rate)
			time.Sleep(3 * time.Second)
			near(t, "after a change", f.during(time.Minute), float64(rate), 0.1)
		}
		f.limit(0)
		time.Sleep(3 * time.Second)
		near(t, "without a limit again", f.during(10*time.Second), 64*400/0.020, 0.1)
		cancel()
		group.Wait()
	})
}

// A rate that is far lower holds at once, whatever the readers had taken or gathered
// before.
func TestALowerRateIsNeverExceeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 64, 100_000)
		ctx, cancel := context.WithCancel(t.Context())
		group := f.run(ctx)
		time.Sleep(10 * time.Second)
		f.limit(7)
		time.Sleep(2 * time.Second)
		if got := f.during(5*time.Minute) * 300; got > 5*60*7+float64(f.record) {
			t.Errorf("%.0f events in five minutes at 7 a second", got)
		}
		cancel()
		group.Wait()
	})
}

func TestPressureLowersTheRateAndRaisesItAgain(t *testing.T) {
	for _, requested := range []int{0, 20_000} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 8, requested)
			var why atomic.Value
			why.Store(pace.Reason(""))
			f.pressure = func(context.Context) (pace.Reason, error) { return why.Load().(pace.Reason), nil }
			ctx, cancel := context.WithCancel(t.Context())
			group := f.run(ctx)
			time.Sleep(5 * time.Second)
			full := f.during(10 * time.Second)
			why.Store(pace.LiveLag)
			time.Sleep(20 * time.Second)
			s, err := pace.Load(ctx, f.table, f.key)
			if err != nil || s.Reason != pace.LiveLag || s.Since == 0 {
				t.Errorf("%+v, %v", s, err)
			}
			if slow := f.during(5 * time.Second); slow > full/5 {
				t.Errorf("%.0f events a second under pressure, %.0f without", slow, full)
			}
			why.Store(pace.Reason(""))
			time.Sleep(2 * time.Minute)
			near(t, "after the pressure", f.during(10*time.Second), full, 0.1)
			if s, err = pace.Load(ctx, f.table, f.key); err != nil || s.Reason != "" || s.Allowed != 0 {
				t.Errorf("%+v, %v", s, err)
			}
			cancel()
			group.Wait()
		})
	}
}

// A replay under pressure for ever still ends.
func TestPressureNeverStopsAReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 8, 0)
		f.pressure = func(context.Context) (pace.Reason, error) { return pace.ConsumerLag, nil }
		ctx, cancel := context.WithCancel(t.Context())
		group := f.run(ctx)
		time.Sleep(10 * time.Minute)
		near(t, "for ever", f.during(time.Minute), 10, 0.2)
		cancel()
		group.Wait()
	})
}

func TestReadersThatEndGiveTheirLeasesBack(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, 100_000)
		begin := time.Now()
		const readers = 200
		for range readers { // one after the other, each with little to deliver
			p := f.pacer()
			if err := p.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			n := 1 + random.IntN(500)
			if err := p.Wait(t.Context(), n, func(ctx context.Context) error { return ctx.Err() }); err != nil {
				t.Fatal(err)
			}
			f.delivered.Add(int64(n))
			if err := p.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if took, due := time.Since(begin), float64(f.delivered.Load())/100_000; took.Seconds() > due+0.2 {
			t.Errorf("%d events took %s", f.delivered.Load(), took)
		}
	})
}

func TestWaitEndsWithTheReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 1, 1)
		p := f.pacer()
		if err := p.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		stopped := errors.New("stopped")
		begin := time.Now()
		check := func(context.Context) error {
			if time.Since(begin) > 3*time.Second {
				return stopped
			}
			return nil
		}
		var err error
		for err == nil {
			err = p.Wait(t.Context(), 100, check)
		}
		if !errors.Is(err, stopped) || time.Since(begin) > 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(begin))
		}
	})
}

func TestAThrottledReaderSlowsTheReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 4, 1000)
		p := f.pacer()
		if err := errors.Join(p.Begin(t.Context()), p.Throttled(t.Context())); err != nil {
			t.Fatal(err)
		}
		s, err := pace.Load(t.Context(), f.table, f.key)
		if err != nil || s.Reason != pace.Throttled || s.Rate(1000) != 600 {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// A stream that refuses records for a while, also before any was delivered, slows a
// replay for seconds, however seldom the pressure is looked at.
func TestAReplayRecoversFromAnOutage(t *testing.T) {
	for _, begun := range []time.Duration{0, 30 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			f := newFleet(t, 8, 0)
			f.pressure = func(context.Context) (pace.Reason, error) { return "", nil }
			f.every = time.Minute
			full := float64(f.readers*f.record) / f.each.Seconds()
			ctx, cancel := context.WithCancel(t.Context())
			if begun > 0 {
				group := f.run(ctx)
				time.Sleep(begun)
				near(t, "before", f.during(10*time.Second), full, 0.1)
				cancel()
				group.Wait()
				ctx, cancel = context.WithCancel(t.Context())
			}
			for range 10 { // invocations of readers that deliver nothing
				p := f.pacer()
				if err := errors.Join(p.Begin(ctx), p.Throttled(ctx)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(4 * time.Second)
			}
			s, err := pace.Load(ctx, f.table, f.key)
			if err != nil || s.Reason != pace.Throttled || s.Allowed > 20 {
				t.Errorf("in the outage: %+v, %v", s, err)
			}
			group := f.run(ctx)
			time.Sleep(time.Minute)
			near(t, "a minute later", f.during(10*time.Second), full, 0.1)
			cancel()
			group.Wait()
		})
	}
}

// What is looked at once a minute is raised by more than a step.
func TestARateRecoversWhereThePressureIsSeldomLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, 8, 20_000)
		var why atomic.Value
		why.Store(pace.ConsumerLag)
		f.pressure = func(context.Context) (pace.Reason, error) { return why.Load().(pace.Reason), nil }
		f.every = time.Minute
		ctx, cancel := context.WithCancel(t.Context())
		group := f.run(ctx)
		time.Sleep(30 * time.Minute)
		near(t, "under pressure", f.during(time.Minute), 10, 0.2)
		why.Store(pace.Reason(""))
		time.Sleep(15 * time.Minute)
		near(t, "afterwards", f.during(time.Minute), 20_000, 0.1)
		cancel()
		group.Wait()
	})
}
