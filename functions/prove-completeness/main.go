// Command prove-completeness holds a replay's marks against its cut.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("prove-completeness", func(p *wiring.Platform) any {
		return p.Prove()
	})
}
