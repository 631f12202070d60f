package lambdahost

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// invocation is one call of a function. result and err are set before done is
// closed.
type invocation struct {
	id, arn string
	payload json.RawMessage
	// deadline and limit are set when a process takes the invocation.
	deadline time.Time
	limit    *time.Timer
	result   json.RawMessage
	err      error
	done     chan struct{}
}

// pool holds the processes of one version of a function. The host's lock guards
// free and queue.
type pool struct {
	function Function
	version  string
	// wake receives a token for each waiting process to wake.
	wake chan struct{}
	// free counts processes that are starting or waiting, or have answered and
	// not yet asked for the next invocation.
	free  int
	queue []*invocation
}

func newPool(f Function, version string) *pool {
	return &pool{function: f, version: version, wake: make(chan struct{}, f.Concurrency)}
}

// sandbox is one process. The host's lock guards the fields from ready on.
type sandbox struct {
	id      string
	pool    *pool
	owner   *deployed
	command *exec.Cmd
	exited  chan struct{}

	ready    bool // it has asked for an invocation
	current  *invocation
	timedOut bool
	initErr  *FunctionError
}

// kill sends SIGKILL. If the process has already ended, that is no error.
func (s *sandbox) kill() { _ = s.command.Process.Kill() }

// serveQueue wakes a waiting process and starts missing ones. h.mu is held.
func (h *Host) serveQueue(d *deployed, p *pool) {
	for p.free < len(p.queue) && !h.over {
		if err := h.launch(d, p); err != nil {
			call := p.queue[0]
			p.queue = p.queue[1:]
			h.settle(d, call, nil, &ServiceError{ExceptionService, err.Error()})
		}
	}
	if len(p.queue) > 0 {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// launch starts a process. h.mu is held.
func (h *Host) launch(d *deployed, p *pool) error {
	s := &sandbox{id: identifier(), pool: p, owner: d, exited: make(chan struct{})}
	s.command = exec.Command(p.function.Binary)
	s.command.Dir = filepath.Dir(p.function.Binary)
	s.command.Env = h.environment(s)
	s.command.Stdout, s.command.Stderr = d.output, d.output
	// Wait must end even if a child of a killed process keeps the output open.
	s.command.WaitDelay = 5 * time.Second
	if err := s.command.Start(); err != nil {
		return fmt.Errorf("start process of %s: %w", p.function.Name, err)
	}
	p.free++
	h.sandboxes[s.id] = s
	limit := time.AfterFunc(h.config.InitLimit, func() { h.expireInit(s) })
	h.work.Go(func() {
		err := s.command.Wait()
		limit.Stop()
		h.ended(s, err)
	})
	h.config.Log.Debug("process started", slog.String("function", p.function.Name), slog.String("version", p.version))
	return nil
}

func (h *Host) expireInit(s *sandbox) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !s.ready {
		s.timedOut = true
		s.kill()
	}
}

// environment combines the variables of Lambda, the host and the function; later
// ones take precedence.
func (h *Host) environment(s *sandbox) []string {
	f := s.pool.function
	env := map[string]string{
		"AWS_LAMBDA_RUNTIME_API":          h.address + "/" + s.id,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     s.pool.version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME":       "/aws/lambda/" + f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME":      s.id,
		"AWS_LAMBDA_INITIALIZATION_TYPE":  "on-demand",
		"AWS_REGION":                      h.config.Region,
		"AWS_DEFAULT_REGION":              h.config.Region,
		"AWS_ACCESS_KEY_ID":               "test",
		"AWS_SECRET_ACCESS_KEY":           "test",
		"AWS_EC2_METADATA_DISABLED":       "true",
		"LAMBDA_TASK_ROOT":                filepath.Dir(f.Binary),
		"_HANDLER":                        filepath.Base(f.Binary),
		"PATH":                            "/usr/local/bin:/usr/bin:/bin",
		"LANG":                            "en_US.UTF-8",
		"TZ":                              ":UTC",
	}
	maps.Copy(env, h.config.Env)
	maps.Copy(env, f.Env)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// ended removes a process and fails the invocation that it left unanswered.
func (h *Host) ended(s *sandbox, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(s.exited)
	delete(h.sandboxes, s.id)
	p := s.pool
	if s.current != nil {
		h.settle(s.owner, s.current, nil, s.failure(cause))
		s.current = nil
	} else {
		p.free--
		if !s.ready && len(p.queue) > 0 { // otherwise it would be started again for ever
			call := p.queue[0]
			p.queue = p.queue[1:]
			h.settle(s.owner, call, nil, s.failure(cause))
		}
	}
	h.serveQueue(s.owner, p)
	h.config.Log.Debug("process ended", slog.String("function", p.function.Name), slog.Any("cause", cause))
}

// failure describes the end of a process as Lambda does.
func (s *sandbox) failure(cause error) *FunctionError {
	request := s.id
	if s.current != nil {
		request = s.current.id
	}
	switch {
	case s.initErr != nil:
		return s.initErr
	case s.timedOut && s.current != nil:
		return lambdaFailure(ErrorTimedOut, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds",
			request, s.pool.function.Timeout.Seconds()))
	case s.timedOut:
		return lambdaFailure(ErrorTimedOut, "RequestId: "+request+" Error: the process did not get ready in time")
	}
	status := "exit status 0"
	if cause != nil {
		status = cause.Error()
	}
	return lambdaFailure(ErrorExit, fmt.Sprintf("RequestId: %s Error: Runtime exited with error: %s", request, status))
}

// settle ends an invocation. h.mu is held.
func (h *Host) settle(d *deployed, call *invocation, result json.RawMessage, err error) {
	if call.limit != nil {
		call.limit.Stop()
	}
	call.result, call.err = result, err
	d.inflight--
	close(call.done)
}
