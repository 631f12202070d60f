package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"reprise/pkg/event"
	"reprise/pkg/event/strict"
	"reprise/pkg/eventlog"
)

// The limits of a request.
const (
	MaxTypes       = 50
	MaxEntities    = 100
	MaxParallelism = 256
	// DefaultParallelism is the default of Request.Parallelism.
	DefaultParallelism = 8
)

// Request says what to replay, and for what purpose.
type Request struct {
	// From and To select by logged time, [From, To); nil means unbounded.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Types and Entities select events; empty means all.
	Types    []string `json:"types,omitempty"`
	Entities []string `json:"entities,omitempty"`
	// Rebuild folds the events into a new generation of the Data Store; Promote
	// makes that generation active.
	Rebuild bool `json:"rebuild,omitempty"`
	Promote bool `json:"promote,omitempty"`
	// Parallelism is the number of segment readers at a time, 0 for the default.
	Parallelism int `json:"parallelism,omitempty"`
}

// ErrRequest is the error of a request that cannot be carried out. A retry
// cannot help.
var ErrRequest = errors.New("invalid replay request")

// ParseRequest decodes the input of a replay execution strictly, since with a
// misspelt filter, or one that an encoder has changed, it would replay something
// else. The input must be an object: {} replays the whole log, but an empty input
// may be a mistake.
func ParseRequest(raw []byte) (Request, error) {
	var r Request
	err := strict.Unmarshal(raw, &r)
	var invalid *strict.Error
	switch {
	case errors.As(err, &invalid) && invalid.Member == "":
		return Request{}, fmt.Errorf("%w: the input: %w", ErrRequest, invalid)
	case errors.As(err, &invalid):
		return Request{}, fmt.Errorf("%w: %w", ErrRequest, invalid)
	case err != nil: // only times have a decoder of their own
		return Request{}, fmt.Errorf("%w: from and to are RFC 3339 times such as 2026-03-01T00:00:00Z", ErrRequest)
	}
	return r.normalized()
}

// normalized checks the request and returns the form that equal requests share.
func (r Request) normalized() (Request, error) {
	if err := r.Check(); err != nil {
		return Request{}, err
	}
	r = r.rounded()
	r.Types, r.Entities = sorted(r.Types), sorted(r.Entities)
	if r.Parallelism == 0 {
		r.Parallelism = DefaultParallelism
	}
	return r, nil
}

// Check returns ErrRequest for a request that cannot be carried out, and names the
// member that is at fault.
func (r Request) Check() error {
	r = r.rounded()
	problem := r.badName()
	switch {
	case problem != "":
	case !writable(r.From):
		problem = "from lies outside of the years 0 to 9999 in UTC"
	case !writable(r.To):
		problem = "to lies outside of the years 0 to 9999 in UTC"
	case r.From != nil && r.To != nil && !r.From.Before(*r.To):
		problem = fmt.Sprintf("from %s is not before to %s", r.From.Format(time.RFC3339Nano), r.To.Format(time.RFC3339Nano))
	case len(r.Types) > MaxTypes:
		problem = fmt.Sprintf("%d types are named; at most %d are accepted", len(r.Types), MaxTypes)
	case len(r.Entities) > MaxEntities:
		problem = fmt.Sprintf("%d entities are named; at most %d are accepted", len(r.Entities), MaxEntities)
	case r.Parallelism < 0 || r.Parallelism > MaxParallelism:
		problem = fmt.Sprintf("parallelism %d is not between 1 and %d", r.Parallelism, MaxParallelism)
	case r.Promote && !r.Rebuild:
		problem = "promote needs rebuild: only a rebuilt generation can become active"
	case r.Rebuild && r.filtered():
		problem = "a rebuild takes the whole log: leave from, to, types and entities out"
	default:
		return nil
	}
	return fmt.Errorf("%w: %s", ErrRequest, problem)
}

// badName says which type or entity no event can have, "" if there is none. Such a
// filter would select nothing, and may not fit into a key.
func (r Request) badName() string {
	for _, name := range r.Types {
		if err := event.CheckType(name); err != nil {
			return "types holds a type that no event can have: " + problemOf(err)
		}
	}
	for _, id := range r.Entities {
		if err := event.CheckSubject(id); err != nil {
			return "entities holds an id that no event can have: " + problemOf(err)
		}
	}
	return ""
}

func (r Request) filtered() bool {
	return r.From != nil || r.To != nil || len(r.Types) > 0 || len(r.Entities) > 0
}

// problemOf says what is wrong with an attribute without naming the attribute.
func problemOf(err error) string {
	var wrong *event.Invalid
	if errors.As(err, &wrong) {
		return "it " + wrong.Problem
	}
	return err.Error()
}

// bounded reports whether the replay is bounded in time.
func (r Request) bounded() bool { return r.From != nil || r.To != nil }

// rounded returns the request with bounds in milliseconds, like logged times.
func (r Request) rounded() Request {
	r.From, r.To = inMillis(r.From), inMillis(r.To)
	return r
}

// writable reports whether a time has an RFC 3339 form, in which requests are passed
// on.
func writable(t *time.Time) bool { return t == nil || (t.Year() >= 0 && t.Year() <= 9999) }

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

// same reports whether two normalized requests are equal.
func (r Request) same(other Request) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && string(a) == string(b)
}

// selection decides which events of the cut are delivered.
type selection struct {
	from, to int64 // logged milliseconds, [from, to)
	types    []string
}

func newSelection(r Request) selection {
	s := selection{from: -1 << 62, to: 1 << 62, types: r.Types}
	if r.From != nil {
		s.from = r.From.UnixMilli()
	}
	if r.To != nil {
		s.to = r.To.UnixMilli()
	}
	return s
}

func (s *selection) wants(e *eventlog.Entry) (bool, error) {
	if e.Logged < s.from || e.Logged >= s.to {
		return false, nil
	}
	if len(s.types) == 0 {
		return true, nil
	}
	parsed, err := event.Parse(string(e.Line))
	if err != nil {
		return false, fmt.Errorf("parse event at %s: %w", e.Position, err)
	}
	return slices.Contains(s.types, parsed.Type), nil
}

// bucketRange is the range [from, to) of buckets that a request reads.
func bucketRange(r Request, width eventlog.Width) (from, to eventlog.Bucket) {
	if r.From != nil {
		from = width.Of(r.From.UnixMilli())
	}
	if r.To != nil {
		last := width.Of(r.To.UnixMilli() - 1)
		if _, end, err := width.Range(last); err == nil {
			to = width.Of(end)
		}
	}
	return from, to
}
