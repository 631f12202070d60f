package lifecycle

import (
	"context"
	"time"

	"reprise/pkg/datastore"
	"reprise/pkg/meter/spending"
	"reprise/pkg/projection/rowdiff"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/request"
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
	// Cut is the time at which the heads were frozen, the last time if the cut was moved.
	Cut        *time.Time `json:"cut"`
	Created    time.Time  `json:"created"`
	Ended      *time.Time `json:"ended,omitempty"`
	Generation string     `json:"generation,omitempty"`
	Promoted   bool       `json:"promoted"`
	// Asked is when the replay began to ask whether to promote its generation, Approved
	// when somebody approved.
	Asked    *time.Time `json:"asked,omitempty"`
	Approved *time.Time `json:"approved,omitempty"`
	// Pausing is set between the request to pause and the pause, when the status
	// becomes PAUSED.
	Pausing bool `json:"pausing,omitempty"`
	// PausedBy is why a replay that is paused, or is about to be, paused by itself; nil
	// if a person paused it.
	PausedBy *replay.PauseReason `json:"pausedBy,omitempty"`
	// Budget is set for a replay that has one.
	Budget *Budget `json:"budget,omitempty"`
	// Pace is set while the replay runs.
	Pace *Pace `json:"pace,omitempty"`
	// Waiting is set while the replay waits for its consumer.
	Waiting *replay.WaitingFor `json:"waiting,omitempty"`
	// Damaged counts playback records that could not be decoded and were dropped;
	// their events were read from the log again.
	Damaged  int             `json:"damaged,omitempty"`
	Progress Progress        `json:"progress"`
	Plan     PlanView        `json:"plan"`
	Proof    *replay.Proof   `json:"proof"`
	Failure  *replay.Failure `json:"failure,omitempty"`
	// Comparison is what the promotion of its generation changes, as far as it was
	// compared; nil in lists, and before.
	Comparison *rowdiff.Report `json:"comparison,omitempty"`
	// Cost is the cost recorded so far; nil where nothing is metered, as on one
	// machine.
	Cost *spending.Cost `json:"cost,omitempty"`
}

// PlanView is the size of a plan.
type PlanView struct {
	Lanes  int `json:"lanes"`
	Groups int `json:"groups"`
	Slices int `json:"slices"`
	// Parallelism is how many segment readers may run at a time: what was set last, or
	// else asked for. Readers is that within the platform's bound and the number of
	// lane groups.
	Parallelism int `json:"parallelism"`
	Readers     int `json:"readers"`
	// Passes counts how often lanes were read again.
	Passes int `json:"passes"`
	// CatchUps counts how often the cut was moved. The groups are those of the present
	// cut; lanes and slices are those of all.
	CatchUps int `json:"catchUps"`
}

// Budget is a replay's budget.
type Budget struct {
	Limit request.Budget `json:"limit"`
	// Spent is what was used so far that counts, in the unit of Limit; nil in lists, and
	// while it is nothing.
	Spent *request.Budget `json:"spent,omitempty"`
	// UsedUp says that Spent has reached Limit.
	UsedUp bool `json:"usedUp"`
	// Charged says that AWS charges what was used; else it is what AWS would charge for
	// the same work at most.
	Charged bool `json:"charged"`
}

