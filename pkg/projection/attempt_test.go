package projection

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"reprise/pkg/event"
)

func newTestSet(t testing.TB, projections ...Projection) *Set {
	t.Helper()
	s, err := NewSet(projections...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAttemptEndsAsItsFunctionDoes(t *testing.T) {
	s := newTestSet(t)
	wrong := errors.New("wrong")
	how := func(do func() error) (ended string) {
		done := make(chan string)
		go func() {
			ended := "exit"
			defer func() {
				if cause := recover(); cause != nil {
					ended = fmt.Sprint("panic ", cause)
				}
				done <- ended
			}()
			err := s.attempt(t.Context(), func(context.Context) error { return do() })
			ended = fmt.Sprint("error ", err)
		}()
		return <-done
	}
	for want, do := range map[string]func() error{
		"error <nil>": func() error { return nil },
		"error wrong": func() error { return wrong },
		"panic wrong": func() error { panic(wrong) },
		"exit":        func() error { runtime.Goexit(); return nil },
	} {
		if got := how(do); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestOnlySoManyRunawaysAreRemembered(t *testing.T) {
	w := newWatch(DefaultWatch())
	named := func(i int) *event.Event { return &event.Event{Subject: "x", Source: "s", ID: fmt.Sprint(i)} }
	for range 2 {
		for i := range maxKnown + 1 {
			w.remember(runawayOf("p@1", named(i)), fmt.Errorf("%d", i))
		}
		if len(w.reasons) != maxKnown || len(w.oldest) != maxKnown {
			t.Errorf("%d and %d, want %d", len(w.reasons), len(w.oldest), maxKnown)
		}
	}
	if err := w.rejection("p@1", named(0)); err != nil {
		t.Errorf("the oldest is known: %v", err)
	}
	if err := w.rejection("p@1", named(maxKnown)); err == nil || err.Error() != fmt.Sprint(maxKnown) {
		t.Errorf("the newest: %v", err)
	}
	if err := w.rejection("p@2", named(maxKnown)); err != nil {
		t.Errorf("another version inherits it: %v", err)
	}
	other := named(maxKnown)
	other.Subject = "y"
	if err := w.rejection("p@1", other); err != nil {
		t.Errorf("another entity inherits it: %v", err)
	}
}

func TestDefaultWatchTicks(t *testing.T) {
	w := DefaultWatch()
	if w.Limit < 5*time.Second || w.Limit > 30*time.Second || w.Ticks < 5 || w.Abandoned < 1 {
		t.Errorf("%+v", w)
	}
	every, stop := w.Every(time.Millisecond)
	defer stop()
	<-every
	<-every
}

// BenchmarkGuard measures what guarding adds to the fold of an event.
func BenchmarkGuard(b *testing.B) {
	s := newTestSet(b, guardless{})
	e := &event.Event{Subject: "x", Source: "s", ID: "1", Type: "it.happened"}
	run := func(b *testing.B, p Projection) {
		f, err := p.Begin(nil)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := f.Apply(e); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("none", func(b *testing.B) { run(b, guardless{}) })
	b.Run("watched", func(b *testing.B) { run(b, s.withPulse(&pulse{}).For("it.happened")) })
}

// BenchmarkAttempt measures what watching adds to a batch.
func BenchmarkAttempt(b *testing.B) {
	s := newTestSet(b, guardless{})
	for b.Loop() {
		if err := s.attempt(b.Context(), func(context.Context) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// guardless is a projection and a fold that do nothing.
type guardless struct{}

func (guardless) Name() string                       { return "guardless" }
func (guardless) Version() int                       { return 1 }
func (guardless) Types() []string                    { return []string{"it.happened"} }
func (guardless) Begin([]byte) (Fold, error)         { return guardless{}, nil }
func (guardless) Apply(*event.Event) ([]byte, error) { return nil, nil }
