package controltest

import (
	"bytes"
	"errors"
	"testing"

	"reprise/pkg/conformance"
	"reprise/pkg/control"
)

// Features says what a table offers besides the contract.
type Features = conformance.Features[control.Table]

// Run opens one table and tests it. The table need not be empty: every test uses
// its own partitions.
func Run(t *testing.T, open func(t *testing.T) control.Table, features Features) {
	s := &suite{Suite: conformance.Begin(t, features), table: open(t)}
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
		{"InvalidKeys", s.testInvalidKeys},
		{"ListNone", s.testListNone},
		{"RepeatedKeys", s.testRepeatedKeys},
		{"EmptyCancelled", s.testEmptyCancelled},
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
	*conformance.Suite[control.Table]
	table control.Table
}

// partition returns the name of an unused partition.
func (s *suite) partition() string { return s.Name() }

func (s *suite) key() control.Key { return control.Key{Partition: s.partition(), Sort: "document"} }

func (s *suite) put(t conformance.T, key control.Key, body string, previous control.Version) control.Version {
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
func (s *suite) wantStored(t conformance.T, key control.Key, body string, version control.Version) {
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

func (s *suite) wantMissing(t conformance.T, key control.Key) {
	t.Helper()
	if doc, err := s.table.Get(t.Context(), key); !errors.Is(err, control.ErrNotFound) {
		t.Fatalf("get %q: have %+.120v, %v; want ErrNotFound", key.Sort, doc, err)
	}
}
