package intake

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"time"

	"reprise/pkg/api/web"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/storefault"
)

const (
	// MaxBatchEvents bounds the events of a request.
	MaxBatchEvents = 10_000
	// lanesInFlight bounds the lanes that a request writes to at the same time.
	// Their waits for durability overlap; all lanes of a usual log fit.
	lanesInFlight = 64
)

// Load accepts events over HTTP and puts them into the event stream. It is
// safe for concurrent use.
type Load struct {
	Stream feed.Stream
	Codec  *record.Codec
	Lanes  *event.Lanes
	// Epoch is the epoch of Stream.
	Epoch int
	// KeepTime makes each event's own time count as its arrival, to import an
	// existing log. Only operators may do this.
	KeepTime bool
	// Reacts says that business logic with effects reacts to the events.
	Reacts bool
	// Heads and Width tell which events of an import cannot lie in the bucket of
	// their own time. They are used with KeepTime only.
	Heads eventlog.Heads
	Width eventlog.Width
	Now   func() time.Time
	// Overloaded reports that the pump lags so far behind that accepted events
	// might expire; nil means never.
	Overloaded func(context.Context) bool
	Log        *slog.Logger
}

// Accepted is the answer to a request whose events are all in the stream.
type Accepted struct {
	Accepted int `json:"accepted"`
	// Moved counts the events of an import that will lie in a later bucket than
	// that of their own time, because their lanes have later events already. It is
	// a lower bound: events that are not in the log yet are not compared.
	Moved int `json:"moved,omitempty"`
	// Lanes holds the request's last position in each lane that it touched.
	Lanes []LanePosition `json:"lanes"`
	// Events are in the order of the request; absent for requests with
	// "Prefer: return=minimal".
	Events []AcceptedEvent `json:"events,omitempty"`
}

// LanePosition is a place in a lane.
type LanePosition struct {
	Lane     event.Lane     `json:"lane"`
	Position event.Position `json:"position"`
}

// AcceptedEvent is an event's place in the log.
type AcceptedEvent struct {
	ID       string         `json:"id"`
	Position event.Position `json:"position"`
}

// receive validates a whole request, then puts its events into the stream. On
// 202 every event is durable there. On an error nothing was accepted, unless the
// answer says that some events may have been: then sending the same request
// again is safe.
func (h *Load) receive(r *http.Request) (web.Reply, error) {
	batch, err := h.parse(r)
	if err != nil {
		return web.Reply{}, err
	}
	if err := h.mayReact(r); err != nil {
		return web.Reply{}, err
	}
	if h.Overloaded != nil && h.Overloaded(r.Context()) {
		return web.Reply{}, web.Busy("the platform is far behind with events it accepted earlier; " +
			"nothing of this request was accepted: send it again later")
	}
	moved, err := h.moved(r.Context(), batch)
	if err != nil {
		return web.Reply{}, err
	}
	if err := h.put(r.Context(), batch); err != nil {
		return web.Reply{}, h.putFailed(r.Context(), err)
	}
	minimal := web.Header(r, "Prefer") == "return=minimal"
	return web.Reply{Status: http.StatusAccepted, Body: batch.answer(minimal, moved)}, nil
}

// Append puts one event of the platform's own into a lane. Its errors are problems,
// for the answer to the request that caused it.
func (h *Load) Append(ctx context.Context, lane event.Lane, e *event.Event) (event.Position, error) {
	if h.Overloaded != nil && h.Overloaded(ctx) {
		return "", web.Busy("the platform is far behind with events it accepted earlier: try again later")
	}
	batch := newBatch(0)
	batch.add(lane, e)
	if err := h.put(ctx, batch); err != nil {
		return "", h.putFailed(ctx, err)
	}
	return batch.positions[0], nil
}

