// Command prove-completeness compares a replay's marks with its cut.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("prove-completeness", func(p *wiring.Platform) any { return p.Prove() })
}
