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

// iteratorAge reads lags from the metric that Lambda publishes for functions
// that read streams: the age of the last record of each batch when it was
// handed over, in milliseconds.
type iteratorAge struct {
	api interface {
		GetMetricStatistics(context.Context, *cloudwatch.GetMetricStatisticsInput, ...func(*cloudwatch.Options)) (*cloudwatch.GetMetricStatisticsOutput, error)
	}
	now   func() time.Time
	names settings.Names
}

// lagWindow is how far back is looked: a value may come some minutes late.
const lagWindow = 5 * time.Minute

// of is the lag of a function, by its folder. One that was not called of late has
// none.
func (m iteratorAge) of(ctx context.Context, folder string) (lag time.Duration, known bool, err error) {
	function := m.names.Function(folder)
	now := m.now()
	out, err := m.api.GetMetricStatistics(ctx, &cloudwatch.GetMetricStatisticsInput{
		Namespace: aws.String("AWS/Lambda"), MetricName: aws.String("IteratorAge"),
		Dimensions: []types.Dimension{{Name: aws.String("FunctionName"), Value: &function}},
		StartTime:  aws.Time(now.Add(-lagWindow)), EndTime: &now, Period: aws.Int32(60),
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
