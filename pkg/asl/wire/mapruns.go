package wire

import (
	"context"
	"strconv"

	"reprise/pkg/asl/engine"
	"reprise/pkg/asl/states"
)

type mapRunRequest struct{ MapRunArn string }

// mapRunView is a map run with its times in seconds.
type mapRunView struct {
	states.MapRun
	StartDate    epoch  `json:"startDate"`
	StopDate     *epoch `json:"stopDate,omitempty"`
	RedriveCount int    `json:"redriveCount"`
}

func viewOfRun(r states.MapRun) mapRunView {
	return mapRunView{MapRun: r, StartDate: epoch(r.StartDate), StopDate: since(r.StopDate)}
}

func (s *Server) describeMapRun(ctx context.Context, in mapRunRequest) (any, error) {
	run, err := s.config.Engine.DescribeMapRun(ctx, in.MapRunArn)
	if err != nil {
		return nil, err
	}
	return viewOfRun(run), nil
}

type listRunsRequest struct {
	ExecutionArn, NextToken string
	MaxResults              int
}

func (s *Server) listMapRuns(ctx context.Context, in listRunsRequest) (any, error) {
	place, err := decodeToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	from := 0
	if place != "" {
		if from, err = strconv.Atoi(place); err != nil || from < 0 {
			return nil, errToken
		}
	}
	runs, err := s.config.Engine.ListMapRuns(ctx, in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	from = min(from, len(runs))
	to := len(runs)
	if in.MaxResults > 0 {
		to = min(from+in.MaxResults, to)
	}
	views := []mapRunView{}
	for _, run := range runs[from:to] {
		views = append(views, viewOfRun(run))
	}
	next := ""
	if to < len(runs) {
		next = strconv.Itoa(to)
	}
	return withToken(map[string]any{"mapRuns": views}, next), nil
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
