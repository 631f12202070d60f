// Command follow-stream makes a proved generation follow the event stream.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("follow-stream", func(p *wiring.Platform) any { return p.Follow() })
}
