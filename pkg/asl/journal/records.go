package journal

import (
	"encoding/json"
	"time"

	"reprise/pkg/asl/states"
)

// Execution is what the journal keeps of an execution from its start.
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
	// What only a child of a distributed Map has.
	Run   string `json:"run,omitempty"`
	State string `json:"state,omitempty"` // the Map
	Index int    `json:"index,omitempty"`
	Items int    `json:"items,omitempty"`
}

// Sequence is the place of an execution's last event. It is rewritten with every
// commit; the execution's own record is not, since it may be large.
type Sequence struct {
	Last int64     `json:"last"`
	Time time.Time `json:"time"`
}

// Phase is where inside its state a frame is.
type Phase string

const (
	PhaseNext      Phase = ""          // the state is not entered yet
	PhaseEntered   Phase = "entered"   // entered, nothing begun
	PhaseStarted   Phase = "started"   // a task may have been invoked
	PhaseSubmitted Phase = "submitted" // the invocation returned, the token is out
	PhaseBackoff   Phase = "backoff"   // a retry waits for its time
	PhaseWaiting   Phase = "waiting"   // a Wait waits for its time
	PhaseInside    Phase = "inside"    // branches, iterations or a map run are at work
	PhaseDone      Phase = "done"
)

// Frame is the place of one thread of an execution: the execution's own
// (path ""), a branch or an inline iteration.
type Frame struct {
	Phase   Phase                      `json:"phase,omitempty"`
	State   string                     `json:"state"`
	Input   json.RawMessage            `json:"input"`
	Vars    map[string]json.RawMessage `json:"vars,omitempty"`
	Event   int64                      `json:"event"` // the thread's last event
	Entered time.Time                  `json:"entered,omitzero"`
	// Retries counts per retrier, RetryCount all.
	Retries    []int     `json:"retries,omitempty"`
	RetryCount int       `json:"retryCount,omitempty"`
	Until      time.Time `json:"until,omitzero"` // of a wait or backoff
	// Of a task: when it times out, the heartbeat interval, the token's
	// secret.
	Deadline  time.Time     `json:"deadline,omitzero"`
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	Token     string        `json:"token,omitempty"`
	Run       string        `json:"run,omitempty"` // of a distributed Map
	// Of a thread that is done.
	Output  json.RawMessage `json:"output,omitempty"`
	Failure *states.Failure `json:"failure,omitempty"`
}

// Answer is what a token brought back. It has a record of its own, since
// another goroutine than the thread's writes it.
type Answer struct {
	Token   string          `json:"token"`
	Output  json.RawMessage `json:"output,omitempty"`
	Failure *states.Failure `json:"failure,omitempty"`
}

// Run is what the journal keeps of a map run.
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
	// The counts as of the end.
	ItemCounts      *states.Counts `json:"itemCounts,omitempty"`
	ExecutionCounts *states.Counts `json:"executionCounts,omitempty"`
}

// Limits are what UpdateMapRun can change.
type Limits struct {
	Concurrency int     `json:"concurrency"`
	Percentage  float64 `json:"percentage"`
	Count       int64   `json:"count"`
	// HasPercentage and HasCount tell a limit of 0 from none.
	HasPercentage bool `json:"hasPercentage,omitempty"`
	HasCount      bool `json:"hasCount,omitempty"`
}

// Exceeded reports whether that many failed items of total are too many.
func (l Limits) Exceeded(failed, total int) bool {
	if failed == 0 {
		return false
	}
	overCount := l.HasCount && int64(failed) > l.Count
	overShare := l.HasPercentage && float64(failed)*100 > l.Percentage*float64(total)
	return overCount || overShare || (!l.HasCount && !l.HasPercentage)
}
