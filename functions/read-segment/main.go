// Command read-segment reads a lane group of a replay to the playback stream.
package main

import (
	"reprise/functions/internal/wiring"
	"reprise/pkg/handler"
)

func main() {
	wiring.Start("read-segment", func(p *wiring.Platform) any {
		return wiring.Step(p, func(in handler.SegmentInput) string { return in.Replay }, p.Read().Handle)
	})
}
