package local

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/local/daily"
	"reprise/pkg/local/emulate"
	"reprise/pkg/personal/sealed"
	"reprise/pkg/platform"
	"reprise/pkg/projection"
	"reprise/pkg/replay/request"
	"reprise/pkg/verify"
)

// Options configure a platform. Only Dir is required.
type Options struct {
	// Dir is the data directory; it is created if it does not exist.
	Dir string
	// Addr is a loopback address with a port; port 0 means any free port.
	Addr string
	// StepFunctionsAddr is a loopback address on which Run serves the API of AWS
	// Step Functions; "" means that it is not served. If StepFunctionsAnyPort is
	// set and that port is in use, any free one is taken.
	StepFunctionsAddr    string
	StepFunctionsAnyPort bool
	// Workflows is a directory of state machine files, NAME.asl.json, that are
	// registered beside the platform's own; "" means none.
	Workflows string
	// Lanes and Bucket are fixed when the directory is created.
	Lanes  int
	Bucket eventlog.Width
	// Shards is the number of shards of the event stream, fixed when the directory
	// is created; 0 means DefaultShards for a new one, and any number otherwise.
	Shards int
	// Retention is how long records stay in the streams.
	Retention time.Duration
	// VerifyAt is when the active generation and the log are verified every day; nil
	// means never.
	VerifyAt *daily.Time
	// VerifyFullEvery says that of so many verifications in a row one verifies everything,
	// the others what has changed; 0 means DefaultVerifyFullEvery.
	VerifyFullEvery int
	// VerifyDepth is the depth of the daily verification, "" for fold.
	VerifyDepth verify.Depth
	// VerifyBudget is what a daily verification may use; the zero Budget is none.
	VerifyBudget request.Budget
	// Projections default to those of package domain.
	Projections []projection.Projection
	// Service defaults to that of package domain. Systems are the external systems that it
	// reaches.
	Service gateway.Service
	Systems gateway.Systems
	// WithoutService runs no service, also if there is one. One that runs on the directory
	// later begins behind the events that are in the log then.
	WithoutService bool
	// Personal defaults to the declaration of package domain, if Projections is nil. An
	// empty one that is not nil declares nothing.
	Personal sealed.Rules
	// ReserveBytes is the free space on the disk below which writes are refused; 0
	// means localstore.DefaultReserve.
	ReserveBytes uint64
	// AcceptLoss goes on although acknowledged events are missing, and records what
	// is missing; without it, Open fails with feedpebble.ErrLost.
	AcceptLoss bool
	// Crash ends the process if the store cannot continue; nil means a panic. cause
	// has no stored contents.
	Crash func(cause string)
	// FS defaults to the system's file system.
	FS vfs.FS
	// Log is for operators; nil means no logs.
	Log *slog.Logger
	// RecordBytes limits the lines of a playback record, PageBytes a page of the
	// log. Tests set small values.
	RecordBytes, PageBytes int
}

// The defaults.
const (
	DefaultAddr = "127.0.0.1:8787"
	// DefaultStepFunctionsAddr is that of reprise local.
	DefaultStepFunctionsAddr = "127.0.0.1:8788"
	DefaultLanes             = 64
	DefaultShards            = 4
	DefaultRetention         = 24 * time.Hour
	DefaultVerifyFullEvery   = 7

	// defaultRecordBytes and defaultPageBytes are smaller than on AWS, where each
	// PUT costs money: here all readers and consumers share the memory.
	defaultRecordBytes = 128 << 10
	defaultPageBytes   = 128 << 10

	// functionTimeout is the time limit of one invocation.
	functionTimeout = 2 * time.Minute
	// stepLimit is the time limit of a step of a replay.
	stepLimit = time.Minute
)

// ErrNotLoopback means that other machines could reach the address.
var ErrNotLoopback = errors.New(
	"the platform on one machine has no authentication: it listens on a loopback address only, such as 127.0.0.1:8787",
)

func (o Options) withDefaults() (Options, error) {
	if o.Addr == "" {
		o.Addr = DefaultAddr
	}
	if o.Lanes == 0 {
		o.Lanes = DefaultLanes
	}
	if o.Bucket == 0 {
		o.Bucket = eventlog.Day
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
	}
	if o.VerifyFullEvery == 0 {
		o.VerifyFullEvery = DefaultVerifyFullEvery
	}
	if o.RecordBytes == 0 {
		o.RecordBytes = defaultRecordBytes
	}
	if o.PageBytes == 0 {
		o.PageBytes = defaultPageBytes
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.Bucket.Validate(); err != nil {
		return o, err
	}
	if _, err := event.NewLanes(o.Lanes); err != nil {
		return o, err
	}
	if _, err := projection.NewSet(o.projections()...); err != nil {
		return o, err
	}
	if _, err := o.personal().Compile(); err != nil {
		return o, err
	}
	if o.StepFunctionsAddr != "" {
		if err := CheckAddr(o.StepFunctionsAddr); err != nil {
			return o, err
		}
	}
	return o, CheckAddr(o.Addr)
}

// settings are the platform's settings. Waits are shorter than on AWS.
func (o *Options) settings() platform.Settings {
	return platform.Settings{
		Bucket:          o.Bucket,
		Retention:       o.Retention,
		Machine:         machineARN,
		VerifyMachine:   verifyARN,
		VerifyPatience:  30 * time.Second,
		VerifyBytes:     2 << 20,
		VerifyFullEvery: o.VerifyFullEvery,
		Published:       "this program",
		Build:           "started " + time.Now().UTC().Format(time.RFC3339Nano),
		LongStep:        stepLimit,
		ShortStep:       stepLimit,
		Lease:           10 * time.Second,
		OneVersion:      true,
		FirstPoll:       time.Millisecond,
		Poll:            20 * time.Millisecond,
		DrainPoll:       25 * time.Millisecond,
		DrainPatience:   5 * time.Second,
		DrainLimit:      playbackRetention / 2,
		WritePatience:   200 * time.Millisecond,
		LagEvery:        time.Second,
		LiveLag:         time.Second,
		ConsumerLag:     30 * time.Second,
		BudgetEvery:     50 * time.Millisecond,
		// More readers than processors would only take memory.
		Readers:     runtime.GOMAXPROCS(0),
		PageBytes:   o.PageBytes,
		RecordBytes: o.RecordBytes,
	}
}

func (o *Options) projections() []projection.Projection {
	if o.Projections != nil {
		return o.Projections
	}
	return domain.Projections()
}

func (o *Options) personal() sealed.Rules {
	if o.Personal == nil && o.Projections == nil {
		return domain.Personal()
	}
	return o.Personal
}

func (o *Options) service() gateway.Service {
	if o.WithoutService {
		return nil
	}
	if o.Service != nil {
		return o.Service
	}
	return domain.Service()
}

// CheckAddr returns ErrNotLoopback unless addr is a loopback address with a
// port.
func CheckAddr(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("parse address %q: %w", addr, err)
	}
	if !emulate.IsLoopback(addr) {
		return fmt.Errorf("listen on %q: %w", addr, ErrNotLoopback)
	}
	return nil
}
