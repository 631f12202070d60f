package states

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// Event is one event of an execution's history, in the shape of
// GetExecutionHistory. Exactly the members that belong to Type are set.
type Event struct {
	Timestamp       time.Time `json:"timestamp"`
	Type            string    `json:"type"`
	ID              int64     `json:"id"`
	PreviousEventID int64     `json:"previousEventId"`

	ExecutionStarted   *StartedDetails    `json:"executionStartedEventDetails,omitempty"`
	ExecutionSucceeded *OutputDetails     `json:"executionSucceededEventDetails,omitempty"`
	ExecutionFailed    *ErrorDetails      `json:"executionFailedEventDetails,omitempty"`
	ExecutionAborted   *ErrorDetails      `json:"executionAbortedEventDetails,omitempty"`
	ExecutionTimedOut  *ErrorDetails      `json:"executionTimedOutEventDetails,omitempty"`
	StateEntered       *EnteredDetails    `json:"stateEnteredEventDetails,omitempty"`
	StateExited        *ExitedDetails     `json:"stateExitedEventDetails,omitempty"`
	TaskScheduled      *ScheduledDetails  `json:"taskScheduledEventDetails,omitempty"`
	TaskStarted        *TaskDetails       `json:"taskStartedEventDetails,omitempty"`
	TaskSubmitted      *TaskDetails       `json:"taskSubmittedEventDetails,omitempty"`
	TaskSucceeded      *TaskDetails       `json:"taskSucceededEventDetails,omitempty"`
	TaskFailed         *TaskDetails       `json:"taskFailedEventDetails,omitempty"`
	TaskTimedOut       *TaskDetails       `json:"taskTimedOutEventDetails,omitempty"`
	TaskSubmitFailed   *TaskDetails       `json:"taskSubmitFailedEventDetails,omitempty"`
	MapStateStarted    *LengthDetails     `json:"mapStateStartedEventDetails,omitempty"`
	IterationStarted   *IterationDetails  `json:"mapIterationStartedEventDetails,omitempty"`
	IterationSucceeded *IterationDetails  `json:"mapIterationSucceededEventDetails,omitempty"`
	IterationFailed    *IterationDetails  `json:"mapIterationFailedEventDetails,omitempty"`
	IterationAborted   *IterationDetails  `json:"mapIterationAbortedEventDetails,omitempty"`
	MapRunStarted      *MapRunDetails     `json:"mapRunStartedEventDetails,omitempty"`
	MapRunFailed       *ErrorDetails      `json:"mapRunFailedEventDetails,omitempty"`
	EvaluationFailed   *EvaluationDetails `json:"evaluationFailedEventDetails,omitempty"`
}

// DataDetails reports whether data in an event was truncated.
type DataDetails struct {
	Truncated bool `json:"truncated"`
}

// StartedDetails belong to ExecutionStarted.
type StartedDetails struct {
	Input        string       `json:"input,omitempty"`
	InputDetails *DataDetails `json:"inputDetails,omitempty"`
	RoleArn      string       `json:"roleArn,omitempty"`
}

// OutputDetails belong to ExecutionSucceeded.
type OutputDetails struct {
	Output        string       `json:"output,omitempty"`
	OutputDetails *DataDetails `json:"outputDetails,omitempty"`
}

// ErrorDetails belong to events of failure, abort and time-out.
type ErrorDetails struct {
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// EnteredDetails belong to <Type>StateEntered.
type EnteredDetails struct {
	Name         string       `json:"name"`
	Input        string       `json:"input,omitempty"`
	InputDetails *DataDetails `json:"inputDetails,omitempty"`
}

// ExitedDetails belong to <Type>StateExited.
type ExitedDetails struct {
	Name                     string            `json:"name"`
	Output                   string            `json:"output,omitempty"`
	OutputDetails            *DataDetails      `json:"outputDetails,omitempty"`
	AssignedVariables        map[string]string `json:"assignedVariables,omitempty"`
	AssignedVariablesDetails *DataDetails      `json:"assignedVariablesDetails,omitempty"`
}

// ScheduledDetails belong to TaskScheduled. Times are in seconds, 0 for none.
type ScheduledDetails struct {
	ResourceType       string `json:"resourceType"`
	Resource           string `json:"resource"`
	Region             string `json:"region"`
	Parameters         string `json:"parameters,omitempty"`
	TimeoutInSeconds   int64  `json:"timeoutInSeconds,omitempty"`
	HeartbeatInSeconds int64  `json:"heartbeatInSeconds,omitempty"`
}

// TaskDetails belong to the other Task events.
type TaskDetails struct {
	ResourceType  string       `json:"resourceType"`
	Resource      string       `json:"resource"`
	Output        string       `json:"output,omitempty"`
	OutputDetails *DataDetails `json:"outputDetails,omitempty"`
	Error         string       `json:"error,omitempty"`
	Cause         string       `json:"cause,omitempty"`
}

// LengthDetails belong to MapStateStarted.
type LengthDetails struct {
	Length int `json:"length"`
}

// IterationDetails belong to MapIteration events.
type IterationDetails struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
}

// MapRunDetails belong to MapRunStarted.
type MapRunDetails struct {
	MapRunArn string `json:"mapRunArn"`
}

// EvaluationDetails belong to EvaluationFailed.
type EvaluationDetails struct {
	State    string `json:"state"`
	Location string `json:"location,omitempty"`
	Error    string `json:"error"`
	Cause    string `json:"cause"`
}

// Data is a payload as an event shows it, truncated to MaxPayloadBytes.
func Data(payload json.RawMessage) (string, *DataDetails) {
	text := Cut(string(payload), MaxPayloadBytes)
	return text, &DataDetails{Truncated: len(text) < len(payload)}
}

// Cut truncates text to limit bytes without splitting a character.
func Cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
