// Command close-replay closes the replays of executions that were stopped, failed or
// timed out.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("close-replay", func(p *wiring.Platform) any { return p.Close() })
}
