package keyfiles_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/control"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/keyfiles"
	"reprise/pkg/local/localstore/localstoretest"
	"reprise/pkg/personal"
	"reprise/pkg/personal/personaltest"
	"reprise/pkg/personal/sealed"
)

const dir = "data/keys"

// kept are keys in a table and a file of one file system.
type kept struct {
	*personal.TableKeys
	slots *keyfiles.Slots
}

func TestConformance(t *testing.T) {
	fs := vfs.NewMem()
	store, table := localstoretest.OpenAdapter(t, fs, "control", controlpebble.New)
	open := func(table control.Table) personal.Keys {
		slots := keyfiles.NewSlots(fs, dir)
		return &kept{&personal.TableKeys{Table: table, Material: slots}, slots}
	}
	personaltest.Run(t, func(*testing.T) personal.Keys { return open(table) }, personaltest.Features{
		Reopen: func(t *testing.T, k personal.Keys) personal.Keys {
			if err := k.(*kept).slots.Close(); err != nil {
				t.Fatal(err)
			}
			return open(store.Reopen())
		}})
}

func TestWrapperConformance(t *testing.T) {
	fs := vfs.NewMem()
	personaltest.RunWrapper(t, keyfiles.NewMaster(fs, "a/keys", rand.Reader),
		keyfiles.NewMaster(fs, "b/keys", rand.Reader))
}

func content(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	file, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(file)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestADestroyedKeyIsInNoByte, also of a file that a crash has cut within a slot, and no
// other key is touched.
func TestADestroyedKeyIsInNoByte(t *testing.T) {
	fs := vfs.NewMem()
	slots := keyfiles.NewSlots(fs, dir)
	keys := [][]byte{bytes.Repeat([]byte{1}, 80), bytes.Repeat([]byte{2}, 80), bytes.Repeat([]byte{3}, 123)}
	places, err := slots.Keep(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(slots.Destroy(places[1]), slots.Destroy(places[1], 99)); err != nil {
		t.Fatal(err)
	}
	if raw := content(t, fs, fs.PathJoin(dir, keyfiles.SlotsName)); bytes.Contains(raw, keys[1][:8]) {
		t.Error("the key is in the file")
	}
	for i, want := range [][]byte{keys[0], nil, keys[2]} {
		if got, err := slots.Read(places[i]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("key %d: %x, %v", i, got, err)
		}
	}
	if _, err := slots.Read(99); !errors.Is(err, keyfiles.ErrDamaged) {
		t.Errorf("a slot beyond the file: %v", err)
	}
	if _, err := slots.Keep([][]byte{make([]byte, 124)}); err == nil {
		t.Error("a key that is too long was kept")
	}
}

// TestFilesOnTheDisk: only their owner can read them, a torn slot at the end is left out,
// and a changed one is noticed.
func TestFilesOnTheDisk(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	slots, master := keyfiles.NewSlots(vfs.Default, keys), keyfiles.NewMaster(vfs.Default, keys, rand.Reader)
	if _, err := os.Stat(keys); err == nil {
		t.Error("there are files before there are keys")
	}
	wrapped, err := master.Wrap(t.Context(), make([]byte, 64), "p")
	if err != nil {
		t.Fatal(err)
	}
	places, err := slots.Keep([][]byte{wrapped})
	if err := errors.Join(err, slots.Close()); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(keys, keyfiles.SlotsName)
	for _, file := range []string{name, filepath.Join(keys, keyfiles.MasterName)} {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	raw, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, append(raw, 80, 1, 2, 3), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	more, err := slots.Keep([][]byte{wrapped})
	if err != nil || more[0] != places[0]+2 {
		t.Errorf("after a torn slot: %v, %v", more, err)
	}
	if err := slots.Close(); err != nil {
		t.Fatal(err)
	}
	raw[5] ^= 1
	if err := os.WriteFile(name, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := slots.Read(places[0]); !errors.Is(err, keyfiles.ErrDamaged) {
		t.Errorf("a changed slot: %v", err)
	}
	if err := slots.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTheMasterKeyIsTheRightOne or nothing is opened, and none is made in its place.
func TestTheMasterKeyIsTheRightOne(t *testing.T) {
	fs := vfs.NewMem()
	wrapped, err := keyfiles.NewMaster(fs, dir, rand.Reader).Wrap(t.Context(), make([]byte, 64), "p")
	if err != nil {
		t.Fatal(err)
	}
	name := fs.PathJoin(dir, keyfiles.MasterName)
	again := func() error {
		_, err := keyfiles.NewMaster(fs, dir, rand.Reader).Unwrap(t.Context(), wrapped, "p")
		return err
	}
	if err := again(); err != nil {
		t.Error(err)
	}
	if err := fs.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := again(); !errors.Is(err, keyfiles.ErrMaster) || !errors.Is(err, personal.ErrUnwrap) {
		t.Errorf("a lost key: %v", err)
	}
	if _, err := fs.Stat(name); err == nil {
		t.Error("another master key was made")
	}
	file, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = io.WriteString(file, "something else\n")
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	if err := again(); !errors.Is(err, keyfiles.ErrMaster) {
		t.Errorf("no key at all: %v", err)
	}
}

// TestAPowerFailureLosesNothing that was acknowledged: neither a key, nor that it was
// destroyed. What was not synced is lost.
func TestAPowerFailureLosesNothing(t *testing.T) {
	fs := vfs.NewCrashableMem()
	open := func(fs vfs.FS) (*personal.TableKeys, *keyfiles.Master) {
		_, table := localstoretest.OpenAdapter(t, fs, "control", controlpebble.New)
		return &personal.TableKeys{Table: table, Material: keyfiles.NewSlots(fs, dir)},
			keyfiles.NewMaster(fs, dir, rand.Reader)
	}
	keys, master := open(fs)
	wrapped, err := master.Wrap(t.Context(), make([]byte, 64), "p")
	if err != nil {
		t.Fatal(err)
	}
	stays, gone := sealed.Ref{1}, sealed.Ref{2}
	for _, ref := range []sealed.Ref{stays, gone} {
		if err := keys.Create(t.Context(), []personal.NewKey{{Ref: ref, Wrapped: wrapped}}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	look := func(fs vfs.FS, erased bool) {
		t.Helper()
		keys, master := open(fs)
		rows, err := keys.Load(t.Context(), []sealed.Ref{stays, gone})
		if err != nil || len(rows) != 2 || (rows[gone].Wrapped == nil) != erased {
			t.Fatalf("%+v, %v", rows, err)
		}
		if _, err := master.Unwrap(t.Context(), rows[stays].Wrapped, "p"); err != nil {
			t.Error(err)
		}
		raw := content(t, fs, fs.PathJoin(dir, keyfiles.SlotsName))
		if n := bytes.Count(raw, wrapped[:16]); (n == 1) != erased {
			t.Errorf("the file has %d keys", n)
		}
	}
	look(fs.CrashClone(vfs.CrashCloneCfg{}), false)
	if _, err := keys.Erase(t.Context(), gone, personal.Erasure{Reason: "asked for"}); err != nil {
		t.Fatal(err)
	}
	look(fs.CrashClone(vfs.CrashCloneCfg{}), true)
}
