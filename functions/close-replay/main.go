// Command close-replay closes the replays of executions that were stopped, failed or timed
// out, whatever they left behind.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("close-replay", func(p *platform.Platform) any {
		return p.Close()
	})
}
