// Command import-events accepts events of an existing log, whose own times count as
// their arrival: an operator's right.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("import-events", func(p *platform.Platform) any {
		return lambdahttp.Serve(p.Load(true).Handler())
	})
}
