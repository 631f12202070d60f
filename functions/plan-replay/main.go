// Command plan-replay freezes a replay's cut and plans it.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("plan-replay", func(p *wiring.Platform) any { return p.Plan() })
}
