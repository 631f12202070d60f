package emulate

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"golang.org/x/sync/errgroup"

	"reprise/pkg/feed"
)

const (
	// batchRecords and batchBytes limit one invocation, as a mapping's batch
	// size and Lambda's payload limit of 6 MB do. A decompressed and parsed
	// record takes some fifteen times its size, and every worker has a batch.
	batchRecords = 500
	batchBytes   = 512 << 10
	queueRecords = 2 * batchRecords // in the queue of a worker
	readRecords  = 64               // in one read of a shard
	// firstBackoff and lastBackoff bound the wait before a failed batch is
	// retried. It is retried for ever: nothing is dropped here.
	firstBackoff = 20 * time.Millisecond
	lastBackoff  = 2 * time.Second
	// idleWait is the longest wait for a record before the next read, which keeps the
	// iterator from expiring. A record ends the wait at once.
	idleWait = 30 * time.Second
)

// Source is a stream whose Wait returns once a shard may have a record after a
// sequence number, or when ctx ends.
type Source interface {
	feed.Stream
	Wait(ctx context.Context, shard, after string) error
}

// Checkpoints store the last record of a shard that a consumer has done.
// feed.Checkpoints implements it.
type Checkpoints interface {
	Load(ctx context.Context, consumer, identity, shard string) (string, error)
	Store(ctx context.Context, consumer, identity, shard, sequence string) error
}

// Consume is a function that consumes a stream.
type Consume func(ctx context.Context, batch events.KinesisEvent) (events.KinesisEventResponse, error)

// Mapping reads a stream for one consumer and invokes its function with batches,
// as a Lambda event source mapping does: at least once, several batches of a
// shard concurrently but the records of one partition key in order, and with
// endless retries from the lowest failed record. Every field but Window is required.
type Mapping struct {
	// Consumer names the checkpoints.
	Consumer    string
	Stream      Source
	Description feed.Description
	Checkpoints Checkpoints
	Function    Consume
	// Factor is the number of concurrent batches of a shard.
	Factor int
	// Window is how long a batch waits for more records after its first one, unless
	// it is full; 0 means that it takes only those that are there already.
	Window time.Duration
	// Region appears in the events that the function gets.
	Region string
	Log    *slog.Logger

	mu sync.Mutex
	// trackers are those of the shards that are consumed.
	trackers map[string]*tracker
}

// Lag is the age of the oldest record that was read and is not done. A shard with a
// batch that fails does not count: it is behind for another reason than its load.
func (m *Mapping) Lag(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	var lag time.Duration
	for _, t := range m.trackers {
		lag = max(lag, t.lag(now))
	}
	return lag
}

// follow sets a shard's tracker, in the place of that of an earlier run.
func (m *Mapping) follow(shard string, t *tracker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trackers == nil {
		m.trackers = make(map[string]*tracker)
	}
	m.trackers[shard] = t
}

// Run consumes all shards until ctx ends, then returns nil. After an error of the
// function it retries the batch; after an error of the stream or the checkpoints
// it begins the shard again at its checkpoint. It fails only if the stream does
// not exist.
func (m *Mapping) Run(ctx context.Context) error {
	shards, err := m.Stream.Shards(ctx)
	if err != nil {
		return m.ended(ctx, err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, shard := range shards {
		group.Go(func() error { return m.keepShard(groupCtx, shard.ID) })
	}
	return m.ended(ctx, group.Wait())
}

func (m *Mapping) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil || err == nil {
		return nil
	}
	return fmt.Errorf("consume %s for %s: %w", m.Description.Name, m.Consumer, err)
}

// keepShard runs a shard again after an error, which it logs once until it
// changes.
func (m *Mapping) keepShard(ctx context.Context, shard string) error {
	backoff, logged := firstBackoff, ""
	for {
		err := m.runShard(ctx, shard)
		if err == nil || ctx.Err() != nil || errors.Is(err, feed.ErrStreamNotFound) {
			return err
		}
		if text := err.Error(); text != logged {
			logged = text
			m.Log.LogAttrs(ctx, slog.LevelWarn, "shard cannot be consumed; retrying",
				slog.String("consumer", m.Consumer), slog.String("shard", shard), slog.String("error", text))
		}
		if err := Sleep(ctx, backoff); err != nil {
			return err
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

func (m *Mapping) runShard(ctx context.Context, shard string) error {
	after, err := m.Checkpoints.Load(ctx, m.Consumer, m.Description.Identity, shard)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	tracker := newTracker()
	m.follow(shard, tracker)
	queues := make([]*queue, m.Factor)
	for i := range queues {
		queues[i] = newQueue()
		w := &worker{mapping: m, shard: shard, queue: queues[i], tracker: tracker}
		group.Go(func() error { return w.run(ctx) })
	}
	group.Go(func() error { return m.read(ctx, shard, after, queues, tracker) })
	group.Go(func() error { return m.checkpoint(ctx, shard, tracker) })
	return group.Wait()
}

// read distributes the shard's records to the workers by partition key.
func (m *Mapping) read(ctx context.Context, shard, after string, queues []*queue, tracker *tracker) error {
	at, err := m.Stream.Iterator(ctx, shard, feed.Start{After: after})
	if err != nil {
		return err
	}
	for {
		batch, err := m.Stream.Read(ctx, at, readRecords)
		if errors.Is(err, feed.ErrIteratorExpired) {
			at, err = m.Stream.Iterator(ctx, shard, feed.Start{After: after})
			if err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		for _, r := range batch.Records {
			tracker.begin(r)
			if err := queues[keyed(r.Key, len(queues))].put(ctx, r); err != nil {
				return err
			}
			after = r.Sequence
		}
		if at = batch.Next; at == "" {
			return nil
		}
		if len(batch.Records) == 0 {
			if err := m.await(ctx, shard, after); err != nil {
				return err
			}
		}
	}
}

func (m *Mapping) await(ctx context.Context, shard, after string) error {
	waiting, cancel := context.WithTimeout(ctx, idleWait)
	defer cancel()
	err := m.Stream.Wait(waiting, shard, after)
	if err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil
	}
	return err
}

func keyed(key string, n int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % uint32(n))
}

// checkpoint stores the shard's checkpoint soon after it moves. After a crash,
// functions drop the records that they get again by position.
func (m *Mapping) checkpoint(ctx context.Context, shard string, tracker *tracker) error {
	const wait = 50 * time.Millisecond
	stored := ""
	for {
		select {
		case <-tracker.moved:
		case <-ctx.Done():
			return ctx.Err()
		}
		if done := tracker.done(); done != stored {
			err := m.Checkpoints.Store(ctx, m.Consumer, m.Description.Identity, shard, done)
			if err != nil {
				// The next attempt stores it. A crash before that repeats more
				// records and loses none.
				m.Log.LogAttrs(ctx, slog.LevelDebug, "checkpoint not stored", slog.String("error", err.Error()))
				signal(tracker.moved)
			} else {
				stored = done
			}
		}
		if err := Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Sleep waits for d or the end of ctx, whose error it returns.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
