package lambdahost

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// runtimeAPI serves the paths of the Lambda Runtime API, version 2018-06-01,
// below a process's own id, so that one port serves all.
func (h *Host) runtimeAPI() http.Handler {
	const base = "/{sandbox}/2018-06-01/runtime/"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"invocation/next", h.known(h.next))
	mux.HandleFunc("POST "+base+"invocation/{request}/response", h.known(h.response))
	mux.HandleFunc("POST "+base+"invocation/{request}/error", h.known(h.failure))
	mux.HandleFunc("POST "+base+"init/error", h.known(h.initFailure))
	return mux
}

func (h *Host) known(serve func(http.ResponseWriter, *http.Request, *sandbox)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		s := h.sandboxes[r.PathValue("sandbox")]
		h.mu.Unlock()
		if s == nil {
			refuse(w, http.StatusForbidden, "InvalidSandbox", "no such process")
			return
		}
		serve(w, r, s)
	}
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A process that does not read the answer has ended.
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // as above
}

// next gives the process an invocation, once there is one.
func (h *Host) next(w http.ResponseWriter, r *http.Request, s *sandbox) {
	for {
		call, alive := h.take(s)
		if !alive {
			return
		}
		if call != nil {
			header := w.Header()
			header.Set("Content-Type", "application/json")
			header.Set("Lambda-Runtime-Aws-Request-Id", call.id)
			header.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(call.deadline.UnixMilli(), 10))
			header.Set("Lambda-Runtime-Invoked-Function-Arn", call.arn)
			header.Set("Lambda-Runtime-Trace-Id", trace(call.id))
			_, _ = w.Write(call.payload) // one that is gone is noticed by its end
			return
		}
		select {
		case <-s.pool.wake:
		case <-s.exited:
			return
		case <-r.Context().Done():
			return // with its process, which Close kills
		}
	}
}

// trace is a header in the form of X-Ray's, which names the request.
func trace(id string) string {
	digits := id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	return fmt.Sprintf("Root=1-%s-%s;Parent=%s;Sampled=0", digits[:8], digits[8:], digits[:16])
}

// take assigns the oldest queued invocation, nil where there is none. It
// reports whether the process still runs.
func (h *Host) take(s *sandbox) (call *invocation, alive bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := s.pool
	if h.sandboxes[s.id] != s {
		h.serveQueue(s.owner, p) // hand on the token that woke this one
		return nil, false
	}
	s.ready = true
	if s.current != nil || len(p.queue) == 0 || h.over {
		return nil, true
	}
	call = p.queue[0]
	p.queue = p.queue[1:]
	p.free--
	s.current = call
	call.deadline = time.Now().Add(p.function.Timeout)
	call.limit = time.AfterFunc(p.function.Timeout, func() { h.expire(s, call) })
	if len(p.queue) > 0 { // a token may stand for more than one
		h.serveQueue(s.owner, p)
	}
	return call, true
}

func (h *Host) expire(s *sandbox, call *invocation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.current == call {
		s.timedOut = true
		s.kill()
	}
}

// answered ends the invocation that the process works on. It reports whether
// request named that one.
func (h *Host) answered(s *sandbox, request string, result json.RawMessage, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	// One that was killed for its time has not answered in time.
	if s.current == nil || s.current.id != request || s.timedOut {
		return false
	}
	h.settle(s.owner, s.current, result, err)
	s.current = nil
	s.pool.free++
	return true
}

func (h *Host) response(w http.ResponseWriter, r *http.Request, s *sandbox) {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxPayloadBytes+1))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidBody", err.Error())
		return
	}
	if len(body) > MaxPayloadBytes {
		h.answered(s, r.PathValue("request"), nil, lambdaFailure(ErrorTooLarge,
			fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayloadBytes)))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
		return
	}
	if !h.answered(s, r.PathValue("request"), body, nil) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "the process has no such invocation")
		return
	}
	accept(w)
}

// maxErrorBytes bounds an error document.
const maxErrorBytes = 256 << 10

func (h *Host) failure(w http.ResponseWriter, r *http.Request, s *sandbox) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxErrorBytes))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidBody", err.Error())
		return
	}
	if !h.answered(s, r.PathValue("request"), nil, reported(body)) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "the process has no such invocation")
		return
	}
	accept(w)
}

// initFailure remembers why a process cannot start; its end reports it.
func (h *Host) initFailure(w http.ResponseWriter, r *http.Request, s *sandbox) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxErrorBytes))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidBody", err.Error())
		return
	}
	h.mu.Lock()
	if !s.ready {
		s.initErr = reported(body)
	}
	h.mu.Unlock()
	accept(w)
}
