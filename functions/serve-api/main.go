// Command serve-api serves the HTTP routes of operators and auditors.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("serve-api", func(p *wiring.Platform) any { return wiring.HTTP(p.API().Handler()) })
}
