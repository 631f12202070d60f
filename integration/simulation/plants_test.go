package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/replay"
)

// Faults that are planted between a part and its stores.

// earlyCheckpoint stores a lane's checkpoint before its record is put. It
// decorates both the stream and the control table.
type earlyCheckpoint struct {
	control.Table
	feed.Stream
	held map[string][]byte
	keys map[string]string
}

func plantEarlyCheckpoint(_ *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	early := &earlyCheckpoint{t, s, make(map[string][]byte), make(map[string]string)}
	return earlyTable{early}, earlyStream{early}
}

type (
	earlyTable  struct{ *earlyCheckpoint }
	earlyStream struct{ *earlyCheckpoint }
)

func (e earlyTable) Get(ctx context.Context, key control.Key) (control.Document, error) {
	return e.Table.Get(ctx, key)
}

func (e earlyTable) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	version, err := e.Table.Put(ctx, key, body, previous)
	lane, found := strings.CutPrefix(key.Sort, "checkpoint#")
	if data := e.take(lane); found && err == nil && data != nil {
		_, err = e.Stream.Put(ctx, e.keys[lane], data)
	}
	return version, err
}

func (e earlyStream) Put(_ context.Context, key string, data []byte) (string, error) {
	lane := key[:4]
	e.hold(lane, key, data)
	return "0", nil
}

func (e *earlyCheckpoint) hold(lane, key string, data []byte) { e.held[lane], e.keys[lane] = data, key }

func (e *earlyCheckpoint) take(lane string) []byte {
	data := e.held[lane]
	delete(e.held, lane)
	return data
}

// noRewind keeps the drain from setting checkpoints back.
type noRewind struct{ control.Table }

func (n noRewind) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	if strings.HasPrefix(key.Sort, "checkpoint#") {
		return "v", nil
	}
	return n.Table.Put(ctx, key, body, previous)
}

// impatientStream acknowledges a record before it is put, so that several
// records of a lane are in flight.
type impatientStream struct{ feed.Stream }

func plantTwoInFlight(_ *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	return t, impatientStream{s}
}

func (s impatientStream) Put(ctx context.Context, key string, data []byte) (string, error) {
	go func() {
		for { // in the end it delivers all of them, in any order
			if _, err := s.Stream.Put(context.WithoutCancel(ctx), key, data); err == nil || errors.Is(err, errOver) {
				return
			}
		}
	}()
	return "0", nil
}

// movingCut shows readers the current head in place of the cut.
type movingCut struct{ control.Table }

func plantMovingCut(_ *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	return movingCut{t}, s
}

func (m movingCut) GetAll(ctx context.Context, keys []control.Key) ([]control.Document, error) {
	docs, err := m.Table.GetAll(ctx, keys)
	for i := range docs {
		lane, cut := strings.CutPrefix(docs[i].Sort, "lane#")
		if err != nil || !cut {
			continue
		}
		var plan replay.LanePlan
		head, _, missing := control.Load[eventlog.Head](ctx, m.Table, control.Key{Partition: "head#" + lane, Sort: "head"})
		if missing != nil || json.Unmarshal(docs[i].Body, &plan) != nil {
			continue
		}
		plan.Head = head
		if docs[i].Body, err = json.Marshal(plan); err != nil {
			return nil, err
		}
	}
	return docs, err
}

// fromTheBegin has readers forget what earlier cuts of a replay covered.
type fromTheBegin struct{ control.Table }

func plantFromTheBegin(_ *actor, t control.Table, s feed.Stream) (control.Table, feed.Stream) {
	return fromTheBegin{t}, s
}

func (f fromTheBegin) GetAll(ctx context.Context, keys []control.Key) ([]control.Document, error) {
	docs, err := f.Table.GetAll(ctx, keys)
	for i := range docs {
		var plan replay.LanePlan
		if err != nil || !strings.HasPrefix(docs[i].Sort, "lane#") || json.Unmarshal(docs[i].Body, &plan) != nil {
			continue
		}
		plan.After = ""
		if docs[i].Body, err = json.Marshal(plan); err != nil {
			return nil, err
		}
	}
	return docs, err
}

// farHead claims for every lane that the log contains all of it.
type farHead struct{ control.Table }

