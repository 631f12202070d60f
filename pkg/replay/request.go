package replay

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The limits of a request.
const (
	MaxTypes       = 50
	MaxEntities    = 100
	MaxParallelism = 256
	// DefaultParallelism is the number of segment readers at work at a time.
	DefaultParallelism = 8
)

// Request says what to replay and to what end.
type Request struct {
	// From and To select by logged time, [From, To); nil is open.
	From *time.Time `json:"from,omitempty"`
	To   *time.Time `json:"to,omitempty"`
	// Types and Entities select; empty is all.
	Types    []string `json:"types,omitempty"`
	Entities []string `json:"entities,omitempty"`
	// Rebuild projects into a new generation of the Data Store, Promote makes
	// that one active.
	Rebuild bool `json:"rebuild,omitempty"`
	Promote bool `json:"promote,omitempty"`
	// Parallelism is the number of segment readers, 0 for the default.
	Parallelism int `json:"parallelism,omitempty"`
}

// ErrRequest is the error of a request that cannot be carried out. A retry
// cannot help.
var ErrRequest = errors.New("invalid replay request")

// ParseRequest decodes the input of a replay execution. Unknown members are
// refused, for a misspelt filter would replay everything.
func ParseRequest(raw []byte) (Request, error) {
	var r Request
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		return Request{}, fmt.Errorf("%w: %s", ErrRequest, plainJSONError(err))
	}
	if decoder.More() {
		return Request{}, fmt.Errorf("%w: there is text after the object", ErrRequest)
	}
	return r.normal()
}

func plainJSONError(err error) string {
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		return fmt.Sprintf("%s must not be a %s", kind.Field, kind.Value)
	}
	var when *time.ParseError
	if errors.As(err, &when) {
		return "from and to are RFC 3339 times such as 2026-03-01T00:00:00Z"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// normal returns the request in the one form that equal requests share.
func (r Request) normal() (Request, error) {
	if err := r.check(); err != nil {
		return Request{}, err
	}
	r.From, r.To = inMillis(r.From), inMillis(r.To)
	r.Types, r.Entities = sorted(r.Types), sorted(r.Entities)
	if r.Parallelism == 0 {
		r.Parallelism = DefaultParallelism
	}
	return r, nil
}

func (r Request) check() error {
	problem := ""
	switch {
	case r.From != nil && r.To != nil && !r.From.Before(*r.To):
		problem = fmt.Sprintf("from %s is not before to %s", r.From.Format(time.RFC3339Nano), r.To.Format(time.RFC3339Nano))
	case len(r.Types) > MaxTypes:
		problem = fmt.Sprintf("%d types are named; at most %d are accepted", len(r.Types), MaxTypes)
	case len(r.Entities) > MaxEntities:
		problem = fmt.Sprintf("%d entities are named; at most %d are accepted", len(r.Entities), MaxEntities)
	case slices.Contains(r.Types, "") || slices.Contains(r.Entities, ""):
		problem = "a type or entity is empty"
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

func (r Request) filtered() bool {
	return r.From != nil || r.To != nil || len(r.Types) > 0 || len(r.Entities) > 0
}

// bounded reports whether the replay touches some of the buckets only.
func (r Request) bounded() bool { return r.From != nil || r.To != nil }

func inMillis(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	cut := t.UTC().Truncate(time.Millisecond)
	return &cut
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// same reports whether two normal requests ask for the same.
func (r Request) same(other Request) bool {
	a, errA := json.Marshal(r)
	b, errB := json.Marshal(other)
	return errA == nil && errB == nil && string(a) == string(b)
}
