// Command promote-generation makes a rebuilt generation the active one.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("promote-generation", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.StepInput) string { return in.Replay }, p.Promote().Handle)
	})
}
