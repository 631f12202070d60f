package journalpebble

import (
	"bytes"
	"fmt"

	"reprise/pkg/asl/journal"
	"reprise/pkg/local/localstore"
)

// Journal is a journal.Journal on a key space that nothing else may use. It is
// safe for concurrent use.
type Journal struct{ space *localstore.Space }

var _ journal.Journal = (*Journal)(nil)

// New makes a journal on a space.
func New(space *localstore.Space) *Journal { return &Journal{space: space} }

// syncKey is written to make earlier writes durable. It is below all keys of the
// engine.
var syncKey = []byte{0}

// Write applies the operations without waiting for the disk.
func (j *Journal) Write(ops []journal.Op) error {
	err := j.space.WriteLazily(func(b *localstore.Batch) error {
		for _, op := range ops {
			if err := put(b, op); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}

func put(b *localstore.Batch, op journal.Op) error {
	key := []byte(op.Key)
	switch {
	case op.Until != "":
		if op.Until <= op.Key {
			return nil
		}
		return b.DeleteRange(key, []byte(op.Until))
	case op.Value == nil:
		return b.Delete(key)
	}
	return b.Put(key, op.Value)
}

// Sync waits for the disk. Concurrent callers share one wait.
func (j *Journal) Sync() error {
	err := j.space.Write(func(b *localstore.Batch) error { return b.Put(syncKey, nil) })
	if err != nil {
		return fmt.Errorf("sync journal: %w", err)
	}
	return nil
}

// Get returns the value of a key.
func (j *Journal) Get(key string) ([]byte, bool, error) {
	value, found, err := j.space.Get([]byte(key))
	if err != nil {
		return nil, false, fmt.Errorf("read journal: %w", err)
	}
	return value, found, nil
}

// Scan visits keys in order.
func (j *Journal) Scan(lower, upper string, visit func(string, []byte) (bool, error)) error {
	err := j.space.Scan([]byte(lower), []byte(upper), func(key, value []byte) (bool, error) {
		if bytes.Equal(key, syncKey) {
			return true, nil
		}
		return visit(string(key), value)
	})
	if err != nil {
		return fmt.Errorf("scan journal: %w", err)
	}
	return nil
}
