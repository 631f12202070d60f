// Command check-drained waits until consumers have applied everything that a replay delivered.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("check-drained", func(p *wiring.Platform) any { return p.Drain() })
}
