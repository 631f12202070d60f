package wire

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"

	"reprise/pkg/asl/states"
)

// errToken means that this server did not issue a page token.
var errToken = errors.New("InvalidToken: not a token of a page")

// encodeToken makes the opaque token of a page; "" stays "".
func encodeToken(place string) string { return base64.RawURLEncoding.EncodeToString([]byte(place)) }

func decodeToken(token string) (string, error) {
	place, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", errToken
	}
	return string(place), nil
}

// withToken adds the token of the next page, unless next is "".
func withToken(answer map[string]any, next string) map[string]any {
	if next != "" {
		answer["nextToken"] = encodeToken(next)
	}
	return answer
}

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
	place, err := decodeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	var from int64
	if place != "" {
		if from, err = strconv.ParseInt(place, 10, 64); err != nil || from <= 0 {
			return nil, errToken
		}
	}
	page, err := s.config.Engine.History(ctx, in.ExecutionArn, from, in.MaxResults, in.ReverseOrder)
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
	return withToken(map[string]any{"events": views}, next), nil
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
