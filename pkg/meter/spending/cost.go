package spending

import (
	"context"
	"fmt"
	"strings"

	"reprise/pkg/meter"
	"reprise/pkg/replay"
)

// Cost is the usage that a replay's own calls counted, and its price at the list
// prices of meter.OnDemand. It does not include Lambda time, shard hours, storage
// and transfer.
type Cost struct {
	Total Spent `json:"total"`
	// Functions is the usage of each function, by name.
	Functions map[string]Spent `json:"functions"`
	// Transitions are those of the execution and the children of its map runs,
	// counted once, by the last step; nil while unknown. Total includes their
	// price once they are known.
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

// CostOf returns the cost of a replay so far, nil if nothing was metered.
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

// loadSpent returns the usage of each function for a replay.
func loadSpent(ctx context.Context, store replay.Store, id string) (map[string]meter.Usage, error) {
	used := make(map[string]meter.Usage)
	err := eachWith(ctx, store.Table, id, spentPrefix, func(name string, at spent) {
		function, _, _ := strings.Cut(name, "#")
		used[function] = used[function].Add(at.Used)
	})
	if err != nil {
		return nil, fmt.Errorf("load usage of replay %s: %w", id, err)
	}
	return used, nil
}
