package replaytest

import (
	"context"
	"errors"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
)

// ErrUnreadable is the error of stores that do not answer.
var ErrUnreadable = errors.New("the store does not answer")

// Intercepted is a control table that calls Read and Write before a document is read
// or written; an error is returned instead.
type Intercepted struct {
	control.Table
	Read, Write func(key control.Key) error
}

// Get implements control.Table.
func (b Intercepted) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if b.Read != nil {
		if err := b.Read(key); err != nil {
			return control.Document{}, err
		}
	}
	return b.Table.Get(ctx, key)
}

// Put implements control.Table.
func (b Intercepted) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if b.Write != nil {
		if err := b.Write(key); err != nil {
			return "", err
		}
	}
	return b.Table.Put(ctx, key, body, previous)
}

// Once calls do at the first call for a document.
func Once(of control.Key, do func()) func(control.Key) error {
	done := false
	return func(key control.Key) error {
		if key == of && !done {
			done = true
			do()
		}
		return nil
	}
}

// Failing fails every call for a document.
func Failing(of control.Key) func(control.Key) error {
	return func(key control.Key) error {
		if key == of {
			return ErrUnreadable
		}
		return nil
	}
}

// DropFails are generations whose tables cannot be dropped.
type DropFails struct{ datastore.Generations }

// Drop implements datastore.Generations.
func (DropFails) Drop(context.Context, string) error { return ErrUnreadable }

// Unreadable are generations whose marks cannot be read.
type Unreadable struct{ datastore.Generations }

// Open implements datastore.Generations.
func (u Unreadable) Open(id string) datastore.Generation {
	return unreadableMarks{u.Generations.Open(id)}
}

type unreadableMarks struct{ datastore.Generation }

func (unreadableMarks) Mark(
	context.Context, datastore.MarkName, event.Lane,
) (datastore.Mark, datastore.MarkVersion, error) {
	return datastore.Mark{}, "", ErrUnreadable
}
