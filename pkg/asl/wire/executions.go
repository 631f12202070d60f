package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
		if input = json.RawMessage(*in.Input); len(input) == 0 {
			return nil, states.ErrInvalidInput
		}
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
	ItemCount           int     `json:"itemCount,omitempty"` // only in lists
	RedriveCount        int     `json:"redriveCount"`
	RedriveStatus       string  `json:"redriveStatus"`
	RedriveStatusReason string  `json:"redriveStatusReason"`
}

// executionItem is an execution in a list.
type executionItem struct {
	ExecutionArn    string        `json:"executionArn"`
	StateMachineArn string        `json:"stateMachineArn"`
	Name            string        `json:"name"`
	Status          states.Status `json:"status"`
	StartDate       epoch         `json:"startDate"`
	StopDate        *epoch        `json:"stopDate,omitempty"`
	MapRunArn       string        `json:"mapRunArn,omitempty"`
	ItemCount       int           `json:"itemCount,omitempty"`
	RedriveCount    int           `json:"redriveCount"`
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
	return executionView{
		Execution:           e,
		StartDate:           epoch(e.StartDate),
		StopDate:            since(e.StopDate),
		Input:               text(e.Input),
		Output:              text(e.Output),
		RedriveStatus:       "NOT_REDRIVABLE",
		RedriveStatusReason: noRedrive,
	}, nil
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

// check refuses arguments that the service's model does not have.
func (in listRequest) check() error {
	statuses := []string{"", "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"}
	switch {
	case (in.StateMachineArn == "") == (in.MapRunArn == ""):
		return fmt.Errorf("%w: exactly one of stateMachineArn and mapRunArn is required", states.ErrValidation)
	case !slices.Contains(statuses, in.StatusFilter):
		return fmt.Errorf("%w: statusFilter %q is not a status", states.ErrValidation, in.StatusFilter)
	case in.StatusFilter == "PENDING_REDRIVE" && in.MapRunArn == "":
		return fmt.Errorf("%w: statusFilter PENDING_REDRIVE requires mapRunArn", states.ErrValidation)
	case !slices.Contains([]string{"", "REDRIVEN", "NOT_REDRIVEN"}, in.RedriveFilter):
		return fmt.Errorf("%w: redriveFilter must be REDRIVEN or NOT_REDRIVEN", states.ErrValidation)
	}
	return nil
}

func (s *Server) listExecutions(ctx context.Context, in listRequest) (any, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	list := listOf("executions", in.StateMachineArn, in.MapRunArn, in.StatusFilter, in.RedriveFilter)
	after, err := list.from(in.NextToken)
	if err != nil {
		return nil, err
	}
	filter := engine.ListFilter{
		MapRunArn: in.MapRunArn,
		Status:    states.Status(in.StatusFilter),
		Limit:     pageSize(in.MaxResults),
		After:     after,
	}
	if in.StateMachineArn != "" {
		machine, err := s.machine(in.StateMachineArn)
		if err != nil {
			return nil, err
		}
		filter.Machine = machine.Name
	}
	page, err := s.config.Engine.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	if in.RedriveFilter == "REDRIVEN" {
		page = engine.ExecutionPage{}
	}
	items := make([]executionItem, len(page.Executions))
	for i, e := range page.Executions {
		items[i] = itemOf(e)
	}
	return list.answer("executions", items, page.Next), nil
}

func itemOf(e states.Execution) executionItem {
	return executionItem{
		ExecutionArn:    e.ExecutionArn,
		StateMachineArn: e.StateMachineArn,
		Name:            e.Name,
		Status:          e.Status,
		StartDate:       epoch(e.StartDate),
		StopDate:        since(e.StopDate),
		MapRunArn:       e.MapRunArn,
		ItemCount:       e.ItemCount,
	}
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
