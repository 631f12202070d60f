package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

// epoch is a time in seconds since 1970, the format of AWS JSON.
type epoch time.Time

// MarshalJSON implements json.Marshaler, to the millisecond.
func (e epoch) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", float64(time.Time(e).UnixMilli())/1000), nil
}

// since is nil for the zero time, which the API omits.
func since(t time.Time) *epoch {
	if t.IsZero() {
		return nil
	}
	e := epoch(t)
	return &e
}

const noRedrive = "Executions resume by themselves here; there is no redrive."

type startRequest struct {
	StateMachineArn, Name string
	Input                 *string
}

func (s *Server) startExecution(ctx context.Context, in startRequest) (any, error) {
	machine, err := s.machine(in.StateMachineArn)
	if err != nil {
		return nil, err
	}
	var input json.RawMessage
	if in.Input != nil {
		input = json.RawMessage(*in.Input)
	}
	started, err := s.config.Engine.Start(ctx, machine.Name, in.Name, input)
	if err != nil {
		return nil, err
	}
	return map[string]any{"executionArn": started.ExecutionArn, "startDate": epoch(started.StartDate)}, nil
}

type executionRequest struct{ ExecutionArn string }

// executionView is an execution with its data as strings and its times in
// seconds; the fields here hide those of states.Execution.
type executionView struct {
	states.Execution
	StartDate           epoch   `json:"startDate"`
	StopDate            *epoch  `json:"stopDate,omitempty"`
	Input               *string `json:"input,omitempty"`
	Output              *string `json:"output,omitempty"`
	RedriveCount        int     `json:"redriveCount"`
	RedriveStatus       string  `json:"redriveStatus,omitempty"`
	RedriveStatusReason string  `json:"redriveStatusReason,omitempty"`
}

func viewOf(e states.Execution) executionView {
	return executionView{Execution: e, StartDate: epoch(e.StartDate), StopDate: since(e.StopDate),
		Input: text(e.Input), Output: text(e.Output)}
}

func text(raw json.RawMessage) *string {
	if raw == nil {
		return nil
	}
	s := string(raw)
	return &s
}

func (s *Server) describeExecution(ctx context.Context, in executionRequest) (any, error) {
	e, err := s.config.Engine.Describe(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	view := viewOf(e)
	view.RedriveStatus, view.RedriveStatusReason = "NOT_REDRIVABLE", noRedrive
	return view, nil
}

type stopRequest struct{ ExecutionArn, Error, Cause string }

func (s *Server) stopExecution(ctx context.Context, in stopRequest) (any, error) {
	at, err := s.config.Engine.Stop(ctx, in.ExecutionArn, in.Error, in.Cause)
	if err != nil {
		return nil, err
	}
	return map[string]any{"stopDate": epoch(at)}, nil
}

type listRequest struct {
	StateMachineArn, MapRunArn, StatusFilter, RedriveFilter, NextToken string
	MaxResults                                                         int
}

func (s *Server) listExecutions(ctx context.Context, in listRequest) (any, error) {
	if (in.StateMachineArn == "") == (in.MapRunArn == "") {
		return nil, fmt.Errorf("%w: exactly one of stateMachineArn and mapRunArn is required", states.ErrValidation)
	}
	after, err := decodeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	filter := engine.ListFilter{
		MapRunArn: in.MapRunArn,
		Status:    states.Status(in.StatusFilter),
		Limit:     in.MaxResults,
		After:     after,
	}
	if in.StateMachineArn != "" {
		machine, err := s.machine(in.StateMachineArn)
		if err != nil {
			return nil, err
		}
		filter.Machine = machine.Name
	}
	views := []executionView{}
	if in.RedriveFilter == "REDRIVEN" {
		return map[string]any{"executions": views}, nil
	}
	page, err := s.config.Engine.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	for _, e := range page.Executions {
		views = append(views, viewOf(e))
	}
	return withToken(map[string]any{"executions": views}, page.Next), nil
}

// machine finds a state machine by its ARN. Versions and aliases are not
// supported.
func (s *Server) machine(arn string) (Machine, error) {
	name, found := s.arns.MachineName(arn)
	if !found {
		return Machine{}, fmt.Errorf("state machine %q: %w", arn, states.ErrInvalidArn)
	}
	for _, machine := range s.config.Machines {
		if machine.Name == name {
			return machine, nil
		}
	}
	return Machine{}, fmt.Errorf("state machine %q: %w", arn, states.ErrStateMachineDoesNotExist)
}
