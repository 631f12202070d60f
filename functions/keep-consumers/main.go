// Command keep-consumers gives every generation that follows the event stream its consumer.
// A schedule calls it, and so do the steps that change which generations follow it.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("keep-consumers", func(p *wiring.Platform) any { return p.Keep })
}
