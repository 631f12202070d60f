package platformtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"reprise/pkg/domain"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/local/pebbletest"
	"reprise/pkg/platform"
)

// Machine is the ARN of the replay state machine.
const Machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:reprise-replay"

// Lanes is the number of lanes, Bucket the width of the log's buckets.
const (
	Lanes  = 4
	Bucket = eventlog.Hour
)

// World is the parts of a platform. A test changes Parts before it makes one.
type World struct {
	T     testing.TB
	Parts platform.Parts
	// Logged is what Parts.Log wrote, as lines of JSON.
	Logged *bytes.Buffer
	// Wakes counts the times that WakeKeeper was called.
	Wakes int
	// Behind is the lag of every function. LagErr is why it is unknown, if it
	// is.
	Behind time.Duration
	LagErr error
}

// New makes a world with streams of two shards, and consumers that nobody runs.
func New(t testing.TB) *World {
	t.Helper()
	stores := pebbletest.Open(t)
	w := &World{T: t, Logged: new(bytes.Buffer)}
	w.Parts = platform.Parts{
		Settings: platform.Settings{
			Bucket:        Bucket,
			Retention:     24 * time.Hour,
			Machine:       Machine,
			Published:     "1",
			LongStep:      time.Minute,
			ShortStep:     time.Minute,
			Lease:         time.Minute,
			WritePatience: time.Second,
			LagEvery:      time.Minute,
		},
		Table:       stores.Table,
		Effects:     stores.Effects,
		EventLog:    stores.Log,
		Generations: stores.Generations,
		Host:        noHost{},
		WakeKeeper:  func(context.Context) error { w.Wakes++; return nil },
		Lag: func(context.Context, string) (time.Duration, bool, error) {
			return w.Behind, w.LagErr == nil, w.LagErr
		},
		Log:    slog.New(slog.NewJSONHandler(w.Logged, nil)),
		Now:    time.Now,
		Sleep:  func(context.Context, time.Duration) error { return nil },
		Random: strings.NewReader(strings.Repeat("0123456789abcdef", 1000)),
	}
	w.open(stores.Streams)
	return w
}

func (w *World) open(streams feed.Streams) {
	w.T.Helper()
	_, eventsErr := streams.Create(w.T.Context(), "events", 2)
	_, playbackErr := streams.Create(w.T.Context(), "playback", 2)
	w.Parts.Events, w.Parts.Playback = streams.Open("events"), streams.Open("playback")
	p, err := platform.Open(w.T.Context(), w.Parts, Lanes, domain.Projections(), "events")
	if err := errors.Join(err, eventsErr, playbackErr); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(p.Codec.Close)
	w.Parts = p.Parts
}

// View is the log as consumers see it.
func (w *World) View() eventlog.View {
	return eventlog.View{Log: w.Parts.EventLog, Heads: eventlog.Heads{Table: w.Parts.Table}}
}

// Platform makes a platform of the current parts.
func (w *World) Platform() *platform.Platform { return platform.New(w.Parts) }

// Send lets load-events accept an event.
func Send(t testing.TB, p *platform.Platform, event string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/events", strings.NewReader(event))
	request.Header.Set("Content-Type", "application/cloudevents+json")
	answer := httptest.NewRecorder()
	p.Load(false).Handler().ServeHTTP(answer, request)
	if answer.Code != http.StatusAccepted {
		t.Fatalf("send: %d %s", answer.Code, answer.Body)
	}
}

// Sent lets load-events accept events of one entity, "x", and returns
// everything in the event stream.
func Sent(t testing.TB, p *platform.Platform, types ...string) events.KinesisEvent {
	t.Helper()
	for i, kind := range types {
		Send(t, p, fmt.Sprintf(`{"specversion":"1.0","id":"%c","source":"s","type":%q,"subject":"x"}`, 'a'+i, kind))
	}
	return Records(t, p.Events)
}

// Records returns all records of a stream as one batch.
func Records(t testing.TB, stream feed.Stream) events.KinesisEvent {
	t.Helper()
	var batch events.KinesisEvent
	shards, err := stream.Shards(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, shard := range shards {
		at, err := stream.Iterator(t.Context(), shard.ID, feed.Start{})
		for {
			if err != nil {
				t.Fatal(err)
			}
			read, err := stream.Read(t.Context(), at, 100)
			if err != nil {
				t.Fatal(err)
			}
			if len(read.Records) == 0 {
				break
			}
			for _, r := range read.Records {
				batch.Records = append(batch.Records, events.KinesisEventRecord{Kinesis: events.KinesisRecord{PartitionKey: r.Key,
					SequenceNumber: r.Sequence, Data: r.Data, ApproximateArrivalTimestamp: events.SecondsEpochTime{Time: r.Arrival}}})
			}
			at = read.Next
		}
	}
	return batch
}

// noHost has no consumers and makes none.
type noHost struct{}

func (noHost) Consumers(context.Context) ([]platform.Consumer, error)   { return nil, nil }
func (noHost) Provide(context.Context, platform.Consumer, string) error { return nil }
func (noHost) Remove(context.Context, platform.Consumer) error          { return nil }
