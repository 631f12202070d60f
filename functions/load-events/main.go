// Command load-events accepts events over HTTP and puts them into the event stream.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/aws/lambdahttp"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("load-events", func(p *platform.Platform) any {
		return lambdahttp.Serve(p.Load(false).Handler())
	})
}
