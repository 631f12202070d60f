package stepfunctions

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/asl/states"
)

func toTime(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// MapRuns returns the map runs of an execution, newest first.
func (m *Machine) MapRuns(ctx context.Context, name string) ([]states.MapRun, error) {
	arns, err := m.mapRunARNs(ctx, name)
	if err != nil {
		return nil, err
	}
	runs := make([]states.MapRun, 0, len(arns))
	for _, arn := range arns {
		run, err := m.mapRun(ctx, arn)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

func (m *Machine) mapRun(ctx context.Context, arn string) (states.MapRun, error) {
	out, err := m.client.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: &arn})
	if err != nil {
		return states.MapRun{}, failed("describe map run", err)
	}
	run := states.MapRun{
		MapRunArn:                  aws.ToString(out.MapRunArn),
		ExecutionArn:               aws.ToString(out.ExecutionArn),
		StateMachineArn:            m.arn,
		Status:                     states.Status(out.Status),
		StartDate:                  toTime(out.StartDate),
		StopDate:                   toTime(out.StopDate),
		MaxConcurrency:             int(out.MaxConcurrency),
		ToleratedFailurePercentage: float64(out.ToleratedFailurePercentage),
		ToleratedFailureCount:      out.ToleratedFailureCount,
	}
	if c := out.ItemCounts; c != nil {
		run.ItemCounts = counts(*c)
	}
	if c := out.ExecutionCounts; c != nil { // the same members, another type
		run.ExecutionCounts = counts(types.MapRunItemCounts(*c))
	}
	return run, nil
}

func counts(c types.MapRunItemCounts) states.Counts {
	return states.Counts{
		Pending:               int(c.Pending),
		Running:               int(c.Running),
		Succeeded:             int(c.Succeeded),
		Failed:                int(c.Failed),
		TimedOut:              int(c.TimedOut),
		Aborted:               int(c.Aborted),
		Total:                 int(c.Total),
		ResultsWritten:        int(c.ResultsWritten),
		FailuresNotRedrivable: int(aws.ToInt64(c.FailuresNotRedrivable)),
		PendingRedrive:        int(aws.ToInt64(c.PendingRedrive)),
	}
}

// SetConcurrency implements lifecycle.Executions. A map run may end between the two
// calls; then there is none to change.
func (m *Machine) SetConcurrency(ctx context.Context, name string, n int) error {
	arn, err := m.runningMapRun(ctx, name)
	if err != nil || arn == "" {
		return err
	}
	_, err = m.client.UpdateMapRun(ctx, &sfn.UpdateMapRunInput{MapRunArn: &arn, MaxConcurrency: aws.Int32(int32(n))})
	if err == nil {
		return nil
	}
	err = failed("update map run", err)
	if now, again := m.runningMapRun(ctx, name); again == nil && now != arn {
		return nil
	}
	return err
}

// runningMapRun is the ARN of the map run of an execution that has not ended, "" if there
// is none. The newest is listed first, and an execution has one at a time.
func (m *Machine) runningMapRun(ctx context.Context, name string) (string, error) {
	arn := m.ExecutionARN(name)
	out, err := m.client.ListMapRuns(ctx, &sfn.ListMapRunsInput{ExecutionArn: &arn})
	if err != nil {
		if err = failed("list map runs of "+name, err); errors.Is(err, states.ErrExecutionDoesNotExist) {
			return "", nil
		}
		return "", err
	}
	for _, run := range out.MapRuns {
		if run.StopDate == nil {
			return aws.ToString(run.MapRunArn), nil
		}
	}
	return "", nil
}
