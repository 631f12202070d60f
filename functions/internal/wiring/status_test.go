package wiring

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"reprise/pkg/aws/settings"
)

// noLags is a CloudWatch without values.
type noLags struct{}

func (noLags) GetMetricStatistics(
	context.Context, *cloudwatch.GetMetricStatisticsInput, ...func(*cloudwatch.Options),
) (*cloudwatch.GetMetricStatisticsOutput, error) {
	return &cloudwatch.GetMetricStatisticsOutput{}, nil
}

// TestTheStatusShowsTheConsumersThatAreDeployed: run-microservice only with a service.
func TestTheStatusShowsTheConsumersThatAreDeployed(t *testing.T) {
	names, err := settings.NewNames("reprise")
	if err != nil {
		t.Fatal(err)
	}
	for service, want := range map[bool][]string{
		false: {"pump-events", "write-state", "apply-playback"},
		true:  {"pump-events", "write-state", "run-microservice", "apply-playback"},
	} {
		s := status{names: names, lag: iteratorAge{api: noLags{}, now: time.Now, names: names}, service: service}
		consumers, err := s.Consumers(t.Context())
		var got []string
		for _, c := range consumers {
			got = append(got, c.Name)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("service %t: %v, %v", service, got, err)
		}
	}
}
