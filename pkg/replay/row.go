package replay

import (
	"errors"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/event"
	"reprise/pkg/replay/pace"
	"reprise/pkg/replay/request"
)

// Status is a replay's own status, stored in its control row. It is not the status of
// the execution that carries it out.
type Status string

// The statuses. The last three are final.
const (
	Planned   Status = "PLANNED"
	Running   Status = "RUNNING"
	Draining  Status = "DRAINING"
	Succeeded Status = "SUCCEEDED"
	Failed    Status = "FAILED"
	Cancelled Status = "CANCELLED"
)

// ShownAsking is how a replay is shown whose execution waits until somebody approves its
// promotion, or declines it.
const ShownAsking Status = "AWAITING_APPROVAL"

// ShownPaused is how a replay is shown whose execution waits until somebody resumes
// it. Its row keeps the status that it had before.
const ShownPaused Status = "PAUSED"

// Ended reports whether nothing more will happen to the replay.
func (s Status) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Request says what to replay, and for what purpose.
type Request = request.Request

// The limits of a request.
const (
	MaxParallelism     = request.MaxParallelism
	DefaultParallelism = request.DefaultParallelism
)

// ErrRequest is the error of a request that cannot be carried out. A retry cannot
// help.
var ErrRequest = request.ErrInvalid

// ParseRequest decodes the input of a replay execution with request.Parse.
func ParseRequest(raw []byte) (Request, error) { return request.Parse(raw) }

// Row is the control row of a replay.
type Row struct {
	ID      string  `json:"id"`
	Request Request `json:"request"`
	Status  Status  `json:"status"`
	// Cancel and Paused are the desired state; with Cancel every reader stops at
	// its next page. Tokens are the task tokens of the paused execution.
	Cancel bool     `json:"cancel,omitempty"`
	Paused bool     `json:"paused,omitempty"`
	Tokens []string `json:"tokens,omitempty"`
	// PausedBy is why the replay paused by itself; nil if a person paused it.
	PausedBy *PauseReason `json:"pausedBy,omitempty"`
	// Pauses counts the pauses, and Confirmed is the newest of them that no promotion can
	// overlook.
	Pauses    int `json:"pauses,omitempty"`
	Confirmed int `json:"confirmed,omitempty"`
	// Executions are the names of the executions that have continued the replay, the
	// newest last. The first execution has the replay's id.
	Executions []string `json:"executions,omitempty"`
	// Rate is the limit that an operator set while the replay ran, in events per second,
	// 0 for none; nil leaves it to the request. Rates counts how often one was set.
	Rate  *int `json:"rate,omitempty"`
	Rates int  `json:"rates,omitempty"`
	// Budget is what an operator set in place of the request's budget; nil leaves it to
	// the request.
	Budget *request.Budget `json:"budget,omitempty"`
	// Parallelism is what an operator set while the replay ran; nil leaves it to the
	// request. MaxReaders is the platform's bound, 0 for none.
	Parallelism *int      `json:"parallelism,omitempty"`
	MaxReaders  int       `json:"maxReaders,omitempty"`
	Created     time.Time `json:"created"`
	// Cut is when the present cut was frozen. CatchUps counts how often it was moved, and
	// Began is then when the first one was frozen.
	Cut      *time.Time `json:"cut,omitempty"`
	CatchUps int        `json:"catchUps,omitempty"`
	Began    *time.Time `json:"began,omitempty"`
	Ended    *time.Time `json:"ended,omitempty"`
	// Started is when the replay was first known to have an execution.
	Started *time.Time `json:"started,omitempty"`
	// Generation is the generation that a rebuild fills, and Version its version
	// of the projections. Neither changes once set.
	Generation string `json:"generation,omitempty"`
	Version    string `json:"version,omitempty"`
	Promoted   bool   `json:"promoted,omitempty"`
	// Asked is when the replay began to ask whether to promote, and Approval the answer.
	Asked    *time.Time        `json:"asked,omitempty"`
	Approval *request.Approval `json:"approval,omitempty"`
	// Fault is why the replay can no longer succeed, recorded by its consumer,
	// which may not stop since other replays share the playback stream. The next
	// step of the replay fails with it.
	Fault *Failure `json:"fault,omitempty"`
	// LastError is the newest error that a reader or the consumer could not get
	// past; the replay may have got past it since.
	LastError *Failure `json:"lastError,omitempty"`
	// Groups are those of the present cut's plan, and Lanes and Slices those of all cuts;
	// Total is the number of events in their buckets, up to the present cut.
	Groups int          `json:"groups"`
	Lanes  []event.Lane `json:"lanes,omitempty"`
	Slices int          `json:"slices"`
	Total  int64        `json:"total"`
	// Window is the last slice that readers may read, if each slice waits for its
	// consumer; it only grows.
	Window int `json:"window,omitempty"`
	// Pass counts how often lanes were read again, and Stalls how often that
	// happened since the last progress; Reached is the sum of the marks then.
	// Idle is since when a drain has seen no mark move, and Waiting is set once it has
	// waited in vain.
	Pass    int         `json:"pass"`
	Stalls  int         `json:"stalls,omitempty"`
	Reached int64       `json:"reached,omitempty"`
	Idle    *time.Time  `json:"idle,omitempty"`
	Waiting *WaitingFor `json:"waiting,omitempty"`
	// Damaged counts playback records that were dropped because their events
	// could not be decoded; a record may be counted more than once.
	Damaged int      `json:"damaged,omitempty"`
	Proof   *Proof   `json:"proof,omitempty"`
	Failure *Failure `json:"failure,omitempty"`
}

