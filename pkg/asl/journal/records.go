package journal

import (
	"encoding/json"
	"time"

	"reprise/pkg/asl/states"
)

// Execution is the record of an execution, written at its start and its end.
type Execution struct {
	ID         string          `json:"id"`
	Machine    string          `json:"machine"`
	Name       string          `json:"name"`
	Definition string          `json:"definition"` // its hash
	Status     states.Status   `json:"status"`
	Start      time.Time       `json:"start"`
	Stop       time.Time       `json:"stop,omitzero"`
	Input      json.RawMessage `json:"input"`
	Output     json.RawMessage `json:"output,omitempty"`
	Failure    *states.Failure `json:"failure,omitempty"`
	// Only child executions of a distributed Map have the following.
	Run   string `json:"run,omitempty"`
	State string `json:"state,omitempty"` // the Map
	Index int    `json:"index,omitempty"`
	Items int    `json:"items,omitempty"`
}

// Sequence is the id and time of an execution's last event. It is rewritten at
// every commit; the execution's own record is not, since it may be large.
type Sequence struct {
	Last int64     `json:"last"`
	Time time.Time `json:"time"`
}

// Phase is how far a frame has come within its state.
type Phase string

const (
	PhaseNext      Phase = ""          // the state has not been entered yet
	PhaseEntered   Phase = "entered"   // entered, nothing begun
	PhaseStarted   Phase = "started"   // a task may have been invoked
	PhaseSubmitted Phase = "submitted" // the invocation returned; the task waits for its token
	PhaseBackoff   Phase = "backoff"   // waiting for the time of a retry
	PhaseWaiting   Phase = "waiting"   // waiting for the end of a Wait
	PhaseInside    Phase = "inside"    // branches, iterations or a map run are running
	PhaseDone      Phase = "done"
)

// Frame is the record of one thread of an execution: its own (path ""), a
// branch or an inline iteration.
type Frame struct {
	Phase   Phase                      `json:"phase,omitempty"`
	State   string                     `json:"state"`
	Input   json.RawMessage            `json:"input"`
	Vars    map[string]json.RawMessage `json:"vars,omitempty"`
	Event   int64                      `json:"event"` // the thread's last event
	Entered time.Time                  `json:"entered,omitzero"`
	// Retries counts retries per retrier, RetryCount all of them.
	Retries    []int     `json:"retries,omitempty"`
	RetryCount int       `json:"retryCount,omitempty"`
	Until      time.Time `json:"until,omitzero"` // of a wait or backoff
	// Of a Task: when it times out, the heartbeat interval, the secret part of
	// the task token.
	Deadline  time.Time     `json:"deadline,omitzero"`
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	Token     string        `json:"token,omitempty"`
	Run       string        `json:"run,omitempty"` // of a distributed Map
	// Of a thread that has ended.
	Output  json.RawMessage `json:"output,omitempty"`
	Failure *states.Failure `json:"failure,omitempty"`
}

// Answer is the answer to a task token. It has its own record because it is not
// written by the goroutine of the thread.
type Answer struct {
	Token   string          `json:"token"`
	Output  json.RawMessage `json:"output,omitempty"`
	Failure *states.Failure `json:"failure,omitempty"`
}

// Run is the record of a map run.
type Run struct {
	ID         string        `json:"id"`
	Execution  string        `json:"execution"`
	Machine    string        `json:"machine"`
	Status     states.Status `json:"status"`
	Start      time.Time     `json:"start"`
	Stop       time.Time     `json:"stop,omitzero"`
	Limits     Limits        `json:"limits"`
	Items      int           `json:"items"`
	Executions int           `json:"executions"`
	// The final counts, nil until the map run has ended.
	ItemCounts      *states.Counts `json:"itemCounts,omitempty"`
	ExecutionCounts *states.Counts `json:"executionCounts,omitempty"`
}

// Limits are what UpdateMapRun can change.
type Limits struct {
	Concurrency int     `json:"concurrency"`
	Percentage  float64 `json:"percentage"`
	Count       int64   `json:"count"`
	// HasPercentage and HasCount distinguish a limit of 0 from no limit.
	HasPercentage bool `json:"hasPercentage,omitempty"`
	HasCount      bool `json:"hasCount,omitempty"`
}

// Exceeded reports whether failed items out of total are too many.
func (l Limits) Exceeded(failed, total int) bool {
	if failed == 0 {
		return false
	}
	overCount := l.HasCount && int64(failed) > l.Count
	overShare := l.HasPercentage && float64(failed)*100 > l.Percentage*float64(total)
	return overCount || overShare || (!l.HasCount && !l.HasPercentage)
}
