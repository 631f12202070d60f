package spending

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"reprise/pkg/meter"
	"reprise/pkg/replay"
)

// Cost is what a replay used of what is charged for by use, as counted by its
// own calls, and its price at the list prices of meter.OnDemand. Time of Lambda,
// hours of shards, storage and transfer are not in it.
type Cost struct {
	Total Spent `json:"total"`
	// Functions is what each function used, by its name.
	Functions map[string]Spent `json:"functions"`
	// Transitions are those of the execution and the children of its map runs;
	// nil is not known: they are counted once, by the last step. Their price is
	// in Total where they are known.
	Transitions *int64 `json:"transitions"`
}

// Spent is a usage and its price.
type Spent struct {
	WriteUnits float64 `json:"writeUnits"`
	ReadUnits  float64 `json:"readUnits"`
	PutUnits   float64 `json:"putUnits"`
	// Dollars are US dollars.
	Dollars float64 `json:"dollars"`
}

func spentOf(u meter.Usage) Spent {
	return Spent{u.WriteUnits, u.ReadUnits, u.PutUnits, meter.OnDemand().Cost(u)}
}

// CostOf returns what a replay cost so far, nil where nothing was metered.
func CostOf(ctx context.Context, store replay.Store, id string) (*Cost, error) {
	used, err := loadSpent(ctx, store, id)
	if err != nil || len(used) == 0 {
		return nil, err
	}
	c := &Cost{Functions: make(map[string]Spent)}
	var total meter.Usage
	for function, u := range used {
		total = total.Add(u)
		if function == spentOnMachine {
			n := int64(u.Transitions)
			c.Transitions = &n
			continue
		}
		c.Functions[function] = spentOf(u)
	}
	c.Total = spentOf(total)
	return c, nil
}

// loadSpent returns what each function used for a replay.
func loadSpent(ctx context.Context, store replay.Store, id string) (map[string]meter.Usage, error) {
	const page = 500
	used := make(map[string]meter.Usage)
	for after := spentPrefix; ; {
		docs, err := store.Table.List(ctx, replay.Partition(id), after, page)
		if err != nil {
			return nil, fmt.Errorf("load what replay %s used: %w", id, err)
		}
		for _, doc := range docs {
			after = doc.Sort
			name, found := strings.CutPrefix(doc.Sort, spentPrefix)
			if !found {
				return used, nil
			}
			var at spent
			if err := json.Unmarshal(doc.Body, &at); err != nil {
				return nil, fmt.Errorf("decode what replay %s used: %w", id, err)
			}
			function, _, _ := strings.Cut(name, "#")
			used[function] = used[function].Add(at.Used)
		}
		if len(docs) < page {
			return used, nil
		}
	}
}
