package platform

import (
	"context"
	"log/slog"
	"time"

	"reprise/pkg/eventlog"
	"reprise/pkg/projection/codecheck"
)

// codeCheckLimit is about how long a check of the projections' code may take.
const codeCheckLimit = 10 * time.Second

// CheckCode compares some states of the active generation with what this build makes
// of their events, once for each generation and build, and logs a warning if they
// differ although the version is the same. Status shows the result. A check that fails
// is logged and stops nothing; the next call repeats it.
func (p *Platform) CheckCode(ctx context.Context) {
	checker := &codecheck.Checker{
		Table:       p.Table,
		Registry:    p.registry,
		Generations: p.Generations,
		Log:         eventlog.View{Log: p.EventLog, Heads: p.heads},
		Applier:     p.Applier,
		Lanes:       p.Lanes.Count(),
		Build:       p.Settings.Build,
		Now:         p.Now,
		Limit:       codeCheckLimit,
	}
	report, done, err := checker.Check(ctx)
	switch {
	case err != nil && ctx.Err() == nil:
		p.Log.LogAttrs(ctx, slog.LevelWarn, "the code of the projections was not checked",
			slog.String("error", err.Error()))
	case done && report.Differing > 0:
		p.Log.LogAttrs(ctx, slog.LevelWarn, "the code of the projections was changed and their version was not: "+
			"it makes other states of the same events than the active generation has. Raise the version, "+
			"and replace the generation with: reprise replay start --rebuild --promote",
			append(report.Attrs(), slog.String("version", report.Version))...)
	}
}
