package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/asl/states"
	"reprise/pkg/event"
)

const (
	defaultExecutionEvents = 200
	maxExecutionEvents     = 500
	// maxExecutionText bounds each text in an event, so that a page fits into the
	// answer of a Lambda function.
	maxExecutionText = 2048
)

// Executions reads the executions of the replay state machine: on one machine those of
// the engine, on AWS those of Step Functions. Methods are safe for concurrent use.
// Errors: states.ErrExecutionDoesNotExist.
type Executions interface {
	// Execution describes an execution.
	Execution(ctx context.Context, name string) (states.Execution, error)
	// Child describes the child of an execution whose input ReadsGroup accepts, in the
	// newest map run that has one.
	Child(ctx context.Context, name string, group int) (states.Execution, error)
	// Definition returns the definition that an execution was started with, which is
	// that of the whole machine for a child, too.
	Definition(ctx context.Context, arn string) (json.RawMessage, error)
	// Events returns the events of an execution whose ids follow after, ascending, at
	// most limit; more says whether there are others behind them.
	Events(ctx context.Context, arn string, after int64, limit int) (page []states.Event, more bool, err error)
}

// ReadsGroup reports whether an input is that of the child execution that reads a lane
// group.
func ReadsGroup(input json.RawMessage, group int) bool {
	var given struct {
		Group *int `json:"group"`
	}
	return json.Unmarshal(input, &given) == nil && given.Group != nil && *given.Group == group
}

// ExecutionView is the execution of a replay with a page of its events.
type ExecutionView struct {
	Name string `json:"name"`
	// Group is the lane group that a child execution reads, nil for the execution itself.
	Group   *int          `json:"group,omitempty"`
	Status  states.Status `json:"status"`
	Started time.Time     `json:"started"`
	Stopped *time.Time    `json:"stopped,omitempty"`
	Error   string        `json:"error,omitempty"`
	Cause   string        `json:"cause,omitempty"`
	// Definition is that of the state machine, or of the part that a child carries out,
	// in the Amazon States Language; only the first page has it.
	Definition json.RawMessage  `json:"definition,omitempty"`
	Events     []ExecutionEvent `json:"events"`
	// More says that there are events behind this page.
	More bool `json:"more"`
}

// ExecutionEvent is an event of an execution's history. Type is one of Step Functions';
// only what belongs to it is set. Long texts are cut, and Truncated is set then.
type ExecutionEvent struct {
	ID       int64     `json:"id"`
	Previous int64     `json:"previous"`
	Type     string    `json:"type"`
	At       time.Time `json:"at"`
	State    string    `json:"state,omitempty"`
	Input    string    `json:"input,omitempty"`
	Output   string    `json:"output,omitempty"`
	Error    string    `json:"error,omitempty"`
	Cause    string    `json:"cause,omitempty"`
	// Resource and Parameters are those of a task, MapRun the ARN of a map run, and
	// Index the number of an item of a Map.
	Resource   string `json:"resource,omitempty"`
	Parameters string `json:"parameters,omitempty"`
	MapRun     string `json:"mapRun,omitempty"`
	Index      *int   `json:"index,omitempty"`
	Truncated  bool   `json:"truncated,omitempty"`
}

func (a *API) getExecution(r *http.Request) (web.Reply, error) {
	q := web.NewQuery(r, "group", "after", "limit")
	group := q.Number("group", wholeExecution, 0, event.MaxLanes-1)
	after := q.Number("after", 0, 0, maxEventID)
	limit := q.Number("limit", defaultExecutionEvents, 1, maxExecutionEvents)
	if err := q.Err(); err != nil {
		return web.Reply{}, err
	}
	row, err := a.Viewer.Store.Load(r.Context(), r.PathValue("id"))
	if err != nil {
		return web.Reply{}, err
	}
	view, err := a.executionView(r.Context(), row.Execution(), group, int64(after), limit)
	if errors.Is(err, states.ErrExecutionDoesNotExist) {
		return web.Reply{}, web.NewProblem(http.StatusNotFound, "execution-not-found",
			"the replay's execution, or its child for that lane group, has not begun yet, or is no longer kept")
	}
	return web.Answer(http.StatusOK, view), err
}

// wholeExecution stands for the execution itself where lane groups are numbered.
const wholeExecution = -1

// maxEventID is more than any history has: 25,000 on AWS.
const maxEventID = 1<<31 - 1

