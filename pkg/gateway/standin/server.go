package standin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"reprise/pkg/gateway"
)

// The systems.
const (
	Mail     = "mail"
	Payments = "payments"
	Rates    = "rates"
)

// Mood is how the stand-in misbehaves. The zero Mood is none.
type Mood struct {
	// Status is an answer with which nothing is performed.
	Status int
	// Stall performs nothing and never answers, Silent performs and never answers, Drop
	// performs and breaks the connection instead of answering.
	Stall, Silent, Drop bool
	// Late performs at once, and answers so much later.
	Late time.Duration
	// Twice handles the call twice, as if something on the way had repeated it, and gives
	// both answers.
	Twice bool
	// Large answers with more than gateway.MaxBytes.
	Large bool
	// Forgets performs every call that is received, whatever its idempotency key.
	Forgets bool
	// Times is for how many calls the mood lasts; 0 means until the next one.
	Times int
}

// Server is a running stand-in. It is safe for concurrent use.
type Server struct {
	url    string
	server *http.Server
	ended  chan error
	// closing ends calls that are never answered.
	closing context.Context
	close   context.CancelFunc

	mu    sync.Mutex
	moods map[string]*Mood // by system or call, "" for all
	books Books
	// decide is set by Direct.
	decide func(call, key string, received int) Mood
	// answers are those to the keys that were seen, with what was sent.
	answers map[string]given
}

// Start starts a stand-in on a free port of 127.0.0.1. The caller must close it.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start stand-in: %w", err)
	}
	s := &Server{
		url:     "http://" + listener.Addr().String(),
		ended:   make(chan error, 1),
		moods:   make(map[string]*Mood),
		answers: make(map[string]given),
		books:   newBooks(),
	}
	s.closing, s.close = context.WithCancel(context.Background())
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() { s.ended <- s.server.Serve(listener) }()
	return s, nil
}

// Close stops it and breaks its connections.
func (s *Server) Close() error {
	s.close()
	err := s.server.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// Endpoints are the addresses of its systems by name.
func (s *Server) Endpoints() map[string]string {
	return map[string]string{Mail: s.url + "/" + Mail, Payments: s.url + "/" + Payments, Rates: s.url + "/" + Rates}
}

// Behave sets the mood of all systems (""), of a system, or of a call such as
// "payments/charge". The mood of a call comes before that of its system. Calls that are
// under way go on in the mood in which they began.
func (s *Server) Behave(which string, m Mood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moods[which] = &m
}

// Direct lets a function decide on the mood of each call, before all moods that were set.
// received is how often the key was received before. It is called for one call at a time,
// and must not call the stand-in.
func (s *Server) Direct(decide func(call, key string, received int) Mood) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide = decide
}

// mood is that of a call that was received.
func (s *Server) mood(system, call, key string) Mood {
	if s.decide != nil {
		return s.decide(call, key, s.books.Deeds[key].Received)
	}
	for _, which := range []string{call, system, ""} {
		m, found := s.moods[which]
		if !found {
			continue
		}
		now := *m
		if m.Times > 0 {
			if m.Times--; m.Times == 0 {
				delete(s.moods, which)
			}
		}
		return now
	}
	return Mood{}
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	system, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, gateway.MaxBytes))
	switch {
	case err != nil:
		http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "calls are posted", http.StatusMethodNotAllowed)
		return
	}
	asked := request{
		call: system + "/" + name,
		key:  r.Header.Get("Idempotency-Key"),
		asOf: r.Header.Get("As-Of"),
		body: body,
	}
	m, said := s.handle(system, &asked)
	s.answer(w, r, m, said)
}

// handle performs a call as its mood lets it.
func (s *Server) handle(system string, asked *request) (Mood, given) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mood(system, asked.call, asked.key)
	s.books.receive(asked)
	if m.Stall || m.Status != 0 {
		return m, given{status: m.Status, body: []byte(`{"error":"as it was told"}`)}
	}
	said := s.perform(asked, m.Forgets)
	if m.Twice {
		s.books.receive(asked)
		said = s.perform(asked, m.Forgets)
	}
	if m.Large {
		said.body = []byte(`"` + strings.Repeat("x", gateway.MaxBytes) + `"`)
	}
	return m, said
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, m Mood, said given) {
	switch {
	case m.Stall || m.Silent:
		s.wait(r, nil)
		panic(http.ErrAbortHandler)
	case m.Drop:
		panic(http.ErrAbortHandler)
	case m.Late > 0:
		timer := time.NewTimer(m.Late)
		defer timer.Stop()
		s.wait(r, timer.C)
	case m.Twice:
		twice(w, said)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(said.status)
	_, _ = w.Write(said.body) // whoever has gone hears nothing
}

// wait waits until something comes, the caller goes, or the stand-in is closed.
func (s *Server) wait(r *http.Request, until <-chan time.Time) {
	select {
	case <-until:
	case <-r.Context().Done():
	case <-s.closing.Done():
	}
}

// twice answers twice on one connection, and closes it.
func twice(w http.ResponseWriter, said given) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	one := "HTTP/1.1 " + strconv.Itoa(said.status) + " " + http.StatusText(said.status) +
		"\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + strconv.Itoa(len(said.body)) +
		"\r\n\r\n" + string(said.body)
	_, _ = buffered.WriteString(one + one)
	_ = buffered.Flush()
}
