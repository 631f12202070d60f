// Command prove-completeness holds a replay's marks against its cut.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("prove-completeness", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.StepInput) string { return in.Replay }, p.Prove().Handle)
	})
}
