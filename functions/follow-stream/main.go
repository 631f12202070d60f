// Command follow-stream lets a proved generation follow the event stream.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("follow-stream", func(p *platform.Platform) any {
		return p.Follow()
	})
}
