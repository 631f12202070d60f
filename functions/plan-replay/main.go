// Command plan-replay freezes a replay's cut and plans it.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("plan-replay", func(p *platform.Platform) any {
		return p.Plan()
	})
}
