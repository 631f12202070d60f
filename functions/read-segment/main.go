// Command read-segment reads a lane group of a replay to the playback stream.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("read-segment", func(p *platform.Platform) any {
		return p.Read()
	})
}