func (v *Viewer) budget(ctx context.Context, row *replay.Row) (*Budget, error) {
	shown := budgetOf(row)
	if shown == nil || v.Ledger == nil {
		return shown, nil
	}
	used, err := v.Ledger.Used(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	if spent := shown.Limit.Of(used); !spent.None() {
		shown.Spent = &spent
	}
	shown.UsedUp, shown.Charged = shown.Limit.UsedUp(used), v.Charged
	return shown, nil
}

// budgetOf is the budget of a replay without what was used, nil if it has none.
func budgetOf(row *replay.Row) *Budget {
	limit := row.Cap()
	if limit.None() {
		return nil
	}
	return &Budget{Limit: limit}
}

// Pace is how fast a replay may be.
type Pace struct {
	// Limit is the rate that an operator or the request set, and Rate the one that
	// holds at present, in events per second; 0 is no limit.
	Limit int `json:"limit"`
	Rate  int `json:"rate"`
	// Reason says why Rate is lower than Limit, and Since since when.
	Reason pace.Reason `json:"reason,omitempty"`
	Since  *time.Time  `json:"since,omitempty"`
}

func (v *Viewer) pace(ctx context.Context, row replay.Row) (*Pace, error) {
	if row.Status.Ended() {
		return nil, nil
	}
	state, err := pace.Load(ctx, v.Store.Table, replay.PaceKey(row.ID))
	if err != nil {
		return nil, err
	}
	state = state.With(row.RateOrder())
	shown := &Pace{Limit: row.Limit(), Rate: int(state.Rate(row.Limit())), Reason: state.Reason}
	if state.Since > 0 {
		since := time.UnixMilli(state.Since).UTC()
		shown.Since = &since
	}
	return shown, nil
}

// Viewer shows replays. It is safe for concurrent use.
type Viewer struct {
	Store       replay.Store
	Registry    datastore.Registry
	Generations datastore.Generations
	// Ledger has what replays have used, for their budgets. Charged says that AWS charges
	// it.
	Ledger  budget.Ledger
	Charged bool
	// Recent keeps views for those who watch; nil makes each anew.
	Recent *Recent
}

// View returns a replay with its progress and its cost.
func (v *Viewer) View(ctx context.Context, row replay.Row) (View, error) {
	if v.Recent == nil {
		return v.view(ctx, row)
	}
	return v.Recent.views.get(&row, v.Store.Now, func() (View, error) { return v.view(ctx, row) })
}

func (v *Viewer) view(ctx context.Context, row replay.Row) (View, error) {
	view := Summary(row)
	var err error
	if view.Cost, err = spending.CostOf(ctx, v.Store, row.ID); err != nil {
		return View{}, err
	}
	if view.Budget, err = v.budget(ctx, &row); err != nil {
		return View{}, err
	}
	if view.Comparison, err = v.comparison(ctx, &row); err != nil {
		return View{}, err
	}
	if view.Pace, err = v.pace(ctx, row); err != nil || len(row.Lanes) == 0 {
		return view, err
	}
	view.Progress.Read, view.Progress.Delivered, err = v.Store.ReadSoFar(ctx, row)
	if err != nil {
		return View{}, err
	}
	if row.Proof != nil {
		view.Progress.count(row.Proof)
		return view, nil
	}
	marks, err := v.marks(ctx, row)
	for _, mark := range marks {
		view.Progress.Consumed += mark.Ordinal
	}
	return view, err
}

// comparison is what a replay's promotion changes.
func (v *Viewer) comparison(ctx context.Context, row *replay.Row) (*rowdiff.Report, error) {
	if row.Proof == nil || !row.Request.Promote {
		return nil, nil
	}
	compared, err := v.Store.LoadComparison(ctx, row.ID)
	if compared == nil || err != nil {
		return nil, err
	}
	return &compared.Report, nil
}

// Done is the share of a replay that is done, from 0 to 1: reading is one half, consuming
// the other. Events that are left out are never consumed, and count as if they were. So
// the share never falls while its numbers do not. total must not be 0.
func Done(total, read, delivered, consumed int64) float64 {
	left := max(0, read-delivered)
	return (min(1, float64(read)/float64(total)) + min(1, float64(left+consumed)/float64(total))) / 2
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
	switch {
	case row.Parked():
		status = replay.ShownPaused
	case row.Awaits():
		status = replay.ShownAsking
	case !status.Ended():
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
		Asked:      row.Asked,
		Pausing:    row.Paused && !row.Parked() && !row.Status.Ended(),
		PausedBy:   row.PausedBy,
		Budget:     budgetOf(&row),
		Damaged:    row.Damaged,
		Progress:   Progress{Total: row.Total},
		Plan:       planView(row),
		Proof:      row.Proof,
		Failure:    row.Failure,
	}
	if row.Approval != nil {
		view.Approved = &row.Approval.At
	}
	if !row.Status.Ended() {
		view.Waiting = row.Waiting
	}
	return view
}

func planView(row replay.Row) PlanView {
	return PlanView{
		Lanes:       len(row.Lanes),
		Groups:      row.Groups,
		Slices:      row.Slices,
		Parallelism: row.Parallel(),
		Readers:     min(row.Readers(), row.Children()),
		Passes:      row.Pass,
		CatchUps:    row.CatchUps,
	}
}
