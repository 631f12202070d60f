package localstore

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"
)

func keys(t testing.TB, space *Space, lower, upper []byte) []string {
	t.Helper()
	var found []string
	err := space.Scan(lower, upper, func(key, _ []byte) (bool, error) {
		found = append(found, string(key))
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestScanBounds(t *testing.T) {
	db := openMem(t)
	space := db.Space("b")
	for _, name := range []string{"a", "b", "b\xff", "ba", "c"} { // neighbours on both sides
		if name != "b" {
			put(t, db.Space(name), "", "foreign", "a", "foreign", "\xff\xff", "foreign")
		}
	}
	if found := keys(t, space, nil, nil); len(found) > 0 {
		t.Fatalf("an empty space has %q", found)
	}
	if _, _, found, err := space.Last(nil, nil); found || err != nil {
		t.Fatalf("last of an empty space: %t, %v", found, err)
	}
	put(t, space, "", "0", "a", "1", "a\x00", "2", "b", "3", "\xff", "4")
	tests := []struct {
		lower, upper []byte
		want         string
	}{
		{nil, nil, `["" "a" "a\x00" "b" "\xff"]`},
		{[]byte("a"), []byte("b"), `["a" "a\x00"]`},
		{[]byte("a\x00"), nil, `["a\x00" "b" "\xff"]`},
		{nil, []byte{}, `[]`},
		{[]byte("a"), PrefixEnd([]byte("a")), `["a" "a\x00"]`},
		{[]byte("\xff"), PrefixEnd([]byte("\xff")), `["\xff"]`},
		{[]byte("x"), []byte("y"), `[]`},
	}
	for _, tt := range tests {
		found := keys(t, space, tt.lower, tt.upper)
		if have := fmt.Sprintf("%q", found); have != tt.want {
			t.Errorf("scan of [%q, %q): have %s, want %s", tt.lower, tt.upper, have, tt.want)
		}
		last, _, ok, err := space.Last(tt.lower, tt.upper)
		if err != nil || ok != (len(found) > 0) || (ok && string(last) != found[len(found)-1]) {
			t.Errorf("last of [%q, %q): have %q, %t, %v", tt.lower, tt.upper, last, ok, err)
		}
	}
	if err := space.Write(func(b *Batch) error { return b.DeleteRange([]byte("a\x00"), nil) }); err != nil {
		t.Fatal(err)
	}
	if found := keys(t, space, nil, nil); len(found) != 2 {
		t.Fatalf("after a deletion to the end: %q", found)
	}
	wantValue(t, db.Space("c"), "", "foreign")
}

func TestScanStops(t *testing.T) {
	space := openMem(t).Space("a")
	put(t, space, "a", "1", "b", "2", "c", "3")
	boom := errors.New("boom")
	calls := 0
	err := space.Scan(nil, nil, func([]byte, []byte) (bool, error) { calls++; return false, nil })
	if err != nil || calls != 1 {
		t.Fatalf("%d calls, %v", calls, err)
	}
	if err := space.Scan(nil, nil, func([]byte, []byte) (bool, error) { return true, boom }); !errors.Is(err, boom) {
		t.Fatalf("error of visit: %v", err)
	}
}

func TestPrefixEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bytes := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0xfe, 0xff}), 1, 4)
		prefix, suffix, other := bytes.Draw(t, "prefix"), bytes.Draw(t, "suffix"), bytes.Draw(t, "other")
		end := PrefixEnd(prefix)
		inside := slices.Concat(prefix, suffix)
		if end != nil && slices.Compare(inside, end) >= 0 {
			t.Fatalf("%q is not below %q", inside, end)
		}
		above := slices.Compare(other, prefix) >= 0 && (end == nil || slices.Compare(other, end) < 0)
		if begins := len(other) >= len(prefix) && slices.Equal(other[:len(prefix)], prefix); above != begins {
			t.Fatalf("%q in [%q, %q): %t", other, prefix, end, above)
		}
	})
}

