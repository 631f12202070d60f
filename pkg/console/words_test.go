package console

import (
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
	"reprise/pkg/replay/request"
)

// A replay that leaves events out is never called one of the whole log.
func TestWhatAReplaySelectsIsSaidInWords(t *testing.T) {
	north := &request.Attribute{Name: "tenant", Value: "north"}
	for want, in := range map[string]replay.Request{
		"Playback of the whole log":                                   {},
		"Rebuild from the whole log, then promote":                    {Rebuild: true, Promote: true},
		"Rebuild from the whole log, to be verified by v and dropped": {Rebuild: true, Verification: "v"},
		"Playback of entity a":                                        {Entities: []string{"a"}},
		"Playback of the log, types t, u":                             {Types: []string{"t", "u"}},
		"Playback of the log, entities that begin with a-, b-":        {Prefixes: []string{"a-", "b-"}},
		"Playback of the log, tenant is north":                        {Attribute: north},
	} {
		if got := selects(lifecycle.View{Input: in}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
