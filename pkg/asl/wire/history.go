package wire

import (
	"context"
	"strconv"

	"reprise/pkg/asl/states"
)

type historyRequest struct {
	ExecutionArn, NextToken string
	MaxResults              int
	ReverseOrder            bool
	IncludeExecutionData    *bool
}

// eventView is an event with its time in seconds.
type eventView struct {
	states.Event
	Timestamp epoch `json:"timestamp"`
}

func (s *Server) getExecutionHistory(ctx context.Context, in historyRequest) (any, error) {
	events := listOf("events", in.ExecutionArn, strconv.FormatBool(in.ReverseOrder))
	from, err := events.number(in.NextToken)
	if err != nil {
		return nil, err
	}
	page, err := s.config.Engine.History(ctx, in.ExecutionArn, from, pageSize(in.MaxResults), in.ReverseOrder)
	if err != nil {
		return nil, err
	}
	views := make([]eventView, 0, len(page.Events))
	for _, event := range page.Events {
		if in.IncludeExecutionData != nil && !*in.IncludeExecutionData {
			strip(&event)
		}
		views = append(views, eventView{event, epoch(event.Timestamp)})
	}
	next := ""
	if page.Next != 0 {
		next = strconv.FormatInt(page.Next, 10)
	}
	return events.answer("events", views, next), nil
}

// strip removes inputs and outputs from an event. It modifies the details that
// the event points to, so the event must not be shared.
func strip(e *states.Event) {
	if d := e.ExecutionStarted; d != nil {
		d.Input, d.InputDetails = "", nil
	}
	if d := e.ExecutionSucceeded; d != nil {
		d.Output, d.OutputDetails = "", nil
	}
	if d := e.StateEntered; d != nil {
		d.Input, d.InputDetails = "", nil
	}
	if d := e.StateExited; d != nil {
		d.Output, d.OutputDetails, d.AssignedVariables, d.AssignedVariablesDetails = "", nil, nil, nil
	}
	if d := e.TaskScheduled; d != nil {
		d.Parameters = ""
	}
	for _, d := range []*states.TaskDetails{e.TaskSubmitted, e.TaskSucceeded} {
		if d != nil {
			d.Output, d.OutputDetails = "", nil
		}
	}
}
