package stepfunctions

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"reprise/pkg/asl/states"
)

// Transitions counts the state transitions so far of an execution and the children of
// its map runs. AWS charges for every state entered and every further attempt of a
// task. It does not look at map runs of children. It reads every history, a thousand
// events per call; ctx should bound the time. It fails with
// states.ErrExecutionDoesNotExist if there is no such execution.
func (m *Machine) Transitions(ctx context.Context, name string) (int, error) {
	sum, err := m.transitions(ctx, m.ExecutionARN(name))
	if err != nil {
		return 0, err
	}
	runs, err := m.mapRunARNs(ctx, name)
	if err != nil {
		return 0, err
	}
	for _, run := range runs {
		for after := ""; ; {
			page, next, err := m.Children(ctx, run, "", after, maxHistory)
			if err != nil {
				return 0, err
			}
			for _, child := range page {
				n, err := m.transitions(ctx, child.ExecutionArn)
				if err != nil {
					return 0, err
				}
				sum += n
			}
			if after = next; after == "" {
				break
			}
		}
	}
	return sum, nil
}

// transitions counts the transitions in one history.
func (m *Machine) transitions(ctx context.Context, arn string) (int, error) {
	entered, tasks, attempts := 0, 0, 0
	err := m.history(ctx, arn, false, false, func(event states.Event) error {
		switch {
		case event.Type == "TaskStateEntered":
			entered, tasks = entered+1, tasks+1
		case strings.HasSuffix(event.Type, "StateEntered"):
			entered++
		case event.Type == "TaskScheduled":
			attempts++
		}
		return nil
	})
	return entered + max(0, attempts-tasks), err
}

// mapRunARNs returns the ARNs of the map runs of an execution.
func (m *Machine) mapRunARNs(ctx context.Context, name string) ([]string, error) {
	arn := m.ExecutionARN(name)
	in := &sfn.ListMapRunsInput{ExecutionArn: &arn}
	var all []string
	for {
		out, err := m.client.ListMapRuns(ctx, in)
		if err != nil {
			return nil, failed("list map runs of "+name, err)
		}
		for _, run := range out.MapRuns {
			all = append(all, aws.ToString(run.MapRunArn))
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all, nil
		}
	}
}
