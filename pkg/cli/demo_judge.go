package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"reprise/pkg/api/entities"
	"reprise/pkg/cli/command"
	"reprise/pkg/cli/demo"
	"reprise/pkg/cli/entity"
	"reprise/pkg/event"
	"reprise/pkg/replay/lifecycle"
)

// judgement is the outcome of the demonstration.
type judgement struct {
	Events     int64 `json:"events"`
	Entities   int64 `json:"entities"`
	Duplicates int64 `json:"duplicatesDropped"`
	// OrderViolations counts events that the log or the rebuilt state has in
	// another order than the source.
	OrderViolations int64 `json:"orderViolations"`
	// Missing counts events of the source that the log lacks.
	Missing int64 `json:"missing"`
	// Restored counts entities whose rebuilt state, count and chain equal the
	// lost ones byte for byte.
	Restored int64 `json:"restored"`
	// Agreeing counts entities whose state agrees with Git.
	Agreeing int64 `json:"agreeing"`
}

var errDisagrees = errors.New("the rebuilt state does not match the log, the lost state or Git")

func (o *judgement) verdict() error {
	if o.OrderViolations == 0 && o.Missing == 0 && o.Restored == o.Entities && o.Agreeing == o.Entities && o.Entities > 0 {
		return nil
	}
	return command.Hint(errDisagrees, "this is a defect in the platform: please report the output of reprise demo --json")
}

// rows returns every row of the active generation.
func (d *demonstration) rows(ctx context.Context) (map[string]entities.View, error) {
	m, err := entity.OpenMerged(ctx, d.client, "")
	if err != nil {
		return nil, err
	}
	rows := make(map[string]entities.View)
	for {
		next, err := m.Next(ctx)
		if err != nil || next == nil {
			return rows, err
		}
		rows[next.Entity] = *next
	}
}

// judge compares the rebuilt generation with the lost one, the log with its
// source, and both with Git.
func (d *demonstration) judge(
	ctx context.Context,
	before map[string]entities.View,
	view lifecycle.View,
) (judgement, error) {
	truth, err := demo.LitestreamTruth()
	if err != nil {
		return judgement{}, err
	}
	source, err := sourceOrder()
	if err != nil {
		return judgement{}, err
	}
	rows, err := d.rows(ctx)
	if err != nil {
		return judgement{}, err
	}
	o := judgement{Events: view.Progress.Total, Entities: int64(len(source)), Duplicates: view.Progress.Duplicates}
	for entity, ids := range source {
		row := rows[entity]
		if truth.Agrees(entity, row.State) {
			o.Agreeing++
		}
		if lost := before[entity]; string(lost.State) == string(row.State) && lost.Count == row.Count &&
			lost.Chain == row.Chain {
			o.Restored++
		}
		if err := d.judgeHistory(ctx, &o, entity, ids, row); err != nil {
			return judgement{}, err
		}
	}
	for path := range truth {
		if _, found := source[path]; !found {
			o.Missing++
		}
	}
	return o, nil
}

// judgeHistory follows one entity's events through the log. The row's chain
// digests the events in the order in which they were applied, so it tells
// whether the rebuild kept the order of the log.
func (d *demonstration) judgeHistory(
	ctx context.Context,
	o *judgement,
	entity string,
	ids []string,
	row entities.View,
) error {
	place := make(map[string]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	var chain event.Digest
	seen, last, after := 0, -1, ""
	for {
		page, err := d.client.History(ctx, entity, after, 1000)
		if err != nil {
			return err
		}
		for _, h := range page.Events {
			e, err := event.Parse(string(h.Event))
			if err != nil {
				return fmt.Errorf("parse event at %s: %w", h.Position, err)
			}
			if h.Duplicate {
				continue
			}
			seen++
			if place[e.ID] < last {
				o.OrderViolations++
			}
			last = place[e.ID]
			chain = chain.Chain(event.DigestOf(h.Position, e.AppendJSON(nil)))
		}
		if after = page.Next; after == "" {
			break
		}
	}
	o.Missing += int64(len(ids) - seen)
	if chain != row.Chain {
		o.OrderViolations++
	}
	return nil
}

// sourceOrder returns the ids of every entity's events in the order of the
// source.
func sourceOrder() (map[string][]string, error) {
	log, err := demo.Litestream()
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // it was only read
	order := make(map[string][]string)
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		e, err := event.Parse(lines.Text())
		if err != nil {
			return nil, fmt.Errorf("parse the Litestream log: %w", err)
		}
		order[e.Subject] = append(order[e.Subject], e.ID)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the Litestream log: %w", err)
	}
	return order, nil
}
