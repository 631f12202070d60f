package replays

import (
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// The advice has --promote only for a replay with promotion, and --rebuild only for a
// rebuild.
func TestAdviceAsksForTheSameAgain(t *testing.T) {
	for command, input := range map[string]replay.Request{
		"reprise replay start":                            {Types: []string{"t"}},
		"reprise replay start --rebuild --wait":           {Rebuild: true},
		"reprise replay start --rebuild --promote --wait": {Rebuild: true, Promote: true},
	} {
		got := advice(lifecycle.View{Status: replay.Cancelled, Input: input})
		if got != "start another replay with "+command {
			t.Errorf("advice about %+v: %s", input, got)
		}
	}
}
