// Command check-drained waits until everything that a replay delivered is consumed.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("check-drained", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.StepInput) string { return in.Replay }, p.Drained().Handle)
	})
}
