package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reprise/pkg/archive"
	"reprise/pkg/event"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample is a log of two lanes, as it is exported.
type sample struct {
	header archive.Header
	// events are those of each lane.
	events [2][]archive.Event
}

func newSample(t testing.TB, events int) *sample {
	t.Helper()
	s := &sample{header: archive.Header{Taken: time.Unix(1_700_000_000, 0).UTC(), BucketHours: 24,
		Lanes: make([]archive.Lane, 2)}}
	lanes, err := event.NewLanes(2)
	must(t, err)
	for i := range events {
		at, err := event.NewPosition(1, fmt.Sprint(10+i), 0)
		must(t, err)
		e, err := event.Parse(fmt.Sprintf(`{"specversion":"1.0","id":"%d","source":"/t","type":"account.deposited",`+
			`"subject":"account-%d","tenant":"ä","data":{"amount":%d}}`, i, i%16, i))
		must(t, err)
		lane := lanes.Of(e.Subject)
		one := archive.Event{Position: at, Logged: int64(1_600_000_000_000 + i), Line: e.AppendJSON(nil)}
		s.events[lane] = append(s.events[lane], one)
		l := &s.header.Lanes[lane]
		l.Position = at
		l.Sum.Add(archive.Sum{Events: 1, Bytes: int64(len(one.Line)), Digest: event.DigestOf(at, one.Line)})
	}
	return s
}

// write adds the events to an export, in parts of about size events, from which those
// that are written already are left out. It stops after stop parts, if that is not 0.
func (s *sample) write(t testing.TB, w *archive.Writer, size, stop int) (whole bool) {
	t.Helper()
	encoder, err := archive.NewEncoder()
	must(t, err)
	defer encoder.Close()
	last, done := [2]event.Position{}, [2]bool{}
	for _, p := range w.Parts() {
		last[p.Lane], done[p.Lane] = max(last[p.Lane], p.Last), p.Done
	}
	for lane := range s.events {
		rest := s.events[lane]
		for len(rest) > 0 && rest[0].Position <= last[lane] {
			rest = rest[1:]
		}
		for !done[lane] {
			b := archive.NewBuilder(lane)
			n := min(size, len(rest))
			for i := range rest[:n] {
				b.Add(&rest[i])
			}
			rest = rest[n:]
			done[lane] = len(rest) == 0
			b.Part().Done = done[lane]
			must(t, w.Add(b.Seal(encoder)))
			if stop--; stop == 0 {
				return false
			}
		}
	}
	return true
}

// export writes a whole export and returns its path.
func (s *sample) export(t testing.TB, folder bool, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export")
	w, err := archive.Create(path, folder, s.header)
	must(t, err)
	s.write(t, w, size, 0)
	_, err = w.Finish()
	must(t, err)
	return path
}

// check opens and checks an export.
func check(t testing.TB, path string) (*archive.Archive, error) {
	a, err := archive.Open(path)
	if err != nil {
		return nil, err
	}
	if err := a.Check(t.Context(), func(int64) {}); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// has fails unless an export has the events of the sample, in the order of logged times.
func (s *sample) has(t testing.TB, path string) {
	t.Helper()
	a, err := check(t, path)
	must(t, err)
	defer func() { must(t, a.Close()) }()
	want := slices.Concat(s.events[0], s.events[1])
	slices.SortFunc(want, func(a, b archive.Event) int { return int(a.Logged - b.Logged) })
	events, err := a.Events()
	must(t, err)
	defer events.Close()
	for i := 0; ; i++ {
		e, err := events.Next()
		if errors.Is(err, io.EOF) {
			if i != len(want) {
				t.Errorf("%d events, want %d", i, len(want))
			}
			return
		}
		must(t, err)
		if i >= len(want) || e.Position != want[i].Position || e.Logged != want[i].Logged ||
			!bytes.Equal(e.Line, want[i].Line) {
			t.Fatalf("event %d: %s %s", i, e.Position, e.Line)
		}
	}
}

func TestAnExportHasWhatWasWritten(t *testing.T) {
	for _, folder := range []bool{false, true} {
		for _, n := range []int{0, 1, 50} {
			s := newSample(t, n)
			s.has(t, s.export(t, folder, 8))
		}
	}
}

// An export that was interrupted anywhere goes on, and then is the same, byte for byte.
func TestAnInterruptedExportGoesOn(t *testing.T) {
	s := newSample(t, 40)
	for _, folder := range []bool{false, true} {
		whole := s.export(t, folder, 5)
		for stop := 1; ; stop++ {
			path := filepath.Join(t.TempDir(), "export")
			w, err := archive.Create(path, folder, s.header)
			must(t, err)
			ended := s.write(t, w, 5, stop)
			must(t, w.Close())
			if _, err := archive.Open(path); err == nil {
				t.Fatal("an unfinished export was opened")
			}
			again, found, err := archive.Resume(path, folder)
			if err != nil || !found || len(again.Parts()) != len(w.Parts()) {
				t.Fatalf("after %d parts: %t, %v", stop, found, err)
			}
			s.write(t, again, 5, 0)
			_, err = again.Finish()
			must(t, err)
			sameFiles(t, whole, path)
			if ended {
				break
			}
		}
	}
}

// Whatever a kill leaves of a file, the export goes on after the last whole part.
func TestAFileThatWasCutOffGoesOn(t *testing.T) {
	s := newSample(t, 20)
	whole := s.export(t, false, 4)
	raw, err := os.ReadFile(whole)
	must(t, err)
	for n := rand.IntN(40); n < len(raw); n += 1 + rand.IntN(80) { // wherever: any place will do
		path := filepath.Join(t.TempDir(), "export")
		must(t, os.WriteFile(path+archive.Partial, raw[:n], 0o600))
		w, found, err := archive.Resume(path, false)
		must(t, err)
		if !found {
			w, err = archive.Create(path, false, s.header)
			must(t, err)
		}
		s.write(t, w, 4, 0)
		_, err = w.Finish()
		must(t, err)
		sameFiles(t, whole, path)
	}
}

// A part in the middle of a bucket does not count until the bucket is whole.
func TestAnOpenPartDoesNotCount(t *testing.T) {
	s := newSample(t, 20)
	encoder, err := archive.NewEncoder()
	must(t, err)
	defer encoder.Close()
	path := filepath.Join(t.TempDir(), "export")
	w, err := archive.Create(path, false, s.header)
	must(t, err)
	b := archive.NewBuilder(0)
	b.Add(&s.events[0][0])
	b.Part().Open = true
	must(t, w.Group(func(add func(archive.Encoded) error) error { return add(b.Seal(encoder)) }))
	must(t, w.Close())
	again, found, err := archive.Resume(path, false)
	if err != nil || !found || len(again.Parts()) != 0 {
		t.Fatalf("%d parts, %t, %v", len(again.Parts()), found, err)
	}
	s.write(t, again, 5, 0)
	_, err = again.Finish()
	must(t, err)
	s.has(t, path)
}

func sameFiles(t testing.TB, a, b string) {
	t.Helper()
	have, want := contents(t, a), contents(t, b)
	if len(have) != len(want) {
		t.Fatalf("%d files, %d files", len(have), len(want))
	}
	for name := range have {
		if !bytes.Equal(have[name], want[name]) {
			t.Fatalf("%q differs", name)
		}
	}
}

// contents are the files of an export.
func contents(t testing.TB, path string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	must(t, filepath.WalkDir(path, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[strings.TrimPrefix(name, path)], err = os.ReadFile(name)
		return err
	}))
	return files
}
