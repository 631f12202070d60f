// Command promote-generation makes a rebuilt generation the active one.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("promote-generation", func(p *wiring.Platform) any { return p.Promote() })
}
