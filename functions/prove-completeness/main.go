// Command prove-completeness holds a replay's marks against its cut.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("prove-completeness", func(p *platform.Platform) any {
		return p.Prove()
	})
}
