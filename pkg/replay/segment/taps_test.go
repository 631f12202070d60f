package segment_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/replay"
	"reprise/pkg/replay/replaytest"
)

// position is the position of a world's event by its number: the first one that
// is sent has number 1.
func position(w *replaytest.World, number int) event.Position {
	at, err := event.NewPosition(1, fmt.Sprint(100+number), 0)
	w.Must(err)
	return at
}

// leftover puts an event of an entity into the Events table, at the position of
// a number, without the log knowing of it.
func leftover(t *testing.T, w *replaytest.World, entity string, number int, bucket, logged time.Time) {
	t.Helper()
	e := event.Event{ID: "leftover", Source: "test", Type: "it.happened", Subject: entity}
	entry := eventlog.Entry{
		Entity:   entity,
		Position: position(w, number),
		Logged:   logged.UnixMilli(),
		Line:     e.AppendJSON(nil),
	}
	b := eventlog.Hour.Of(bucket.UnixMilli())
	w.Must(w.Log.Put(t.Context(), w.Lanes.Of(entity), b, []eventlog.Entry{entry}))
}

// logTap is a log that records its reads, and calls before, if set, ahead of
// each of them.
type logTap struct {
	eventlog.Log
	before     func()
	mu         sync.Mutex
	reads      []string
	limits     []int
	consistent []bool
}

func (l *logTap) note(what string, limit eventlog.PageLimit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.before != nil {
		l.before()
	}
	l.reads = append(l.reads, what)
	l.limits = append(l.limits, limit.Entries)
}

func (l *logTap) Read(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, after string,
	limit eventlog.PageLimit, consistent bool,
) (eventlog.Page, error) {
	l.note(fmt.Sprintf("%s after %q", bucket, after), limit)
	l.mu.Lock()
	l.consistent = append(l.consistent, consistent)
	l.mu.Unlock()
	return l.Log.Read(ctx, lane, bucket, after, limit, consistent)
}

func (l *logTap) ReadEntity(ctx context.Context, lane event.Lane, bucket eventlog.Bucket, entity, after string,
	limit eventlog.PageLimit,
) (eventlog.Page, error) {
	l.note(fmt.Sprintf("%s in %s", entity, bucket), limit)
	return l.Log.ReadEntity(ctx, lane, bucket, entity, after, limit)
}

// checkpointTap is a control table that records the checkpoints that are
// stored.
type checkpointTap struct {
	control.Table
	mu     sync.Mutex
	stored []replay.Checkpoint
}

func (c *checkpointTap) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if strings.HasPrefix(key.Sort, "checkpoint#") {
		var at replay.Checkpoint
		if err := json.Unmarshal(body, &at); err != nil {
			return "", err
		}
		c.mu.Lock()
		c.stored = append(c.stored, at)
		c.mu.Unlock()
	}
	return c.Table.Put(ctx, key, body, previous)
}
