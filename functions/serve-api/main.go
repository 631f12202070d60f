// Command serve-api serves what operators and auditors ask of the platform.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("serve-api", func(p *platform.Platform) any {
		return lambdahttp.Serve(p.API().Handler())
	})
}
