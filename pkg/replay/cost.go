package replay

import (
	"context"

	"reprise/pkg/meter"
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

// cost returns what a replay cost so far, nil where nothing was metered.
func (s Store) cost(ctx context.Context, id string) (*Cost, error) {
	used, err := s.loadSpent(ctx, id)
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
