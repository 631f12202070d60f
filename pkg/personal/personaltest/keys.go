package personaltest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"reprise/pkg/conformance"
	"reprise/pkg/personal"
	"reprise/pkg/personal/sealed"
)

// Features says what a store of keys offers besides the contract.
type Features = conformance.Features[personal.Keys]

// Run tests a store of keys, which need not be empty.
func Run(t *testing.T, open func(t *testing.T) personal.Keys, features Features) {
	s := &suite{Suite: conformance.Begin(t, features), keys: open(t)}
	t.Run("CreateAndLoad", s.testCreateAndLoad)
	t.Run("OneCreates", s.testOneCreates)
	t.Run("Erase", s.testErase)
	t.Run("NextGeneration", s.testNextGeneration)
	t.Run("OneErases", s.testOneErases)
	t.Run("Many", s.testMany)
	t.Run("Durable", s.testDurable)
}

type suite struct {
	*conformance.Suite[personal.Keys]
	keys personal.Keys
}

// now is a time that every store can keep.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func (s *suite) ref() (ref sealed.Ref) {
	name := s.Name()
	copy(ref[:], name[1:9]) // of the run
	copy(ref[8:], name[max(0, len(name)-8):])
	return ref
}

func wrapped(b byte) []byte { return bytes.Repeat([]byte{b}, 80) }

func (s *suite) create(t *testing.T, ref sealed.Ref, key []byte, previous personal.Row) {
	t.Helper()
	if err := s.keys.Create(t.Context(), []personal.NewKey{{Ref: ref, Wrapped: key, Previous: previous}},
		now); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) load(t *testing.T, ref sealed.Ref) (personal.Row, bool) {
	t.Helper()
	rows, err := s.keys.Load(t.Context(), []sealed.Ref{ref, s.ref()})
	if err != nil || len(rows) > 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	row, found := rows[ref]
	return row, found
}

func (s *suite) testCreateAndLoad(t *testing.T) {
	ref := s.ref()
	if row, found := s.load(t, ref); found {
		t.Errorf("a subject that nobody knows: %+v", row)
	}
	s.create(t, ref, wrapped(1), personal.Row{})
	row, found := s.load(t, ref)
	if !found || row.Generation != 1 || !bytes.Equal(row.Wrapped, wrapped(1)) || !row.Created.Equal(now) ||
		row.Version == "" {
		t.Errorf("%+v, %t", row, found)
	}
	if at, erased := row.ErasedAt(1); erased {
		t.Errorf("erased at %s", at)
	}
	s.create(t, ref, wrapped(2), personal.Row{})
	if row, _ := s.load(t, ref); !bytes.Equal(row.Wrapped, wrapped(1)) {
		t.Error("a later writer has replaced the key")
	}
}

func (s *suite) testOneCreates(t *testing.T) {
	ref := s.ref()
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			if err := s.keys.Create(t.Context(), []personal.NewKey{{Ref: ref, Wrapped: wrapped(byte(i + 1))}}, now); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	first, _ := s.load(t, ref)
	second, _ := s.load(t, ref)
	if first.Generation != 1 || first.Wrapped == nil || !bytes.Equal(first.Wrapped, second.Wrapped) {
		t.Errorf("%+v, then %+v", first, second)
	}
}