// putFailed is the answer if not every event was put.
func (h *Load) putFailed(ctx context.Context, err error) error {
	h.Log.LogAttrs(ctx, slog.LevelWarn, "events not accepted", slog.String("error", err.Error()))
	const again = "some of the request's events may have been accepted: send the same request again, which is safe"
	p := web.Busy(again)
	switch {
	case errors.Is(err, feed.ErrThrottled):
		p = web.NewProblem(http.StatusTooManyRequests, "throttled", again)
	case errors.Is(err, storefault.ErrFull):
		p = web.DiskFull("the platform's disk is full: free some space; " + again)
	case errors.Is(err, storefault.ErrDamaged), errors.Is(err, storefault.ErrFailed):
		return web.KnownFailure(err)
	}
	p.RetryAfter = web.RetrySeconds
	return p
}

// laneBatch is the part of a request that goes to one lane.
type laneBatch struct {
	lane    event.Lane
	lines   [][]byte
	indexes []int
	// times are the events' own times in milliseconds since 1970, or the logged times
	// of copied events; meaningless for an event without one.
	times []int64
}

// record returns the end of the record that begins at line start: as many lines
// as fit. If events keep their times, the record also ends before it spreads over
// more buckets than a record may, whatever the width of buckets.
func (l *laneBatch) record(start int, keepTime bool) (end int) {
	size, latest, hours := 0, int64(math.MinInt64), 0
	for end = start; end < len(l.lines) && size < record.TargetBytes && end-start < record.MaxEvents; end++ {
		if hour := l.times[end] / time.Hour.Milliseconds(); keepTime && hour > latest {
			if hours++; hours > eventlog.MaxRecordBuckets-1 { // the first may lie in an open bucket
				return end
			}
			latest = hour
		}
		size += len(l.lines[end])
	}
	return end
}

// loadBatch is a validated request.
type loadBatch struct {
	ids       []string
	positions []event.Position
	lanes     []*laneBatch
	byLane    map[event.Lane]*laneBatch
	// copied is set if the events come from another log: their times are the logged
	// times that they have there.
	copied bool
	// text holds the lines of all lanes, in the order of the request.
	text []byte
}

// newBatch makes a batch with room for size bytes of lines.
func newBatch(size int) *loadBatch {
	return &loadBatch{byLane: make(map[event.Lane]*laneBatch), text: make([]byte, 0, size)}
}

// add adds an event with its own time.
func (b *loadBatch) add(lane event.Lane, e *event.Event) {
	own, _ := e.Timestamp()
	b.addAt(lane, e, own.UnixMilli())
}

func (b *loadBatch) addAt(lane event.Lane, e *event.Event, millis int64) {
	l, found := b.byLane[lane]
	if !found {
		l = &laneBatch{lane: lane}
		b.byLane[lane] = l
		b.lanes = append(b.lanes, l)
	}
	l.indexes = append(l.indexes, len(b.ids))
	start := len(b.text)
	b.text = e.AppendJSON(b.text)
	l.lines = append(l.lines, b.text[start:len(b.text):len(b.text)])
	l.times = append(l.times, millis)
	b.ids = append(b.ids, e.ID)
}

func (b *loadBatch) answer(minimal bool, moved int) Accepted {
	answer := Accepted{Accepted: len(b.ids), Moved: moved}
	for _, l := range b.lanes {
		answer.Lanes = append(answer.Lanes, LanePosition{l.lane, b.positions[l.indexes[len(l.indexes)-1]]})
	}
	slices.SortFunc(answer.Lanes, func(x, y LanePosition) int { return int(x.Lane - y.Lane) })
	if !minimal {
		for i, id := range b.ids {
			answer.Events = append(answer.Events, AcceptedEvent{id, b.positions[i]})
		}
	}
	return answer
}

// moved counts the events of an import that will not lie in the bucket of their own
// time: logged times never go back within a lane.
func (h *Load) moved(ctx context.Context, batch *loadBatch) (int, error) {
	if !h.KeepTime {
		return 0, nil
	}
	lanes := make([]event.Lane, len(batch.lanes))
	for i, l := range batch.lanes {
		lanes[i] = l.lane
	}
	heads, err := h.Heads.LoadOf(ctx, lanes)
	if err != nil {
		return 0, err
	}
	count := 0
	for i, l := range batch.lanes {
		latest := heads[i].Logged
		for _, own := range l.times {
			latest = max(latest, own)
			if h.Width.Of(own) != h.Width.Of(latest) {
				count++
			}
		}
	}
	return count, nil
}
