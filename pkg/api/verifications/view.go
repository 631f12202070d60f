package verifications

import (
	"cmp"
	"context"
	"errors"
	"time"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/verify"
)

// View is a verification as clients see it.
type View struct {
	ID     string         `json:"id"`
	Status verify.Status  `json:"status"`
	Input  verify.Request `json:"input"`
	// Generation is the one that is verified, and Version its version of the
	// projections.
	Generation string `json:"generation,omitempty"`
	Version    string `json:"version,omitempty"`
	// Depth is how it finds out what rows should be, and Rebuild the replay that depth rebuild
	// adds, nil until that was asked for.
	Depth   verify.Depth `json:"depth"`
	Rebuild *Rebuild     `json:"rebuild,omitempty"`
	// Scope is what is verified, "" until that is decided. Base is the verification that
	// an incremental one goes on from.
	Scope   Scope      `json:"scope,omitempty"`
	Base    string     `json:"base,omitempty"`
	Created time.Time  `json:"created"`
	Cut     *time.Time `json:"cut,omitempty"`
	Ended   *time.Time `json:"ended,omitempty"`
	// Lanes is the number of lanes, and Events the number of events up to the cut, or in an
	// incremental verification those since the cut of its base.
	Lanes  int   `json:"lanes"`
	Events int64 `json:"events"`
	// Progress is how far it is, nil in a list and once it has ended.
	Progress *Progress       `json:"progress,omitempty"`
	Report   *verify.Report  `json:"report,omitempty"`
	Failure  *verify.Failure `json:"failure,omitempty"`
}

// Rebuild is the replay that a verification owns.
type Rebuild struct {
	Replay string `json:"replay"`
	// Generation is the throwaway, "" until it is known.
	Generation string `json:"generation,omitempty"`
	// Status is that of the replay, and Percent how much of it is done; both are absent in a
	// list, and once the replay is no longer kept.
	Status  replay.Status `json:"status,omitempty"`
	Percent float64       `json:"percent,omitempty"`
	// Ended is when the verification went on.
	Ended *time.Time `json:"ended,omitempty"`
	// Failure is why the replay failed.
	Failure *verify.Failure `json:"failure,omitempty"`
}

func rebuildOf(row *verify.Row) *Rebuild {
	t := row.Throwaway
	if t == nil {
		return nil
	}
	return &Rebuild{Replay: row.ID, Generation: t.Generation, Ended: t.Ended, Failure: t.Failure}
}

// look adds what the replay of a verification does at present.
func (v *Verifications) look(ctx context.Context, shown *Rebuild) error {
	if shown == nil || v.Replay == nil {
		return nil
	}
	view, err := v.Replay(ctx, shown.Replay)
	if errors.Is(err, replay.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	shown.Status = view.Status
	if p := view.Progress; p.Total > 0 {
		shown.Percent = 100 * lifecycle.Done(p.Total, p.Read, p.Delivered, p.Consumed)
	}
	return nil
}

// Scope is what a verification looks at.
type Scope string

// The scopes.
const (
	// Full is every row and the whole log.
	Full Scope = "full"
	// Incremental is what has had events since the verification before.
	Incremental Scope = "incremental"
)

func scopeOf(row *verify.Row) Scope {
	switch {
	case row.Base != "":
		return Incremental
	case row.Generation != "":
		return Full
	}
	return ""
}

// Progress is how far a verification is.
type Progress struct {
	// Lanes counts the lanes that are verified whole.
	Lanes  int   `json:"lanes"`
	Rows   int64 `json:"rows"`
	Events int64 `json:"events"`
	Drift  int64 `json:"drift"`
	// Percent is the part of the events that was read, at most 100.
	Percent float64 `json:"percent"`
}

// summary is a verification without its progress and the samples of what it found.
func summary(row verify.Row) View {
	view := View{
		ID:         row.ID,
		Status:     row.Status,
		Input:      row.Request,
		Generation: row.Generation,
		Version:    row.Version,
		Scope:      scopeOf(&row),
		Base:       row.Base,
		Depth:      cmp.Or(row.Request.Depth, verify.Fold),
		Rebuild:    rebuildOf(&row),
		Created:    row.Created,
		Cut:        row.Cut,
		Ended:      row.Ended,
		Events:     row.Events,
		Failure:    row.Failure,
	}
	for _, group := range row.Groups {
		view.Lanes += len(group)
	}
	if row.Report != nil {
		short := *row.Report
		short.Differences, short.Unfinished = nil, nil
		view.Report = &short
	}
	return view
}

// show is a verification with its progress, or with the first of the differences.
func (v *Verifications) show(ctx context.Context, row verify.Row) (View, error) {
	view := summary(row)
	view.Report = row.Report
	if err := v.look(ctx, view.Rebuild); err != nil {
		return view, err
	}
	if row.Status.Ended() || row.Cut == nil {
		return view, nil
	}
	p, read := new(Progress), int64(0)
	err := v.Store.EachLane(ctx, row.ID, func(_ string, lane verify.Progress) error {
		if lane.Done {
			p.Lanes++
		}
		p.Rows += lane.Rows
		p.Events += lane.Events
		read += lane.Events + lane.RebuiltEvents
		for _, n := range lane.Findings.Counts {
			p.Drift += n
		}
		return nil
	})
	if row.Events > 0 {
		passes := 1.0
		if view.Depth == verify.Rebuild {
			passes = 2 // the generation, and then the throwaway
		}
		p.Percent = min(100, 100*float64(read)/float64(row.Events)/passes)
	}
	view.Progress = p
	return view, err
}