func (s *suite) erase(t *testing.T, ref sealed.Ref, why string) personal.Row {
	t.Helper()
	row, err := s.keys.Erase(t.Context(), ref, personal.Erasure{At: now.Add(time.Hour), Who: "Ada", Reason: why})
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (s *suite) testErase(t *testing.T) {
	ref, other := s.ref(), s.ref()
	if _, err := s.keys.Erase(t.Context(), ref, personal.Erasure{At: now}); !errors.Is(err, personal.ErrNoKey) {
		t.Errorf("a subject without a key: %v", err)
	}
	s.create(t, ref, wrapped(1), personal.Row{})
	s.create(t, other, wrapped(2), personal.Row{})
	want := personal.Erasure{Generation: 1, At: now.Add(time.Hour), Who: "Ada", Reason: "asked for"}
	returned := s.erase(t, ref, "asked for")
	stored, found := s.load(t, ref)
	for _, row := range []personal.Row{returned, stored} {
		if !found || row.Wrapped != nil || row.Generation != 1 || row.Unfinished ||
			!slices.Equal(row.Erasures, []personal.Erasure{want}) {
			t.Errorf("%+v", row)
		}
		if at, erased := row.ErasedAt(1); !erased || !at.Equal(want.At) {
			t.Errorf("erased at %s: %t", at, erased)
		}
	}
	if _, err := s.keys.Erase(t.Context(), ref, personal.Erasure{At: now}); !errors.Is(err, personal.ErrNoKey) {
		t.Errorf("erased again: %v", err)
	}
	if row, _ := s.load(t, other); !bytes.Equal(row.Wrapped, wrapped(2)) {
		t.Errorf("another subject: %+v", row)
	}
}

func (s *suite) testNextGeneration(t *testing.T) {
	ref := s.ref()
	s.create(t, ref, wrapped(1), personal.Row{})
	s.erase(t, ref, "first")
	before, _ := s.load(t, ref)
	s.create(t, ref, wrapped(2), before)
	s.create(t, ref, wrapped(3), before) // too late
	row, _ := s.load(t, ref)
	_, first := row.ErasedAt(1)
	_, second := row.ErasedAt(2)
	if row.Generation != 2 || !bytes.Equal(row.Wrapped, wrapped(2)) || !first || second {
		t.Errorf("%+v", row)
	}
	if row := s.erase(t, ref, "second"); len(row.Erasures) != 2 || row.Erasures[1].Generation != 2 || row.Wrapped != nil {
		t.Errorf("%+v", row)
	}
}

func (s *suite) testOneErases(t *testing.T) {
	ref := s.ref()
	s.create(t, ref, wrapped(1), personal.Row{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := s.keys.Erase(t.Context(), ref, personal.Erasure{At: now, Reason: "race"})
			if err != nil && !errors.Is(err, personal.ErrNoKey) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if row, _ := s.load(t, ref); row.Wrapped != nil || row.Unfinished || len(row.Erasures) != 1 {
		t.Errorf("%+v", row)
	}
}

func (s *suite) testMany(t *testing.T) {
	const many = 300
	var keys []personal.NewKey
	var refs []sealed.Ref
	for i := range many {
		refs = append(refs, s.ref())
		keys = append(keys, personal.NewKey{Ref: refs[i], Wrapped: append(wrapped(7), byte(i), byte(i>>8))})
	}
	if err := s.keys.Create(t.Context(), keys, now); err != nil {
		t.Fatal(err)
	}
	rows, err := s.keys.Load(t.Context(), refs)
	if err != nil || len(rows) != many {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, ref := range refs {
		if !bytes.Equal(rows[ref].Wrapped, keys[i].Wrapped) {
			t.Fatalf("subject %d has another's key", i)
		}
	}
}

func (s *suite) testDurable(t *testing.T) {
	s.MustReopen(t)
	ref, gone := s.ref(), s.ref()
	s.create(t, ref, wrapped(1), personal.Row{})
	s.create(t, gone, wrapped(2), personal.Row{})
	s.erase(t, gone, "asked for")
	s.keys = s.Reopen(t, s.keys)
	if err := s.keys.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row, _ := s.load(t, ref); !bytes.Equal(row.Wrapped, wrapped(1)) {
		t.Errorf("%+v", row)
	}
	if row, found := s.load(t, gone); !found || row.Wrapped != nil {
		t.Errorf("%+v", row)
	}
	s.create(t, s.ref(), wrapped(3), personal.Row{})
	if row, _ := s.load(t, ref); !bytes.Equal(row.Wrapped, wrapped(1)) {
		t.Errorf("after another key: %+v", row)
	}
}
