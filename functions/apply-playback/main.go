// Command apply-playback takes the playback stream in.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/platform"
)

func main() {
	wiring.Start("apply-playback", func(p *platform.Platform) any {
		return p.ApplyPlayback()
	})
}
