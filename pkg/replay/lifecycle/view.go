package lifecycle

import (
	"context"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/meter/spending"
	"reprise/pkg/replay"
)

// Progress is a replay's progress in events.
type Progress struct {
	// Total is the number of events in the buckets that the replay reads, up to
	// its cut; 0 for a replay of single entities, where it is unknown.
	Total int64 `json:"total"`
	// Read events were read, Delivered were also selected and acknowledged by
	// the playback stream, and Consumed were also taken in by its consumer, which
	// applies them unless they are duplicates or their entity is parked.
	Read      int64 `json:"read"`
	Delivered int64 `json:"delivered"`
	Consumed  int64 `json:"consumed"`
	// Applied, Duplicates and Parked come from the rows that the proof of a rebuild
	// counted; they are 0 before it. Without a rebuild there are no rows, and Applied
	// is what the proof says was consumed.
	Applied    int64 `json:"applied"`
	Duplicates int64 `json:"duplicates"`
	Parked     int64 `json:"parked"`
}

// View is a replay as it is shown to people.
type View struct {
	ID     string         `json:"id"`
	Status replay.Status  `json:"status"`
	Phase  replay.Status  `json:"phase"`
	Input  replay.Request `json:"input"`
	// Cut is the time at which the heads were frozen.
	Cut        *time.Time `json:"cut"`
	Created    time.Time  `json:"created"`
	Ended      *time.Time `json:"ended,omitempty"`
	Generation string     `json:"generation,omitempty"`
	Promoted   bool       `json:"promoted"`
	// Waiting is set while the replay waits for its consumer.
	Waiting *replay.WaitingFor `json:"waiting,omitempty"`
	// Damaged counts playback records that could not be decoded and were dropped;
	// their events were read from the log again.
	Damaged  int             `json:"damaged,omitempty"`
	Progress Progress        `json:"progress"`
	Plan     PlanView        `json:"plan"`
	Proof    *replay.Proof   `json:"proof"`
	Failure  *replay.Failure `json:"failure,omitempty"`
	// Cost is the cost recorded so far; nil where nothing is metered, as on one
	// machine.
	Cost *spending.Cost `json:"cost,omitempty"`
}

// PlanView is the size of a plan.
type PlanView struct {
	Lanes  int `json:"lanes"`
	Groups int `json:"groups"`
	Slices int `json:"slices"`
	// Passes counts how often lanes were read again.
	Passes int `json:"passes"`
}

// Viewer shows replays. It is safe for concurrent use.
type Viewer struct {
	Store       replay.Store
	Registry    datastore.Registry
	Generations datastore.Generations
}

// View returns a replay with its progress and its cost.
func (v *Viewer) View(ctx context.Context, row replay.Row) (View, error) {
	view := Summary(row)
	var err error
	if view.Cost, err = spending.CostOf(ctx, v.Store, row.ID); err != nil {
		return View{}, err
	}
	if len(row.Lanes) == 0 {
		return view, nil
	}
	checkpoints, err := v.Store.LoadCheckpoints(ctx, row.ID, row.Lanes)
	if err != nil {
		return View{}, err
	}
	for _, at := range checkpoints {
		view.Progress.Read += at.Read.Count
		view.Progress.Delivered += at.Delivered.Count
	}
	if row.Proof != nil {
		view.Progress.count(row.Proof)
		return view, nil
	}
	view.Progress.Consumed, err = v.Store.Consumed(ctx, v.Registry, v.Generations, row)
	return view, err
}

func (p *Progress) count(proof *replay.Proof) {
	p.Consumed, p.Applied = proof.Applied.Count, proof.Applied.Count
	if proof.Rows != nil {
		p.Applied = proof.Rows.Applied
		p.Duplicates = proof.Rows.Duplicates
		p.Parked = proof.Rows.Parked
	}
}

// Summary returns a replay without its progress and its cost.
func Summary(row replay.Row) View {
	status := row.Status
	if !status.Ended() {
		status = replay.Running
	}
	view := View{
		ID:         row.ID,
		Status:     status,
		Phase:      row.Status,
		Input:      row.Request,
		Cut:        row.Cut,
		Created:    row.Created,
		Ended:      row.Ended,
		Generation: row.Generation,
		Promoted:   row.Promoted,
		Damaged:    row.Damaged,
		Progress:   Progress{Total: row.Total},
		Plan:       PlanView{Lanes: len(row.Lanes), Groups: row.Groups, Slices: row.Slices, Passes: row.Pass},
		Proof:      row.Proof,
		Failure:    row.Failure,
	}
	if !row.Status.Ended() {
		view.Waiting = row.Waiting
	}
	return view
}
