package asl

import (
	"encoding/json"
	"fmt"
	"time"
)

// Failure is the error of a state or an execution.
type Failure struct {
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// executionRecord is what the journal keeps of an execution from its start.
type executionRecord struct {
	ID         string          `json:"id"`
	Machine    string          `json:"machine"`
	Name       string          `json:"name"`
	Definition string          `json:"definition"` // its hash
	Status     Status          `json:"status"`
	Start      time.Time       `json:"start"`
	Stop       time.Time       `json:"stop,omitzero"`
	Input      json.RawMessage `json:"input"`
	Output     json.RawMessage `json:"output,omitempty"`
	Failure    *Failure        `json:"failure,omitempty"`
	// What only a child of a distributed Map has.
	Run   string `json:"run,omitempty"`
	State string `json:"state,omitempty"` // the Map
	Index int    `json:"index,omitempty"`
	Items int    `json:"items,omitempty"`
}

// sequenceRecord is rewritten with every commit of an execution; the rest of
// its record is not, since it may be large.
type sequenceRecord struct {
	Last int64     `json:"last"`
	Time time.Time `json:"time"`
}

// phase is where inside its state a frame is.
type phase string

const (
	phaseNext      phase = ""          // the state is not entered yet
	phaseEntered   phase = "entered"   // entered, nothing begun
	phaseStarted   phase = "started"   // a task may have been invoked
	phaseSubmitted phase = "submitted" // the invocation returned, the token is out
	phaseBackoff   phase = "backoff"   // a retry waits for its time
	phaseWaiting   phase = "waiting"   // a Wait waits for its time
	phaseInside    phase = "inside"    // branches, iterations or a map run are at work
	phaseDone      phase = "done"
)

// frameRecord is the place of one thread of an execution: the execution's own
// (path ""), a branch or an inline iteration.
type frameRecord struct {
	Phase   phase                      `json:"phase,omitempty"`
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
	Failure *Failure        `json:"failure,omitempty"`
}

// answer is what a token brought back. It has a record of its own, since
// another goroutine than the thread's writes it.
type answer struct {
	Token   string          `json:"token"`
	Output  json.RawMessage `json:"output,omitempty"`
	Failure *Failure        `json:"failure,omitempty"`
}

// runRecord is what the journal keeps of a map run.
type runRecord struct {
	ID         string    `json:"id"`
	Execution  string    `json:"execution"`
	Machine    string    `json:"machine"`
	Status     Status    `json:"status"`
	Start      time.Time `json:"start"`
	Stop       time.Time `json:"stop,omitzero"`
	Limits     runLimits `json:"limits"`
	Items      int       `json:"items"`
	Executions int       `json:"executions"`
	// The counts as of the end.
	ItemCounts      *Counts `json:"itemCounts,omitempty"`
	ExecutionCounts *Counts `json:"executionCounts,omitempty"`
}

// runLimits are what UpdateMapRun can change.
type runLimits struct {
	Concurrency int     `json:"concurrency"`
	Percentage  float64 `json:"percentage"`
	Count       int64   `json:"count"`
	// HasPercentage and HasCount tell a limit of 0 from none.
	HasPercentage bool `json:"hasPercentage,omitempty"`
	HasCount      bool `json:"hasCount,omitempty"`
}

// exceeded reports whether that many failed items of total are too many.
func (l runLimits) exceeded(failed, total int) bool {
	if failed == 0 {
		return false
	}
	overCount := l.HasCount && int64(failed) > l.Count
	overShare := l.HasPercentage && float64(failed)*100 > l.Percentage*float64(total)
	return overCount || overShare || (!l.HasCount && !l.HasPercentage)
}

func put(key string, record any) (Op, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return Op{}, fmt.Errorf("encode journal record: %w", err)
	}
	return Op{Key: key, Value: raw}, nil
}

// load reads a record, and reports false where there is none.
func load[T any](j Journal, key string) (T, bool, error) {
	var record T
	raw, found, err := j.Get(key)
	if err != nil || !found {
		return record, false, err
	}
	if err := json.Unmarshal(raw, &record); err != nil {
		return record, false, fmt.Errorf("decode journal record: %w", err)
	}
	return record, true, nil
}
