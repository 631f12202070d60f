package lambdahost

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Config configures a Host.
type Config struct {
	Functions []Function
	// Region and Account appear in ARNs; empty means "us-east-1" and
	// "000000000000".
	Region, Account string
	// Env is added to every function's environment, such as endpoints. The
	// function's own variables take precedence.
	Env map[string]string
	// InitLimit bounds the time from the start of a process until it asks for
	// its first invocation; 0 means 30 s (AWS: 10 s, on an idle machine).
	InitLimit time.Duration
	// OutputBytes is how many of the last bytes of a function's output are kept;
	// 0 means 64 KiB.
	OutputBytes int
	// Log receives the start and end of processes at debug level; nil means no
	// log.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Region = cmp.Or(c.Region, "us-east-1")
	c.Account = cmp.Or(c.Account, "000000000000")
	c.InitLimit = cmp.Or(c.InitLimit, 30*time.Second)
	c.OutputBytes = cmp.Or(c.OutputBytes, 64<<10)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// Host runs functions. Methods are safe for concurrent use.
type Host struct {
	config  Config
	address string
	server  *http.Server
	// work counts the goroutines that Close waits for.
	work   sync.WaitGroup
	closed chan struct{}

	mu        sync.Mutex
	over      bool
	functions map[string]*deployed
	sandboxes map[string]*sandbox
}

// deployed is a function with its versions.
type deployed struct {
	inflight int
	last     int
	aliases  map[string]string
	pools    map[string]*pool // by version
	output   *tail
}

// Start serves the Runtime API on a loopback port. A process starts with the first
// invocation that needs it. Close the host.
func Start(config Config) (*Host, error) {
	h := &Host{
		config:    config.withDefaults(),
		closed:    make(chan struct{}),
		functions: make(map[string]*deployed),
		sandboxes: make(map[string]*sandbox),
	}
	for _, function := range config.Functions {
		function, err := function.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("start host: %w", err)
		}
		h.functions[function.Name] = &deployed{
			aliases: make(map[string]string),
			output:  &tail{limit: h.config.OutputBytes},
			pools:   map[string]*pool{latest: newPool(function, latest)},
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start host: %w", err)
	}
	h.address = listener.Addr().String()
	h.server = &http.Server{Handler: h.runtimeAPI(), ReadHeaderTimeout: 10 * time.Second}
	h.work.Go(func() {
		if err := h.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			h.config.Log.Error("the runtime API ended", slog.String("error", err.Error()))
		}
	})
	return h, nil
}

// Close kills every process and returns once all have ended. Running invocations
// fail with ErrClosed.
func (h *Host) Close() error {
	h.mu.Lock()
	first := !h.over
	h.over = true
	running := slices.Collect(maps.Values(h.sandboxes))
	h.mu.Unlock()
	if first {
		close(h.closed)
	}
	for _, s := range running {
		s.kill()
	}
	err := h.server.Close()
	h.work.Wait()
	if err != nil {
		return fmt.Errorf("close host: %w", err)
	}
	return nil
}

// Invoke runs a function, given with or without a qualifier, and returns its
// result. It fails with a *FunctionError, a *ServiceError, ErrClosed or ctx's
// error. If ctx ends first the function keeps running, as on AWS.
func (h *Host) Invoke(ctx context.Context, function string, payload json.RawMessage) (json.RawMessage, error) {
	call, err := h.begin(function, payload)
	if err != nil {
		return nil, fmt.Errorf("invoke %s: %w", function, err)
	}
	select {
	case <-call.done:
	case <-h.closed:
		return nil, fmt.Errorf("invoke %s: %w", function, ErrClosed)
	case <-ctx.Done():
		return nil, fmt.Errorf("invoke %s: %w", function, ctx.Err())
	}
	if call.err != nil {
		return nil, fmt.Errorf("invoke %s: %w", function, call.err)
	}
	return call.result, nil
}

// begin queues an invocation and starts a process if none is free.
func (h *Host) begin(function string, payload json.RawMessage) (*invocation, error) {
	reference, err := ParseReference(function)
	if err != nil {
		return nil, &ServiceError{ExceptionInvalid, err.Error()}
	}
	if len(payload) > MaxPayloadBytes {
		return nil, &ServiceError{ExceptionTooLarge,
			fmt.Sprintf("the request has %d bytes: at most %d are accepted", len(payload), MaxPayloadBytes)}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.over {
		return nil, ErrClosed
	}
	d, p, err := h.find(reference)
	if err != nil {
		return nil, err
	}
	if d.inflight >= p.function.Concurrency {
		return nil, &ServiceError{ExceptionThrottled, "Rate Exceeded."}
	}
	call := &invocation{id: identifier(), arn: h.ARN(reference), payload: payload, done: make(chan struct{})}
	d.inflight++
	p.queue = append(p.queue, call)
	h.serveQueue(d, p)
	return call, nil
}

// find resolves a qualifier. h.mu is held.
func (h *Host) find(r Reference) (*deployed, *pool, error) {
	if d := h.functions[r.Name]; d != nil {
		version := cmp.Or(r.Qualifier, latest)
		if p := d.pools[cmp.Or(d.aliases[version], version)]; p != nil {
			return d, p, nil
		}
	}
	return nil, nil, &ServiceError{ExceptionNotFound, "Function not found: " + h.ARN(r)}
}

// Kill ends with SIGKILL every process of a function that is running an
// invocation, and returns how many it killed.
func (h *Host) Kill(function string) int {
	h.mu.Lock()
	var busy []*sandbox
	for _, s := range h.sandboxes {
		if s.pool.function.Name == function && s.current != nil {
			busy = append(busy, s)
		}
	}
	h.mu.Unlock()
	for _, s := range busy {
		s.kill()
	}
	return len(busy)
}

// Output is the end of the output of a function's processes.
func (h *Host) Output(function string) string {
	h.mu.Lock()
	d := h.functions[function]
	h.mu.Unlock()
	if d == nil {
		return ""
	}
	return d.output.String()
}

// Processes is how many processes of a function are running.
func (h *Host) Processes(function string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, s := range h.sandboxes {
		if s.pool.function.Name == function {
			n++
		}
	}
	return n
}

// identifier is a random UUID in the form of a request id.
func identifier() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	text := hex.EncodeToString(raw[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
