package gatewaytest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/conformance"
	"reprise/pkg/gateway"
)

// Mood is how the far side behaves from now on.
type Mood int

// The moods.
const (
	// Well performs and answers.
	Well Mood = iota
	// Declines answers finally with no.
	Declines
	// Fails answers with a failure that may pass, after which it may have happened.
	Fails
	// Stalls performs nothing and never answers.
	Stalls
	// Silent performs and never answers.
	Silent
	// Drops performs and breaks the connection.
	Drops
	// Swells answers with more than gateway.MaxBytes.
	Swells
)

// Subject is an adapter with a far side that the test controls. Only System, Update, Query
// and Behave are required.
type Subject struct {
	System gateway.System
	// Update and Query are calls with bodies that the far side takes. The suite makes them
	// with keys and a time of its own.
	Update, Query         gateway.Call
	UpdateBody, QueryBody []byte
	Behave                func(Mood)
	// Received counts how often the far side received an update with a key, and Performed
	// how often it performed it.
	Received, Performed func(key string) int
	// HonoursKeys says that it performs a key once.
	HonoursKeys bool
	// Gone is the adapter with an address at which nobody listens.
	Gone gateway.System
	// Secrets are texts that no error may have; the bodies are among them anyway.
	Secrets []string
}

// Run runs the suite against an adapter. Each test gets a Subject of its own.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for name, test := range map[string]func(*suite){
		"an update and a query are answered":                    (*suite).testAnswers,
		"the far side gets the key of an update":                (*suite).testKey,
		"a call is made once, whatever breaks":                  (*suite).testOnce,
		"what was performed without an answer can be repeated":  (*suite).testRepeat,
		"a final no is Declined":                                (*suite).testDeclined,
		"a failure that may pass is not Declined":               (*suite).testFails,
		"a call ends with its context":                          (*suite).testEnds,
		"a call of a context that has ended is not sent":        (*suite).testEnded,
		"what nobody listens to was not sent":                   (*suite).testGone,
		"what may have been performed is never called not sent": (*suite).testInDoubt,
		"bodies and answers are bounded":                        (*suite).testBounds,
		"concurrent calls do not mix":                           (*suite).testConcurrent,
		"the request is left as it is":                          (*suite).testRequest,
	} {
		t.Run(name, func(t *testing.T) {
			s := &suite{T: t, Suite: conformance.Begin(t, conformance.Features[gateway.System]{}), Subject: open(t)}
			s.Behave(Well)
			test(s)
		})
	}
}

type suite struct {
	*testing.T
	*conformance.Suite[gateway.System]
	Subject
}

// patience is the limit of a call that should end long before.
const patience = 30 * time.Second

// update makes an update with a key, and checks what its error says.
func (s *suite) update(ctx context.Context, key string) ([]byte, error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := s.System.Do(ctx, &gateway.Request{Call: &s.Update, Key: key, Body: s.UpdateBody, At: at})
	s.discreet(err)
	return answer, err
}

// at is the time that queries are asked about.
var at = time.Date(2025, 3, 14, 15, 9, 26, 535, time.UTC)

func (s *suite) query(ctx context.Context) ([]byte, error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := s.System.Do(ctx, &gateway.Request{Call: &s.Query, Body: s.QueryBody, At: at})
	s.discreet(err)
	return answer, err
}

func (s *suite) discreet(err error) {
	s.Helper()
	if err == nil {
		return
	}
	for _, secret := range append([]string{string(s.UpdateBody), string(s.QueryBody)}, s.Secrets...) {
		if secret != "" && strings.Contains(err.Error(), secret) {
			s.Errorf("the error tells a body or a secret: %v", err)
		}
	}
}

// unknown is a number that is not checked.
const unknown = -1

// received checks how often a key was received and performed, where that is known.
func (s *suite) received(key string, received, performed int) {
	s.Helper()
	if s.Received != nil {
		if got := s.Received(key); got != received {
			s.Errorf("the far side received the call %d times, want %d", got, received)
		}
	}
	if s.Performed != nil && performed != unknown {
		if got := s.Performed(key); got != performed {
			s.Errorf("the far side performed the call %d times, want %d", got, performed)
		}
	}
}

func (s *suite) testAnswers() {
	if _, err := s.update(s.Context(), s.Name()); err != nil {
		s.Errorf("update: %v", err)
	}
	first, err := s.query(s.Context())
	if err != nil {
		s.Errorf("query: %v", err)
	}
	if again, err := s.query(s.Context()); err != nil || !bytes.Equal(first, again) {
		s.Errorf("the same query: %q, then %q, %v", first, again, err)
	}
}

func (s *suite) testKey() {
	one, other := s.Name(), s.Name()
	for _, key := range []string{one, other} {
		if _, err := s.update(s.Context(), key); err != nil {
			s.Fatal(err)
		}
	}
	s.received(one, 1, 1)
	s.received(other, 1, 1)
}

