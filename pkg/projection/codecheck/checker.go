package codecheck

import (
	"context"
	"errors"
	"fmt"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/projection"
)

// Checker compares a sample of the active generation's rows with what the present code
// makes of their events. It is safe for concurrent use.
type Checker struct {
	Table       control.Table
	Registry    datastore.Registry
	Generations datastore.Generations
	Log         eventlog.View
	Applier     *projection.Applier
	Lanes       int
	// Build names the present code: a generation is checked once for each.
	Build string
	Now   func() time.Time
	// Limit is about how long a check may take. A fold that does not return takes
	// the limit of a projection.Watch in addition.
	Limit time.Duration
}

// Report is the stored result of the latest check.
type Report struct {
	Comparison
	Version string    `json:"version"`
	Build   string    `json:"build"`
	At      time.Time `json:"at"`
}

var reportKey = control.Key{Partition: "registry", Sort: "code"}

// Load returns the report of a generation, and false if it was not checked.
func Load(ctx context.Context, table control.Table, generation string) (Report, bool, error) {
	report, _, err := control.Load[Report](ctx, table, reportKey)
	if errors.Is(err, control.ErrNotFound) {
		return Report{}, false, nil
	}
	if err != nil {
		return Report{}, false, fmt.Errorf("load check of the projections' code: %w", err)
	}
	return report, report.Generation == generation, nil
}

// Check checks the active generation, unless that was done for the same build, and
// stores the report. done is false if there was nothing to do: the generation may also
// belong to another version, or be lost.
func (c *Checker) Check(ctx context.Context) (report Report, done bool, err error) {
	registered, err := c.Registry.Load(ctx)
	if err != nil {
		return Report{}, false, err
	}
	info, found := registered.Find(registered.Active)
	if !found || info.Loss != nil || info.Version != c.Applier.Version() {
		return Report{}, false, nil
	}
	before, known, err := Load(ctx, c.Table, info.ID)
	if err != nil || (known && before.Version == info.Version && before.Build == c.Build) {
		return Report{}, false, err
	}
	report = Report{Version: info.Version, Build: c.Build, At: c.Now().UTC()}
	if report.Comparison, err = c.compare(ctx, info.ID); err != nil {
		return Report{}, false, fmt.Errorf("check the projections' code: %w", err)
	}
	_, err = control.Update(ctx, c.Table, reportKey, func(r *Report, _ bool) error { *r = report; return nil })
	if err != nil {
		return Report{}, false, fmt.Errorf("store check of the projections' code: %w", err)
	}
	return report, true, nil
}

func (c *Checker) compare(ctx context.Context, id string) (Comparison, error) {
	result := Comparison{Generation: id}
	end := c.Now().Add(c.Limit)
	sample, err := sampleOf(ctx, c.Generations.Open(id), c.Lanes, c.Applier.Version())
	if err != nil {
		return result, err
	}
	r := refolder{log: c.Log, applier: c.Applier.Apart()}
	for i := range sample {
		if !c.Now().Before(end) {
			result.Partial = true
			return result, nil
		}
		fresh, err := r.refold(ctx, sample[i].lane, &sample[i].row)
		if err != nil {
			return result, err
		}
		if fresh != nil {
			result.add(sample[i].lane, &sample[i].row, fresh)
		}
	}
	return result, nil
}
