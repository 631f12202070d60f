package feedpebble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/local/localstore"
	"reprise/pkg/local/localstore/localstoretest"
)

const guarded = "events"

// openGuarded opens a directory with a guarded stream of two shards.
func openGuarded(fsys vfs.FS, accept bool) (*localstore.DB, *Streams, error) {
	db, err := localstore.Open("data", localstore.Options{FS: fsys, Settings: localstoretest.Settings})
	if err != nil {
		return nil, nil, err
	}
	streams, err := New(db.Space("feed"), time.Now)
	if err == nil { // the stream itself may be lost
		_, err = streams.Create(context.Background(), guarded, 2)
	}
	if err != nil {
		return db, streams, err
	}
	return db, streams, streams.Guard(db, guarded, accept)
}

// acknowledged returns the files of a process that was killed after it had
// acknowledged some records, as they were after the first half and at the end.
func acknowledged(t *testing.T, records int) (half, end *vfs.MemFS) {
	t.Helper()
	mem := vfs.NewCrashableMem()
	db, err := localstore.Open("data", localstore.Options{FS: mem, Settings: localstoretest.Settings})
	if err != nil {
		t.Fatal(err)
	}
	streams, err := New(db.Space("feed"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Create(t.Context(), guarded, 2); err != nil {
		t.Fatal(err)
	}
	if err := streams.Guard(db, guarded, false); err != nil {
		t.Fatal(err)
	}
	killed := vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}
	for i := range records {
		if i == records/2 {
			half = mem.CrashClone(killed)
		}
		key := fmt.Sprint("key", i)
		if _, err := streams.Open(guarded).Put(t.Context(), key, []byte(strings.Repeat("x", 200))); err != nil {
			t.Fatal(err)
		}
	}
	end = mem.CrashClone(killed)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return half, end
}

// newest returns the highest sequence number of every shard.
func newest(streams *Streams) []uint64 {
	var all []uint64
	for _, sh := range streams.byName[guarded].shards {
		_, durable, _ := sh.bounds()
		all = append(all, durable)
	}
	return all
}

// copyFiles copies the files of a data directory for which keep returns true.
func copyFiles(t *testing.T, from, to vfs.FS, change func(name string, raw []byte) (content []byte, keep bool)) {
	t.Helper()
	names, err := from.List("data")
	if err != nil {
		t.Fatal(err)
	}
	if err := to.MkdirAll("data", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		file, err := from.Open(from.PathJoin("data", name))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(file)
		if err := errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		raw, keep := change(name, raw)
		if !keep {
			continue
		}
		copied, err := to.Create(to.PathJoin("data", name), vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		_, err = copied.Write(raw)
		if err := errors.Join(err, copied.Sync(), copied.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedTailOfTheLogIsNoticed damages or cuts the write-ahead log at many
// places. Either every acknowledged record is there, or the start says what is not.
func TestDamagedTailOfTheLogIsNoticed(t *testing.T) {
	const records, places = 60, 60
	_, end := acknowledged(t, records)
	whole := vfs.NewMem()
	copyFiles(t, end, whole, func(_ string, raw []byte) ([]byte, bool) { return raw, true })
	db, streams, err := openGuarded(whole, false)
	if err != nil {
		t.Fatalf("the undamaged directory: %v", err)
	}
	want := newest(streams)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for place := range places {
		for _, cut := range []bool{true, false} {
			damaged := vfs.NewMem()
			copyFiles(t, end, damaged, func(name string, raw []byte) ([]byte, bool) {
				if at := len(raw) * place / places; strings.HasSuffix(name, ".log") && cut {
					return raw[:at], true
				} else if strings.HasSuffix(name, ".log") && len(raw) > 0 {
					raw[at] ^= 4
				}
				return raw, true
			})
			db, streams, err := openGuarded(damaged, false)
			switch {
			case errors.Is(err, ErrLost):
				lost++
			case err == nil && !slices.Equal(newest(streams), want):
				t.Errorf("place %d, cut %t: records are lost silently: %d instead of %d", place, cut, newest(streams), want)
			}
			if db != nil {
				_ = db.Close()
			}
		}
	}
	if lost < places/2 {
		t.Errorf("only %d of %d damages lost something: little was tested", lost, 2*places)
	}
}

// TestOlderDatabaseIsNoticed puts an older copy of the database in place, with and
// without the file of marks.
func TestOlderDatabaseIsNoticed(t *testing.T) {
	half, end := acknowledged(t, 40)
	older := vfs.NewMem()
	copyFiles(t, half, older, func(name string, raw []byte) ([]byte, bool) { return raw, name != "MARKS" })
	withoutMarks := vfs.NewMem()
	copyFiles(t, older, withoutMarks, func(_ string, raw []byte) ([]byte, bool) { return raw, true })
	copyFiles(t, end, older, func(name string, raw []byte) ([]byte, bool) { return raw, name == "MARKS" })

	db, streams, err := openGuarded(withoutMarks, false)
	if err != nil || len(streams.Warnings()) != 1 || !strings.Contains(streams.Warnings()[0], "missing") {
		t.Fatalf("without the marks: %v, %q", err, streams.Warnings())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db, streams, err = openGuarded(older, false)
	if !errors.Is(err, ErrLost) {
		t.Fatalf("an older database: %v", err)
	}
	before := newest(streams)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	accept(t, older, before)
}

// accept accepts a loss: it is listed from then on, and its numbers are not given
// to other records.
func accept(t *testing.T, fsys vfs.FS, before []uint64) {
	t.Helper()
	db, streams, err := openGuarded(fsys, true)
	if err != nil {
		t.Fatal(err)
	}
	after := newest(streams)
	losses, err := streams.Losses(guarded)
	if err != nil || len(losses) == 0 {
		t.Fatalf("accepted losses: %v, %v", losses, err)
	}
	for _, l := range losses {
		if l.First != before[l.Shard]+1 || l.Last != after[l.Shard] || l.Until.IsZero() || l.Accepted.IsZero() {
			t.Errorf("loss %+v; the shard ended at %d and goes on after %d", l, before[l.Shard], after[l.Shard])
		}
	}
	for range 2 { // the second time without accepting again
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if db, streams, err = openGuarded(fsys, false); err != nil {
			t.Fatalf("after the loss was accepted: %v", err)
		}
		if again, err := streams.Losses(guarded); err != nil || !slices.Equal(again, losses) {
			t.Errorf("losses %v became %v, %v", losses, again, err)
		}
		shard := losses[0].Shard
		for i := 0; ; i++ {
			key := fmt.Sprint(i)
			if place(streams.byName[guarded].starts, key) != shard {
				continue
			}
			sequence, err := streams.Open(guarded).Put(t.Context(), key, []byte("new"))
			if after[shard]++; err != nil || sequence != fmt.Sprint(after[shard]) {
				t.Errorf("the next record is %s, not %d: %v", sequence, after[shard], err)
			}
			break
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