// testOnce: only package effects repeats calls, since it knows which may be repeated. The
// first call leaves a connection behind that the second may use.
func (s *suite) testOnce() {
	for _, mood := range []Mood{Drops, Fails, Drops} {
		s.Behave(Well)
		if _, err := s.update(s.Context(), s.Name()); err != nil {
			s.Fatal(err)
		}
		s.Behave(mood)
		key := s.Name()
		if _, err := s.update(s.Context(), key); err == nil {
			s.Errorf("mood %d: no error", mood)
		}
		s.received(key, 1, map[Mood]int{Drops: 1, Fails: unknown}[mood])
	}
}

func (s *suite) testRepeat() {
	s.Behave(Drops)
	key := s.Name()
	if _, err := s.update(s.Context(), key); err == nil {
		s.Fatal("no error although the connection broke")
	}
	s.Behave(Well)
	if _, err := s.update(s.Context(), key); err != nil {
		s.Errorf("repeated: %v", err)
	}
	if s.HonoursKeys {
		s.received(key, 2, 1)
	}
}

func (s *suite) testDeclined() {
	s.Behave(Declines)
	for name, call := range s.both() {
		_, err := call(s.Context())
		if _, is := errors.AsType[*gateway.Declined](err); !is {
			s.Errorf("%s: %v", name, err)
		}
	}
}

func (s *suite) both() map[string]func(context.Context) ([]byte, error) {
	return map[string]func(context.Context) ([]byte, error){
		"update": func(ctx context.Context) ([]byte, error) { return s.update(ctx, s.Name()) },
		"query":  s.query,
	}
}

func (s *suite) testFails() {
	s.Behave(Fails)
	for name, call := range s.both() {
		_, err := call(s.Context())
		if _, is := errors.AsType[*gateway.Declined](err); is || err == nil || errors.Is(err, gateway.ErrTooLarge) {
			s.Errorf("%s: %v", name, err)
		}
		if errors.Is(err, gateway.ErrNotSent) {
			s.Errorf("%s: what may have happened was not sent: %v", name, err)
		}
	}
}

// testEnds: package effects recognizes a system that does not answer by the error.
func (s *suite) testEnds() {
	for _, mood := range []Mood{Stalls, Silent} {
		s.Behave(mood)
		for name, call := range s.both() {
			ctx, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
			begun := time.Now()
			_, err := call(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > patience/2 {
				s.Errorf("mood %d: %s ended after %s with %v", mood, name, time.Since(begun), err)
			}
		}
	}
}

func (s *suite) testEnded() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	key := s.Name()
	if _, err := s.update(ctx, key); !errors.Is(err, context.Canceled) {
		s.Errorf("update: %v", err)
	}
	s.received(key, 0, 0)
}

func (s *suite) testGone() {
	if s.Gone == nil {
		s.Skip("the adapter has no address that could be gone")
	}
	s.System = s.Gone
	for name, call := range s.both() {
		if _, err := call(s.Context()); !errors.Is(err, gateway.ErrNotSent) {
			s.Errorf("%s: %v", name, err)
		}
	}
}

func (s *suite) testInDoubt() {
	for _, mood := range []Mood{Silent, Drops} {
		s.Behave(mood)
		key := s.Name()
		ctx, cancel := context.WithTimeout(s.Context(), 250*time.Millisecond)
		_, err := s.update(ctx, key)
		cancel()
		if err == nil || (errors.Is(err, gateway.ErrNotSent) && (s.Performed == nil || s.Performed(key) > 0)) {
			s.Errorf("mood %d: %v", mood, err)
		}
	}
}

func (s *suite) testBounds() {
	large := gateway.Request{Call: &s.Update, Key: s.Name(), At: at}
	large.Body = []byte(`"` + strings.Repeat("x", gateway.MaxBytes) + `"`)
	if _, err := s.System.Do(s.Context(), &large); !errors.Is(err, gateway.ErrTooLarge) {
		s.Errorf("a body that is too large: %v", err)
	}
	s.received(large.Key, 0, 0)
	s.Behave(Swells)
	for name, call := range s.both() {
		if answer, err := call(s.Context()); !errors.Is(err, gateway.ErrTooLarge) || len(answer) > gateway.MaxBytes {
			s.Errorf("%s: an answer that is too large: %d bytes, %v", name, len(answer), err)
		}
	}
}

// testConcurrent makes more calls than an adapter may keep connections.
func (s *suite) testConcurrent() {
	const calls = 200
	keys := make([]string, calls)
	var group sync.WaitGroup
	for i := range keys {
		keys[i] = s.Name()
		group.Go(func() {
			if _, err := s.update(s.Context(), keys[i]); err != nil {
				s.Errorf("call %d: %v", i, err)
			}
		})
	}
	group.Wait()
	for _, key := range keys {
		s.received(key, 1, 1)
	}
}

func (s *suite) testRequest() {
	body := bytes.Clone(s.UpdateBody)
	call := s.Update
	r := gateway.Request{Call: &call, Key: s.Name(), Body: body, At: at}
	before := r
	if _, err := s.System.Do(s.Context(), &r); err != nil {
		s.Fatal(err)
	}
	if !bytes.Equal(body, s.UpdateBody) || r.Key != before.Key || r.Call.ID() != s.Update.ID() || !r.At.Equal(at) {
		s.Error("the adapter changed the request")
	}
}
