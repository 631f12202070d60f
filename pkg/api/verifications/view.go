package verifications

import (
	"context"
	"time"

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
	if row.Status.Ended() || row.Cut == nil {
		return view, nil
	}
	p := new(Progress)
	err := v.Store.EachLane(ctx, row.ID, func(_ string, lane verify.Progress) error {
		if lane.Done {
			p.Lanes++
		}
		p.Rows += lane.Rows
		p.Events += lane.Events
		for _, n := range lane.Findings.Counts {
			p.Drift += n
		}
		return nil
	})
	if row.Events > 0 {
		p.Percent = min(100, 100*float64(p.Events)/float64(row.Events))
	}
	view.Progress = p
	return view, err
}
