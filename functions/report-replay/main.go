// Command report-replay gives a replay its final status.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("report-replay", func(p *wiring.Platform) any { return p.Report() })
}
