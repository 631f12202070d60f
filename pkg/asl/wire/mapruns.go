package wire

import (
	"context"

	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

type mapRunRequest struct{ MapRunArn string }

// mapRunView is a map run with its times in seconds. The answer of
// DescribeMapRun has no stateMachineArn; the field here hides that of
// states.MapRun.
type mapRunView struct {
	states.MapRun
	StateMachineArn string `json:"stateMachineArn,omitempty"`
	StartDate       epoch  `json:"startDate"`
	StopDate        *epoch `json:"stopDate,omitempty"`
	RedriveCount    int    `json:"redriveCount"`
}

// mapRunItem is a map run in a list.
type mapRunItem struct {
	MapRunArn       string `json:"mapRunArn"`
	ExecutionArn    string `json:"executionArn"`
	StateMachineArn string `json:"stateMachineArn"`
	StartDate       epoch  `json:"startDate"`
	StopDate        *epoch `json:"stopDate,omitempty"`
}

func (s *Server) describeMapRun(ctx context.Context, in mapRunRequest) (any, error) {
	run, err := s.config.Engine.DescribeMapRun(ctx, in.MapRunArn)
	if err != nil {
		return nil, err
	}
	return mapRunView{MapRun: run, StartDate: epoch(run.StartDate), StopDate: since(run.StopDate)}, nil
}

type listRunsRequest struct {
	ExecutionArn, NextToken string
	MaxResults              int
}

func (s *Server) listMapRuns(ctx context.Context, in listRunsRequest) (any, error) {
	list := listOf("mapRuns", in.ExecutionArn)
	from, err := list.number(in.NextToken)
	if err != nil {
		return nil, err
	}
	runs, err := s.config.Engine.ListMapRuns(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	page, next := slice(runs, from, in.MaxResults)
	items := make([]mapRunItem, len(page))
	for i, run := range page {
		items[i] = mapRunItem{
			MapRunArn:       run.MapRunArn,
			ExecutionArn:    run.ExecutionArn,
			StateMachineArn: run.StateMachineArn,
			StartDate:       epoch(run.StartDate),
			StopDate:        since(run.StopDate),
		}
	}
	return list.answer("mapRuns", items, next), nil
}

type updateRunRequest struct {
	MapRunArn                  string
	MaxConcurrency             *int
	ToleratedFailurePercentage *float64
	ToleratedFailureCount      *int64
}

func (s *Server) updateMapRun(ctx context.Context, in updateRunRequest) (any, error) {
	err := s.config.Engine.UpdateMapRun(ctx, in.MapRunArn, engine.RunUpdate{MaxConcurrency: in.MaxConcurrency,
		ToleratedFailurePercentage: in.ToleratedFailurePercentage, ToleratedFailureCount: in.ToleratedFailureCount})
	return struct{}{}, err
}
