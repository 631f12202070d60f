package stepfunctions

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/asl/states"
)

// Children returns up to limit (1 to 1,000) children of a map run as List does.
func (m *Machine) Children(
	ctx context.Context,
	mapRunARN string,
	status states.Status,
	after string,
	limit int,
) (page []states.Execution, next string, err error) {
	return m.list(ctx, &sfn.ListExecutionsInput{MapRunArn: &mapRunARN}, status, after, limit)
}

// describeAtOnce bounds the children that are described concurrently.
const describeAtOnce = 8

// Child describes the child of an execution whose input is wanted, in the newest map run
// that has one, or returns states.ErrExecutionDoesNotExist. Lists have no inputs, so
// children are described until it is found. item is about the place of its item among
// those of the map run: it is looked for there first, and usually found at once, since a
// Map begins its items in about their order.
func (m *Machine) Child(
	ctx context.Context, name string, item int, wanted func(input json.RawMessage) bool,
) (states.Execution, error) {
	runs, err := m.mapRunARNs(ctx, name)
	if err != nil {
		return states.Execution{}, err
	}
	for _, run := range runs {
		children, err := m.allChildren(ctx, run)
		if err != nil {
			return states.Execution{}, err
		}
		found, err := m.find(ctx, nearest(children, item), wanted)
		if err != nil || found.ExecutionArn != "" {
			return found, err
		}
	}
	return states.Execution{}, states.ErrExecutionDoesNotExist
}

// allChildren returns the children of a map run, which are at most as many as there are
// lanes, newest first.
func (m *Machine) allChildren(ctx context.Context, run string) (all []states.Execution, err error) {
	for after := ""; ; {
		page, next, err := m.Children(ctx, run, "", after, maxHistory)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if after = next; after == "" {
			return all, nil
		}
	}
}

// nearest sorts children, newest first, by how far they are from the place of an item.
func nearest(children []states.Execution, item int) []string {
	far := func(i int) int { return max(len(children)-1-i-item, item-len(children)+1+i) }
	places := make([]int, len(children))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(a, b int) int { return cmp.Compare(far(a), far(b)) })
	arns := make([]string, len(places))
	for i, place := range places {
		arns[i] = children[place].ExecutionArn
	}
	return arns
}

// find describes executions, a few at a time, until one has the input that is wanted.
func (m *Machine) find(
	ctx context.Context, arns []string, wanted func(json.RawMessage) bool,
) (found states.Execution, err error) {
	for part := range slices.Chunk(arns, describeAtOnce) {
		described := make([]states.Execution, len(part))
		group, ctx := errgroup.WithContext(ctx)
		for i, arn := range part {
			group.Go(func() (err error) {
				described[i], err = m.describe(ctx, arn)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return found, err
		}
		for i := range described {
			if wanted(described[i].Input) {
				return described[i], nil
			}
		}
	}
	return found, nil
}
