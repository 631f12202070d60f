// Command pump-events writes the event stream into the event log.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("pump-events", func(p *wiring.Platform) any { return p.Pump() })
}
