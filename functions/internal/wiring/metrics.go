package wiring

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"reprise/pkg/aws/settings"
)

// iteratorAge reads lags from Lambda's metric for functions that read streams: the
// age of the last record of each batch when the function received it, in
// milliseconds.
type iteratorAge struct {
	api interface {
		GetMetricStatistics(
			context.Context, *cloudwatch.GetMetricStatisticsInput, ...func(*cloudwatch.Options),
		) (*cloudwatch.GetMetricStatisticsOutput, error)
	}
	now   func() time.Time
	names settings.Names
}

// lagWindow is how far back of looks: a value may arrive some minutes late.
const lagWindow = 5 * time.Minute

// of returns the lag of a function, named by its folder. The lag is unknown if the
// function was not called within lagWindow.
func (m iteratorAge) of(ctx context.Context, folder string) (lag time.Duration, known bool, err error) {
	function := m.names.Function(folder)
	now := m.now()
	out, err := m.api.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace:  aws.String("AWS/Lambda"),
		MetricName: aws.String("IteratorAge"),
		Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: &function}},
		StartTime:  aws.Time(now.Add(-lagWindow)),
		EndTime:    &now,
		Period:     aws.Int32(60),
		Statistics: []types.Statistic{types.StatisticMaximum},
	})
	if err != nil {
		return 0, false, fmt.Errorf("read lag of %s: %w", function, err)
	}
	var newest *types.Datapoint
	for i, point := range out.Datapoints {
		if newest == nil || aws.ToTime(point.Timestamp).After(aws.ToTime(newest.Timestamp)) {
			newest = &out.Datapoints[i]
		}
	}
	if newest == nil || newest.Maximum == nil {
		return 0, false, nil
	}
	return time.Duration(*newest.Maximum) * time.Millisecond, true, nil
}