func (a *API) executionView(
	ctx context.Context, name string, group int, after int64, limit int,
) (view ExecutionView, err error) {
	shown, err := a.execution(ctx, name, group)
	if err != nil {
		return view, fmt.Errorf("describe execution: %w", err)
	}
	view = ExecutionView{
		Name:    shown.Name,
		Status:  shown.Status,
		Started: shown.StartDate.UTC(),
		Error:   shown.Error,
		Cause:   states.Cut(shown.Cause, maxExecutionText),
		Events:  []ExecutionEvent{},
	}
	if !shown.StopDate.IsZero() {
		stopped := shown.StopDate.UTC()
		view.Stopped = &stopped
	}
	if group != wholeExecution {
		view.Group = &group
	}
	if after == 0 {
		whole, err := a.Platform.Definition(ctx, shown.ExecutionArn)
		if err != nil {
			return view, fmt.Errorf("read definition: %w", err)
		}
		if view.Definition = whole; group != wholeExecution {
			view.Definition = childDefinition(whole)
		}
	}
	page, more, err := a.Platform.Events(ctx, shown.ExecutionArn, after, limit)
	if err != nil {
		return view, fmt.Errorf("read history: %w", err)
	}
	view.More = more
	for i := range page {
		view.Events = append(view.Events, viewEvent(&page[i]))
	}
	return view, nil
}

func (a *API) execution(ctx context.Context, name string, group int) (states.Execution, error) {
	if group == wholeExecution {
		return a.Platform.Execution(ctx, name)
	}
	return a.Platform.Child(ctx, name, group)
}

// childDefinition is the part of a definition that the children of its distributed Map
// carry out; a definition without one is that part already.
func childDefinition(whole json.RawMessage) json.RawMessage {
	var machine struct {
		States map[string]struct {
			ItemProcessor json.RawMessage
		}
	}
	if json.Unmarshal(whole, &machine) != nil {
		return whole
	}
	for _, name := range slices.Sorted(maps.Keys(machine.States)) {
		if processor := machine.States[name].ItemProcessor; len(processor) > 0 {
			return processor
		}
	}
	return whole
}

// viewEvent flattens an event: its members have one meaning each, whatever its type.
func viewEvent(e *states.Event) ExecutionEvent {
	view := ExecutionEvent{ID: e.ID, Previous: e.PreviousEventID, Type: e.Type, At: e.Timestamp.UTC()}
	view.addState(e)
	view.addTask(e)
	view.addMap(e)
	for _, failed := range []*states.ErrorDetails{
		e.ExecutionFailed, e.ExecutionAborted, e.ExecutionTimedOut, e.MapRunFailed,
	} {
		if failed != nil {
			view.Error, view.Cause = failed.Error, failed.Cause
		}
	}
	for _, text := range []*string{&view.Input, &view.Output, &view.Error, &view.Cause, &view.Parameters} {
		if cut := states.Cut(*text, maxExecutionText); len(cut) < len(*text) {
			*text, view.Truncated = cut, true
		}
	}
	return view
}

func (v *ExecutionEvent) addState(e *states.Event) {
	if d := e.ExecutionStarted; d != nil {
		v.Input = d.Input
	}
	if d := e.ExecutionSucceeded; d != nil {
		v.Output = d.Output
	}
	if d := e.StateEntered; d != nil {
		v.State, v.Input = d.Name, d.Input
	}
	if d := e.StateExited; d != nil {
		v.State, v.Output = d.Name, d.Output
	}
	if d := e.EvaluationFailed; d != nil {
		v.State, v.Error, v.Cause = d.State, d.Error, d.Cause
	}
}

func (v *ExecutionEvent) addTask(e *states.Event) {
	if d := e.TaskScheduled; d != nil {
		v.Resource, v.Parameters = d.ResourceType+":"+d.Resource, d.Parameters
	}
	for _, d := range []*states.TaskDetails{
		e.TaskStarted, e.TaskSubmitted, e.TaskSucceeded, e.TaskFailed, e.TaskTimedOut, e.TaskSubmitFailed,
	} {
		if d != nil {
			v.Resource, v.Output, v.Error, v.Cause = d.ResourceType+":"+d.Resource, d.Output, d.Error, d.Cause
		}
	}
}

func (v *ExecutionEvent) addMap(e *states.Event) {
	if d := e.MapRunStarted; d != nil {
		v.MapRun = d.MapRunArn
	}
	for _, d := range []*states.IterationDetails{
		e.IterationStarted, e.IterationSucceeded, e.IterationFailed, e.IterationAborted,
	} {
		if d != nil {
			v.State, v.Index = d.Name, &d.Index
		}
	}
}
