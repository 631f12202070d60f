// Command follow-stream lets a proved generation follow the event stream.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("follow-stream", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.StepInput) string { return in.Replay }, wiring.Nudged(p, p.Follow().Handle))
	})
}
