// Command write-state keeps a generation of the Data Store up to date. The alias by which
// Lambda calls it has the generation's name.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("write-state", func(p *wiring.Platform) any { return wiring.WriteByAlias(p) })
}
