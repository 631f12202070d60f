package pace

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"reprise/pkg/control"
)

// Reason says why a replay is slower than its limit; "" if it is not.
type Reason string

// The reasons.
const (
	// Throttled: a store or a stream refused a request of a reader.
	Throttled Reason = "throttled"
	// LiveLag: the live events wait to be logged.
	LiveLag Reason = "live-lag"
	// ConsumerLag: the replay's own consumer is behind.
	ConsumerLag Reason = "consumer-lag"
)

const (
	// lease is the shortest stretch of the schedule that a reader takes at a time:
	// with any number of readers, the document is written ten times a second.
	lease = 100 * time.Millisecond
	// credit is how far a lease may begin in the past: readers that were late catch
	// up, so that the rate holds over time.
	credit = time.Second
	// burst bounds a lease and the events that a reader delivers at once, so that a
	// slow replay moves evenly.
	burst = 500 * time.Millisecond
	// lowerAfter is the time between two reductions, so that the effect of the first
	// can be seen, and raiseAfter that between a change and an increase.
	lowerAfter = 3 * time.Second
	raiseAfter = 2 * time.Second
	// lower and raise are the factors of a step, and raiseMost that of several steps at
	// once, where the pressure is looked at less often than raiseAfter.
	lower     = 0.6
	raise     = 1.15
	raiseMost = 1.5
	// regain is the factor below the rate to which the first reduction led: all that
	// followed while the pressure lasted says nothing about the rate that is right.
	regain = 2
	// unknown is the rate of a replay, in events per second, that came under pressure
	// before its readers knew theirs: the records that one shard of a stream takes.
	// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
	unknown = 1000
	// lifted is how many times the rate before the first reduction is reached before
	// a replay without a limit has none again.
	lifted = 4
	// least is the lowest rate, in events per second, that pressure leads to: a replay
	// that stands still would never end.
	least = 10
)

// State is the pace of a replay, one document in the control table. Times are in
// milliseconds since 1970.
type State struct {
	// Limit is what an operator set while the replay ran, in events per second: 0 is
	// no limit, nil leaves it to the request. Order numbers what was set.
	Limit *int `json:"limit,omitempty"`
	Order int  `json:"order,omitempty"`
	// Allowed is what the pressure allows, in events per second, 0 while there is
	// none; Reason and Since tell why it is limited and since when.
	Allowed float64 `json:"allowed,omitempty"`
	Reason  Reason  `json:"reason,omitempty"`
	Since   int64   `json:"since,omitempty"`
	// Before is the rate before the first reduction, or unknown.
	Before float64 `json:"before,omitempty"`
	// Changed is when Allowed last changed, Checked when the pressure was last
	// looked at.
	Changed int64 `json:"changed,omitempty"`
	Checked int64 `json:"checked,omitempty"`
	// Epoch increases with every change of the rate: leases of other epochs are void.
	Epoch int64 `json:"epoch,omitempty"`
	// Next is when the next lease begins, in microseconds since 1970: the sum of all
	// leases, so that none is rounded away.
	Next int64 `json:"next,omitempty"`
}

// Load returns the pace of a replay, the zero State if none was stored yet.
func Load(ctx context.Context, table control.Table, key control.Key) (State, error) {
	s, _, err := control.Load[State](ctx, table, key)
	if err != nil && !errors.Is(err, control.ErrNotFound) {
		return State{}, fmt.Errorf("load the pace: %w", err)
	}
	return s, nil
}

// limit is the limit of the operator, or else of the request.
func (s *State) limit(requested int) int {
	if s.Limit != nil {
		return *s.Limit
	}
	return requested
}

// Rate is the rate at present in events per second, 0 if there is no limit.
func (s *State) Rate(requested int) float64 {
	limit := float64(s.limit(requested))
	switch {
	case limit == 0:
		return s.Allowed
	case s.Allowed == 0:
		return limit
	}
	return min(limit, s.Allowed)
}

// claim takes a lease for the events that are missing, or for a part of them if they are
// many, and returns how many events it is for and when it is over. They are delivered
// then, so that never more are delivered than the rate allows. A lease is short, so that
// readers that die take little of the schedule with them.
func (s *State) claim(rate float64, missing int, now time.Time) (events int, over time.Time) {
	events = min(max(missing, int(rate*lease.Seconds())), atOnce(rate))
	next := max(s.Next, now.Add(-credit).UnixMicro())
	s.Next = next + int64(math.Ceil(float64(events)/rate*1e6))
	return events, time.UnixMicro(s.Next)
}

// atOnce is how many events a reader may deliver at a time.
func atOnce(rate float64) int { return max(1, int(rate*burst.Seconds())) }

// giveBack returns the unused events of the latest leases.
func (s *State) giveBack(rate float64, events int) {
	s.Next -= int64(float64(events) / rate * 1e6)
}

// obey takes over what an operator set, unless the state has that or something newer.
func (s *State) obey(o Order, now time.Time) (changed bool) {
	if o.Number <= s.Order {
		return false
	}
	s.Limit, s.Order = &o.Limit, o.Number
	s.restart(now)
	return true
}

// With returns the state as it will be once the readers have followed an order.
func (s State) With(o Order) State {
	s.obey(o, time.UnixMicro(s.Next))
	return s
}

// restart begins a new epoch: with another rate, the schedule so far means nothing.
func (s *State) restart(now time.Time) {
	s.Epoch++
	s.Next = now.UnixMicro()
}

// press lowers the rate because of a reason. current is the rate at which the replay
// runs, as far as the caller knows.
func (s *State) press(why Reason, requested int, current float64, now time.Time) (changed bool) {
	at := now.UnixMilli()
	if s.Allowed > 0 && (at-s.Changed < lowerAfter.Milliseconds() || s.Allowed == least) {
		return false
	}
	if current == 0 {
		current = unknown
	}
	if s.Allowed == 0 {
		s.Since = at
		s.Before = current
		if limit := s.limit(requested); limit > 0 {
			s.Before = float64(limit)
		}
	}
	base := s.Rate(requested)
	if base == 0 || current < base {
		base = current
	}
	s.Allowed = max(least, base*lower)
	s.Reason, s.Changed = why, at
	s.restart(now)
	return true
}

// eases reports whether the last change was long enough ago to raise the rate.
func (s *State) eases(now time.Time) bool {
	return s.Allowed > 0 && now.UnixMilli()-s.Changed >= raiseAfter.Milliseconds()
}

// ease raises the rate while there is no pressure.
func (s *State) ease(requested int, now time.Time) (changed bool) {
	if !s.eases(now) {
		return false
	}
	at := now.UnixMilli()
	s.Allowed *= s.factor(time.Duration(at-s.Changed) * time.Millisecond)
	s.Changed = at
	limit := float64(s.limit(requested))
	if (limit > 0 && s.Allowed >= limit) || (limit == 0 && s.Allowed >= lifted*max(s.Before, least)) {
		s.Allowed, s.Reason, s.Since, s.Before = 0, "", 0, 0
	}
	s.restart(now)
	return true
}

// factor is by how much the rate is raised when it has held for a while.
func (s *State) factor(held time.Duration) float64 {
	if first := s.Before * lower; s.Allowed < first {
		return min(regain, max(raise, first/s.Allowed))
	}
	return min(raiseMost, math.Pow(raise, held.Seconds()/raiseAfter.Seconds()))
}
