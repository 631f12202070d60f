package forecast

import (
	"reprise/pkg/meter"
	"reprise/pkg/replay"
	"reprise/pkg/replay/budget"
	"reprise/pkg/replay/planning"
)

// Used is what the work of a replay of a number of lanes would use on AWS, at the highest
// rates of a plan: for the plan, for reading, and for delivering, taking in and, in a
// rebuild, folding what was delivered. It is never more than the plan's, unless work is
// repeated. Proof and state transitions are not in it.
func Used(r replay.Request, lanes int, done budget.Work) meter.Usage {
	if lanes == 0 {
		return meter.Usage{}
	}
	delivered := planning.Preview{Events: done.Delivered, Bytes: done.DeliveredBytes}
	events := Range{done.Delivered, done.Delivered}
	used := planned(&planning.Preview{Lanes: lanes}).AtMost.
		Add(read(r, &planning.Preview{Events: done.Read, Bytes: done.ReadBytes}).AtMost).
		Add(deliver(r, &delivered, events).AtMost).
		Add(consume(&delivered, events).AtMost)
	if r.Rebuild {
		used = used.Add(fold(&delivered).AtMost)
	}
	return used
}
