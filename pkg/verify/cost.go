package verify

import (
	"context"
	"encoding/json"
	"fmt"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/eventlog"
	"reprise/pkg/meter"
	"reprise/pkg/replay/budget"
)

// Cost is about the most that a verification costs on AWS, wherever it ran, at the list
// prices of meter.OnDemand. Lambda time is not in it.
type Cost struct {
	ReadUnits   float64 `json:"readUnits"`
	WriteUnits  float64 `json:"writeUnits"`
	Transitions int64   `json:"transitions"`
	// Dollars are US dollars.
	Dollars float64 `json:"dollars"`
	// Rebuild is the part of it that the replay of a verification of depth Rebuild took.
	Rebuild *RebuildCost `json:"rebuild,omitempty"`
}

// RebuildCost is what a replay costs that a verification owns.
type RebuildCost struct {
	ReadUnits   float64 `json:"readUnits"`
	WriteUnits  float64 `json:"writeUnits"`
	PutUnits    float64 `json:"putUnits"`
	Transitions int64   `json:"transitions"`
	Dollars     float64 `json:"dollars"`
}

const (
	// entryBytes and rowBytes are about what keys and attributes add to an event's line
	// and its entity, and to a row's state.
	entryBytes, rowBytes = 120, 600
	// documentBytes are those of a manifest with its key, and pageUnits is what a bucket's
	// records take on average, a page of 4 KB or less.
	documentBytes = 250
	pageUnits     = 1
	// documentUnits are those of the documents that are read once for each span: heads,
	// marks and the row of the verification.
	documentUnits = 4
	// planUnits and reportUnits are those of the first step and the last, for each lane.
	planUnits, reportUnits = 4, 2
	// machineTransitions are those of an execution, and childTransitions those of each of
	// its children.
	machineTransitions, childTransitions = 10, 4
	// lookTransitions are those of each look at a rebuild, lookReads and lookWrites what it
	// takes of DynamoDB.
	lookTransitions, lookReads, lookWrites = 3, 8, 2
)

// pageCost is what it takes to read a page of the log.
func pageCost(page *eventlog.Page, consistent bool) float64 {
	bytes := 0
	for i := range page.Entries {
		bytes += len(page.Entries[i].Line) + len(page.Entries[i].Entity) + entryBytes
	}
	return meter.Read(bytes, consistent)
}

// rowsCost is what it takes to read rows side by side.
func rowsCost(rows []datastore.Row) float64 {
	bytes := 0
	for i := range rows {
		bytes += rowSize(&rows[i])
	}
	return meter.Read(bytes, true)
}

func rowSize(row *datastore.Row) int {
	return len(row.State) + len(row.Filter) + rowBytes
}

// bucketsCost is what it takes to learn of buckets and of their records.
func bucketsCost(buckets int) float64 {
	return meter.Read(buckets*documentBytes, true) + float64(buckets)*pageUnits
}

// writeCost is what it takes to store a document.
func writeCost(value any) float64 {
	raw, err := json.Marshal(value)
	if err != nil {
		return 1 // storing it fails, too
	}
	return meter.Write(len(raw))
}

// usage is what a verification has used, given the sums of its lanes.
func (r *Row) usage(reads, writes float64) meter.Usage {
	used := r.rebuildUsage()
	if r.Cut == nil {
		return used
	}
	lanes := r.lanes()
	return used.Add(meter.Usage{
		ReadUnits:   reads + float64(lanes*(planUnits+reportUnits)),
		WriteUnits:  writes + float64(lanes+planUnits+reportUnits),
		Transitions: float64(machineTransitions + childTransitions*len(r.Groups)),
	})
}

// rebuildUsage is what the rebuild has used, and what it took to wait for it.
func (r *Row) rebuildUsage() meter.Usage {
	t := r.Throwaway
	if t == nil {
		return meter.Usage{}
	}
	looks := float64(t.Looks)
	return t.Used.Add(meter.Usage{ReadUnits: looks * lookReads, WriteUnits: looks * lookWrites,
		Transitions: looks * lookTransitions})
}

// costOf is the cost of a verification, given the sums of its lanes.
func (r *Row) costOf(reads, writes float64) *Cost {
	used := r.usage(reads, writes)
	cost := &Cost{ReadUnits: used.ReadUnits, WriteUnits: used.WriteUnits, Transitions: int64(used.Transitions),
		Dollars: meter.OnDemand().Cost(used)}
	if t := r.Throwaway; t != nil {
		cost.Rebuild = &RebuildCost{t.Used.ReadUnits, t.Used.WriteUnits, t.Used.PutUnits, int64(t.Used.Transitions),
			meter.OnDemand().Cost(t.Used)}
	}
	return cost
}

// ledger counts what a verification has used by the progress of its lanes, which is
// stored anyway.
type ledger struct{ store Store }

// Enter implements budget.Ledger.
func (ledger) Enter(context.Context, string, string, budget.Work) error { return nil }

// Used implements budget.Ledger.
func (l ledger) Used(ctx context.Context, id string) (meter.Usage, error) {
	row, err := l.store.Load(ctx, id)
	if err != nil {
		return meter.Usage{}, err
	}
	var reads, writes float64
	err = l.store.EachLane(ctx, id, func(_ string, p Progress) error {
		reads, writes = reads+p.ReadUnits, writes+p.WriteUnits
		return nil
	})
	return row.usage(reads, writes), err
}

// keeper holds a lane group of a verification to its budget; nil if it has none.
func (c *Checker) keeper(row *Row, group int) *budget.Keeper {
	if row.Request.Budget.None() {
		return nil
	}
	return &budget.Keeper{
		Ledger: ledger{c.Store},
		Table:  c.Store.Table,
		Key:    control.Key{Partition: Partition(row.ID), Sort: "budget"},
		ID:     row.ID,
		Worker: fmt.Sprint(group),
		Every:  c.BudgetEvery,
		Now:    c.Store.Now,
	}
}

// spend looks from time to time whether the budget is used up, and stops the verification
// if it is.
func (c *Checker) spend(ctx context.Context, row *Row, keeper *budget.Keeper) error {
	used, mine, err := keeper.Look(ctx)
	if err != nil || !mine || !row.Request.Budget.UsedUp(used) {
		return err
	}
	_, err = c.Store.Update(ctx, row.ID, func(row *Row) error {
		if row.UsedUp != nil {
			return control.Unchanged()
		}
		at := c.Store.Now().UTC()
		row.UsedUp = &at
		return nil
	})
	return err
}

// budgetFailure says that the budget was used up before everything was verified.
func budgetFailure(row *Row, report *Report) *Failure {
	limit := row.Request.Budget
	cost := report.Cost
	used := limit.Of(meter.Usage{ReadUnits: cost.ReadUnits, WriteUnits: cost.WriteUnits,
		Transitions: float64(cost.Transitions)})
	return &Failure{"Reprise.BudgetUsedUp", fmt.Sprintf(
		"the budget of %s is used up (%s): %d of %d lanes are verified whole, with %d rows and %d events",
		limit, used, report.Lanes, report.Lanes+len(report.Unfinished), report.Rows, report.Events)}
}
