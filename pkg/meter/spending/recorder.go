package spending

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/replay"
)

const (
	// spentPrefix begins the sort keys of what the steps of a replay used.
	spentPrefix = "spent#"
	// spentOnMachine holds the transitions, which no function uses. Its name is
	// not a function's.
	spentOnMachine = "state-machine"
	// keepWithin bounds the storing of a usage. Steps return some seconds before
	// their end, and it must not take longer than that.
	keepWithin = 2 * time.Second
)

// spent is what one function used for a replay on behalf of one worker.
type spent struct {
	Used meter.Usage `json:"used"`
}

func spentKey(id, function, worker string) control.Key {
	return control.Key{Partition: replay.Partition(id), Sort: spentPrefix + function + "#" + worker}
}

// Recorder keeps what a function used in the control table, by replay. What was
// not kept stays outstanding and is kept with the next invocation, as is what
// keeping itself uses, 2 to 4 units; what an invocation that died had used is not
// counted. An addition whose outcome the store cannot tell may be counted twice.
// It expects one invocation at a time, as Lambda gives to a process, and is
// otherwise safe for concurrent use. A nil Recorder keeps nothing.
type Recorder struct {
	Store replay.Store
	// Used is what the process used.
	Used *meter.Outstanding
	// Function is the function's folder.
	Function string
}

// Keep adds what is outstanding to a replay's. Invocations that may run at a
// time have different workers, so that they seldom meet on a document; "" is for
// those that run alone. An id that no replay has is charged nothing. It takes at
// most 2 seconds; after an error, a fault of the store, it is all outstanding
// again.
func (r *Recorder) Keep(ctx context.Context, id, worker string) error {
	return r.KeepShared(ctx, map[string]int64{id: 1}, worker)
}

// KeepShared is Keep for an invocation that worked for several replays: each is
// charged by its weight, such as its number of events, and the shares add up to
// all that was used. Without any replay everything stays outstanding. After an
// error, the shares that were not kept are outstanding again.
func (r *Recorder) KeepShared(ctx context.Context, weights map[string]int64, worker string) error {
	if r == nil || len(weights) == 0 {
		return nil
	}
	used := r.Used.Take()
	if len(used) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keepWithin)
	defer cancel()
	ids := slices.Sorted(maps.Keys(weights))
	ordered := make([]int64, len(ids))
	for i, id := range ids {
		ordered[i] = weights[id]
	}
	var unkept error
	for i, share := range used.Divide(ordered) {
		err := r.spend(ctx, ids[i], spentKey(ids[i], r.Function, worker), func(u meter.Usage) meter.Usage {
			return u.Add(share.Total())
		})
		if err != nil {
			r.Used.GiveBack(share)
			unkept = errors.Join(unkept, err)
		}
	}
	return unkept
}

// SetTransitions keeps how many transitions a replay's execution and its children
// made, in place of what was kept before.
func (r *Recorder) SetTransitions(ctx context.Context, id string, n int) error {
	if r == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, keepWithin)
	defer cancel()
	return r.spend(ctx, id, spentKey(id, spentOnMachine, ""), func(meter.Usage) meter.Usage {
		return meter.Usage{Transitions: float64(n)}
	})
}

// spend changes a usage. Where there is none it looks for the replay first: the
// documents of one that has no row would never be removed.
func (r *Recorder) spend(ctx context.Context, id string, key control.Key, change func(meter.Usage) meter.Usage) error {
	if replay.CheckID(id) != nil {
		return nil
	}
	_, err := control.Update(ctx, r.Store.Table, key, func(at *spent, exists bool) error {
		if !exists {
			if _, err := r.Store.Load(ctx, id); errors.Is(err, replay.ErrNotFound) {
				return control.Unchanged()
			} else if err != nil {
				return err
			}
		}
		at.Used = change(at.Used)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep what replay %s used: %w", id, err)
	}
	return nil
}
