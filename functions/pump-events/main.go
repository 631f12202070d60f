// Command pump-events writes the event stream into the event log.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("pump-events", func(p *platform.Platform) any {
		return p.Pump()
	})
}
