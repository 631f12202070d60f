package forecast

import (
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/request"
)

// Plan is what a replay would do if it started now. Every default is filled in.
type Plan struct {
	Input Input `json:"input"`
	// Cut is when the heads were read: later events are not part of the plan.
	Cut time.Time `json:"cut"`
	// Readers is how many segment readers run at a time, which the platform may
	// bound below the input's parallelism.
	Readers int `json:"readers"`
	Lanes   int `json:"lanes"`
	Groups  int `json:"groups"`
	Slices  int `json:"slices"`
	// Read are the events that are read of the log, and Delivered those of them
	// that are selected.
	Read      Range `json:"read"`
	Delivered Range `json:"delivered"`
	// Bytes is the size of the events that are read, at most.
	Bytes int64 `json:"bytes"`
	// Entities is the number of entities, nil where it is unknown: manifests do not
	// count them.
	Entities *int `json:"entities"`
	// Duration is the time from start to end, but for what a catch-up adds.
	Duration Duration `json:"duration"`
	// CatchUp tells whether the cut of a rebuild will become outdated meanwhile, so that
	// it is moved, and what came since is read as well.
	CatchUp CatchUp `json:"catchUp"`
	// Cost is what AWS charges for the replay's own calls; nil where nothing is
	// charged, as on one machine.
	Cost *Cost `json:"cost"`
	// Budget is how far the input's budget goes, nil without one.
	Budget *Budget `json:"budget"`
}

// CatchUp tells whether a rebuild will move its cut.
type CatchUp string

// The expectations: no catch-up, perhaps one, and at least one.
const (
	NoCatchUp       CatchUp = "none"
	PossibleCatchUp CatchUp = "possible"
	ExpectedCatchUp CatchUp = "expected"
)

// catchUpOf compares the time that a rebuild takes with half of the retention.
func catchUpOf(r replay.Request, d Duration, retention time.Duration) CatchUp {
	half := retention.Seconds() / 2
	switch {
	case !r.Rebuild || retention == 0 || (d.AtMost != nil && *d.AtMost <= half):
		return NoCatchUp
	case d.AtLeast > half:
		return ExpectedCatchUp
	}
	return PossibleCatchUp
}

// Range is an honest range of a count.
type Range struct {
	AtLeast int64 `json:"atLeast"`
	AtMost  int64 `json:"atMost"`
}

// Input is a request with its defaults. A nil or empty member selects everything.
type Input struct {
	From        *time.Time         `json:"from"`
	To          *time.Time         `json:"to"`
	Types       []string           `json:"types"`
	Entities    []string           `json:"entities"`
	Prefixes    []string           `json:"prefixes"`
	Attribute   *request.Attribute `json:"attribute"`
	Rebuild     bool               `json:"rebuild"`
	Promote     request.Promotion  `json:"promote"`
	Effects     *request.Effects   `json:"effects"`
	Ordering    request.Ordering   `json:"ordering"`
	Slice       *request.Width     `json:"slice"`
	Parallelism int                `json:"parallelism"`
	Rate        int                `json:"rate"`
	// Budget is nil without a cap. ToleratedFailures is nil if the other lane groups go
	// on whatever fails.
	Budget            *request.Budget `json:"budget"`
	ToleratedFailures *int            `json:"toleratedFailures"`
	DryRun            bool            `json:"dryRun"`
}

// inputOf fills in the defaults of a normalized request.
func inputOf(r replay.Request) Input {
	in := Input{
		From:              r.From,
		To:                r.To,
		Types:             r.Types,
		Entities:          r.Entities,
		Prefixes:          r.Prefixes,
		Attribute:         r.Attribute,
		Rebuild:           r.Rebuild,
		Promote:           r.Promotion(),
		Ordering:          r.Order(),
		Parallelism:       r.Parallelism,
		Rate:              r.Rate,
		Budget:            r.Budget,
		ToleratedFailures: r.ToleratedFailures,
		DryRun:            r.DryRun,
	}
	if r.Slice != "" {
		in.Slice = &r.Slice
	}
	if r.Effects != "" {
		in.Effects = &r.Effects
	}
	return in
}
