package spending

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"reprise/pkg/control"
	"reprise/pkg/meter"
	"reprise/pkg/meter/forecast"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
)

// Metered is the ledger of a platform whose calls are metered: it has what the functions
// stored that they have used.
type Metered struct{ Recorder *Recorder }

// Enter implements budget.Ledger. What a worker has done shows in what its calls used.
func (m Metered) Enter(ctx context.Context, id, worker string, _ budget.Work) error {
	return m.Recorder.Keep(ctx, id, worker)
}

// Used implements budget.Ledger.
func (m Metered) Used(ctx context.Context, id string) (meter.Usage, error) {
	used, err := loadSpent(ctx, m.Recorder.Store, id)
	var total meter.Usage
	for _, u := range used {
		total = total.Add(u)
	}
	return total, err
}

// Counted is the ledger of a platform where nothing is charged: what the same work would
// use on AWS at most, by forecast.Used.
type Counted struct{ Store replay.Store }

// countedPrefix begins the sort keys of documents with the work of readers.
const countedPrefix = "counted#"

func countedKey(id, worker string) control.Key {
	return control.Key{Partition: replay.Partition(id), Sort: countedPrefix + worker}
}

// Enter implements budget.Ledger. An addition with an unknown outcome may count twice.
func (c Counted) Enter(ctx context.Context, id, worker string, done budget.Work) error {
	if done == (budget.Work{}) {
		return nil
	}
	_, err := control.Update(ctx, c.Store.Table, countedKey(id, worker), func(sum *budget.Work, _ bool) error {
		*sum = sum.Add(done)
		return nil
	})
	if err != nil {
		return fmt.Errorf("store work of replay %s: %w", id, err)
	}
	return nil
}

// Used implements budget.Ledger. Readers that had no budget have entered nothing, and
// those that died not everything: what the checkpoints say was done at least.
func (c Counted) Used(ctx context.Context, id string) (meter.Usage, error) {
	row, err := c.Store.Load(ctx, id)
	if err != nil {
		return meter.Usage{}, err
	}
	done, err := c.Store.WorkSoFar(ctx, row)
	if err != nil {
		return meter.Usage{}, err
	}
	entered, err := c.entered(ctx, id)
	if err != nil {
		return meter.Usage{}, fmt.Errorf("load work of replay %s: %w", id, err)
	}
	done.Read, done.ReadBytes = max(done.Read, entered.Read), max(done.ReadBytes, entered.ReadBytes)
	done.Delivered = max(done.Delivered, entered.Delivered)
	done.DeliveredBytes = max(done.DeliveredBytes, entered.DeliveredBytes)
	return forecast.Used(row.Request, len(row.Lanes), done), nil
}

// entered adds up the work of all readers.
func (c Counted) entered(ctx context.Context, id string) (sum budget.Work, err error) {
	err = eachWith(ctx, c.Store.Table, id, countedPrefix, func(_ string, done budget.Work) { sum = sum.Add(done) })
	return sum, err
}

// eachWith calls visit for every document of a replay whose sort key begins with a prefix,
// with the rest of that key.
func eachWith[T any](
	ctx context.Context, table control.Table, id, prefix string, visit func(rest string, value T),
) error {
	const page = 500
	for after := prefix; ; {
		docs, err := table.List(ctx, replay.Partition(id), after, page)
		if err != nil {
			return err
		}
		for _, doc := range docs {
			after = doc.Sort
			rest, found := strings.CutPrefix(doc.Sort, prefix)
			if !found {
				return nil
			}
			var value T
			if err := json.Unmarshal(doc.Body, &value); err != nil {
				return fmt.Errorf("decode %s: %w", doc.Sort, err)
			}
			visit(rest, value)
		}
		if len(docs) < page {
			return nil
		}
	}
}
