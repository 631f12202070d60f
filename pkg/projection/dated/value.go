package dated

import (
	"errors"
	"slices"
	"time"

	"reprise/pkg/event"
)

// ErrNoTime says that an event has no time, so that no value is in force for it. A
// projection that returns it parks the entity; a retry cannot help.
var ErrNoTime = errors.New("the event has no time, by which a value is looked up")

// Value is a value that changed at dates. It is never changed itself, and safe for
// concurrent use.
type Value[T any] struct {
	first   T
	changes []change[T]
}

// change is a value that is in force from a time on, ascending by time.
type change[T any] struct {
	from time.Time
	to   T
}

// Always is a value that has not changed yet.
func Always[T any](value T) Value[T] { return Value[T]{first: value} }

// From returns v with another value in force from a time on, until the next change. The
// time is an instant: write the midnight at which a law changes in the time zone of that
// law. Changes may be given in any order; of two at the same instant the later one given
// counts.
func (v Value[T]) From(from time.Time, value T) Value[T] {
	at, found := slices.BinarySearchFunc(v.changes, from, func(c change[T], from time.Time) int {
		return c.from.Compare(from)
	})
	v.changes = slices.Clone(v.changes)
	if found {
		v.changes[at].to = value
		return v
	}
	v.changes = slices.Insert(v.changes, at, change[T]{from, value})
	return v
}

// At is the value that is in force at a time.
func (v Value[T]) At(at time.Time) T {
	value := v.first
	for _, c := range v.changes {
		if at.Before(c.from) {
			break
		}
		value = c.to
	}
	return value
}

// For is the value that was in force at the time of an event, as its producer stated it
// (the CloudEvents attribute time), or ErrNoTime.
func (v Value[T]) For(e *event.Event) (T, error) {
	at, ok := e.Timestamp()
	if !ok {
		var none T
		return none, ErrNoTime
	}
	return v.At(at), nil
}
