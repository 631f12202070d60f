// Command serve-api serves what operators and auditors ask of the platform.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/aws/lambdahttp"
)

func main() {
	wiring.Start("serve-api", func(p *wiring.Platform) any {
		return lambdahttp.Serve(p.API().Handler())
	})
}
