// Command serve-api serves what operators and auditors ask of the platform.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("serve-api", func(p *wiring.Platform) any {
		return wiring.HTTP(p.API().Handler())
	})
}
