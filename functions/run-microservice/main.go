// Command run-microservice hands the events of the live path to business logic with
// effects, which package domain names.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("run-microservice", func(p *wiring.Platform) any { return p.Microservice() })
}
