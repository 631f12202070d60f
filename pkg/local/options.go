package local

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"reprise/pkg/domain"
	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/gateway"
	"reprise/pkg/local/emulate"
	"reprise/pkg/platform"
	"reprise/pkg/projection"
)

// Options say how to run a platform. The zero value of a field but Dir means
// its default.
type Options struct {
	// Dir is the data directory; it is created where it does not exist.
	Dir string
	// Addr is a loopback address with a port, 0 for any free one.
	Addr string
	// Lanes and Bucket are fixed when the directory is created.
	Lanes  int
	Bucket eventlog.Width
	// Shards is the number of shards of a new event stream.
	Shards int
	// Retention is how long records stay in the streams.
	Retention time.Duration
	// Projections are the ones that ship where nil.
	Projections []projection.Projection
	// Service and Outside are the ones that ship where Service is nil.
	Service gateway.Service
	Outside gateway.Gateway
	// FS is the file system, the machine's own where nil.
	FS vfs.FS
	// Log gets what operators should see; nil means silence.
	Log *slog.Logger
	// RecordBytes bounds a playback record's lines, PageBytes a page of the
	// log. Tests make them small.
	RecordBytes, PageBytes int
}

// The defaults.
const (
	DefaultAddr      = "127.0.0.1:8787"
	DefaultLanes     = 64
	DefaultShards    = 4
	DefaultRetention = 24 * time.Hour

	// defaultRecordBytes and defaultPageBytes are less than on AWS, where a PUT
	// is paid for: here, all readers and consumers share one memory.
	defaultRecordBytes = 128 << 10
	defaultPageBytes   = 256 << 10

	// functionTimeout is a function's time limit, as Lambda's is 15 minutes.
	functionTimeout = 2 * time.Minute
	// stepLimit is the longest that a step of a replay works at a time.
	stepLimit = time.Minute
)

// ErrNotLoopback is the error of an address that other machines could reach.
var ErrNotLoopback = errors.New("the platform on one machine has no authentication: it listens on a loopback address only, such as 127.0.0.1:8787")

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
	if o.Shards == 0 {
		o.Shards = DefaultShards
	}
	if o.Retention == 0 {
		o.Retention = DefaultRetention
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
	return o, CheckAddr(o.Addr)
}

// settings are the platform's. Everything is closer than on AWS, so that waits
// are shorter.
func (o *Options) settings() platform.Settings {
	return platform.Settings{
		Bucket: o.Bucket, Retention: o.Retention, Machine: machineARN, Published: "this program",
		LongStep: stepLimit, ShortStep: stepLimit, Lease: 10 * time.Second, Poll: 20 * time.Millisecond,
		DrainPoll: 25 * time.Millisecond, DrainPatience: 5 * time.Second, DrainLimit: playbackRetention / 2,
		WritePatience: 200 * time.Millisecond, LagEvery: time.Second,
		PageBytes: o.PageBytes, RecordBytes: o.RecordBytes,
	}
}

func (o *Options) projections() []projection.Projection {
	if o.Projections != nil {
		return o.Projections
	}
	return domain.Projections()
}

func (o *Options) service() (gateway.Service, gateway.Gateway) {
	if o.Service != nil {
		return o.Service, o.Outside
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
