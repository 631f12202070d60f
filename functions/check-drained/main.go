// Command check-drained waits until everything that a replay delivered is consumed.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("check-drained", func(p *platform.Platform) any {
		return p.Drain()
	})
}
