package polling_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"reprise/pkg/replay/polling"
)

func TestTheFirstLooksFollowQuickly(t *testing.T) {
	for _, tt := range []struct {
		interval polling.Interval
		want     []time.Duration
	}{
		{polling.Interval{First: 5, Most: 30}, []time.Duration{5, 10, 20, 30, 30}},
		{polling.Interval{First: 50, Most: 30}, []time.Duration{30, 30, 30, 30, 30}},
		{polling.Interval{Most: 30}, []time.Duration{30, 30, 30, 30, 30}},
	} {
		var slept []time.Duration
		waiter := tt.interval.Waiter(func(_ context.Context, d time.Duration) error {
			slept = append(slept, d)
			return nil
		})
		for range tt.want {
			if err := waiter.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(slept, tt.want) {
			t.Errorf("%+v waits for %v, want %v", tt.interval, slept, tt.want)
		}
	}
}
