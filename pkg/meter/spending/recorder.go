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
	// spentPrefix begins the sort keys of usage documents.
	spentPrefix = "spent#"
	// spentOnMachine stands in place of a function for the transitions, which no
	// function uses.
	spentOnMachine = "state-machine"
	// keepWithin bounds the storing of a usage: it must fit into the seconds
	// between the end of a step and that of its function.
	keepWithin = 2 * time.Second
)

// spent is the usage of one worker of a function for a replay.
type spent struct {
	Used meter.Usage `json:"used"`
}

func spentKey(id, function, worker string) control.Key {
	return control.Key{Partition: replay.Partition(id), Sort: spentPrefix + function + "#" + worker}
}

// Recorder stores a function's usage in the control table, by replay. Usage that
// could not be stored stays outstanding for the next invocation, as do the 2 to 4
// units that storing uses. The usage of an invocation that died is not counted. An
// addition with an unknown outcome may be counted twice. It expects one invocation
// at a time, as Lambda gives to a process, and is otherwise safe for concurrent use.
// A nil Recorder stores nothing.
type Recorder struct {
	Store replay.Store
	// Used is the usage of the process.
	Used *meter.Outstanding
	// Function is the function's folder.
	Function string
}

// Keep adds the outstanding usage to that of a replay. Concurrent invocations should
// name different workers, so that they seldom write the same document; "" is for
// those that run alone. An unknown replay is not charged. Keep takes at most 2
// seconds. After an error, a fault of the store, everything is outstanding again.
func (r *Recorder) Keep(ctx context.Context, id, worker string) error {
	return r.KeepShared(ctx, map[string]int64{id: 1}, worker)
}

// KeepShared is Keep for an invocation that worked for several replays: it charges
// each by its weight, such as its number of events, and the shares add up to the
// usage. Without any replay everything stays outstanding. After an error, the shares
// that could not be stored are outstanding again.
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
	var failed error
	for i, share := range used.Divide(ordered) {
		err := r.spend(ctx, ids[i], spentKey(ids[i], r.Function, worker), func(u meter.Usage) meter.Usage {
			return u.Add(share.Total())
		})
		if err != nil {
			r.Used.GiveBack(share)
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// SetTransitions stores the number of transitions of a replay's execution and its
// children, in place of an earlier number.
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

// spend changes a stored usage. It creates a document only if the replay has a row,
// since nothing would remove the documents of any other.
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
		return fmt.Errorf("store usage of replay %s: %w", id, err)
	}
	return nil
}
