// Command import-events accepts events of an existing log, whose own times count as
// their arrival: an operator's right.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("import-events", func(p *platform.Platform) any {
		return p.Load(true).Handle
	})
}
