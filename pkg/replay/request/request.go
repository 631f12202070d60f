package request

import (
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// The limits of a request.
const (
	MaxTypes       = 50
	MaxEntities    = 100
	MaxPrefixes    = 50
	MaxParallelism = 256
	// MaxRate is the highest rate in events per second.
	MaxRate = 10_000_000
	// DefaultParallelism is the default of Request.Parallelism.
	DefaultParallelism = 8
)

// Ordering is what a replay promises about the order in which its consumer gets
// the events.
type Ordering string

// The orderings.
const (
	// ByEntity delivers the events of an entity in the order of the log, and
	// promises nothing about events of different entities.
	ByEntity Ordering = "entity"
	// ByWindow is ByEntity, and delivers a time slice only after the consumer has
	// taken in all of the slice before it, so that entities never drift further
	// apart than a slice.
	ByWindow Ordering = "window"
	// Unordered promises nothing: time slices are delivered side by side.
	Unordered Ordering = "none"
)

// Request says what to replay, and for what purpose.
type Request struct {
	// From and To select by logged time, [From, To); nil means unbounded.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Types select events by type; empty means all.
	Types []string `json:"types,omitempty"`
	// Entities and Prefixes select the events of entities: of those named, and of
	// those whose id begins with a prefix. If both are empty, all are selected.
	Entities []string `json:"entities,omitempty"`
	Prefixes []string `json:"prefixes,omitempty"`
	// Attribute selects events by the value of an extension attribute.
	Attribute *Attribute `json:"attribute,omitempty"`
	// Rebuild folds the events into a new generation of the Data Store; Promote
	// makes that generation active, with Ask only after somebody has approved. In JSON
	// the two are one member, promote: see Promotion.
	Rebuild bool `json:"rebuild,omitempty"`
	Promote bool `json:"promote,omitempty"`
	Ask     bool `json:"-"`
	// Effects is Diff to compare the effects of the business logic as it is now with what
	// was sent; "" has nothing to do with effects. Nothing is sent either way.
	Effects Effects `json:"effects,omitempty"`
	// Ordering is ByEntity if it is "".
	Ordering Ordering `json:"ordering,omitempty"`
	// Slice is the width of a time slice, such as 6h or 7d; "" lets the plan
	// choose slices of about equal weight.
	Slice Width `json:"slice,omitempty"`
	// Parallelism is the number of segment readers at a time, 0 for the default.
	Parallelism int `json:"parallelism,omitempty"`
	// Rate bounds the events per second of the whole replay, 0 for no limit.
	Rate int `json:"rate,omitempty"`
	// Budget caps what the replay uses; nil is no cap.
	Budget *Budget `json:"budget,omitempty"`
	// ToleratedFailures is how many lane groups may fail before the others are
	// stopped; nil lets the others go on whatever fails.
	ToleratedFailures *int `json:"toleratedFailures,omitempty"`
	// Verification is the verification that owns the replay, "" for none. Its generation is
	// a throwaway: it is never promoted, and dropped when the verification ends.
	Verification string `json:"verification,omitempty"`
	// DryRun plans only: the execution ends with the plan as its output, and
	// nothing is created.
	DryRun bool `json:"dryRun,omitempty"`
}

// Effects is what a replay has to do with the effects of business logic.
type Effects string

// Diff collects the calls that the service as it is now would make, and compares them with
// those that were made.
const Diff Effects = "diff"

// Attribute is an extension attribute and the value that selects an event. Booleans
// and integers have the value that JSON writes: true, 42.
type Attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ErrInvalid is the error of a request that cannot be carried out. A retry cannot
// help.
var ErrInvalid = errors.New("invalid replay request")

// Normalized checks the request and returns the form that equal requests share. The
// default ordering is not in it, so that requests of before there were others are
// equal to those of now.
func (r Request) Normalized() (Request, error) {
	if err := r.Check(); err != nil {
		return Request{}, err
	}
	r = r.rounded()
	r.Types, r.Entities, r.Prefixes = sorted(r.Types), sorted(r.Entities), sorted(r.Prefixes)
	r.Slice = r.Slice.canonical()
	if r.Ordering == ByEntity {
		r.Ordering = ""
	}
	if r.Parallelism == 0 {
		r.Parallelism = DefaultParallelism
	}
	return r, nil
}

// Order returns the ordering of the request, the default filled in.
func (r Request) Order() Ordering {
	if r.Ordering == "" {
		return ByEntity
	}
	return r.Ordering
}

// Same reports whether two normalized requests are equal.
func (r Request) Same(other Request) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && string(a) == string(b)
}

// Filtered reports whether the request may leave events of the log out.
func (r Request) Filtered() bool { return r.Bounded() || r.filtersContent() || len(r.Entities) > 0 }

// filtersContent reports whether events are selected that only reading finds.
func (r Request) filtersContent() bool {
	return len(r.Types) > 0 || len(r.Prefixes) > 0 || r.Attribute != nil
}

// Bounded reports whether the replay is bounded in time.
func (r Request) Bounded() bool { return r.From != nil || r.To != nil }

// Scoped reports whether only the named entities are read. With prefixes, everything
// is read and filtered, since the log does not list the entities that it has.
func (r Request) Scoped() bool { return len(r.Entities) > 0 && len(r.Prefixes) == 0 }

// rounded returns the request with bounds in milliseconds, like logged times.
func (r Request) rounded() Request {
	r.From, r.To = inMillis(r.From), inMillis(r.To)
	return r
}

// inMillis rounds a bound up to milliseconds, which selects the same events, since
// logged times are in milliseconds.
func inMillis(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	up := t.UTC().Add(time.Millisecond - 1).Truncate(time.Millisecond)
	return &up
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}
