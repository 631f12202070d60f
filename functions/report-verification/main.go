// Command report-verification gives a verification its final status.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("report-verification", func(p *wiring.Platform) any { return p.ReportVerification() })
}
