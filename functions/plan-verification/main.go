// Command plan-verification freezes the cut of a verification and divides its lanes.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("plan-verification", func(p *wiring.Platform) any { return p.PlanVerification() })
}
