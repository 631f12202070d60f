package budget_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/meter"
	"reprise/pkg/replay/budget"
)

// ledger adds up the events that are entered.
type ledger struct {
	mu      sync.Mutex
	entered budget.Work
	enters  int
	looks   int
	fails   error
}

func (l *ledger) Enter(_ context.Context, _, _ string, done budget.Work) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		return l.fails
	}
	l.enters++
	l.entered = l.entered.Add(done)
	return nil
}

func (l *ledger) Used(context.Context, string) (meter.Usage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	return meter.Usage{ReadUnits: float64(l.entered.Read)}, nil
}

type clock struct{ now time.Time }

func keepers(t *testing.T, n int, every time.Duration) (*ledger, *clock, []*budget.Keeper) {
	t.Helper()
	l, c, table := &ledger{}, &clock{time.Unix(1_800_000_000, 0)}, pebbletest.Open(t).Table
	all := make([]*budget.Keeper, n)
	for i := range all {
		all[i] = &budget.Keeper{Ledger: l, Table: table, Key: control.Key{Partition: "p", Sort: "budget"}, ID: "r",
			Worker: fmt.Sprint(i), Every: every, Now: func() time.Time { return c.now }}
	}
	return l, c, all
}

// However many readers there are, and however often they ask, one of them looks in each
// interval, and each enters its work once.
func TestReadersTakeTurns(t *testing.T) {
	const readers, seconds = 8, 60
	l, c, all := keepers(t, readers, 5*time.Second)
	var seen float64
	for range seconds * 10 {
		for _, k := range all {
			k.Count(budget.Work{Read: 1})
			used, mine, err := k.Look(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if mine {
				seen = used.ReadUnits
			}
		}
		c.now = c.now.Add(100 * time.Millisecond)
	}
	if l.looks != seconds/5 || l.enters != readers*seconds/5 {
		t.Errorf("%d looks, %d enters", l.looks, l.enters)
	}
	// What others entered is an interval old when one looks.
	if all := float64(readers * seconds * 10); seen < all-readers*101 || seen > all {
		t.Errorf("the last look saw %v of %v", seen, all)
	}
	for _, k := range all {
		if err := k.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if l.entered.Read != readers*seconds*10 {
		t.Errorf("entered %+v", l.entered)
	}
}

// Work that could not be entered is entered later, and an interval of 0 looks always.
func TestWorkIsEnteredOnce(t *testing.T) {
	l, _, all := keepers(t, 1, 0)
	k := all[0]
	down := errors.New("down")
	l.fails = down
	k.Count(budget.Work{Read: 1, ReadBytes: 2, Delivered: 3, DeliveredBytes: 4})
	if _, _, err := k.Look(t.Context()); !errors.Is(err, down) {
		t.Fatal(err)
	}
	l.fails = nil
	k.Count(budget.Work{Read: 1})
	for range 2 {
		if used, mine, err := k.Look(t.Context()); err != nil || !mine || used.ReadUnits != 2 {
			t.Errorf("%+v, %v, %v", used, mine, err)
		}
	}
	if l.entered != (budget.Work{Read: 2, ReadBytes: 2, Delivered: 3, DeliveredBytes: 4}) {
		t.Errorf("entered %+v", l.entered)
	}
}

// A turn that a clock far ahead has taken keeps nobody else from looking.
func TestAClockThatIsAheadStopsNobody(t *testing.T) {
	l, c, all := keepers(t, 2, 5*time.Second)
	c.now = c.now.Add(time.Hour)
	if _, mine, err := all[0].Look(t.Context()); err != nil || !mine {
		t.Fatal(mine, err)
	}
	c.now = c.now.Add(-time.Hour)
	if _, mine, err := all[1].Look(t.Context()); err != nil || !mine || l.looks != 2 {
		t.Errorf("%v, %v", mine, err)
	}
}

// Without a budget nobody looks, and nothing is entered.
func TestNothingIsEnteredWithoutALook(t *testing.T) {
	l, _, all := keepers(t, 1, 0)
	all[0].Count(budget.Work{Read: 1})
	var none *budget.Keeper
	none.Count(budget.Work{Read: 1})
	_, mine, err := none.Look(t.Context())
	if err := errors.Join(err, all[0].Close(t.Context()), none.Close(t.Context())); err != nil || mine || l.enters > 0 {
		t.Errorf("%v, %v, %d", mine, err, l.enters)
	}
}
