package spending

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
)

// unwilling refuses to store costs while it is told to.
type unwilling struct {
	control.Table
	refuse func(control.Key) bool
}

var errRefused = errors.New("the store is down")

func (u *unwilling) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if u.refuse != nil && u.refuse(key) {
		return "", errRefused
	}
	return u.Table.Put(ctx, key, body, previous)
}

// spendingWorld has the replays a and b.
func spendingWorld(t *testing.T) (*Recorder, *meter.Meter, *unwilling) {
	t.Helper()
	table, m := &unwilling{Table: pebbletest.Open(t).Table}, new(meter.Meter)
	s := &Recorder{
		Store:    replay.Store{Table: table, Now: time.Now},
		Used:     meter.NewOutstanding(m),
		Function: "read-segment",
	}
	for _, id := range []string{"a", "b"} {
		if _, _, err := s.Store.Create(t.Context(), id, replay.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	return s, m, table
}

func costOf(t *testing.T, s *Recorder, id string) *Cost {
	t.Helper()
	row, err := s.Store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	cost, err := CostOf(t.Context(), s.Store, row.ID)
	if err != nil {
		t.Fatal(err)
	}
	return cost
}

func TestAReplayShowsWhatItCost(t *testing.T) {
	s, m, _ := spendingWorld(t)
	if err := s.Keep(t.Context(), "a", "0"); err != nil || costOf(t, s, "a") != nil {
		t.Fatalf("nothing was used: %v, %+v", err, costOf(t, s, "a"))
	}
	other := *s
	other.Function = "plan-replay"
	for range 2 {
		for _, worker := range []string{"0", "1"} {
			m.Part("log").Add(meter.ReadUnits, 100.5)
			m.Part("streams").Add(meter.PutUnits, 10)
			if err := s.Keep(t.Context(), "a", worker); err != nil {
				t.Fatal(err)
			}
		}
		m.Part("control").Add(meter.WriteUnits, 7)
		if err := other.Keep(t.Context(), "a", ""); err != nil {
			t.Fatal(err)
		}
	}
	cost := costOf(t, s, "a")
	read := Spent{ReadUnits: 402, PutUnits: 40, Dollars: (402*0.125 + 40*0.014) / 1e6}
	plan := Spent{WriteUnits: 14, Dollars: 14 * 0.625 / 1e6}
	if cost == nil || len(cost.Functions) != 2 || cost.Functions["read-segment"] != read ||
		cost.Functions["plan-replay"] != plan || cost.Transitions != nil || cost.Total.ReadUnits != 402 ||
		cost.Total.WriteUnits != 14 {
		t.Fatalf("have %+v", cost)
	}
	before := cost.Total.Dollars
	for _, n := range []int{9, 12} { // the report is made again after a fault
		if err := s.SetTransitions(t.Context(), "a", n); err != nil {
			t.Fatal(err)
		}
	}
	cost = costOf(t, s, "a")
	if cost.Transitions == nil || *cost.Transitions != 12 || len(cost.Functions) != 2 {
		t.Fatalf("have %+v", cost)
	}
	if difference := cost.Total.Dollars - before - 12*25/1e6; difference > 1e-12 || difference < -1e-12 {
		t.Errorf("with transitions it costs %v, without them %v", cost.Total.Dollars, before)
	}
	if costOf(t, s, "b") != nil {
		t.Error("another replay has a cost")
	}
}

// TestSharesOfABatchAddUp divides a batch between two replays; storing one
// share fails at first.
func TestSharesOfABatchAddUp(t *testing.T) {
	s, m, table := spendingWorld(t)
	used := meter.Usage{ReadUnits: 10.5, WriteUnits: 101, PutUnits: 3}
	feed := func() {
		m.Part("datastore").Add(meter.WriteUnits, used.WriteUnits)
		m.Part("control").Add(meter.ReadUnits, used.ReadUnits)
		m.Part("streams").Add(meter.PutUnits, used.PutUnits)
	}
	feed()
	table.refuse = func(key control.Key) bool { return key.Partition == replay.Partition("a") }
	if err := s.KeepShared(t.Context(), map[string]int64{"a": 2, "b": 5}, "3"); !errors.Is(err, errRefused) {
		t.Fatalf("have %v", err)
	}
	if cost := costOf(t, s, "b"); costOf(t, s, "a") != nil || cost.Total.WriteUnits != 72.143 {
		t.Fatalf("b has %+v", cost)
	}
	table.refuse = nil
	if err := s.KeepShared(t.Context(), map[string]int64{"a": 1}, "3"); err != nil {
		t.Fatal(err)
	}
	feed()
	if err := s.KeepShared(t.Context(), map[string]int64{"a": 1, "b": 6}, "4"); err != nil {
		t.Fatal(err)
	}
	var sum meter.Usage
	for _, id := range []string{"a", "b"} {
		c := costOf(t, s, id).Total
		sum = sum.Add(meter.Usage{WriteUnits: c.WriteUnits, ReadUnits: c.ReadUnits, PutUnits: c.PutUnits})
	}
	if sum != used.Add(used) {
		t.Errorf("kept %+v, used %+v", sum, used.Add(used))
	}
	if left := s.Used.Take(); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// Nobody would ever remove it.
func TestAnUnknownReplayLeavesNothingBehind(t *testing.T) {
	s, m, table := spendingWorld(t)
	for _, id := range []string{"refused", "", "no id", strings.Repeat("x", 2000)} {
		m.Part("control").Add(meter.ReadUnits, 1)
		if err := errors.Join(s.Keep(t.Context(), id, ""), s.SetTransitions(t.Context(), id, 3)); err != nil {
			t.Errorf("%.9q: %v", id, err)
		}
	}
	docs, err := table.List(t.Context(), replay.Partition("refused"), "", 10)
	if err != nil || len(docs) > 0 {
		t.Errorf("left are %v, %v", docs, err)
	}
	m.Part("control").Add(meter.ReadUnits, 1)
	if err := s.KeepShared(t.Context(), nil, ""); err != nil {
		t.Error(err)
	}
	if left := s.Used.Take().Total(); left.ReadUnits != 1 {
		t.Errorf("a batch without a replay: %+v is outstanding", left)
	}
	var none *Recorder
	if err := errors.Join(none.Keep(t.Context(), "a", ""), none.SetTransitions(t.Context(), "a", 1)); err != nil {
		t.Error(err)
	}
}

// TestManyFunctionsStoreCostsAtTheSameTime lets them all write one document.
func TestManyFunctionsStoreCostsAtTheSameTime(t *testing.T) {
	s, _, _ := spendingWorld(t)
	const workers, rounds = 4, 20
	ended := make(chan error, workers)
	for range workers {
		go func() {
			m := new(meter.Meter)
			mine := &Recorder{Store: s.Store, Used: meter.NewOutstanding(m), Function: s.Function}
			var failed error
			for range rounds {
				m.Part("log").Add(meter.ReadUnits, 0.5)
				failed = errors.Join(failed, mine.Keep(context.Background(), "a", "0"))
			}
			ended <- failed
		}()
	}
	for range workers {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if cost := costOf(t, s, "a"); cost.Total.ReadUnits != workers*rounds/2 {
		t.Errorf("have %+v", cost)
	}
}

func TestCostsOfManyWorkersAreReadPageByPage(t *testing.T) {
	s, m, table := spendingWorld(t)
	for i := range 1100 {
		m.Part("log").Add(meter.ReadUnits, 1)
		if err := s.Keep(t.Context(), "a", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	key := control.Key{Partition: replay.Partition("a"), Sort: "t"}
	if _, err := table.Put(t.Context(), key, []byte("no JSON"), ""); err != nil {
		t.Fatal(err)
	}
	if cost := costOf(t, s, "a"); cost.Total.ReadUnits != 1100 {
		t.Errorf("have %+v", cost)
	}
}
