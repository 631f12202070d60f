// Command keep-consumers gives every generation that follows the event stream its consumer.
// A schedule calls it, and steps that change what there is to keep.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("keep-consumers", func(p *wiring.Platform) any {
		return p.Keep
	})
}
