// Command await-resume makes the execution of a paused replay wait.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("await-resume", func(p *wiring.Platform) any { return p.AwaitResume() })
}
