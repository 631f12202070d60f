package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"reprise/pkg/event"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
)

// Report is the outcome of a verification.
type Report struct {
	// Lanes counts the lanes that were verified whole.
	Lanes int `json:"lanes"`
	// Rows, Events and Bytes count what was compared and read of the log.
	Rows   int64 `json:"rows"`
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	// RebuiltRows counts the rows of the throwaway that were compared.
	RebuiltRows int64 `json:"rebuiltRows,omitempty"`
	// Unfinished are the lanes that were not verified whole.
	Unfinished []event.Lane `json:"unfinished,omitempty"`
	// Cost is about the most that the verification costs.
	Cost *Cost `json:"cost,omitempty"`
	// Unverified counts entities that are too large to be folded in memory.
	Unverified int64 `json:"unverified,omitempty"`
	// Quarantined counts records that are set aside; they are no drift.
	Quarantined int64 `json:"quarantined,omitempty"`
	// Drift counts the differences by kind, Differences are the first of them.
	Drift       map[Kind]int64 `json:"drift,omitempty"`
	Differences []Difference   `json:"differences,omitempty"`
}

// maxReported bounds the differences of a report; those of each lane are in its
// progress.
const maxReported = 50

// ErrIncomplete says that lanes have not been verified to their end. Starting the
// verification again with another name helps.
var ErrIncomplete = errors.New("not every lane was verified to its end")

const (
	// maxQuarantine bounds the records of a lane that are counted.
	maxQuarantine = 1000
	// quarantinePage bounds the records that are in memory at a time, of up to 1 MiB each.
	quarantinePage = 20
)

// Reporter ends verifications. It is safe for concurrent use.
type Reporter struct {
	Store Store
	Log   eventlog.Log
	// Rebuilt is what the replay of a verification has used so far; nil leaves it out.
	Rebuilt func(ctx context.Context, verification string) (meter.Usage, error)
}

// Report sums up a verification and ends it as Clean or Drift, or as Failed with
// ErrIncomplete or the failure of its execution, nil if there was none. It is
// idempotent.
func (r *Reporter) Report(ctx context.Context, id string, failure *Failure) (Row, error) {
	row, err := r.Store.Load(ctx, id)
	if err != nil || row.Status.Ended() {
		return row, err
	}
	if err := r.rebuilt(ctx, &row); err != nil {
		return Row{}, err
	}
	report, whole, err := r.sum(ctx, &row)
	if err != nil {
		return Row{}, fmt.Errorf("report verification %s: %w", id, err)
	}
	status := Clean
	if failure == nil && row.Throwaway != nil {
		failure = row.Throwaway.Failure
	}
	switch {
	case failure != nil:
		status = Failed
	case !whole && row.UsedUp != nil:
		status, failure = Failed, budgetFailure(&row, report)
	case !whole || report.Unverified > 0:
		status = Failed
		failure = &Failure{"Reprise.VerificationIncomplete", incomplete(&row, report)}
	}
	if len(report.Drift) > 0 { // what was found counts, however far the rest came
		status = Drift
	}
	return r.Store.End(ctx, id, status, report, failure)
}

// rebuilt adds what a replay has used that has not been seen to end.
func (r *Reporter) rebuilt(ctx context.Context, row *Row) (err error) {
	if t := row.Throwaway; t != nil && t.Ended == nil && r.Rebuilt != nil {
		if t.Used, err = r.Rebuilt(ctx, row.ID); err != nil {
			return fmt.Errorf("report verification %s: %w", row.ID, err)
		}
	}
	return nil
}

func incomplete(row *Row, report *Report) string {
	if report.Unverified > 0 {
		return fmt.Sprintf("%d entities have too many events to be folded in memory", report.Unverified)
	}
	return fmt.Sprintf("%d of %d lanes: %v", report.Lanes, row.lanes(), ErrIncomplete)
}

func (r *Reporter) sum(ctx context.Context, row *Row) (report *Report, whole bool, err error) {
	report, all := new(Report), Findings{}
	var reads, writes float64
	done := make(map[string]bool)
	err = r.Store.EachLane(ctx, row.ID, func(lane string, p Progress) error {
		if p.Done {
			report.Lanes++
			done[lane] = true
		}
		reads, writes = reads+p.ReadUnits, writes+p.WriteUnits
		report.Rows += p.Rows
		report.RebuiltRows += p.RebuiltRows
		report.Events += p.Events
		report.Bytes += p.Bytes
		report.Unverified += p.Unverified
		for kind, n := range p.Findings.Counts {
			all.count(kind, n)
		}
		room := maxReported - len(report.Differences)
		report.Differences = append(report.Differences, p.Findings.Samples[:min(room, len(p.Findings.Samples))]...)
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	report.Drift, report.Cost = all.Counts, row.costOf(reads, writes)
	for _, group := range row.Groups {
		for _, at := range group {
			if !done[at.String()] {
				report.Unfinished = append(report.Unfinished, at)
			}
			n, err := r.quarantined(ctx, at)
			if err != nil {
				return nil, false, err
			}
			report.Quarantined += n
		}
	}
	slices.Sort(report.Unfinished)
	return report, len(report.Unfinished) == 0 && report.Lanes > 0, nil
}

func (r *Reporter) quarantined(ctx context.Context, lane event.Lane) (int64, error) {
	var count int64
	for after := event.Position(""); count < maxQuarantine; {
		some, err := r.Log.ListQuarantine(ctx, lane, after, quarantinePage)
		if err != nil {
			return 0, fmt.Errorf("list quarantine of lane %s: %w", lane, err)
		}
		count += int64(len(some))
		if len(some) < quarantinePage {
			break
		}
		after = some[len(some)-1].Position
	}
	return count, nil
}
