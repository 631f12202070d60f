// Command report-replay gives a replay its final status.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("report-replay", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.ReportInput) string { return in.Replay }, wiring.Nudged(p, p.Report().Handle))
	})
}
