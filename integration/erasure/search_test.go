package erasure

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/klauspost/compress/zstd"
)

// zstdMagic begins each frame of zstd.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// texts are the bytes of a value, and of each compressed frame within it.
func texts(t *testing.T, raw []byte) [][]byte {
	t.Helper()
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	all := [][]byte{raw}
	for at := 0; ; {
		next := bytes.Index(raw[at:], zstdMagic)
		if next < 0 {
			return all
		}
		at += next
		if plain, err := decoder.DecodeAll(raw[at:], nil); err == nil || len(plain) > 0 {
			all = append(all, plain)
		}
		at++
	}
}

// place is where a text was found.
type place struct{ file, text string }

// search finds texts in every file of a directory or in one file: in its bytes, in what
// is compressed in them, and, of a database, in each stored value.
func search(t *testing.T, root string, wanted []string) (found []place) {
	t.Helper()
	look := func(file string, raw []byte) {
		for _, text := range texts(t, raw) {
			for _, want := range wanted {
				if bytes.Contains(text, []byte(want)) {
					found = append(found, place{file, want})
				}
			}
		}
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		look(path, raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "keys")); err != nil {
		return found
	}
	db := open(t, root)
	defer closing(t, db)
	all, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for valid := all.First(); valid; valid = all.Next() {
		look("key of the database", all.Key())
		look("database at "+strings.ToValidUTF8(string(all.Key()), "."), all.Value())
	}
	if err := all.Close(); err != nil {
		t.Fatal(err)
	}
	return found
}

func open(t *testing.T, dir string) *pebble.DB {
	t.Helper()
	options := &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: silent{}}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// compact flushes and compacts a database that nothing uses.
func compact(t *testing.T, dir string) {
	t.Helper()
	db := open(t, dir)
	if err := db.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := db.Compact(t.Context(), []byte{0}, bytes.Repeat([]byte{0xff}, 32), false); err != nil {
		t.Fatal(err)
	}
	closing(t, db)
}

func closing(t *testing.T, db *pebble.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(f string, a ...any) {
	panic(f)
}
