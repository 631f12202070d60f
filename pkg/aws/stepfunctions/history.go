package stepfunctions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"reprise/pkg/asl/states"
)

// maxHistory is the number of events per page of a history.
const maxHistory = 1000

// History calls visit for every event of an execution's history, oldest or newest
// first. It stops at an error of visit and returns it.
func (m *Machine) History(ctx context.Context, name string, reverse bool, visit func(states.Event) error) error {
	return m.history(ctx, m.ExecutionARN(name), reverse, true, visit)
}

// Events returns the events of an execution with that ARN whose ids follow after,
// ascending, at most limit; more says whether there are others behind them. Ids are
// numbers without gaps, but the service pages by tokens only: a page far from the start
// is read backwards, so that following a long history does not read all of it each time.
func (m *Machine) Events(
	ctx context.Context, arn string, after int64, limit int,
) (page []states.Event, more bool, err error) {
	enough := errors.New("enough")
	reverse := after > 0
	err = m.history(ctx, arn, reverse, true, func(event states.Event) error {
		switch {
		case event.ID <= after:
			return enough // only reverse reading gets here
		case event.ID > after+int64(limit):
			more = true
			if !reverse {
				return enough
			}
			return nil
		}
		page = append(page, event)
		return nil
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, false, err
	}
	if reverse {
		slices.Reverse(page)
	}
	return page, more, nil
}

func (m *Machine) history(ctx context.Context, arn string, reverse, data bool, visit func(states.Event) error) error {
	name := nameOf(arn)
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: maxHistory, ReverseOrder: reverse,
		IncludeExecutionData: aws.Bool(data)}
	for {
		out, err := m.client.GetExecutionHistory(ctx, in)
		if err != nil {
			return failed("read history of "+name, err)
		}
		for i := range out.Events {
			event, err := convert(&out.Events[i])
			if err != nil {
				return fmt.Errorf("read history of %s: %w", name, err)
			}
			if err := visit(event); err != nil {
				return err
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

// convert copies members by name: both types use the names of the API. They differ in
// the case of the first letter, which decoding ignores.
func convert(event *types.HistoryEvent) (states.Event, error) {
	var converted states.Event
	text, err := json.Marshal(event)
	if err == nil {
		err = json.Unmarshal(text, &converted)
	}
	if err != nil {
		return states.Event{}, fmt.Errorf("convert event %d: %w", event.Id, err)
	}
	return converted, nil
}
