// Command import-events accepts events of an existing log and counts their own times as
// their arrival. Only operators may call it.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("import-events", func(p *wiring.Platform) any { return wiring.HTTP(p.Load(true).Handler()) })
}
