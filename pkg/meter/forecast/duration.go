package forecast

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"reprise/pkg/replay"
)

// Duration is an expected time in seconds.
type Duration struct {
	AtLeast float64 `json:"atLeast"`
	// AtMost is nil where nothing bounds it.
	AtMost *float64 `json:"atMost"`
	// Basis says what the expectation rests on.
	Basis string `json:"basis"`
}

const (
	// measuredReplays bounds the earlier replays that a forecast rests on, the
	// newest first.
	measuredReplays = 10
	// fastest is the highest speed in events per second that any replay reached on
	// any machine so far (integration/PERFORMANCE.md). It bounds a replay for which
	// there is no measurement.
	fastest = 130_000
	// similar is how much smaller an earlier replay may be: in a small one the steps
	// wait for each other most of the time, which says nothing about a large one.
	similar = 10
	// margin widens what was measured, since nothing runs twice at the same speed.
	margin = 1.5
)

// measured is the speed of earlier replays of the same kind.
type measured struct {
	replays    int
	slow, fast float64 // events per second
	shortest   time.Duration
}

type ended struct {
	at    time.Time
	took  time.Duration
	count int64
}

// measure returns the speed of the newest replays of a kind that succeeded, of at
// least a tenth of a number of events.
func measure(ctx context.Context, store replay.Store, rebuild bool, events int64) (measured, error) {
	var newest []ended
	err := store.List(ctx, func(row replay.Row) error {
		if !tells(&row, rebuild) || row.Total < events/similar {
			return nil
		}
		newest = append(newest, ended{*row.Ended, row.Ended.Sub(*row.Started), row.Total})
		if len(newest) > measuredReplays {
			slices.SortFunc(newest, func(a, b ended) int { return cmp.Compare(b.at.UnixNano(), a.at.UnixNano()) })
			newest = newest[:measuredReplays]
		}
		return nil
	})
	if err != nil {
		return measured{}, err
	}
	m := measured{replays: len(newest)}
	for i, e := range newest {
		speed := float64(e.count) / e.took.Seconds()
		m.fast = max(m.fast, speed)
		if i == 0 || speed < m.slow {
			m.slow = speed
		}
		if i == 0 || e.took < m.shortest {
			m.shortest = e.took
		}
	}
	return m, nil
}

// tells reports whether a replay shows how fast others of its kind are: it was not held
// back, read events, and did so in one attempt, since its start is that of the last one.
func tells(row *replay.Row, rebuild bool) bool {
	paced := row.Request.Rate > 0 || row.Rates > 0
	return row.Status == replay.Succeeded && row.Request.Rebuild == rebuild && row.Total > 0 &&
		!paced && row.Attempt() == 0 && row.Started != nil && row.Ended != nil && row.Ended.After(*row.Started)
}

// duration is the time that a plan takes at the measured speed, and no less than at
// its rate. A small replay takes as long as the shortest one so far, whatever its
// size.
func (m measured) duration(p *Plan) Duration {
	d := Duration{AtLeast: float64(p.Read.AtLeast) / max(m.fast, fastest)}
	d.Basis = fmt.Sprintf("no earlier replay of this kind and size has succeeded here; "+
		"the bound is the highest speed measured anywhere, %d events/s", fastest)
	if m.replays > 0 {
		most := margin * max(float64(p.Read.AtMost)/m.slow, m.shortest.Seconds())
		d = Duration{AtLeast: float64(p.Read.AtLeast) / m.fast / margin, AtMost: &most}
		d.Basis = fmt.Sprintf("the last %d replays of this kind here, at %.0f to %.0f events/s", m.replays, m.slow, m.fast)
		if m.replays == 1 {
			d.Basis = fmt.Sprintf("the last replay of this kind here, at %.0f events/s", m.fast)
		}
	}
	if rate := p.Input.Rate; rate > 0 {
		d.AtLeast = max(d.AtLeast, float64(p.Delivered.AtLeast)/float64(rate))
		if d.AtMost != nil {
			most := max(*d.AtMost, float64(p.Delivered.AtMost)/float64(rate))
			d.AtMost = &most
		}
		d.Basis = fmt.Sprintf("%d events/s, the rate, and %s", rate, d.Basis)
	}
	d.AtLeast = milli(d.AtLeast)
	if d.AtMost != nil {
		most := milli(*d.AtMost)
		d.AtMost = &most
	}
	return d
}

// milli rounds up to a thousandth, since more would claim too much.
func milli(seconds float64) float64 { return math.Ceil(seconds*1e3) / 1e3 }