// RateOrder is the limit that an operator set, for readers; Number is 0 if there is none.
func (r *Row) RateOrder() pace.Order {
	if r.Rate == nil {
		return pace.Order{}
	}
	return pace.Order{Limit: *r.Rate, Number: r.Rates}
}

// Limit is the limit of the replay in events per second, 0 for none.
func (r *Row) Limit() int {
	if r.Rate != nil {
		return *r.Rate
	}
	return r.Request.Rate
}

// Cap is the budget of the replay; there may be none.
func (r *Row) Cap() request.Budget {
	switch {
	case r.Budget != nil:
		return *r.Budget
	case r.Request.Budget != nil:
		return *r.Request.Budget
	}
	return request.Budget{}
}

// reads reports whether readers may still have something to do, which a budget stops.
func (r *Row) reads() bool {
	return (r.Status == Planned || r.Status == Running) && !r.Proof.complete()
}

// PaceKey is the key of a replay's pace.State in the control table.
func PaceKey(id string) control.Key { return control.Key{Partition: Partition(id), Sort: "pace"} }

// BudgetKey is the key of the document by which a replay's readers take turns.
func BudgetKey(id string) control.Key { return control.Key{Partition: Partition(id), Sort: "budget"} }

// Over reports whether nothing more is to be read, delivered or waited for.
func (r *Row) Over() bool { return r.Cancel || r.Status.Ended() }

// Windowed reports whether each slice waits for its consumer.
func (r *Row) Windowed() bool { return r.Request.Order() == request.ByWindow }

// sliceFollows reports whether a slice waits for the consumer of the one that is open.
func (r *Row) sliceFollows() bool { return r.Windowed() && r.Window+1 < r.Slices }

// Children is how many segment readers the replay's map run starts.
func (r *Row) Children() int { return Children(r.Request, r.Groups, r.Slices) }

// Outdated reports whether the cut is older than half of the event stream's retention, so
// that a consumer which begins at it might come too late. A retention of 0 is for ever.
func (r *Row) Outdated(now time.Time, retention time.Duration) bool {
	return retention > 0 && r.Cut != nil && now.Sub(*r.Cut) > retention/2
}

// FirstCut is when the replay's first cut was frozen, nil before that.
func (r *Row) FirstCut() *time.Time {
	if r.Began != nil {
		return r.Began
	}
	return r.Cut
}

// WaitingFor says what a replay waits for, and since when it has made no progress.
type WaitingFor struct {
	For   string    `json:"for"`
	Since time.Time `json:"since"`
}

// Failure says why a replay failed.
type Failure struct {
	Error string `json:"error"`
	Cause string `json:"cause"`
}

var (
	// ErrNotFound says that there is no replay of that id.
	ErrNotFound = errors.New("replay not found")
	// ErrExists says that a replay of that id exists with another input. A retry
	// needs another name.
	ErrExists = errors.New("a replay of that name exists with another input")
	// ErrEnded says that the replay is over.
	ErrEnded = errors.New("the replay has ended")
	// ErrPromoted says that the replay has made its generation active: it is too
	// late to cancel it.
	ErrPromoted = errors.New("the replay has made its generation active")
	// ErrOverBudget says that a replay may not go on since its budget is used up: raise
	// the budget first.
	ErrOverBudget = errors.New("the budget of the replay is used up")
	// ErrNotAsking says that the replay does not ask whether to promote its generation, or
	// not yet.
	ErrNotAsking = errors.New("the replay does not ask for an approval")
	// ErrPromoting says that the replay is just making its generation active: it is
	// too late to pause it.
	ErrPromoting = errors.New("the replay is making its generation active")
)
