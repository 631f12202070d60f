package control_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"reprise/pkg/control"
	"reprise/pkg/local/pebbletest"
)

type counter struct {
	N int `json:"n"`
}

var key = control.Key{Partition: "p", Sort: "s"}

func newTable(t *testing.T) control.Table {
	t.Helper()
	return pebbletest.Open(t).Table
}

// rivalled is a table in which another writer comes first a number of times.
type rivalled struct {
	control.Table
	rivals int
}

func (r *rivalled) Put(ctx context.Context, key control.Key, body []byte, previous control.Version) (control.Version,
	error) {
	if r.rivals > 0 {
		r.rivals--
		if _, err := control.Update(ctx, r.Table, key,
			func(c *counter, _ bool) error { c.N += 100; return nil }); err != nil {
			return "", err
		}
	}
	return r.Table.Put(ctx, key, body, previous)
}

func increment(c *counter, _ bool) error { c.N++; return nil }

func TestLoadAndStore(t *testing.T) {
	table := newTable(t)
	if _, version, err := control.Load[counter](t.Context(), table, key); !errors.Is(err, control.ErrNotFound) ||
		version != "" {
		t.Fatalf("load what is not there: %q, %v", version, err)
	}
	stored, err := control.Store(t.Context(), table, key, counter{7}, "")
	if err != nil {
		t.Fatal(err)
	}
	value, version, err := control.Load[counter](t.Context(), table, key)
	if err != nil || value.N != 7 || version != stored {
		t.Fatalf("have %+v, %q, %v", value, version, err)
	}
	if _, err := control.Store(t.Context(), table, key, counter{8}, ""); !errors.Is(err, control.ErrConflict) {
		t.Fatalf("store on another version: %v", err)
	}
	if _, err := control.Store(t.Context(), table, key, func() {}, version); err == nil {
		t.Fatal("stored what cannot be encoded")
	}
	if _, err := table.Put(t.Context(), key, []byte("{"), version); err != nil {
		t.Fatal(err)
	}
	if _, _, err := control.Load[counter](t.Context(), table, key); err == nil || errors.Is(err, control.ErrNotFound) {
		t.Fatalf("load a damaged document: %v", err)
	}
}

func TestUpdateRetriesOnConflict(t *testing.T) {
	table := &rivalled{Table: newTable(t), rivals: 3}
	value, err := control.Update(t.Context(), table, key, increment)
	if err != nil || value.N != 301 {
		t.Fatalf("have %+v, %v; want 301", value, err)
	}
	stored, _, err := control.Load[counter](t.Context(), table, key)
	if err != nil || stored != value {
		t.Fatalf("stored %+v, %v", stored, err)
	}
}

func TestUpdateGivesUp(t *testing.T) {
	table := &rivalled{Table: newTable(t), rivals: 1_000}
	if _, err := control.Update(t.Context(), table, key, increment); !errors.Is(err, control.ErrConflict) {
		t.Fatalf("a livelock: %v", err)
	}
	if used := 1_000 - table.rivals; used > 100 {
		t.Fatalf("tried %d times", used)
	}
}

func TestUpdateUnchangedAndErrors(t *testing.T) {
	table := newTable(t)
	existed := func(want bool, result error) func(*counter, bool) error {
		return func(c *counter, exists bool) error {
			if exists != want {
				t.Errorf("exists: %t, want %t", exists, want)
			}
			c.N++
			return result
		}
	}
	boom := errors.New("boom")
	if _, err := control.Update(t.Context(), table, key, existed(false, boom)); !errors.Is(err, boom) {
		t.Fatalf("error of change: %v", err)
	}
	if _, err := control.Update(t.Context(), table, key, existed(false, control.Unchanged())); err != nil {
		t.Fatalf("unchanged: %v", err)
	}
	if _, err := table.Get(t.Context(), key); !errors.Is(err, control.ErrNotFound) {
		t.Fatalf("something was stored: %v", err)
	}
	if _, err := control.Update(t.Context(), table, key, existed(false, nil)); err != nil {
		t.Fatal(err)
	}
	before, _ := table.Get(t.Context(), key)
	wrapped := fmt.Errorf("wrapped: %w", control.Unchanged())
	if value, err := control.Update(t.Context(), table, key, existed(true, wrapped)); err != nil || value.N != 2 {
		t.Fatalf("unchanged: %+v, %v", value, err)
	}
	if after, _ := table.Get(t.Context(), key); after.Version != before.Version {
		t.Fatal("unchanged, but stored")
	}
}

func TestUpdateConcurrently(t *testing.T) {
	table := newTable(t)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 10 {
				if _, err := control.Update(t.Context(), table, key, increment); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if value, _, err := control.Load[counter](t.Context(), table, key); err != nil || value.N != 40 {
		t.Fatalf("have %+v, %v; want 40", value, err)
	}
}

func TestUpdateEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, err := control.Update(ctx, newTable(t), key, func(*counter, bool) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Fatalf("%d calls, %v", calls, err)
	}
}

func TestEachAndLoadAll(t *testing.T) {
	table := newTable(t)
	const count = 1_001 // more than two pages
	var keys []control.Key
	for i := range count {
		k := control.Key{Partition: "many", Sort: fmt.Sprintf("%04d", i)}
		keys = append(keys, k)
		if _, err := control.Store(t.Context(), table, k, counter{i}, ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, after := range []int{-1, 0, 500, 1_000} {
		next := after + 1
		from := ""
		if after >= 0 {
			from = keys[after].Sort
		}
		err := control.Each(t.Context(), table, "many", from, func(sort string, c counter) error {
			if c.N != next || sort != keys[next].Sort {
				t.Fatalf("have %q %+v, want %d", sort, c, next)
			}
			next++
			return nil
		})
		if err != nil || next != count {
			t.Fatalf("after %d: ended at %d, %v", after, next, err)
		}
	}
	boom := errors.New("boom")
	if err := control.Each(t.Context(), table, "many", "", func(string, counter) error { return boom }); !errors.Is(err,
		boom) {
		t.Fatalf("error of visit: %v", err)
	}
	var found []int
	asked := append(keys[10:20:20], control.Key{Partition: "many", Sort: "missing"})
	if err := control.LoadAll(t.Context(), table, asked,
		func(_ control.Key, c counter) { found = append(found, c.N) }); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if fmt.Sprint(found) != "[10 11 12 13 14 15 16 17 18 19]" {
		t.Fatalf("have %v", found)
	}
}
