// Command read-segment reads a lane group of a replay to the playback stream.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("read-segment", func(p *wiring.Platform) any { return p.Read() })
}
