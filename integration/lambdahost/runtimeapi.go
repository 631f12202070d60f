package lambdahost

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// runtimeAPI serves the Lambda Runtime API, version 2018-06-01. Each process has
// its id in the path, so that one port serves all.
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
	// This fails only if the process has ended.
	_ = json.NewEncoder(w).Encode(map[string]string{"errorType": kind, "errorMessage": message})
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // as above
}

// next waits for an invocation and gives it to the process.
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
			_, _ = w.Write(call.payload) // if the process has ended, ended fails the invocation
			return
		}
		select {
		case <-s.pool.wake:
		case <-s.exited:
			return
		case <-r.Context().Done():
			return // the process has ended or is being killed
		}
	}
}

// trace is an X-Ray trace header made from the request's id.
func trace(id string) string {
	digits := id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	return fmt.Sprintf("Root=1-%s-%s;Parent=%s;Sampled=0", digits[:8], digits[8:], digits[:16])
}

// take assigns the oldest queued invocation to a process, nil if there is none. It
// reports whether the process is still running.
func (h *Host) take(s *sandbox) (call *invocation, alive bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := s.pool
	if h.sandboxes[s.id] != s {
		h.serveQueue(s.owner, p) // pass on the token that woke this process
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

// answered ends the invocation that the process is running. It reports whether
// request is that invocation.
func (h *Host) answered(s *sandbox, request string, result json.RawMessage, err error) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	// A process that exceeded its time limit can no longer answer.
	if s.current == nil || s.current.id != request || s.timedOut {
		return false
	}
	h.settle(s.owner, s.current, result, err)
	s.current = nil
	s.pool.free++
	return true
}

// settled answers the process once its invocation has the given outcome.
func (h *Host) settled(w http.ResponseWriter, r *http.Request, s *sandbox, result json.RawMessage, err error) {
	if !h.answered(s, r.PathValue("request"), result, err) {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "the process has no such invocation")
		return
	}
	accept(w)
}

// readBody reads at most limit bytes of a body, or refuses the request.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) (body []byte, ok bool) {
	body, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err != nil {
		refuse(w, http.StatusBadRequest, "InvalidBody", err.Error())
	}
	return body, err == nil
}

func (h *Host) response(w http.ResponseWriter, r *http.Request, s *sandbox) {
	body, ok := readBody(w, r, MaxPayloadBytes+1)
	switch {
	case !ok:
	case len(body) > MaxPayloadBytes:
		h.answered(s, r.PathValue("request"), nil, lambdaFailure(ErrorTooLarge,
			fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxPayloadBytes)))
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
	default:
		h.settled(w, r, s, body, nil)
	}
}

// maxErrorBytes bounds an error document.
const maxErrorBytes = 256 << 10

func (h *Host) failure(w http.ResponseWriter, r *http.Request, s *sandbox) {
	if body, ok := readBody(w, r, maxErrorBytes); ok {
		h.settled(w, r, s, nil, reported(body))
	}
}

// initFailure records why a process cannot start, which is reported when it ends.
func (h *Host) initFailure(w http.ResponseWriter, r *http.Request, s *sandbox) {
	body, ok := readBody(w, r, maxErrorBytes)
	if !ok {
		return
	}
	h.mu.Lock()
	if !s.ready {
		s.initErr = reported(body)
	}
	h.mu.Unlock()
	accept(w)
}
