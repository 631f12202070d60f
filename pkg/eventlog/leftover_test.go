package eventlog_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
)

// What a crashed or overtaken commit leaves in the Events table is not in the
// log, wherever it is stored and whatever follows.

// leave puts the events of records into the table and dies before the head
// moves.
func (w *world) leave(records ...eventlog.Incoming) {
	w.t.Helper()
	dying := w.another()
	dying.Heads.Table = &stopHead{w.table}
	if _, err := dying.Commit(w.t.Context(), 0, records); !errors.Is(err, errFault) {
		w.t.Fatalf("the dying pump got %v", err)
	}
}

// another is another pump over the same stores.
func (w *world) another() *eventlog.Pump {
	return &eventlog.Pump{Log: w.pump.Log, Heads: w.pump.Heads, Width: w.pump.Width, Decoder: w.pump.Decoder}
}

// stopHead fails the write of the head.
type stopHead struct{ control.Table }

func (s *stopHead) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if key.Sort == "head" {
		return "", errFault
	}
	return s.Table.Put(ctx, key, body, previous)
}

// pausedLog lets other pumps commit before its first put.
type pausedLog struct {
	eventlog.Log
	before func()
}

func (p *pausedLog) Put(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entries []eventlog.Entry) error {
	if before := p.before; before != nil {
		p.before = nil
		before()
	}
	return p.Log.Put(ctx, lane, bucket, entries)
}

func (w *world) wantAside(n int) {
	w.t.Helper()
	aside, err := w.log.ListQuarantine(w.t.Context(), 0, "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(aside) != n {
		w.t.Errorf("quarantine holds %d records, want %d", len(aside), n)
	}
}

// wantHistory compares what an entity's history has with the numbers of the
// records.
func (w *world) wantHistory(want ...int) {
	w.t.Helper()
	head, err := w.pump.Heads.Load(w.t.Context(), 0)
	if err != nil {
		w.t.Fatal(err)
	}
	var buckets []eventlog.Bucket
	for at := noon.Add(-24 * time.Hour); at.Before(noon.Add(48 * time.Hour)); at = at.Add(time.Hour) {
		buckets = append(buckets, eventlog.Hour.Of(at.UnixMilli()))
	}
	var have []int
	view := eventlog.View{Log: w.log, Heads: w.pump.Heads}
	err = view.History(w.t.Context(), 0, w.entityIn(0, 0), buckets, "", head.Position,
		func(_ eventlog.Bucket, e *eventlog.Entry) error {
			var n int
			if _, err := fmt.Sscan(e.Position.Sequence(), &n); err != nil {
				return err
			}
			have = append(have, n-100)
			return nil
		})
	if err != nil || !slices.Equal(have, want) {
		w.t.Errorf("the entity's history is %v, %v, want %v", have, err, want)
	}
}

func TestLeftoverOfALateRecordIsNotInTheLog(t *testing.T) {
	for name, leave := range map[string]func(w *world, two, three eventlog.Incoming){
		"of a crash": func(w *world, two, three eventlog.Incoming) {
			w.leave(two)
			w.commit(three)
		},
		"of a zombie that was overtaken": func(w *world, two, three eventlog.Incoming) {
			zombie := w.another()
			zombie.Heads.Table = &overtaking{Table: w.table, before: func() { w.commit(three) }}
			if _, err := zombie.Commit(w.t.Context(), 0, []eventlog.Incoming{two}); !errors.Is(err, eventlog.ErrOvertaken) {
				w.t.Fatalf("the zombie got %v", err)
			}
		},
		"put once the record was set aside": func(w *world, two, three eventlog.Incoming) {
			zombie := w.another()
			zombie.Log = &pausedLog{Log: w.log, before: func() {
				w.commit(three)
				w.commit(two)
			}}
			if _, err := zombie.Commit(w.t.Context(), 0, []eventlog.Incoming{two}); !errors.Is(err, eventlog.ErrOvertaken) {
				w.t.Fatalf("the zombie got %v", err)
			}
		},
	} {
		for _, apart := range []time.Duration{time.Second, time.Hour, -time.Hour} {
			t.Run(fmt.Sprintf("%s, %s apart", name, apart), func(t *testing.T) {
				w := newWorld(t)
				w.commit(w.record(1, noon, 0))
				two, three := w.record(2, noon.Add(2*time.Hour), 0), w.record(3, noon.Add(2*time.Hour+apart), 0)
				leave(w, two, three)
				w.wantHistory(1, 3)
				again, err := w.another().Commit(t.Context(), 0, []eventlog.Incoming{two})
				if err != nil || again.Late != 1 || again.Dropped != 0 {
					t.Errorf("record 2 the second time: %+v, %v; want it late", again, err)
				}
				w.wantAside(1)
				w.commit(w.record(4, noon.Add(5*time.Hour), 0))
				w.contents()
				w.wantHistory(1, 3, 4)
			})
		}
	}
}

// TestLeftoverNeverStopsItsLane commits a record whose leftover has another
// logged time, or lies in another bucket.
func TestLeftoverNeverStopsItsLane(t *testing.T) {
	for _, ahead := range []time.Duration{time.Second, time.Minute, time.Hour, 3 * time.Hour} {
		w := newWorld(t)
		w.commit(w.record(1, noon, 0))
		two, three := w.record(2, noon.Add(30*time.Minute+ahead), 0), w.record(3, noon.Add(30*time.Minute), 0)
		w.leave(three)
		w.commit(two)
		if got := w.commit(three, w.record(4, noon.Add(30*time.Minute), 0)); got.Events != 2 {
			t.Errorf("%s ahead: commit gave %+v", ahead, got)
		}
		w.wantAside(0)
		w.contents()
		w.wantHistory(1, 2, 3, 4)
	}
}

// TestMembershipIsTheHeadsWhateverTheOrder delivers records in orders that a
// reshard can cause, to pumps that die at any write or stand still, and more
// records than a head lists.
func TestMembershipIsTheHeadsWhateverTheOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 60 {
		w := newWorld(t)
		n := 10 + random.IntN(90)
		var members []int
		last, late := 0, map[int]bool{}
		pending := random.Perm(n)
		slices.Sort(pending)
		for i := range pending { // almost in order, as two shards deliver them
			if j := i + random.IntN(3); j < n {
				pending[i], pending[j] = pending[j], pending[i]
			}
		}
		for len(pending) > 0 {
			k := 1 + random.IntN(min(6, len(pending)))
			var batch []eventlog.Incoming
			for _, number := range pending[:k] {
				arrival := noon.Add(time.Duration(number)*7*time.Minute + time.Duration(random.IntN(40))*time.Minute)
				batch = append(batch, w.record(number, arrival, 0))
			}
			pump := w.another()
			if random.IntN(3) == 0 {
				pump.Heads.Table = &stopHead{w.table}
			}
			committed, err := pump.Commit(t.Context(), 0, batch)
			if errors.Is(err, errFault) { // it is retried, perhaps after others
				far := min(len(pending), k+random.IntN(4))
				pending = slices.Concat(pending[k:far], pending[:k], pending[far:])
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			lateNow := 0
			for _, number := range pending[:k] {
				switch {
				case number > last || len(members) == 0:
					members = append(members, number)
					last = number
				default:
					late[number] = true
					lateNow++
				}
			}
			if committed.Late != lateNow {
				t.Fatalf("commit of %v set %d aside, want %d", pending[:k], committed.Late, lateNow)
			}
			pending = pending[k:]
		}
		w.wantHistory(members...)
		w.wantAside(len(late))
		w.contents()
	}
}
