package archive_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"reprise/pkg/archive"
)

// Every byte counts: an export with any one altered, and any part of an export, is
// refused before an event of it is returned.
func TestEveryByteIsChecked(t *testing.T) {
	path := newSample(t, 12).export(t, false, 4)
	raw, err := os.ReadFile(path)
	must(t, err)
	accepted := func(raw []byte) bool {
		a, err := archive.Read(bytes.NewReader(raw), int64(len(raw)))
		return err == nil && a.Check(t.Context(), func(int64) {}) == nil
	}
	if !accepted(raw) {
		t.Fatal("the export itself is refused")
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if accepted(raw) {
				t.Fatalf("accepted with bit %d of byte %d altered", bit, i)
			}
			raw[i] ^= 1 << bit
		}
		if accepted(raw[:i]) {
			t.Fatalf("the first %d bytes were accepted", i)
		}
	}
	if accepted(append(raw, '\n')) || accepted(append(bytes.Clone(raw), raw...)) {
		t.Fatal("accepted with something behind its end")
	}
}

// A part that is left out as a whole shows, although every checksum is right.
func TestALeftOutPartShows(t *testing.T) {
	s := newSample(t, 30)
	raw, err := os.ReadFile(s.export(t, false, 4))
	must(t, err)
	a, err := archive.Read(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	marker := []byte(`{"lane":`)
	for i, p := range a.Manifest.Parts {
		at := 0
		for range i + 1 {
			at += bytes.Index(raw[at+1:], marker) + 1
		}
		begin, end := at-40, at // a document has 40 bytes before its JSON
		for raw[end] != '\n' && end < len(raw)-1 && !bytes.HasPrefix(raw[end:], []byte{0x28, 0xb5, 0x2f, 0xfd}) {
			end++
		}
		end += int(p.Size)
		left := append(bytes.Clone(raw[:begin]), raw[end:]...)
		if _, err := archive.Read(bytes.NewReader(left), int64(len(left))); !errors.Is(err, archive.ErrDamaged) {
			t.Errorf("without part %d of %d: %v", i+1, len(a.Manifest.Parts), err)
		}
	}
}

// So does every file of a directory.
func TestEveryFileIsChecked(t *testing.T) {
	path := newSample(t, 12).export(t, true, 4)
	for name, raw := range contents(t, path) {
		for i := rand.IntN(10); i < len(raw); i += 1 + rand.IntN(20) { // wherever: any place will do
			damaged := bytes.Clone(raw)
			damaged[i] ^= 1 << rand.IntN(8)
			for _, now := range [][]byte{damaged, raw[:i]} {
				must(t, os.WriteFile(path+name, now, 0o600))
				if _, err := check(t, path); err == nil {
					t.Fatalf("%q: damage at byte %d was accepted", name, i)
				}
			}
		}
		must(t, os.Remove(path+name))
		if _, err := check(t, path); err == nil {
			t.Fatalf("accepted without %q", name)
		}
		must(t, os.WriteFile(path+name, raw, 0o600))
	}
	_, err := check(t, path)
	must(t, err)
}

// Checksums that fit are not enough: the events must be those of a log.
func TestEventsThatNoLogHasAreRefused(t *testing.T) {
	s := newSample(t, 12)
	first, second := s.events[0][0], s.events[0][1]
	other := s.events[1][0]
	other.Position = second.Position
	spaced := second
	spaced.Line = bytes.Replace(second.Line, []byte(`,"id"`), []byte(`, "id"`), 1)
	reserved := second
	reserved.Line = bytes.Replace(second.Line, []byte(`account.dep`), []byte(`reprise.dep`), 1)
	beyond := second
	beyond.Position = "0001-0299-0000"
	back := second
	back.Logged = first.Logged - 1
	for name, events := range map[string][]archive.Event{
		"twice": {first, first}, "in the wrong order": {second, first}, "of another lane": {first, other},
		"not canonical": {first, spaced}, "reserved": {first, reserved}, "beyond the cut": {first, beyond},
		"logged earlier": {first, back}, "no event": {first, {Position: second.Position, Line: []byte("{}")}},
	} {
		altered := *s
		altered.events[0] = events
		if _, err := check(t, altered.export(t, false, 100)); !errors.Is(err, archive.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestANewerFormatIsRefusedByName(t *testing.T) {
	for _, folder := range []bool{false, true} {
		path := newSample(t, 3).export(t, folder, 4)
		name := path
		if folder {
			name = filepath.Join(path, "manifest.json")
		}
		raw, err := os.ReadFile(name)
		must(t, err)
		raw = bytes.Replace(raw, []byte(`"format":1`), []byte(`"format":2`), 1)
		if !folder {
			raw = archive.Reseal(raw)
		}
		must(t, os.WriteFile(name, raw, 0o600))
		_, err = archive.Open(path)
		if newer, ok := errors.AsType[*archive.NewerFormat](err); !ok || newer.Format != 2 {
			t.Errorf("%v", err)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	s := newSample(t, 3)
	for _, folder := range []bool{false, true} {
		path := s.export(t, folder, 4)
		if _, err := archive.Create(path, folder, s.header); !errors.Is(err, os.ErrExist) {
			t.Errorf("%v", err)
		}
	}
}

// FuzzOpen reads anything. What it accepts is an export in every respect.
func FuzzOpen(f *testing.F) {
	path := newSample(f, 6).export(f, false, 2)
	raw, err := os.ReadFile(path)
	must(f, err)
	f.Add(raw)
	f.Add(raw[:len(raw)/2])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := archive.Read(bytes.NewReader(raw), int64(len(raw)))
		if err != nil || a.Check(t.Context(), func(int64) {}) != nil {
			return
		}
		events, err := a.Events()
		must(t, err)
		defer events.Close()
		n := int64(0)
		for ; ; n++ {
			if _, err := events.Next(); errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
		}
		if n != a.Manifest.End.Events {
			t.Errorf("%d events, its end counts %d", n, a.Manifest.End.Events)
		}
	})
}
