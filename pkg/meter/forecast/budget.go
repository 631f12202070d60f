package forecast

import (
	"fmt"

	"reprise/pkg/meter"
	"reprise/pkg/replay/request"
)

// Budget is how far the budget of a request goes.
type Budget struct {
	// Limit is the budget.
	Limit request.Budget `json:"limit"`
	// AtLeast and AtMost are what the replay is expected to use that counts, in the
	// budget's unit: everything but its proof and its state transitions.
	AtLeast request.Budget `json:"atLeast"`
	AtMost  request.Budget `json:"atMost"`
	// Share is how much of that the budget allows, from 0 to 1.
	Share Share `json:"share"`
	// Warning says that the replay will or may pause before its end, "" if the budget
	// suffices.
	Warning string `json:"warning,omitempty"`
}

// Share is an honest range of a share.
type Share struct {
	AtLeast float64 `json:"atLeast"`
	AtMost  float64 `json:"atMost"`
}

// uncounted are the parts of a replay's cost that do not count for its budget: they come
// when there is nothing left to stop.
var uncounted = map[string]bool{"prove": true, "orchestrate": true}

// budgetOf compares a budget with a cost. Where nothing is charged, the highest rates
// count.
func budgetOf(limit request.Budget, cost Cost, charged bool) *Budget {
	var least, most meter.Usage
	for _, part := range cost.Parts {
		if !uncounted[part.Name] {
			least, most = least.Add(part.Units.AtLeast), most.Add(part.Units.AtMost)
		}
	}
	if !charged {
		least = most
	}
	b := &Budget{Limit: limit, AtLeast: limit.Of(least), AtMost: limit.Of(most)}
	b.Share = Share{AtLeast: share(limit, b.AtMost), AtMost: share(limit, b.AtLeast)}
	expected := b.AtMost.String()
	if b.AtLeast != b.AtMost {
		expected = b.AtLeast.String() + " to " + expected
	}
	const text = "the replay %s pause before its end: " +
		"the budget of %s is %.0f %% to %.0f %% of the %s that it is expected to use"
	switch {
	case b.Share.AtMost < 1:
		b.Warning = fmt.Sprintf(text, "will", limit, 100*b.Share.AtLeast, 100*b.Share.AtMost, expected)
	case b.Share.AtLeast < 1:
		b.Warning = fmt.Sprintf(text, "may", limit, 100*b.Share.AtLeast, 100*b.Share.AtMost, expected)
	}
	return b
}

// share is the part of a use that a budget allows. A budget is used up when it is reached.
func share(limit, use request.Budget) float64 {
	have, need := float64(limit.Dollars), float64(use.Dollars)
	if limit.ReadUnits > 0 {
		have, need = float64(limit.ReadUnits), float64(use.ReadUnits)
	}
	if have > need {
		return 1
	}
	return have / max(need, 1) * (1 - 1e-9)
}
