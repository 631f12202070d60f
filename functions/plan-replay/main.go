// Command plan-replay freezes a replay's cut and plans it.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("plan-replay", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.PlanInput) string { return in.Replay }, p.Plan().Handle)
	})
}
