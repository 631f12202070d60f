// Command run-microservice hands the events of the live path to business logic with
// effects. Put the platform's own service and gateway in here: what stands here
// reacts to nothing and lets nothing out.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/gateway"
)

func main() {
	wiring.Start("run-microservice", func(p *wiring.Platform) any {
		return p.Microservice(gateway.Quiet{}, gateway.Refusing{}).Handle
	})
}