func TestBatchIsAtomic(t *testing.T) {
	space := openMem(t).Space("a")
	boom := errors.New("boom")
	err := space.Write(func(b *Batch) error {
		if err := b.Put([]byte("key"), []byte("a"), nil, []byte("bc")); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("error of fill: %v", err)
	}
	if found := keys(t, space, nil, nil); len(found) > 0 {
		t.Fatalf("a batch that failed left %q", found)
	}
	if err := space.Write(func(*Batch) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := space.Write(func(b *Batch) error {
		return b.Put([]byte("key"), []byte("a"), nil, []byte("bc"))
	}); err != nil {
		t.Fatal(err)
	}
	wantValue(t, space, "key", "abc")
	if err := space.Write(func(b *Batch) error { return b.Delete([]byte("key")) }); err != nil {
		t.Fatal(err)
	}
	if _, found, err := space.Get([]byte("key")); found || err != nil {
		t.Fatalf("deleted: %t, %v", found, err)
	}
}

// TestDurability checks which writes a crash at the worst moment may lose.
func TestDurability(t *testing.T) {
	mem := vfs.NewCrashableMem()
	db := mustOpen(t, mem, "data")
	defer mustClose(t, db)
	space := db.Space("a")
	lazily := func(key string) {
		t.Helper()
		if err := space.WriteLazily(func(b *Batch) error { return b.Put([]byte(key), []byte("value")) }); err != nil {
			t.Fatal(err)
		}
	}
	crash := func() *Space {
		after := mustOpen(t, mem.CrashClone(vfs.CrashCloneCfg{}), "data")
		t.Cleanup(func() { mustClose(t, after) })
		return after.Space("a")
	}
	put(t, space, "written", "value")
	lazily("lazy")
	after := crash()
	wantValue(t, after, "written", "value")
	if _, found, err := after.Get([]byte("lazy")); found || err != nil {
		t.Fatalf("a lazy write waited for the disk: %t, %v", found, err)
	}
	put(t, db.Space("b"), "later", "value") // of another space: they share one log
	wantValue(t, crash(), "lazy", "value")
	lazily("synced")
	if err := space.Sync(); err != nil {
		t.Fatal(err)
	}
	wantValue(t, crash(), "synced", "value")
	pending, err := space.Apply(func(b *Batch) error { return b.Put([]byte("applied"), []byte("value")) })
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, space, "applied", "value")
	if err := pending.Wait(); err != nil {
		t.Fatal(err)
	}
	wantValue(t, crash(), "applied", "value")
}

// TestStripes lets many goroutines count under overlapping sets of keys.
func TestStripes(t *testing.T) {
	const keyCount, rounds = 40, 200
	stripes := NewStripes()
	counts := make([]int, keyCount)
	key := func(i int) []byte { return []byte{byte(i % keyCount)} }
	var group sync.WaitGroup
	for w := range 8 {
		group.Go(func() {
			for n := range rounds {
				set := [][]byte{key(n + w), key(7 * n), key(n + w)}
				unlock := stripes.LockAll(set)
				counts[(n+w)%keyCount]++
				unlock()
				unlock = stripes.Lock(key(n))
				counts[n%keyCount]++
				unlock()
			}
		})
	}
	group.Wait()
	total := 0
	for _, n := range counts {
		total += n
	}
	if total != 2*8*rounds {
		t.Fatalf("counted %d, want %d", total, 2*8*rounds)
	}
}

func BenchmarkWrite(b *testing.B) {
	db := mustOpen(b, nil, b.TempDir())
	defer mustClose(b, db)
	space, value := db.Space("a"), make([]byte, 300)
	b.ReportAllocs()
	for b.Loop() {
		if err := space.Write(func(b *Batch) error { return b.Put([]byte("key"), value) }); err != nil {
			b.Fatal(err)
		}
	}
}
