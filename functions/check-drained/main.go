// Command check-drained waits until everything that a replay delivered is consumed.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("check-drained", func(p *wiring.Platform) any {
		return p.Drain()
	})
}
