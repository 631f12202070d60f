package states

import (
	"encoding/json"
	"time"
)

// Status is the status of an execution or a map run, as the API spells it.
type Status string

// The statuses. A map run is never TIMED_OUT. PENDING_REDRIVE does not occur,
// because the engine resumes executions itself and offers no redrive.
const (
	StatusRunning   Status = "RUNNING"
	StatusSucceeded Status = "SUCCEEDED"
	StatusFailed    Status = "FAILED"
	StatusTimedOut  Status = "TIMED_OUT"
	StatusAborted   Status = "ABORTED"
)

// Execution is the answer of DescribeExecution. Optional members are zero where
// the API leaves them out.
type Execution struct {
	ExecutionArn    string          `json:"executionArn"`
	StateMachineArn string          `json:"stateMachineArn"`
	Name            string          `json:"name"`
	Status          Status          `json:"status"`
	StartDate       time.Time       `json:"startDate"`
	StopDate        time.Time       `json:"stopDate,omitzero"`
	Input           json.RawMessage `json:"input,omitempty"`
	Output          json.RawMessage `json:"output,omitempty"`
	Error           string          `json:"error,omitempty"`
	Cause           string          `json:"cause,omitempty"`
	MapRunArn       string          `json:"mapRunArn,omitempty"`
	// ItemCount is the number of items of a child execution, 0 for others.
	ItemCount int `json:"itemCount,omitempty"`
}

// Counts are the counts of items or executions of a map run.
type Counts struct {
	Pending               int `json:"pending"`
	Running               int `json:"running"`
	Succeeded             int `json:"succeeded"`
	Failed                int `json:"failed"`
	TimedOut              int `json:"timedOut"`
	Aborted               int `json:"aborted"`
	Total                 int `json:"total"`
	ResultsWritten        int `json:"resultsWritten"`
	FailuresNotRedrivable int `json:"failuresNotRedrivable"`
	PendingRedrive        int `json:"pendingRedrive"`
}

// Add counts n more with a status.
func (c *Counts) Add(status Status, n int) {
	switch status {
	case StatusRunning:
		c.Running += n
	case StatusSucceeded:
		c.Succeeded += n
	case StatusFailed:
		c.Failed += n
	case StatusTimedOut:
		c.TimedOut += n
	case StatusAborted:
		c.Aborted += n
	}
}

// Complete sets Pending and ResultsWritten, which follow from the other counts.
func (c *Counts) Complete() {
	c.Pending = c.Total - c.Running - c.Ended()
	c.ResultsWritten = c.Succeeded
}

// Ended is the number that have ended.
func (c *Counts) Ended() int { return c.Succeeded + c.Failed + c.TimedOut + c.Aborted }

// MapRun is the answer of DescribeMapRun.
type MapRun struct {
	MapRunArn                  string    `json:"mapRunArn"`
	ExecutionArn               string    `json:"executionArn"`
	StateMachineArn            string    `json:"stateMachineArn"`
	Status                     Status    `json:"status"`
	StartDate                  time.Time `json:"startDate"`
	StopDate                   time.Time `json:"stopDate,omitzero"`
	MaxConcurrency             int       `json:"maxConcurrency"`
	ToleratedFailurePercentage float64   `json:"toleratedFailurePercentage"`
	ToleratedFailureCount      int64     `json:"toleratedFailureCount"`
	ItemCounts                 Counts    `json:"itemCounts"`
	ExecutionCounts            Counts    `json:"executionCounts"`
}
