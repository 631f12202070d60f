package replays

import (
	"strings"
	"testing"

	"reprise/pkg/replay"
	"reprise/pkg/replay/lifecycle"
)

// A replay that a verification owns says so, and sends people there instead of advising to
// start or continue it.
func TestAReplayOfAVerificationSendsPeopleThere(t *testing.T) {
	in := replay.Request{Rebuild: true, Verification: "v"}
	if text := inputText(in); !strings.Contains(text, "to be verified by v and dropped") {
		t.Error(text)
	}
	for _, v := range []lifecycle.View{
		{ID: "v", Input: in, Status: replay.Cancelled},
		{ID: "v", Input: in, Status: replay.Failed, Failure: &replay.Failure{Error: replay.FaultOtherVersion}},
	} {
		if text := advice(v); !strings.HasSuffix(text, "reprise verify report v") {
			t.Errorf("%s: %s", v.Status, text)
		}
	}
}
