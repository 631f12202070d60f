// Command write-state keeps a generation of the Data Store up to date: the one that the
// alias by which it is called is named as.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("write-state", func(p *wiring.Platform) any {
		return wiring.WriteByAlias(p)
	})
}