func (f farHead) Get(ctx context.Context, key control.Key) (control.Document, error) {
	if strings.HasPrefix(key.Partition, "head#") {
		return control.Document{Key: key, Version: "v", Body: []byte(`{"position":"ffff"}`)}, nil
	}
	return f.Table.Get(ctx, key)
}

// lateLog holds events back until the head has moved.
type lateLog struct {
	eventlog.Log
	puts []func(context.Context) error
}

// headFirst is the control table that belongs to a lateLog.
type headFirst struct {
	control.Table
	log *lateLog
}

func plantHeadFirst(_ *actor, t control.Table, l eventlog.Log) (control.Table, eventlog.Log) {
	late := &lateLog{Log: l}
	return headFirst{t, late}, late
}

func (l *lateLog) Put(_ context.Context, lane event.Lane, bucket eventlog.Bucket, entries []eventlog.Entry) error {
	l.puts = append(l.puts, func(ctx context.Context) error { return l.Log.Put(ctx, lane, bucket, entries) })
	return nil
}

func (h headFirst) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	version, err := h.Table.Put(ctx, key, body, previous)
	for _, put := range h.log.puts {
		if err == nil {
			err = put(ctx)
		}
	}
	return version, err
}

// lateManifests closes buckets once the head has moved.
type lateManifests struct {
	control.Table
	held *[]control.Write
}

func plantLateManifests(_ *actor, t control.Table, l eventlog.Log) (control.Table, eventlog.Log) {
	return lateManifests{t, new([]control.Write)}, l
}

func (m lateManifests) PutAll(_ context.Context, writes []control.Write) ([]error, error) {
	*m.held = append(*m.held, writes...)
	return make([]error, len(writes)), nil
}

func (m lateManifests) Put(
	ctx context.Context, key control.Key, body []byte, previous control.Version,
) (control.Version, error) {
	version, err := m.Table.Put(ctx, key, body, previous)
	if err == nil && len(*m.held) > 0 {
		_, err = m.Table.PutAll(ctx, *m.held)
	}
	return version, err
}

// markFirst moves marks before it writes the rows.
type markFirst struct{ datastore.Generations }

type markFirstGeneration struct {
	datastore.Generation
	held *[]func(context.Context) error
}

func plantMarkFirst(_ *actor, g datastore.Generations) datastore.Generations { return markFirst{g} }

func (m markFirst) Open(id string) datastore.Generation {
	return markFirstGeneration{m.Generations.Open(id), new([]func(context.Context) error)}
}

func (g markFirstGeneration) WriteRows(
	_ context.Context, lane event.Lane, writes []datastore.RowWrite,
) ([]string, error) {
	*g.held = append(*g.held, func(ctx context.Context) error {
		_, err := g.Generation.WriteRows(ctx, lane, writes)
		return err
	})
	return nil, nil
}

func (g markFirstGeneration) SetMark(ctx context.Context, name datastore.MarkName, lane event.Lane, mark datastore.Mark,
	previous datastore.MarkVersion,
) (datastore.MarkVersion, error) {
	version, err := g.Generation.SetMark(ctx, name, lane, mark, previous)
	for _, write := range *g.held {
		if err == nil {
			err = write(ctx)
		}
	}
	return version, err
}

// trustBoundaries treats a whole batch as logged if its first record is in the
// log.
func trustBoundaries(w *world, lane event.Lane, records []eventlog.Incoming) []eventlog.Incoming {
	at, err := event.NewPosition(epoch, records[0].Sequence, 0)
	if err == nil && at <= w.headOf(lane) {
		return nil
	}
	return records
}

// closeGaps makes every record seem to follow the one before it.
func closeGaps(w *world, lane event.Lane, records [][]byte) [][]byte {
	next := make(map[string]int64)
	changed := make([][]byte, 0, len(records))
	for _, data := range records {
		header, lines, err := w.codec.Unpack(data)
		if err != nil {
			continue
		}
		p := header.Playback
		if _, known := next[p.Replay]; !known {
			next[p.Replay] = w.markOf(w.replays[p.Replay], lane).Ordinal
		}
		if p.From > next[p.Replay] {
			p.From, p.To = next[p.Replay], next[p.Replay]+int64(len(lines))
		}
		next[p.Replay] = max(next[p.Replay], p.To)
		if data, err = w.codec.Pack(record.Header{Lane: lane, Playback: p}, lines); err == nil {
			changed = append(changed, data)
		}
	}
	return changed
}
