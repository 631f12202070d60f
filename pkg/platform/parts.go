package platform

import (
	"context"
	"io"
	"log/slog"
	"time"

	"reprise/pkg/api"
	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/event"
	"reprise/pkg/event/record"
	"reprise/pkg/eventlog"
	"reprise/pkg/feed"
	"reprise/pkg/gateway"
	"reprise/pkg/meter"
	"reprise/pkg/personal"
	"reprise/pkg/projection"
	"reprise/pkg/replay/lifecycle"
)

// Parts are the parts of a platform. A process needs only the parts of the
// functions that it runs: on AWS each has permissions for its own parts only.
type Parts struct {
	Settings Settings

	Table       control.Table
	EventLog    eventlog.Log
	Generations datastore.Generations
	// Events and Playback are the streams, Epoch is the event stream's, which Open
	// sets.
	Events, Playback feed.Stream
	Epoch            int
	Lanes            *event.Lanes
	Codec            *record.Codec
	// Applier folds events with the projections. Several platforms of a process
	// may share it.
	Applier *projection.Applier
	// Service reacts to events; it may be nil. Systems are the external systems that it
	// reaches, and Effects is the table of the effects log.
	Service gateway.Service
	Systems gateway.Systems
	Effects control.Table

	// Personal seals, reveals and erases personal fields; nil means that none are declared.
	Personal *personal.Vault

	// Executions starts and stops executions of the replay state machine.
	Executions lifecycle.Executions
	// VerifyExecutions starts and stops executions of the state machine of
	// verifications.
	VerifyExecutions VerifyExecutions
	// Transitions counts state transitions, those of child executions included.
	Transitions func(ctx context.Context, id string) (int, error)
	// Host runs the generations' consumers. WakeKeeper asks the keeper to check
	// them soon, before its schedule does.
	Host       Host
	WakeKeeper func(context.Context) error
	// WakeEffects asks retry-effects to run soon; nil where it notices by itself.
	WakeEffects func(context.Context) error
	// Lag is how far a function is behind the stream that it reads; known is
	// false if that is unknown.
	Lag func(ctx context.Context, function string) (lag time.Duration, known bool, err error)
	// Lost describes accepted events that are missing from the platform, for the
	// proofs of replays; nil means that none can be.
	Lost func() ([]string, error)
	// Status describes streams, consumers and executions for the API.
	Status api.Platform

	// Function is the name of the process's function; Meter counts its adapters'
	// use of services. Without a meter replays have no cost.
	Function string
	Meter    *meter.Meter

	Log    *slog.Logger
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error
	Random io.Reader
}

// VerifyExecutions are the executions of verifications, as those of replays.
type VerifyExecutions interface {
	Start(ctx context.Context, name string, input []byte) error
	State(ctx context.Context, name string) (lifecycle.ExecutionStatus, error)
	Stop(ctx context.Context, name, errorName, cause string) error
}

// Settings are the settings of a platform. The number of lanes is in Parts.
type Settings struct {
	// Bucket never changes once a platform is created.
	Bucket eventlog.Width
	// Retention is how long the event stream keeps records.
	Retention time.Duration
	// Machine is the ARN of the replay state machine, VerifyMachine that of the state
	// machine of verifications.
	Machine       string
	VerifyMachine string
	// VerifyPatience is how long a generation's consumer may come no nearer to the cut of
	// a verification before the lanes that it has not passed are reported as behind. It is
	// less than LongStep.
	VerifyPatience time.Duration
	// VerifyFullEvery is verify.Planner.FullEvery.
	VerifyFullEvery int
	// VerifyBytes is Checker.SpanBytes; 0 means the default.
	VerifyBytes int64
	// Published is the version of this deploy's code, which new consumers run.
	Published string
	// Build names the program's code: CheckCode checks a generation once for each.
	Build string
	// LongStep limits the time of steps that read, ShortStep of steps that wait, between
	// which the state machine waits. SliceStep is Drainer.SliceTime.
	LongStep, ShortStep, SliceStep time.Duration
	// OneVersion says that all consumers of generations run this program's code. Else each
	// keeps the published version that it began with.
	OneVersion bool
	// Lease is how long a promotion holds the active generation's consumer; a
	// writer that finds it expired breaks it.
	Lease time.Duration
	// Poll is the interval at which a promotion reads marks and heads, DrainPoll
	// that of a drain. Both begin with FirstPoll, 0 for no shorter one, and double it.
	Poll, DrainPoll, FirstPoll time.Duration
	// DrainPatience is how long marks may stand still before lanes count as
	// stalled, DrainLimit how long a drain may continue without progress; 0 means
	// the default.
	DrainPatience, DrainLimit time.Duration
	// WritePatience is how long consumers of the event stream wait for the pump,
	// which reads the same records at the same time.
	WritePatience time.Duration
	// LagEvery is how long a lag is cached.
	LagEvery time.Duration
	// LiveLag and ConsumerLag are how far the pump and the consumer of the playback
	// stream may be behind before replays become slower; 0 is without bound.
	LiveLag, ConsumerLag time.Duration
	// BudgetEvery is how often the readers of a replay with a budget together look at what
	// it has used; 0 is at every page.
	BudgetEvery time.Duration
	// Readers bounds the segment readers of any replay that run at a time; 0 means
	// as many as its request asks for.
	Readers int
	// PageBytes limits a page of the log, RecordBytes a playback record; 0 means
	// the reader's default.
	PageBytes, RecordBytes int
}
