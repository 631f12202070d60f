// Command apply-playback applies the records of the playback stream.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("apply-playback", func(p *wiring.Platform) any { return p.ApplyPlayback() })
}
