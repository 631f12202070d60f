// Command report-replay gives a replay its final status.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("report-replay", func(p *platform.Platform) any {
		return p.Report()
	})
}
