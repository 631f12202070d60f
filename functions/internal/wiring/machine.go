package wiring

import (
	"context"

	"reprise/pkg/api"
	"reprise/pkg/asl/states"
	"reprise/pkg/aws/stepfunctions"
)

// maxListed bounds the executions that a status shows.
const maxListed = 100

// running lists the executions of a state machine that run.
type running struct{ machine *stepfunctions.Machine }

// Running implements RunningExecutions, newest first.
func (r running) Running(ctx context.Context) ([]api.ExecutionStatus, error) {
	page, _, err := r.machine.List(ctx, states.StatusRunning, "", maxListed)
	if err != nil {
		return nil, err
	}
	all := make([]api.ExecutionStatus, 0, len(page))
	for _, e := range page {
		all = append(all, api.ExecutionStatus{Machine: r.machine.Name(), Name: e.Name,
			Status: string(e.Status), Started: e.StartDate})
	}
	return all, nil
}
