// Command apply-playback takes the playback stream in.
package main

import (
	"reprise/functions/internal/wiring"
)

func main() {
	wiring.Start("apply-playback", func(p *wiring.Platform) any {
		return p.ApplyPlayback()
	})
}
