// Command verify-lanes verifies a lane group against what the log folds to.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("verify-lanes", func(p *wiring.Platform) any { return p.VerifyLanes() })
}
