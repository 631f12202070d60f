// Command import-events accepts events of an existing log, whose own times count as
// their arrival: an operator's right.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("import-events", func(p *wiring.Platform) any {
		return wiring.HTTP(p.Load(true).Handler())
	})
}
