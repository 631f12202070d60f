package engines

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
)

// Fault is a way in which one request goes wrong.
type Fault int

// The faults. "After" means that the request took effect and its answer was lost.
const (
	None Fault = iota
	// Throttle means that the service refuses the request.
	Throttle
	// FailBefore and FailAfter mean that the service answers 500.
	FailBefore
	FailAfter
	// ResetBefore and ResetAfter mean that the connection breaks.
	ResetBefore
	ResetAfter
	// TimeoutBefore and TimeoutAfter mean that no answer comes in time.
	TimeoutBefore
	TimeoutAfter
	// Twice means that the request arrives twice and the client sees the second
	// answer.
	Twice
	// Partial means that only the first half of a batch is done.
	Partial
)

// Definite are the faults after which the caller knows what did not happen.
func Definite() []Fault { return []Fault{Throttle, Partial} }

// All are all faults but Twice, which a client cannot distinguish from another
// writer.
func All() []Fault {
	return append(Definite(), FailBefore, FailAfter, ResetBefore, ResetAfter, TimeoutBefore, TimeoutAfter)
}

// Faults is a transport that makes requests fail. It is safe for concurrent use if
// Choose is.
type Faults struct {
	// Choose chooses the fault of each request of an operation, such as PutItem.
	Choose func(operation string) Fault

	mu   sync.Mutex
	seen map[string]int
}

// Random returns a Choose that makes a share of the requests fail, of all
// operations or of those for which only returns true.
func Random(seed uint64, share float64, kinds []Fault, only func(operation string) bool) func(string) Fault {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	return func(operation string) Fault {
		mu.Lock()
		defer mu.Unlock()
		if rng.Float64() >= share || (only != nil && !only(operation)) {
			return None
		}
		return kinds[rng.IntN(len(kinds))]
	}
}

// Count is how many requests of an operation were made.
func (f *Faults) Count(operation string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[operation]
}

var errReset = errors.New("write tcp: connection reset by peer")

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	f.mu.Lock()
	if f.seen == nil {
		f.seen = make(map[string]int)
	}
	f.seen[operation]++
	f.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	fault := f.Choose(operation)
	switch fault {
	case FailAfter, ResetAfter, TimeoutAfter, Twice:
		response, err := send(r, body)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	case Partial:
		if unprocessed(operation) != "" {
			return sendPart(r, operation, body)
		}
	}
	switch fault {
	case Throttle:
		return answer(r, http.StatusBadRequest,
			`{"__type":"x#ProvisionedThroughputExceededException","message":"injected"}`), nil
	case FailBefore, FailAfter:
		return answer(r, http.StatusInternalServerError, `{"__type":"x#InternalServerError","message":"injected"}`), nil
	case ResetBefore, ResetAfter:
		return nil, errReset
	case TimeoutBefore, TimeoutAfter:
		return nil, os.ErrDeadlineExceeded
	}
	return send(r, body)
}

// connections are shared by all transports with faults.
var connections = &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}

func send(r *http.Request, body []byte) (*http.Response, error) {
	again := r.Clone(r.Context())
	again.Body = io.NopCloser(bytes.NewReader(body))
	again.ContentLength = int64(len(body))
	return connections.RoundTrip(again)
}

func answer(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode:    status,
		ProtoMajor:    1,
		ProtoMinor:    1,
		Request:       r,
		Header:        http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}
