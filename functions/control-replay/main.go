// Command control-replay pauses, resumes, cancels or continues a replay, or sets its rate or
// parallelism.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("control-replay", func(p *wiring.Platform) any { return p.Control() })
}
