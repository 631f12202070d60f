// Command load-events accepts events over HTTP and puts them into the event stream.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("load-events", func(p *wiring.Platform) any { return wiring.HTTP(p.Load(false).Handler()) })
}
