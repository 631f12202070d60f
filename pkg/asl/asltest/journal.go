package asltest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"reprise/pkg/asl/journal"
)

// Journal tests that a journal keeps its contract. open returns an empty
// journal. reopen closes it and opens it again with its contents; it is nil if
// the journal does not outlive its process.
func Journal(t *testing.T, open func(t *testing.T) (journal journal.Journal, reopen func() journal.Journal)) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, journal.Journal)
	}{
		{"get", testGet}, {"range", testRange}, {"scan", testScan}, {"scan sees one point in time", testScanSnapshot},
		{"read inside a scan", testReadInScan}, {"scan error", testScanError}, {"order in a write", testOrder},
		{"concurrent", testConcurrent}, {"value is not kept by the caller", testCopies},
	} {
		t.Run(c.name, func(t *testing.T) {
			j, _ := open(t)
			c.run(t, j)
		})
	}
	t.Run("reopen", func(t *testing.T) {
		j, reopen := open(t)
		if reopen == nil {
			t.Skip("this journal does not outlive its process")
		}
		write(t, j, journal.Op{Key: "a\x001", Value: []byte("x")})
		if err := j.Sync(); err != nil {
			t.Fatal(err)
		}
		j = reopen()
		expect(t, j, "a\x001", "x")
		if got := keys(t, j, "", "\xff"); !slices.Contains(got, "a\x001") {
			t.Errorf("keys after opening again: %q", got)
		}
	})
}

func write(t *testing.T, j journal.Journal, ops ...journal.Op) {
	t.Helper()
	if err := j.Write(ops); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, j journal.Journal, key, want string) {
	t.Helper()
	value, found, err := j.Get(key)
	if err != nil || !found || string(value) != want {
		t.Fatalf("Get(%q) = %q, %v, %v; want %q", key, value, found, err, want)
	}
}

func absent(t *testing.T, j journal.Journal, key string) {
	t.Helper()
	if value, found, err := j.Get(key); found || err != nil {
		t.Fatalf("Get(%q) = %q, %v, %v; want nothing", key, value, found, err)
	}
}

func keys(t *testing.T, j journal.Journal, lower, upper string) []string {
	t.Helper()
	var got []string
	if err := j.Scan(lower, upper, func(key string, _ []byte) (bool, error) {
		got = append(got, key)
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	return got
}

func op(key string) journal.Op { return journal.Op{Key: key, Value: []byte(key)} }

func testGet(t *testing.T, j journal.Journal) {
	absent(t, j, "k")
	write(t, j, journal.Op{Key: "k", Value: []byte("1")}, journal.Op{Key: "empty", Value: []byte{}})
	expect(t, j, "k", "1")
	expect(t, j, "empty", "")
	write(t, j, journal.Op{Key: "k", Value: []byte("2")})
	expect(t, j, "k", "2")
	write(t, j, journal.Op{Key: "k"}, journal.Op{Key: "never there"})
	absent(t, j, "k")
}

func testRange(t *testing.T, j journal.Journal) {
	write(t, j, op("a\x001"), op("a\x002"), op("a\x00\xfe"), op("a\x01"), op("b"))
	write(t, j, journal.Op{Key: "a\x00", Until: "a\x01"})
	if got := keys(t, j, "a", "c"); !slices.Equal(got, []string{"a\x01", "b"}) {
		t.Errorf("left after removing a range: %q", got)
	}
	write(t, j, journal.Op{Key: "c", Until: "a"})
	expect(t, j, "b", "b")
}

func testScan(t *testing.T, j journal.Journal) {
	write(t, j, op("s\x003"), op("s\x001"), op("s\x002"), op("t"))
	if got := keys(t, j, "s\x001", "s\x003"); !slices.Equal(got, []string{"s\x001", "s\x002"}) {
		t.Errorf("scanned %q", got)
	}
	n := 0
	err := j.Scan("s", "t", func(key string, value []byte) (bool, error) {
		if n++; key != string(value) {
			t.Errorf("key %q has value %q", key, value)
		}
		return n < 2, nil
	})
	if err != nil || n != 2 {
		t.Errorf("visited %d keys after being told to stop at 2: %v", n, err)
	}
	if got := keys(t, j, "x", "y"); got != nil {
		t.Errorf("scanned %q in an empty range", got)
	}
}

func testScanSnapshot(t *testing.T, j journal.Journal) {
	write(t, j, op("a"), op("b"))
	var got []string
	if err := j.Scan("a", "z", func(key string, _ []byte) (bool, error) {
		got = append(got, key)
		return true, j.Write([]journal.Op{op(key + "x"), {Key: "b"}})
	}); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("scanned %q, %v", got, err)
	}
}

func testReadInScan(t *testing.T, j journal.Journal) {
	write(t, j, op("a"), op("b"))
	if err := j.Scan("a", "z", func(string, []byte) (bool, error) {
		expect(t, j, "b", "b")
		return true, nil
	}); err != nil {
		t.Error(err)
	}
}

func testScanError(t *testing.T, j journal.Journal) {
	write(t, j, op("a"))
	want := errors.New("enough")
	if err := j.Scan("a", "z", func(string, []byte) (bool, error) { return true, want }); !errors.Is(err, want) {
		t.Errorf("Scan = %v, want the visitor's error", err)
	}
}

func testOrder(t *testing.T, j journal.Journal) {
	write(t, j, op("a"), journal.Op{Key: "a", Until: "b"}, journal.Op{Key: "a", Value: []byte("last")})
	expect(t, j, "a", "last")
	write(t, j, journal.Op{Key: "a", Value: []byte("x")}, journal.Op{Key: "a"})
	absent(t, j, "a")
}

func testCopies(t *testing.T, j journal.Journal) {
	value := []byte("abc")
	write(t, j, journal.Op{Key: "a", Value: value})
	value[0] = 'X'
	expect(t, j, "a", "abc")
}

func testConcurrent(t *testing.T, j journal.Journal) {
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 20 {
				key := fmt.Sprintf("%d\x00%03d", i, n)
				if err := errors.Join(j.Write([]journal.Op{op(key)}), j.Sync()); err != nil {
					t.Error(err)
				}
				if _, found, err := j.Get(key); !found || err != nil {
					t.Errorf("%q is not there after it was written: %v", key, err)
				}
			}
		})
	}
	group.Wait()
	if got := keys(t, j, "0", "9"); len(got) != 160 {
		t.Errorf("%d keys, want 160", len(got))
	}
}
