package controltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"reprise/pkg/control"
)

// Features says what a table offers besides the contract.
type Features struct {
	// Reopen closes a table and opens the same one anew; nil where that cannot
	// be done, and then durability is not tested.
	Reopen func(t *testing.T, table control.Table) control.Table
	// Seed makes a run repeat an earlier one; 0 means a new one.
	Seed uint64
	// ModelRuns bounds the random runs against a model, for what answers slowly
	// over the wire; 0 means 25.
	ModelRuns int
}

// Run opens one table and tests it. The table need not be empty: every test
// works in partitions of its own.
func Run(t *testing.T, open func(t *testing.T) control.Table, features Features) {
	seed := features.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	s := &suite{table: open(t), features: features, run: fmt.Sprintf("t%016x", seed)}
	tests := []struct {
		name string
		test func(*testing.T)
	}{
		{"PutAndGet", s.testPutAndGet},
		{"Conditions", s.testConditions},
		{"Versions", s.testVersions},
		{"Delete", s.testDelete},
		{"Copies", s.testCopies},
		{"OddKeys", s.testOddKeys},
		{"Limits", s.testLimits},
		{"NoKeys", s.testNoKeys},
		{"ListNone", s.testListNone},
		{"TwiceInACall", s.testTwiceInACall},
		{"NothingCancelled", s.testNothingCancelled},
		{"GetAll", s.testGetAll},
		{"PutAll", s.testPutAll},
		{"PutAllLimits", s.testPutAllLimits},
		{"ListOrder", s.testListOrder},
		{"ListPages", s.testListPages},
		{"ListPartitions", s.testListPartitions},
		{"ListLarge", s.testListLarge},
		{"OneCreates", s.testOneCreates},
		{"OneChanges", s.testOneChanges},
		{"OneDeletes", s.testOneDeletes},
		{"NoUpdateLost", s.testNoUpdateLost},
		{"Cancelled", s.testCancelled},
		{"Model", s.testModel},
		{"Durable", s.testDurable},
	}
	for _, tt := range tests {
		t.Run(tt.name, tt.test)
	}
}

type suite struct {
	table    control.Table
	features Features
	run      string
	count    atomic.Int64
}

// partition returns the name of a partition that nobody has used.
func (s *suite) partition() string { return fmt.Sprintf("%s-%d", s.run, s.count.Add(1)) }

func (s *suite) key() control.Key { return control.Key{Partition: s.partition(), Sort: "document"} }

// fataler is what *testing.T and *rapid.T have in common.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Context() context.Context
}

func (s *suite) put(t fataler, key control.Key, body string, previous control.Version) control.Version {
	t.Helper()
	version, err := s.table.Put(t.Context(), key, []byte(body), previous)
	if err != nil {
		t.Fatalf("put %q on %q: %v", key.Sort, previous, err)
	}
	if version == "" {
		t.Fatalf("put %q returned no version", key.Sort)
	}
	return version
}

// wantStored checks that key holds body under version.
func (s *suite) wantStored(t fataler, key control.Key, body string, version control.Version) {
	t.Helper()
	doc, err := s.table.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %q: %v", key.Sort, err)
	}
	if doc.Key != key || doc.Version != version || !bytes.Equal(doc.Body, []byte(body)) {
		t.Fatalf("get %q: have %+.120v of %d bytes, want version %q of %d bytes",
			key.Sort, doc, len(doc.Body), version, len(body))
	}
}

func (s *suite) wantMissing(t fataler, key control.Key) {
	t.Helper()
	if doc, err := s.table.Get(t.Context(), key); !errors.Is(err, control.ErrNotFound) {
		t.Fatalf("get %q: have %+.120v, %v; want ErrNotFound", key.Sort, doc, err)
	}
}

func wantError(t fataler, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: have error %v, want %v", what, err, want)
	}
}
