package steps

import (
	"context"
	"strconv"
	"time"

	"reprise/pkg/replay/segment"

	"reprise/pkg/replay"
)

// ReadSegment reads one lane group until it is done or time runs out.
type ReadSegment struct {
	Reader *segment.Reader
	Now    func() time.Time
	// Limit is the longest time that one invocation reads.
	Limit time.Duration
}

// SegmentInput names a lane group of a plan.
type SegmentInput struct {
	Replay string `json:"replay"`
	Group  int    `json:"group"`
	Execution
	// ChildEvents and ChildSeconds are those of the output before; 0 at first, and in
	// executions that began under an earlier release.
	ChildEvents  int64   `json:"childEvents"`
	ChildSeconds float64 `json:"childSeconds"`
}

// Work is like StepInput.Work; each lane group has one worker.
func (in SegmentInput) Work() (id, worker string) { return in.Replay, strconv.Itoa(in.Group) }

// SegmentOutput tells whether to invoke the reader again, and what people see of it in the
// console of Step Functions. Bytes are those of the events' lines, seconds and rates have
// three digits after the point.
type SegmentOutput struct {
	Status segment.Outcome `json:"status"`
	// Events, Bytes, Seconds and EventsPerSecond are of this invocation.
	Events          int64   `json:"events"`
	Bytes           int64   `json:"bytes"`
	Seconds         float64 `json:"seconds"`
	EventsPerSecond float64 `json:"eventsPerSecond"`
	// Slice is the number, from 1, of the time slice that the group is in, of Slices.
	Slice  int `json:"slice"`
	Slices int `json:"slices"`
	// GroupEvents and GroupBytes were read of the group so far, by whatever execution,
	// GroupDelivered of the events were selected; GroupTotal is how many there are, 0 if
	// that is unknown. They never fall.
	GroupEvents    int64 `json:"groupEvents"`
	GroupBytes     int64 `json:"groupBytes"`
	GroupDelivered int64 `json:"groupDelivered"`
	GroupTotal     int64 `json:"groupTotal"`
	// GroupEventsPerSecond is the rate of the invocations of this child together, which
	// have read ChildEvents in ChildSeconds.
	GroupEventsPerSecond float64 `json:"groupEventsPerSecond"`
	ChildEvents          int64   `json:"childEvents"`
	ChildSeconds         float64 `json:"childSeconds"`
	// ReplaySeconds is the time since the replay's cut.
	ReplaySeconds float64 `json:"replaySeconds"`
}

// Handle continues from the last checkpoints, whoever wrote them.
func (h *ReadSegment) Handle(ctx context.Context, in SegmentInput) (SegmentOutput, error) {
	began := h.Now()
	reading, err := h.Reader.ReadCounted(ctx, in.Replay, in.Group, budget(ctx, began, h.Limit))
	if err != nil {
		if name := faultName(err); name != FaultFull {
			// The state machine keeps only the name of the error. Failing to note the
			// rest matters less than the error itself.
			_ = h.Reader.Store.NoteError(ctx, in.Replay, name, err)
		}
		return SegmentOutput{}, fault(err)
	}
	return segmentOutput(in, reading, h.Now().Sub(began).Seconds()), nil
}

func segmentOutput(in SegmentInput, r segment.Reading, seconds float64) SegmentOutput {
	events, passed := in.ChildEvents+r.Events, in.ChildSeconds+seconds
	return SegmentOutput{
		Status:               r.Outcome,
		Events:               r.Events,
		Bytes:                r.Bytes,
		Seconds:              replay.Rounded(seconds),
		EventsPerSecond:      replay.PerSecond(r.Events, seconds),
		Slice:                r.Slice,
		Slices:               r.Slices,
		GroupEvents:          r.Group.Events,
		GroupBytes:           r.Group.Bytes,
		GroupDelivered:       r.Group.Delivered,
		GroupTotal:           r.Total,
		GroupEventsPerSecond: replay.PerSecond(events, passed),
		ChildEvents:          events,
		ChildSeconds:         replay.Rounded(passed),
		ReplaySeconds:        replay.Rounded(r.Since.Seconds()),
	}
}

// CheckDrained waits until everything delivered has been consumed.
type CheckDrained struct {
	Drainer *replay.Drainer
	Now     func() time.Time
	Limit   time.Duration
}

// DrainOutput is the state of the drain.
type DrainOutput struct {
	Status replay.Drain `json:"status"`
	// Totals are those of the replay so far, absent where the drain was not looked at.
	Totals *replay.Totals `json:"totals,omitempty"`
	// Parallelism is how many segment readers may run at a time from now on.
	Parallelism int `json:"parallelism"`
}

// Handle may reset stalled lanes to be read again.
func (h *CheckDrained) Handle(ctx context.Context, in StepInput) (DrainOutput, error) {
	report, err := h.Drainer.Report(ctx, in.Replay, budget(ctx, h.Now(), h.Limit))
	if err != nil {
		return DrainOutput{}, fault(err)
	}
	if report.Drain == replay.Behind && !in.CatchUp {
		report.Drain = replay.Drained // the step that follows the stream says that it is too late
	}
	return DrainOutput{report.Drain, report.Totals, report.Readers}, nil
}
