package feedkinesis_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"reprise/integration/engines"
	"reprise/pkg/aws/feedkinesis"
	"reprise/pkg/feed"
	"reprise/pkg/feed/feedtest"
)

func open(t *testing.T, transport http.RoundTripper) feed.Streams {
	return slow(feedkinesis.New(engines.Kinesis(t, transport), feedkinesis.Options{Pace: engines.Pace(), Waits: 10_000}))
}

func TestConformance(t *testing.T) {
	feedtest.Run(t, func(t *testing.T) feed.Streams { return open(t, nil) }, feedtest.Features{
		Reopen: func(t *testing.T, _ feed.Streams) feed.Streams { return open(t, nil) },
	})
}

// slowStreams compensates for an engine that creates and deletes streams within
// a moment. Creation times are whole seconds, in Kinesis too, and would not
// distinguish two streams of one name.
type slowStreams struct {
	feed.Streams
	mu      sync.Mutex
	created map[string]time.Time
}

func slow(streams feed.Streams) feed.Streams {
	return &slowStreams{Streams: streams, created: make(map[string]time.Time)}
}

func (s *slowStreams) Create(ctx context.Context, name string, shards int) (feed.Description, error) {
	s.mu.Lock()
	before := s.created[name]
	s.mu.Unlock()
	if _, err := s.Describe(ctx, name); err != nil && !before.IsZero() {
		if err := engines.Pace().Sleep(ctx, time.Until(before.Add(time.Second))); err != nil {
			return feed.Description{}, err
		}
	}
	description, err := s.Streams.Create(ctx, name, shards)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created[name] = time.Now()
	return description, err
}
