package stacks_test

import (
	"strconv"
	"strings"
	"testing"

	"reprise/stacks"
)

// atOnce is the largest number of functions that run by themselves: pump, microservice
// if there is a service, two generations and the playback consumer with every batch of
// their shards, and keep-consumers, while readers run; or without playback three
// generations and a step.
func atOnce(c stacks.Config) int {
	batches, consumers := c.Shards*c.Parallelization, 3
	if c.Service {
		consumers++
	}
	return max(consumers*batches+c.PlaybackShards*c.Parallelization+c.Readers+1, (consumers+1)*batches+1+1)
}

// TestDefaultsRunInANewAccount with 10 concurrent executions.
func TestDefaultsRunInANewAccount(t *testing.T) {
	for variant, service := range map[string]bool{"": true, plain: false} {
		config, err := stacks.FromContext(nil, service)
		if err != nil {
			t.Fatal(err)
		}
		readers := map[bool]int{true: 2, false: 3}[service]
		if config.Concurrency != 10 || config.Parallelization != 1 || config.Readers != readers || atOnce(config) != 8 {
			t.Errorf("%d of %d run at once: %+v", atOnce(config), config.Concurrency, config)
		}
		told := any(nil)
		eachOf(variant, "AWS::Lambda::Function", func(id string, r resource) {
			if r.Properties["ReservedConcurrentExecutions"] != nil {
				t.Errorf("%s reserves concurrency, of which a new account has none to spare", id)
			}
			if r.Properties["FunctionName"] == "reprise-plan-replay" {
				told = at(r.Properties, "Environment", "Variables", "REPRISE_READERS")
			}
		})
		if told != strconv.Itoa(readers) {
			t.Errorf("the plan was told of %v readers, want %d", told, readers)
		}
	}
}

// TestConcurrencyIsShared between consumers, readers and requests, whatever is set.
func TestConcurrencyIsShared(t *testing.T) {
	for name, c := range map[string]struct {
		context                  map[string]any
		parallelization, readers int
		refused                  bool
	}{
		"a large account":     {map[string]any{"concurrency": 1000}, 4, 8, false},
		"a few more":          {map[string]any{"concurrency": 16}, 2, 3, false},
		"many shards":         {map[string]any{"concurrency": 1000, "shards": 64, "lanes": 64}, 3, 8, false},
		"readers are set":     {map[string]any{"concurrency": 100, "readers": 40}, 4, 40, false},
		"parallelization":     {map[string]any{"concurrency": 100, "parallelization": 10}, 10, 8, false},
		"fewer are needed":    {map[string]any{"readers": 1}, 1, 1, false},
		"two shards":          {map[string]any{"shards": 2}, 0, 0, true},
		"too many batches":    {map[string]any{"parallelization": 2}, 0, 0, true},
		"too many readers":    {map[string]any{"readers": 3}, 0, 0, true},
		"two playback shards": {map[string]any{"playbackShards": 2}, 0, 0, true},
	} {
		context := make(map[string]any)
		for setting, value := range c.context {
			context["reprise:"+setting] = float64(value.(int))
		}
		config, err := stacks.FromContext(context, true)
		if c.refused {
			if err == nil || !strings.Contains(err.Error(), "reprise:concurrency") ||
				!strings.Contains(err.Error(), "reprise doctor") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || config.Parallelization != c.parallelization || config.Readers != c.readers {
			t.Errorf("%s: parallelization %d, readers %d, %v", name, config.Parallelization, config.Readers, err)
		}
		if atOnce(config)+2 > config.Concurrency {
			t.Errorf("%s: %d run at once, of %d", name, atOnce(config), config.Concurrency)
		}
	}
}

// TestALargeAccountReservesForThePump what its batches need while twice as many shards
// are read, and leaves at least 100 unreserved, which Lambda asks for.
func TestALargeAccountReservesForThePump(t *testing.T) {
	eachOf("large/", "AWS::Lambda::Function", func(id string, r resource) {
		want := any(nil)
		if r.Properties["FunctionName"] == "reprise-pump-events" {
			want = 8.0
		}
		if r.Properties["ReservedConcurrentExecutions"] != want {
			t.Errorf("%s reserves %v, want %v", id, r.Properties["ReservedConcurrentExecutions"], want)
		}
	})
}
