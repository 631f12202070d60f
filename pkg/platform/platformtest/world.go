// Package platformtest makes platforms over embedded stores in memory, for tests
// of whatever a platform is made of or used by.
//
// What lives here: one way to put such a platform together, and to read what lies
// in its streams. What must not: assertions.
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
	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/local/controlpebble"
	"reprise/pkg/local/datastorepebble"
	"reprise/pkg/local/eventlogpebble"
	"reprise/pkg/local/feedpebble"
	"reprise/pkg/local/localstore"
	"reprise/pkg/platform"
	"reprise/pkg/projection"
)

// Machine is the ARN of the replay state machine.
const Machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:reprise-replay"

// Lanes is the number of lanes.
const Lanes = 2

// World is what platforms are made of. A test changes Parts before it makes one.
type World struct {
	T     testing.TB
	Parts platform.Parts
	// Logged is what Parts.Log wrote, as lines of JSON.
	Logged *bytes.Buffer
	// Nudges counts the times that somebody asked for a look at the consumers.
	Nudges int
	// Behind is the lag of every function, LagErr why it is not known.
	Behind time.Duration
	LagErr error
}

// New makes a world with two lanes, streams of one shard, and consumers that
// nobody runs.
func New(t testing.TB) *World {
	t.Helper()
	db, err := localstore.Open("data", localstore.Options{FS: vfs.NewMem(),
		Settings: localstore.Settings{Lanes: Lanes, BucketWidth: 86400}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &World{T: t, Logged: new(bytes.Buffer)}
	w.Parts = platform.Parts{
		Settings: platform.Settings{Bucket: eventlog.Day, Retention: 24 * time.Hour, Machine: Machine, Published: "1",
			LongStep: time.Minute, ShortStep: time.Minute, Lease: time.Minute, WritePatience: time.Second, LagEvery: time.Minute},
		EventLog: eventlogpebble.New(db.Space("log")),
		Host:     noHost{},
		Nudge:    func(context.Context) error { w.Nudges++; return nil },
		Lag: func(context.Context, string) (time.Duration, bool, error) {
			return w.Behind, w.LagErr == nil, w.LagErr
		},
		Log:    slog.New(slog.NewJSONHandler(w.Logged, nil)),
		Now:    time.Now,
		Pause:  func(context.Context, time.Duration) error { return nil },
		Random: strings.NewReader(strings.Repeat("0123456789abcdef", 1000)),
		Epoch:  1,
	}
	w.open(db)
	return w
}

func (w *World) open(db *localstore.DB) {
	w.T.Helper()
	var err [6]error
	parts := &w.Parts
	parts.Table, err[0] = controlpebble.New(db.Space("control"))
	parts.Generations, err[1] = datastorepebble.New(db.Space("datastore"))
	parts.Lanes, err[2] = event.NewLanes(Lanes)
	parts.Codec, err[3] = record.NewCodec()
	streams, streamErr := feedpebble.New(db.Space("feed"), time.Now)
	set, setErr := projection.NewSet(domain.Projections()...)
	err[4], err[5] = streamErr, setErr
	if err := errors.Join(err[:]...); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(parts.Codec.Close)
	for name, stream := range map[string]*feed.Stream{"events": &parts.Events, "playback": &parts.Playback} {
		if _, err := streams.Create(w.T.Context(), name, 1); err != nil {
			w.T.Fatal(err)
		}
		*stream = streams.Open(name)
	}
	parts.Applier = projection.NewApplier(set, w.View())
}

// View is the log as consumers see it.
func (w *World) View() eventlog.View {
	return eventlog.View{Log: w.Parts.EventLog, Heads: eventlog.Heads{Table: w.Parts.Table}}
}

// Platform makes a platform of what the parts are now.
func (w *World) Platform() *platform.Platform { return platform.New(w.Parts) }

// Send has an event accepted by load-events.
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

// Sent has events of one entity, "x", accepted, and returns all that lies in the
// event stream then.
func Sent(t testing.TB, p *platform.Platform, types ...string) events.KinesisEvent {
	t.Helper()
	for i, kind := range types {
		Send(t, p, fmt.Sprintf(`{"specversion":"1.0","id":"%c","source":"s","type":%q,"subject":"x"}`, 'a'+i, kind))
	}
	return Records(t, p.Events)
}

// Records are all records of a stream as one batch.
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
