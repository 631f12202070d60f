// Command promote-generation makes a rebuilt generation the active one.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("promote-generation", func(p *platform.Platform) any {
		return p.Promote()
	})
}
